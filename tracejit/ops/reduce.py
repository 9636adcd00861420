"""Reductions: their ops, and the functions that take `axis` and `keepdims`."""

from __future__ import annotations

from math import prod as product
from typing import Any

import numpy as np

from ..dispatch import bind
from ..errors import ArgumentError, ShapeError, fail
from ..op import Library, Reduction
from ..precision import precision
from ..spec import (
    DType, Shape, TensorSpec, accumulator_dtype, as_axes, as_axis, as_dtype, bool_, complex64, complex128, compute_dtype, float32,
    float64, floating_result, int64, is_complex, is_inexact, reduced_shape,
)  # fmt: skip
from ..tensor import Tensor, method
from .casts import cast, conjugate, imag, real, where
from .convert import as_tensor
from .create import full
from .names import torch_names
from .scan import cumprod, cumsum, cumulative_prod, cumulative_sum, products_of_others

__all__ = [
    "all", "any_", "argmax", "argmin", "count_nonzero", "cumprod", "cumsum", "cumulative_prod", "cumulative_sum", "log_softmax",
    "logsumexp", "max", "mean", "min", "prod", "reduce_all", "reduce_any", "reduce_max", "reduce_min", "reduce_prod", "reduce_sum",
    "softmax", "std", "sum", "sum_over", "sum_to", "var",
]  # fmt: skip

# The ops


def _spread(g: Tensor, shape: Shape, axes: tuple[int, ...]) -> Tensor:
    """The cotangent of a reduction, as a tensor that broadcasts over the reduced axes."""
    return g.reshape(reduced_shape(shape, axes, True))


def _spread_over(g: Tensor, shape: Shape, axes: tuple[int, ...]) -> Tensor:
    """The cotangent of a sum: that of the result, at every element."""
    if g.ndim + len(axes) == len(shape) and axes and axes[-1] != len(axes) - 1:  # else its axes already stand where they broadcast
        g = _spread(g, shape, axes)
    return g.broadcast_to(shape)


def _to_extremes(g: Tensor, y: Tensor, x: Tensor, axes: tuple[int, ...]) -> Tensor:
    """Shares a cotangent evenly among the elements that equal the extreme."""
    hits = cast(x == _spread(y, x.shape, axes), dtype=x.dtype)
    return hits * (_spread(g, x.shape, axes) / sum_over(hits, axes, True))


