"""Reductions: their ops, and the functions that take `axis` and `keepdims` (PyTorch's `dim` and `keepdim` are understood)."""

from __future__ import annotations

from math import prod as product
from typing import Any

import numpy as np

from ..dispatch import bind
from ..errors import ShapeError, fail
from ..op import Library, Reduction
from ..spec import (
    SMALL_FLOATS, DType, Shape, TensorSpec, accumulator_dtype, as_axes, as_axis, as_dtype, bool_, float32, float64, int64, is_inexact,
    real_dtype, reduced_shape,
)  # fmt: skip
from ..tensor import Tensor, method
from .casts import cast, conjugate, where
from .create import zeros_like

_UNSET: Any = object()


def _spread(g: Tensor, shape: Shape, axes: tuple[int, ...]) -> Tensor:
    """The cotangent of a reduction, as a tensor that broadcasts over the reduced axes."""
    return g.reshape(reduced_shape(shape, axes, True))


def _to_extremes(g: Tensor, y: Tensor, x: Tensor, axes: tuple[int, ...]) -> Tensor:
    """Shares a cotangent evenly among the elements that equal the extreme."""
    hits = cast(x == _spread(y, x.shape, axes), dtype=x.dtype)
    return hits * (_spread(g, x.shape, axes) / sum(hits, axis=axes, keepdims=True))


reduce_sum = Reduction(
    "sum", numpy=np.add.reduce, exact=True, result="accumulator", combine="{0} + {1}",
    identity={"floating": "-0.0", "integer": "0", "bool": "0"},
    vjp=lambda g, _y, _x, *, axes, keepdims=False: (_spread(g, _x.shape, axes).broadcast_to(_x.shape),),
    doc="The sum over `axes`, in the order of NumPy's pairwise summation.",
)  # fmt: skip
reduce_prod = Reduction(
    "prod", numpy=np.multiply.reduce, result="accumulator", combine="{0} * {1}", identity={"floating": "1.0", "integer": "1", "bool": "1"},
    vjp=lambda g, _y, x, *, axes, keepdims=False: (_spread(g, x.shape, axes) * conjugate(_product_of_others(x, axes)),),
    doc="The product over `axes`, in the same tree as the sum.",
)  # fmt: skip
reduce_max = Reduction(
    "max", numpy=np.maximum.reduce, accepts="bif", combine="maximum({0}, {1})", identity={"floating": "-inf"},
    vjp=lambda g, y, x, *, axes, keepdims=False: (_to_extremes(g, y, x, axes),), doc="The largest element over `axes`; NaN if there is one.",
)  # fmt: skip
reduce_min = Reduction(
    "min", numpy=np.minimum.reduce, accepts="bif", combine="minimum({0}, {1})", identity={"floating": "inf"},
    vjp=lambda g, y, x, *, axes, keepdims=False: (_to_extremes(g, y, x, axes),), doc="The smallest element over `axes`; NaN if there is one.",
)  # fmt: skip
reduce_all = Reduction(
    "all", numpy=np.logical_and.reduce, accepts="b", result="bool", combine="{0} & {1}", identity={"bool": "True"}, doc="Whether all hold.",
)  # fmt: skip
reduce_any = Reduction(
    "any", numpy=np.logical_or.reduce, accepts="b", result="bool", combine="{0} | {1}", identity={"bool": "False"}, doc="Whether any holds.",
)  # fmt: skip


