"""Reductions: `np.add.reduce`, `x.sum()`, `x.mean()`, `x.argmax()` of Arrays, bit by bit NumPy's."""

from __future__ import annotations

from functools import lru_cache
from math import prod as product
from typing import Any, NamedTuple

import numpy as np

from ...dispatch import bind
from ...errors import ShapeError
from ...op import Reduction
from ...ops.casts import cast, copy, imag, real
from ...ops.reduce import argmax_op, argmin_op, divided, reduce_all, reduce_any, reduce_max, reduce_min, reduce_prod, reduce_sum
from ...ops.view import is_contiguous, reshape
from ...spec import bool_, broadcast_shapes, complex64, complex128, float16, float32, float64, int64, is_complex, is_inexact, reduced_shape, uint64
from ...tensor import Tensor
from .array import Array, array_of, attach
from .host import host
from .layout import back_in_place, in_order, order_of, runs_on
from .operands import as_array, constant
from .real_calls import on_real_arrays
from .ufunc_calls import write
from .ufuncs import call
from .world import world

NOTHING = np._NoValue  # type: ignore[attr-defined]
BUFFER = 8192  # elements that NumPy casts at a time, while it adds up: each such part is a sum of its own

_OPS: dict[Any, Reduction] = {
    np.add: reduce_sum, np.multiply: reduce_prod, np.maximum: reduce_max, np.minimum: reduce_min, np.logical_and: reduce_all,
    np.logical_or: reduce_any,
}  # fmt: skip
ACCUMULATORS = (int64, uint64, float32, float64, complex64, complex128)  # what sums and products are ops of


class _Plan(NamedTuple):
    """How an array of some dtype and number of axes is reduced."""

    axes: tuple[int, ...]
    dtype: np.dtype  # of the result
    op: Reduction | None  # None: NumPy itself reduces


@lru_cache(maxsize=4096)
def _plan(ufunc: np.ufunc, given: np.dtype, ndim: int, axis: Any, dtype: Any, out: Any) -> _Plan | None:
    """None where NumPy raises."""
    place = None if out is None else np.empty((1,) * ndim, out)
    try:
        tried = ufunc.reduce(np.ones((1,) * ndim, given), axis=axis, dtype=dtype, out=place, keepdims=True)
    except Exception:
        return None
    axes = tuple(range(ndim)) if axis is None else tuple(sorted([a % ndim for a in np.ravel(axis).tolist()])) if ndim else ()
    result = tried.dtype
    op = _OPS.get(ufunc)
    if op is None:
        return _Plan(axes, result, None)
    if op in (reduce_all, reduce_any):
        fits = result == bool_
    elif op in (reduce_max, reduce_min):
        fits = result == given and not is_complex(given) and given != float16
    else:
        fits = result in ACCUMULATORS and given != float16 and (dtype is not None or out is None or result == given)
    return _Plan(axes, result, op if fits else None)


def reduce(
    ufunc: np.ufunc, array: Any, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: Any = False, initial: Any = NOTHING,
    where: Any = True,
) -> Any:  # fmt: skip
    """`ufunc.reduce`, with its arguments: an array, or a NumPy scalar where no axis is left."""
    x = as_array(array)
    place = out[0] if type(out) is tuple else out
    try:
        plan = _plan(ufunc, x.dtype, x.ndim, axis, dtype, None if place is None else place.dtype)
        if plan is not None and place is None and initial is NOTHING and where is True and x.size:  # the common case
            result = _reduced(plan, ufunc, x, bool(keepdims))
            return array_of(result, not result._value.shape)
        shape = () if plan is None else reduced_shape(x.shape, plan.axes, bool(keepdims))
    except (TypeError, AttributeError):  # an axis that is an array, an `out` that is none
        plan = None
    if plan is None or (not x.size and ufunc.identity is None) or (place is not None and place.shape != shape):
        return _as_it_is(ufunc, array, axis, dtype, out, keepdims, initial, where)
    if initial is NOTHING and where is True:
        result = _reduced(plan, ufunc, x, bool(keepdims))
    else:
        if not _chooses(initial, where, x):
            return _as_it_is(ufunc, array, axis, dtype, out, keepdims, initial, where)
        result = _chosen(plan, ufunc, x, shape, bool(keepdims), initial, where)
    return array_of(result, not shape) if place is None else write(place, array_of(result))