def _others(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    """For each element, the product of the others over `axes`."""
    order = (*(d for d in range(x.ndim) if d not in axes), *axes)
    seen = x.permute(order)
    rows = seen.reshape((*seen.shape[: x.ndim - len(axes)], product(x.shape[d] for d in axes)))
    return products_of_others(rows).reshape(seen.shape).permute(tuple(np.argsort(order).tolist()))


reduce_sum = Reduction(
    "sum", numpy=np.add.reduce, exact=True, result="accumulator", combine="{0} + {1}",
    identity={"floating": "0.0", "integer": "0", "bool": "0", "complex": "0"},
    vjp=lambda g, _y, _x, *, axes, keepdims=False: (_spread_over(g, _x.shape, axes),),
    doc="The sum over `axes`, in the order of NumPy's pairwise summation.",
)  # fmt: skip
reduce_prod = Reduction(
    "prod", numpy=np.multiply.reduce, exact=True, in_sequence=True, result="accumulator", combine="{0} * {1}",
    identity={"floating": "1.0", "integer": "1", "bool": "1"},
    vjp=lambda g, _y, x, *, axes, keepdims=False: (_spread(g, x.shape, axes) * conjugate(_others(x, axes)),),
    doc="The product over `axes`, element after element.",
)  # fmt: skip
reduce_max = Reduction(
    "max", numpy=np.maximum.reduce, accepts="bif", combine="larger_so_far({0}, {1})", identity={"floating": "-inf"},
    vjp=lambda g, y, x, *, axes, keepdims=False: (_to_extremes(g, y, x, axes),),
    doc="The largest element over `axes`; NaN if there is one.",
)  # fmt: skip
reduce_min = Reduction(
    "min", numpy=np.minimum.reduce, accepts="bif", combine="smaller_so_far({0}, {1})", identity={"floating": "inf"},
    vjp=lambda g, y, x, *, axes, keepdims=False: (_to_extremes(g, y, x, axes),),
    doc="The smallest element over `axes`; NaN if there is one.",
)  # fmt: skip
reduce_all = Reduction(
    "all", numpy=np.logical_and.reduce, accepts="b", result="bool", combine="{0} & {1}", identity={"bool": "True"},
    doc="Whether all hold.",
)  # fmt: skip
reduce_any = Reduction(
    "any", numpy=np.logical_or.reduce, accepts="b", result="bool", combine="{0} | {1}", identity={"bool": "False"},
    doc="Whether any holds.",
)  # fmt: skip


def sum_over(x: Tensor, axes: tuple[int, ...], keepdims: bool) -> Tensor:
    """The sum over axes; float16 and bfloat16 are summed in float32."""
    dtype = x._value.dtype
    inner = compute_dtype(dtype)
    if inner is not dtype and inner != dtype:
        return cast(bind(reduce_sum, cast(x, dtype=inner), axes=axes, keepdims=keepdims), dtype=x.dtype)
    return bind(reduce_sum, x, axes=axes, keepdims=keepdims)


def sum_to(x: Tensor, shape: Shape) -> Tensor:
    """Sums a tensor over the axes along which `shape` was broadcast: the adjoint of broadcasting."""
    if x.shape == shape:
        return x
    extra = x.ndim - len(shape)
    axes = tuple(range(extra)) + tuple(d + extra for d, n in enumerate(shape) if n == 1 and x.shape[d + extra] != 1)
    total = sum_over(x, axes, False) if axes else x
    return total if total.shape == shape else total.reshape(shape)


# Sums, products, extremes, truth


def _as(x: Tensor, dtype: DType) -> Tensor:
    return x if x.dtype == dtype else cast(x, dtype=dtype)


@precision("full")
def sum(x: Tensor, /, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Tensor:
    """The sum over `axis`: an int, a tuple, or None for all axes; 0 over nothing.

    Integers and bools are summed in 64 bits, float16 and bfloat16 in float32, unless `dtype` says otherwise: `x` is cast to it,
    then summed in the order of NumPy's sums.
    """
    x = as_tensor(x)
    if dtype is None:
        return sum_over(x, as_axes(axis, x.ndim), bool(keepdims))
    return _as(sum_over(_as(x, as_dtype(dtype)), as_axes(axis, x.ndim), bool(keepdims)), as_dtype(dtype))


@precision("full")
def prod(x: Tensor, /, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Tensor:
    """The product over `axis` (all axes if None), with the dtypes of `sum`; 1 over nothing."""
    x = as_tensor(x)
    wanted = accumulator_dtype(x.dtype) if dtype is None else as_dtype(dtype)
    return _as(bind(reduce_prod, _as(x, compute_dtype(wanted)), axes=as_axes(axis, x.ndim), keepdims=bool(keepdims)), wanted)


def _extreme(op: Reduction, x: Any, axis: Any, keepdims: bool) -> Tensor:
    x = as_tensor(x)
    axes = as_axes(axis, x.ndim)
    if 0 in x._value.shape or is_complex(x._value.dtype):
        spec = op.spec(TensorSpec(x.shape, x.dtype), axes=axes, keepdims=bool(keepdims))  # which raises, for complex numbers
        if spec.size:
            met = f"{op.name} over an axis of no elements (shape {x.shape}, axis {axis})"
            fail(ShapeError, met, "Nothing has no extreme: test the shape first, or concatenate a starting value.")
        return full(spec.shape, 0, dtype=spec.dtype)
    return bind(op, x, axes=axes, keepdims=bool(keepdims))


def max(x: Tensor, /, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The largest element over `axis` (all axes if None); NaN if there is one. Over nothing, an error."""
    return _extreme(reduce_max, x, axis, keepdims)


def min(x: Tensor, /, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The smallest element over `axis` (all axes if None); NaN if there is one. Over nothing, an error."""
    return _extreme(reduce_min, x, axis, keepdims)


def all(x: Tensor, /, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Whether all elements over `axis` (all axes if None) are true, that is, not 0; True over nothing."""
    x = as_tensor(x)
    return bind(reduce_all, _as(x, bool_), axes=as_axes(axis, x.ndim), keepdims=bool(keepdims))


def any_(x: Tensor, /, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Whether any element over `axis` (all axes if None) is true, that is, not 0; False over nothing."""
    x = as_tensor(x)
    return bind(reduce_any, _as(x, bool_), axes=as_axes(axis, x.ndim), keepdims=bool(keepdims))


def count_nonzero(x: Tensor, /, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The number of elements over `axis` (all axes if None) that are not 0: int64."""
    return sum(_as(as_tensor(x), bool_), axis, None, keepdims)


# Means


def _floats(x: Tensor) -> Tensor:
    """In the dtype that statistics are computed in: float64 for integers, float32 for the small floats."""
    return _as(x, compute_dtype(x.dtype) if is_inexact(x.dtype) else float64)


def divided(total: Tensor, count: float) -> Tensor:
    """total / count, rounded once: where the dtype cannot hold the count, and for complex64, the division is done in 64 bits."""
    wide = {float32: float64 if count > 2**24 else None, complex64: complex128}.get(total.dtype)
    return total / count if wide is None else cast(cast(total, dtype=wide) / count, dtype=total.dtype)


def _statistics_dtype(x: Tensor) -> DType:
    return x.dtype if is_inexact(x.dtype) else float64


def mean(x: Tensor, /, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Tensor:
    """The sum over `axis` (all axes if None) divided by the number of elements; of integers, float64. NaN over nothing."""
    x = as_tensor(x) if dtype is None else _as(as_tensor(x), as_dtype(dtype))
    axes = as_axes(axis, x.ndim)
    total = sum_over(_floats(x), axes, bool(keepdims))
    return _as(divided(total, float(product(x.shape[d] for d in axes))), _statistics_dtype(x))


def _variance(x: Any, axis: Any, correction: float, keepdims: bool) -> tuple[Tensor, DType]:
    """The variance in the dtype it is computed in, and the dtype of the result."""
    x = as_tensor(x)
    axes = as_axes(axis, x.ndim)
    values = _floats(x)
    count = float(product(x.shape[d] for d in axes))
    distance = values - divided(sum_over(values, axes, True), count)
    if is_complex(distance.dtype):
        squares = real(distance) * real(distance) + imag(distance) * imag(distance)
    else:
        squares = distance * distance
    left = count - float(correction)
    result = divided(sum_over(squares, axes, bool(keepdims)), left if left > 0 else 0.0)
    return result, result.dtype if is_complex(x.dtype) else _statistics_dtype(x)


def var(x: Tensor, /, axis: Any = None, correction: float = 0.0, keepdims: bool = False) -> Tensor:
    """The mean square distance from the mean over `axis`, by NumPy's algorithm.

    The sum of squares is divided by n - `correction`: 0 is the array API's default, 1 (Bessel's) is PyTorch's.
    """
    return _as(*_variance(x, axis, correction, keepdims))


def std(x: Tensor, /, axis: Any = None, correction: float = 0.0, keepdims: bool = False) -> Tensor:
    """The square root of the variance over `axis`; `correction` as in `var`."""
    result, dtype = _variance(x, axis, correction, keepdims)
    return _as(result.sqrt(), dtype)


# Which element


def _position_spec(x: TensorSpec, *, axis: int | None, keepdims: bool) -> TensorSpec:
    return TensorSpec(reduced_shape(x.shape, as_axes(axis, len(x.shape)), keepdims), int64)


def _position_op(name: str, function: Any, which: str) -> Library:
    return Library(
        name, numpy=lambda x, *, axis, keepdims: function(x, axis=axis, keepdims=keepdims), spec=_position_spec,
        parameters="x, /, *, axis, keepdims", doc=f"The index of the first {which} element along `axis`; of the first NaN, if any.",
    )  # fmt: skip


argmax_op = _position_op("argmax", np.argmax, "largest")
argmin_op = _position_op("argmin", np.argmin, "smallest")


def _position(op: Library, x: Any, axis: Any, keepdims: bool) -> Tensor:
    x = as_tensor(x)
    axis = None if axis is None else as_axis(axis, x.ndim)
    if not (x.size if axis is None else x.shape[axis]):
        fail(ArgumentError, f"{op.name} over no elements (shape {x.shape}, axis {axis})", "Nothing has no extreme: test the shape first.")
    return bind(op, x, axis=axis, keepdims=bool(keepdims))


def argmax(x: Tensor, /, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The index of the first largest element along `axis`: int64; of the flattened tensor, if None. NaN counts as largest."""
    return _position(argmax_op, x, axis, keepdims)


def argmin(x: Tensor, /, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The index of the first smallest element along `axis`: int64; of the flattened tensor, if None. NaN counts as smallest."""
    return _position(argmin_op, x, axis, keepdims)


# Softmax and its kin: shifted by the maximum, so that nothing overflows


def _shift(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    """The maximum over axes, a constant to the gradient."""
    return bind(reduce_max, x.detach(), axes=axes, keepdims=True) if x.size else full(reduced_shape(x.shape, axes, True), 0, dtype=x.dtype)


def _in_floats(x: Any) -> tuple[Tensor, DType]:
    """As floats to compute with, and the dtype of the result."""
    x = as_tensor(x)
    dtype = floating_result(x.dtype)
    return _as(x, compute_dtype(dtype)), dtype


@precision("full")
def logsumexp(x: Tensor, /, axis: Any = None, keepdims: bool = False) -> Tensor:
    """log Σ exp(x) over `axis` (all axes if None), without overflow; float16 and bfloat16 by way of float32."""
    x, dtype = _in_floats(x)
    axes = as_axes(axis, x.ndim)
    top = _shift(x, axes)
    top = where(top.isfinite(), top, 0.0)  # so that infinities are not taken from each other
    total = sum_over((x - top).exp(), axes, True).log() + top
    return _as(total if keepdims else total.reshape(reduced_shape(x.shape, axes, False)), dtype)


@precision("full")
def softmax(x: Tensor, /, axis: Any = -1) -> Tensor:
    """exp(x) / Σ exp(x) along `axis`; float16 and bfloat16 by way of float32."""
    x, dtype = _in_floats(x)
    axes = as_axes(axis, x.ndim) if x.ndim else ()
    grown = (x - _shift(x, axes)).exp()
    return _as(grown * (1 / sum_over(grown, axes, True)), dtype)


@precision("full")
def log_softmax(x: Tensor, /, axis: Any = -1) -> Tensor:
    """The logarithm of `softmax`, without overflow; float16 and bfloat16 by way of float32."""
    x, dtype = _in_floats(x)
    axes = as_axes(axis, x.ndim) if x.ndim else ()
    lowered = x - _shift(x, axes)
    return _as(lowered - sum_over(lowered.exp(), axes, True).log(), dtype)


for _function in (sum, prod, all, count_nonzero, mean, var, std, argmax, argmin, logsumexp, softmax, log_softmax):
    method(_function.__name__)(torch_names(_function))
for _name, _function in {"any": any_, "max": max, "min": min, "amax": max, "amin": min}.items():
    method(_name)(torch_names(_function))