def _product_of_others(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    """For each element, the product of the others along the axes: cumulative products from both ends, so zeros do no harm."""
    kept = [d for d in range(x.ndim) if d not in axes]
    order = (*kept, *axes)
    count = product(x.shape[d] for d in axes)
    rows = x.permute(order).reshape((*(x.shape[d] for d in kept), count))
    one = zeros_like(rows[..., :1]) + 1
    before = _join(one, cumprod(rows[..., :-1], axis=-1))
    after = _join(one, cumprod(rows.flip(-1)[..., :-1], axis=-1)).flip(-1)
    others = (before * after).reshape(tuple(x.shape[d] for d in order))
    return others.permute(tuple(np.argsort(order).tolist()))


def _join(first: Tensor, rest: Tensor) -> Tensor:
    extent = first.shape[-1] + rest.shape[-1]
    whole = zeros_like(TensorSpec((*first.shape[:-1], extent), first.dtype))
    whole[..., : first.shape[-1]] = first
    whole[..., first.shape[-1] :] = rest
    return whole


def _axes(x: Tensor, axis: Any, dim: Any) -> tuple[int, ...]:
    return as_axes(axis if dim is _UNSET else dim, x.ndim)


def _kept(keepdims: bool, keepdim: Any) -> bool:
    return bool(keepdims if keepdim is _UNSET else keepdim)


def sum_over(x: Tensor, axes: tuple[int, ...], keepdims: bool) -> Tensor:
    """The sum over axes; float16 and bfloat16 are summed in float32."""
    if x.dtype in SMALL_FLOATS:
        return cast(bind(reduce_sum, cast(x, dtype=float32), axes=axes, keepdims=keepdims), dtype=x.dtype)
    return bind(reduce_sum, x, axes=axes, keepdims=keepdims)


@method("sum")
def sum(x: Tensor, /, axis: Any = None, dtype: Any = None, keepdims: bool = False, *, dim: Any = _UNSET, keepdim: Any = _UNSET) -> Tensor:
    """The sum over `axis` (all axes if None). Integers and bools are summed in 64 bits; float16 and bfloat16 in float32."""
    wanted = None if dtype is None else as_dtype(dtype)
    if wanted is not None and x.dtype != wanted:
        x = cast(x, dtype=wanted)
    result = sum_over(x, _axes(x, axis, dim), _kept(keepdims, keepdim))
    return result if wanted is None or result.dtype == wanted else cast(result, dtype=wanted)


@method("prod")
def prod(x: Tensor, /, axis: Any = None, dtype: Any = None, keepdims: bool = False, *, dim: Any = _UNSET, keepdim: Any = _UNSET) -> Tensor:
    """The product over `axis`, with the dtypes of `sum`."""
    wanted = accumulator_dtype(x.dtype) if dtype is None else as_dtype(dtype)
    inner = float32 if wanted in SMALL_FLOATS else wanted
    x = x if x.dtype == inner else cast(x, dtype=inner)
    result = bind(reduce_prod, x, axes=_axes(x, axis, dim), keepdims=_kept(keepdims, keepdim))
    return result if result.dtype == wanted else cast(result, dtype=wanted)


def _extreme(op: Reduction, x: Tensor, axes: tuple[int, ...], keepdims: bool) -> Tensor:
    if any(x.shape[d] == 0 for d in axes):
        fail(ShapeError, f"{op.name} over an empty axis of shape {tuple(x.shape)}", "It has no identity; check the shape first.")
    return bind(op, x, axes=axes, keepdims=keepdims)


@method("max", "amax")
def max(x: Tensor, /, axis: Any = None, keepdims: bool = False, *, dim: Any = _UNSET, keepdim: Any = _UNSET) -> Tensor:
    """The largest element over `axis`; NaN if there is one."""
    return _extreme(reduce_max, x, _axes(x, axis, dim), _kept(keepdims, keepdim))


@method("min", "amin")
def min(x: Tensor, /, axis: Any = None, keepdims: bool = False, *, dim: Any = _UNSET, keepdim: Any = _UNSET) -> Tensor:
    """The smallest element over `axis`; NaN if there is one."""
    return _extreme(reduce_min, x, _axes(x, axis, dim), _kept(keepdims, keepdim))


def _truth(x: Tensor) -> Tensor:
    return x if x.dtype == bool_ else x != 0


@method("all")
def all(x: Tensor, /, axis: Any = None, keepdims: bool = False, *, dim: Any = _UNSET, keepdim: Any = _UNSET) -> Tensor:
    """Whether all elements over `axis` are true (not zero)."""
    return bind(reduce_all, _truth(x), axes=_axes(x, axis, dim), keepdims=_kept(keepdims, keepdim))


@method("any")
def any_(x: Tensor, /, axis: Any = None, keepdims: bool = False, *, dim: Any = _UNSET, keepdim: Any = _UNSET) -> Tensor:
    """Whether any element over `axis` is true (not zero)."""
    return bind(reduce_any, _truth(x), axes=_axes(x, axis, dim), keepdims=_kept(keepdims, keepdim))


def _floats(x: Tensor) -> Tensor:
    """The dtype statistics are computed in."""
    return x if is_inexact(x.dtype) else cast(x, dtype=float64)


def _wide(x: Tensor) -> Tensor:
    return cast(x, dtype=float32) if x.dtype in SMALL_FLOATS else x


def _narrow(x: Tensor, dtype: DType) -> Tensor:
    return cast(x, dtype=dtype) if dtype in SMALL_FLOATS else x


@method("mean")
def mean(x: Tensor, /, axis: Any = None, keepdims: bool = False, *, dim: Any = _UNSET, keepdim: Any = _UNSET) -> Tensor:
    """The sum over `axis` divided by the number of elements."""
    axes = _axes(x, axis, dim)
    values = _wide(_floats(x))
    total = sum_over(values, axes, _kept(keepdims, keepdim))
    return _narrow(total / float(product(x.shape[d] for d in axes)), x.dtype)


@method("var")
def var(
    x: Tensor, /, axis: Any = None, correction: float = 0.0, keepdims: bool = False, *, dim: Any = _UNSET, keepdim: Any = _UNSET
) -> Tensor:
    """The variance over `axis`: mean square distance from the mean, divided by n − correction."""
    axes = _axes(x, axis, dim)
    values = _wide(_floats(x))
    count = product(x.shape[d] for d in axes)
    distance = values - sum_over(values, axes, True) / float(count)
    squares = distance * distance if real_dtype(distance.dtype) == distance.dtype else (distance * distance.conj()).real
    total = sum_over(squares, axes, _kept(keepdims, keepdim))
    return _narrow(total / float(np.maximum(count - correction, 0)), x.dtype)


@method("std")
def std(
    x: Tensor, /, axis: Any = None, correction: float = 0.0, keepdims: bool = False, *, dim: Any = _UNSET, keepdim: Any = _UNSET
) -> Tensor:
    """The square root of the variance."""
    return var(x, axis, correction, keepdims, dim=dim, keepdim=keepdim).sqrt()


def sum_to(x: Tensor, shape: Shape) -> Tensor:
    """Sums a tensor over the axes along which `shape` was broadcast: the adjoint of broadcasting."""
    if x.shape == shape:
        return x
    extra = x.ndim - len(shape)
    axes = tuple(range(extra)) + tuple(d + extra for d, n in enumerate(shape) if n == 1 and x.shape[d + extra] != 1)
    total = sum_over(x, axes, False) if axes else x
    return total if total.shape == shape else total.reshape(shape)


# Along one axis, step by step


def _scan_spec(x: TensorSpec, *, axis: int) -> TensorSpec:
    return TensorSpec(x.shape, accumulator_dtype(x.dtype))


cumulative_sum_op = Library(
    "cumulative_sum", numpy=lambda x, *, axis: np.cumsum(x, axis=axis, dtype=accumulator_dtype(x.dtype)), spec=_scan_spec,
    vjp=lambda g, _y, _x, *, axis: (cumulative_sum_op(g.flip(axis), axis=axis).flip(axis),), parameters="x, /, *, axis",
    doc="Running sums along an axis, left to right.",
)  # fmt: skip
cumulative_prod_op = Library(
    "cumulative_prod", numpy=lambda x, *, axis: np.cumprod(x, axis=axis, dtype=accumulator_dtype(x.dtype)), spec=_scan_spec,
    vjp=lambda g, y, x, *, axis: (cumulative_sum_op((g * y).flip(axis), axis=axis).flip(axis) / x,), parameters="x, /, *, axis",
    doc="Running products along an axis, left to right; its gradient takes elements that are not 0.",
)  # fmt: skip


def _one_axis(x: Tensor, axis: Any, dim: Any = _UNSET) -> int:
    axis = axis if dim is _UNSET else dim
    if axis is None:
        if x.ndim != 1:
            fail(ShapeError, f"a running sum of a tensor of {x.ndim} axes without an axis", "Give axis=.")
        axis = 0
    return as_axis(axis, x.ndim)


def cumulative_sum(x: Tensor, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False) -> Tensor:
    """Running sums along `axis`; with `include_initial`, a 0 comes first."""
    return _running(cumulative_sum_op, x, _one_axis(x, axis), dtype, 0 if include_initial else None)


def cumulative_prod(x: Tensor, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False) -> Tensor:
    """Running products along `axis`; with `include_initial`, a 1 comes first."""
    return _running(cumulative_prod_op, x, _one_axis(x, axis), dtype, 1 if include_initial else None)


def _running(op: Library, x: Tensor, axis: int, dtype: Any, initial: int | None) -> Tensor:
    if dtype is not None:
        x = cast(x, dtype=as_dtype(dtype))
    result = _narrow(bind(op, _wide(x), axis=axis), x.dtype)
    if dtype is not None and result.dtype != as_dtype(dtype):
        result = cast(result, dtype=as_dtype(dtype))
    if initial is None:
        return result
    last = result.moveaxis(axis, -1)
    return _join(zeros_like(TensorSpec((*last.shape[:-1], 1), last.dtype)) + initial, last).moveaxis(-1, axis)


@method("cumsum")
def cumsum(x: Tensor, /, axis: int | None = None, *, dim: Any = _UNSET) -> Tensor:
    """Running sums along an axis."""
    return _running(cumulative_sum_op, x, _one_axis(x, axis, dim), None, None)


@method("cumprod")
def cumprod(x: Tensor, /, axis: int | None = None, *, dim: Any = _UNSET) -> Tensor:
    """Running products along an axis."""
    return _running(cumulative_prod_op, x, _one_axis(x, axis, dim), None, None)


# Which element


def _position_spec(x: TensorSpec, *, axis: int | None, keepdims: bool) -> TensorSpec:
    return TensorSpec(reduced_shape(x.shape, as_axes(axis, len(x.shape)), keepdims), int64)


argmax_op = Library("argmax", numpy=lambda x, *, axis, keepdims: np.argmax(x, axis=axis, keepdims=keepdims), spec=_position_spec,
                    parameters="x, /, *, axis, keepdims", doc="The index of the first largest element.")  # fmt: skip
argmin_op = Library("argmin", numpy=lambda x, *, axis, keepdims: np.argmin(x, axis=axis, keepdims=keepdims), spec=_position_spec,
                    parameters="x, /, *, axis, keepdims", doc="The index of the first smallest element.")  # fmt: skip


@method("argmax")
def argmax(x: Tensor, /, axis: int | None = None, keepdims: bool = False, *, dim: Any = _UNSET, keepdim: Any = _UNSET) -> Tensor:
    """The index of the first largest element along `axis` (of the flattened tensor, if None)."""
    axis = axis if dim is _UNSET else dim
    return bind(argmax_op, x, axis=None if axis is None else as_axis(axis, x.ndim), keepdims=_kept(keepdims, keepdim))


@method("argmin")
def argmin(x: Tensor, /, axis: int | None = None, keepdims: bool = False, *, dim: Any = _UNSET, keepdim: Any = _UNSET) -> Tensor:
    """The index of the first smallest element along `axis` (of the flattened tensor, if None)."""
    axis = axis if dim is _UNSET else dim
    return bind(argmin_op, x, axis=None if axis is None else as_axis(axis, x.ndim), keepdims=_kept(keepdims, keepdim))


def count_nonzero(x: Tensor, /, *, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The number of elements over `axis` that are not zero."""
    return sum(_truth(x), axis=axis, keepdims=keepdims)


# Softmax and its kin


def _shift(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    """The maximum, a constant to the gradient; 0 where it is infinite, so that differences are not NaN."""
    top = bind(reduce_max, x.detach(), axes=axes, keepdims=True)
    return where(top.isfinite(), top, 0.0)


@method("logsumexp")
def logsumexp(x: Tensor, /, axis: Any = None, keepdims: bool = False, *, dim: Any = _UNSET, keepdim: Any = _UNSET) -> Tensor:
    """log Σ exp(x) over `axis`, without overflow."""
    axes = _axes(x, axis, dim)
    top = _shift(x, axes)
    total = sum_over((x - top).exp(), axes, True).log() + top
    return total if _kept(keepdims, keepdim) else total.reshape(reduced_shape(x.shape, axes, False))


@method("softmax")
def softmax(x: Tensor, /, axis: int = -1, *, dim: Any = _UNSET) -> Tensor:
    """exp(x) / Σ exp(x) along `axis`."""
    axes = (as_axis(axis if dim is _UNSET else dim, x.ndim),)
    grown = (x - _shift(x, axes)).exp()
    return grown / sum_over(grown, axes, True)


@method("log_softmax")
def log_softmax(x: Tensor, /, axis: int = -1, *, dim: Any = _UNSET) -> Tensor:
    """The logarithm of `softmax`, without overflow."""
    axes = (as_axis(axis if dim is _UNSET else dim, x.ndim),)
    lowered = x - _shift(x, axes)
    return lowered - sum_over(lowered.exp(), axes, True).log()