def _as_it_is(ufunc: np.ufunc, array: Any, axis: Any, dtype: Any, out: Any, keepdims: Any, initial: Any, where: Any) -> Any:
    if out is not None:
        world.untold(f"np.{ufunc.__name__}.reduce writes into an array itself")
    options = {} if initial is NOTHING else {"initial": initial}
    return on_real_arrays(ufunc.reduce, (array, axis, dtype, out, keepdims), {**options, "where": where})


def _reduced(plan: _Plan, ufunc: np.ufunc, x: Array, keepdims: bool) -> Tensor:
    op, axes = plan.op, plan.axes
    order = order_of(x)
    tensor = in_order(x.tensor, order)
    if order:
        axes = tuple(sorted([order.index(a) for a in axes]))
    if not axes and op is not None:
        result = bind(copy, _cast(tensor, plan.dtype))
    elif op is not None and _same_order(op, plan, tensor, axes):
        result = bind(op, _cast(tensor, plan.dtype), axes=axes, keepdims=keepdims or bool(order))
    else:
        shape = reduced_shape(tensor.shape, axes, keepdims or bool(order))
        options = {"axis": axes, "dtype": plan.dtype.name, "keepdims": keepdims or bool(order)}
        result = host(f"{ufunc.__name__}.reduce", tensor, shape=shape, dtype=plan.dtype, options=options)
    if order:
        result = back_in_place(result, order)
        result = result if keepdims else reshape(result, reduced_shape(x.shape, plan.axes, False))
    return result


def _same_order(op: Reduction, plan: _Plan, tensor: Tensor, axes: tuple[int, ...]) -> bool:
    """Whether the op adds up in the order in which NumPy adds up what lies in memory as this tensor does."""
    if op in (reduce_all, reduce_any, reduce_max, reduce_min):
        return bool(tensor.size)
    if not is_inexact(plan.dtype):
        return True
    given = tensor.dtype
    if given != plan.dtype and tensor.size > BUFFER and (given.itemsize > 4 or given.kind == "f" or op is reduce_prod):
        return False  # NumPy casts part by part; sums of small integers are exact in any order
    if op is reduce_prod and is_complex(given) and not is_contiguous(tensor):
        return False  # NumPy fuses additions into complex products where elements lie side by side
    return runs_on(tensor, axes)


def _chooses(initial: Any, where: Any, x: Array) -> bool:
    """Whether `initial` and `where` are what NumPy takes."""
    if initial is not NOTHING and type(initial) not in (bool, int, float, complex) and not isinstance(initial, np.generic):
        return False
    mask = where if where is True else as_array(where)
    try:
        return mask is True or (mask is not None and mask.dtype == bool_ and broadcast_shapes(mask.shape, x.shape) == x.shape)
    except ShapeError:
        return False


def _chosen(plan: _Plan, ufunc: np.ufunc, x: Array, shape: Any, keepdims: bool, initial: Any, where: Any) -> Tensor:
    """A reduction that begins with `initial`, or leaves elements out."""
    named = {}
    if initial is not NOTHING:
        named["initial"] = constant(initial, plan.dtype)
    if where is not True:
        named["where"] = as_array(where).tensor
    options = {"axis": plan.axes, "dtype": plan.dtype.name, "keepdims": keepdims}
    return host(f"{ufunc.__name__}.reduce", x.tensor, shape=shape, dtype=plan.dtype, options=options, **named)


def _cast(tensor: Tensor, dtype: np.dtype) -> Tensor:
    return tensor if tensor.dtype == dtype else cast(tensor, dtype=dtype)


# Methods of sums, products, extremes, truth


@attach("sum")
def sum_(x: Array, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, initial: Any = NOTHING, where: Any = True) -> Any:
    """x.sum."""
    return reduce(np.add, x, axis, dtype, out, keepdims, initial, where)


@attach("prod")
def prod_(x: Array, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, initial: Any = NOTHING, where: Any = True) -> Any:
    """x.prod."""
    return reduce(np.multiply, x, axis, dtype, out, keepdims, initial, where)


@attach("max")
def max_(x: Array, axis: Any = None, out: Any = None, keepdims: Any = False, initial: Any = NOTHING, where: Any = True) -> Any:
    """x.max."""
    return reduce(np.maximum, x, axis, None, out, keepdims, initial, where)


@attach("min")
def min_(x: Array, axis: Any = None, out: Any = None, keepdims: Any = False, initial: Any = NOTHING, where: Any = True) -> Any:
    """x.min."""
    return reduce(np.minimum, x, axis, None, out, keepdims, initial, where)


