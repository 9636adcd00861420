"""Medians and quantiles."""

from __future__ import annotations

from math import prod
from typing import Any

from ..dispatch import bind
from ..errors import ArgumentError, ShapeError, fail
from ..spec import DType, as_axes, compute_dtype, float64, int64, is_complex, is_inexact, reduced_shape
from ..tensor import Tensor, method
from .casts import cast, where
from .convert import as_tensor, asarray
from .gather import gather_op
from .names import torch_names
from .sort import sort_op
from .view import permute, reshape

METHODS = ("linear", "lower", "higher", "midpoint", "nearest")


def _in_order(x: Tensor, axes: tuple[int, ...], what: str) -> tuple[Tensor, DType]:
    """The elements over `axes`, as floats in ascending order along a new first axis; and the dtype of the result."""
    if is_complex(x.dtype):
        fail(ArgumentError, f"{what} of {x.dtype.name}", "Complex numbers have no order; take .real, .imag or abs().")
    dtype = x.dtype if is_inexact(x.dtype) else float64
    inner = compute_dtype(dtype)
    order = (*axes, *(d for d in range(x.ndim) if d not in axes))
    seen = permute(x if x.dtype == inner else cast(x, dtype=inner), axes=order)
    rows = reshape(seen, (prod(seen.shape[: len(axes)]), *seen.shape[len(axes) :]))
    if not rows.shape[0]:
        fail(ShapeError, f"{what} over no elements (shape {x.shape})", "Test the shape first.")
    return bind(sort_op, rows, axis=0, descending=False, stable=True), dtype


def _finished(result: Tensor, x: Tensor, axes: tuple[int, ...], keepdims: bool, dtype: DType, lead: tuple[int, ...] = ()) -> Tensor:
    result = reshape(result, (*lead, *reduced_shape(x.shape, axes, keepdims)))
    return result if result.dtype == dtype else cast(result, dtype=dtype)


def median(x: Tensor, /, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The middle element over `axis` (all axes if None), or the mean of the two middle ones; NaN if there is one.

    Of integers, float64. (PyTorch's median is the lower of the two: `quantile(x, 0.5, method="lower")`.)
    """
    x = as_tensor(x)
    axes = as_axes(axis, x.ndim)
    rows, dtype = _in_order(x, axes, "median")
    count = rows.shape[0]
    middle = rows[count // 2] if count % 2 else (rows[count // 2 - 1] + rows[count // 2]) / 2
    last = rows[-1]
    return _finished(where(last != last, last, middle), x, axes, keepdims, dtype)


def quantile(x: Tensor, q: Any, /, axis: Any = None, keepdims: bool = False, *, method: str = "linear") -> Tensor:
    """The value over `axis` (all axes if None) below which a part `q` of the elements lies; NaN if there is one.

    q: in [0, 1]; a number, or a list or tensor, whose axes come first in the result.
    method: what is taken between two elements: "linear" (as NumPy's), "lower", "higher", "midpoint" or "nearest".
    """
    x = as_tensor(x)
    if method not in METHODS:
        fail(ArgumentError, f"quantile with method={method!r}", "Give " + ", ".join(map(repr, METHODS)) + ".")
    if isinstance(q, (int, float)) and not 0 <= q <= 1:
        fail(ArgumentError, f"the quantile {q}", "Give a q from 0 to 1, or use percentile for 0 to 100.")
    axes = as_axes(axis, x.ndim)
    rows, dtype = _in_order(x, axes, "quantile")
    place = asarray(q, dtype=rows.dtype) * (rows.shape[0] - 1)
    low = place.floor()
    part = _part(place, low, method)
    below = cast(low, dtype=int64)
    above = cast(place.ceil(), dtype=int64)
    a, b = bind(gather_op, rows, below), bind(gather_op, rows, above)
    part = reshape(part, (*part.shape, *(1,) * (rows.ndim - 1)))
    span = b - a
    between = where(part < 0.5, a + span * part, b - span * (1 - part))
    last = rows[-1]
    return _finished(where(last != last, last, between), x, axes, keepdims, dtype, tuple(place.shape))


def _part(place: Tensor, low: Tensor, method: str) -> Tensor:
    """How far from the lower neighbour to the upper one."""
    exact = place - low
    if method == "linear":
        return exact
    if method == "nearest":
        return place.round() - low
    share = {"lower": 0.0, "higher": 1.0, "midpoint": 0.5}[method]
    return cast(exact > 0, dtype=exact.dtype) * share


def percentile(x: Tensor, q: Any, /, axis: Any = None, keepdims: bool = False, *, method: str = "linear") -> Tensor:
    """`quantile` of q / 100."""
    return quantile(x, q / 100 if isinstance(q, (int, float, Tensor)) else asarray(q, dtype=float64) / 100, axis, keepdims, method=method)


for _function in (median, quantile, percentile):
    method(_function.__name__)(torch_names(_function))