@attach("all")
def all_(x: Array, axis: Any = None, out: Any = None, keepdims: Any = False, *, where: Any = True) -> Any:
    """x.all."""
    return reduce(np.logical_and, x, axis, bool_, out, keepdims, NOTHING, where)


@attach("any")
def any_(x: Array, axis: Any = None, out: Any = None, keepdims: Any = False, *, where: Any = True) -> Any:
    """x.any."""
    return reduce(np.logical_or, x, axis, bool_, out, keepdims, NOTHING, where)


# Means and variances, as NumPy computes them


def _count(x: Array, axis: Any) -> int | None:
    """The elements that a mean is of; None where NumPy raises."""
    plan = _plan(np.add, x.dtype, x.ndim, axis, None, None)
    return None if plan is None else product(x.shape[a] for a in plan.axes)


def _floating(x: Array, dtype: Any) -> Any:
    """The dtype that a mean is summed in, if the caller does not say."""
    return float64 if dtype is None and not is_inexact(x.dtype) else dtype


def _over(total: Array, count: Any) -> Array:
    return array_of(divided(total.tensor, float(count)), total.is_scalar)


def _told(x: Array, axis: Any, dtype: Any, out: Any, where: Any) -> bool:
    """Whether a statistic of floats is computed here; the rest runs as it is."""
    if not x.ndim and axis is not None:
        return False  # NumPy counts elements along axes, and there is none
    try:
        known = where is True and out is None and x.size and x.dtype != float16 and (dtype is None or is_inexact(np.dtype(dtype)))
        return bool(known) and bool(_count(x, axis))
    except TypeError:
        return False


@attach("mean")
def mean(x: Array, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, *, where: Any = True) -> Any:
    """x.mean."""
    if not _told(x, axis, dtype, out, where):
        return on_real_arrays(np.mean, (x, axis, dtype, out, keepdims), {"where": where})
    return _over(reduce(np.add, x, axis, _floating(x, dtype), None, keepdims), _count(x, axis))


@attach("var")
def var(
    x: Array, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0, keepdims: Any = False, *, where: Any = True, **more: Any
) -> Any:
    """x.var."""
    if more or type(ddof) not in (int, float) or not _told(x, axis, dtype, out, where):
        return on_real_arrays(np.var, (x, axis, dtype, out, ddof, keepdims), {"where": where, **more})
    dtype, count = _floating(x, dtype), _count(x, axis)
    distance = call(np.subtract, x, _over(reduce(np.add, x, axis, dtype, None, True), count))
    if is_complex(distance.dtype):
        order = order_of(distance)
        parts = [part(in_order(distance.tensor, order)) for part in (real, imag)]
        squares = array_of(back_in_place(parts[0] * parts[0] + parts[1] * parts[1], order))
    else:
        squares = call(np.square, distance)
    return _over(reduce(np.add, squares, axis, dtype, None, keepdims), max(count - ddof, 0))  # type: ignore[operator]


@attach("std")
def std(
    x: Array, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0, keepdims: Any = False, *, where: Any = True, **more: Any
) -> Any:
    """x.std."""
    if more or type(ddof) not in (int, float) or not _told(x, axis, dtype, out, where):
        return on_real_arrays(np.std, (x, axis, dtype, out, ddof, keepdims), {"where": where, **more})
    return call(np.sqrt, var(x, axis, dtype, None, ddof, keepdims))


# Which element


def _position(op: Any, function: Any, x: Array, axis: Any, out: Any, keepdims: Any) -> Any:
    plain = out is None and x.size and (axis is None or type(axis) is int and -x.ndim <= axis < x.ndim)
    if not plain:
        return on_real_arrays(function, (x, axis, out), {"keepdims": keepdims})
    result = bind(op, x.tensor, axis=None if axis is None else axis % x.ndim, keepdims=bool(keepdims))
    return array_of(result, not result._value.shape)


@attach("argmax")
def argmax(x: Array, axis: Any = None, out: Any = None, *, keepdims: Any = False) -> Any:
    """x.argmax."""
    return _position(argmax_op, np.argmax, x, axis, out, keepdims)


@attach("argmin")
def argmin(x: Array, axis: Any = None, out: Any = None, *, keepdims: Any = False) -> Any:
    """x.argmin."""
    return _position(argmin_op, np.argmin, x, axis, out, keepdims)
