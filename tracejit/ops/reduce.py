"""Reductions: their ops, and the functions that take `axis` and `keepdims`."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dispatch import bind
from ..op import Reduction
from ..spec import SMALL_FLOATS, Shape, as_axes, as_dtype, float32, reduced_shape
from ..tensor import Tensor
from .elementwise import cast


def _spread(g: Tensor, shape: Shape, axes: tuple[int, ...]) -> Tensor:
    """The cotangent of a reduction, as a tensor that broadcasts over the reduced axes."""
    return g.reshape(reduced_shape(shape, axes, True))


reduce_sum = Reduction(
    "sum", numpy=np.add.reduce, exact=True, result="accumulator", combine="{0} + {1}",
    identity={"floating": "-0.0", "integer": "0", "bool": "0"},
    vjp=lambda g, _y, _x, *, axes, keepdims=False: (_spread(g, _x.shape, axes).broadcast_to(_x.shape),),
    doc="The sum over `axes`, in the order of NumPy's pairwise summation.",
)  # fmt: skip
reduce_max = Reduction(
    "max", numpy=np.maximum.reduce, accepts="bif", combine="maximum({0}, {1})", identity={"floating": "-inf", "integer": "lowest", "bool": "False"},
    vjp=lambda g, y, x, *, axes, keepdims=False: (_to_extremes(g, y, x, axes),), doc="The largest element over `axes`; NaN if there is one.",
)  # fmt: skip


def _to_extremes(g: Tensor, y: Tensor, x: Tensor, axes: tuple[int, ...]) -> Tensor:
    """Shares a cotangent evenly among the elements that equal the extreme."""
    hits = cast(x == _spread(y, x.shape, axes), dtype=x.dtype)
    return hits * (_spread(g, x.shape, axes) / sum(hits, axis=axes, keepdims=True))


def sum(x: Tensor, /, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Tensor:
    """The sum over `axis` (all axes if None). Integers and bools are summed in 64 bits; float16 and bfloat16 in float32."""
    if dtype is not None:
        x = cast(x, dtype=as_dtype(dtype))
    axes = as_axes(axis, x.ndim)
    if x.dtype in SMALL_FLOATS:
        return cast(bind(reduce_sum, cast(x, dtype=float32), axes=axes, keepdims=keepdims), dtype=x.dtype)
    result = bind(reduce_sum, x, axes=axes, keepdims=keepdims)
    return result if dtype is None else cast(result, dtype=as_dtype(dtype))


def sum_to(x: Tensor, shape: Shape) -> Tensor:
    """Sums a tensor over the axes along which `shape` was broadcast: the adjoint of broadcasting."""
    if x.shape == shape:
        return x
    extra = x.ndim - len(shape)
    axes = tuple(range(extra)) + tuple(d + extra for d, n in enumerate(shape) if n == 1 and x.shape[d + extra] != 1)
    total = sum(x, axis=axes) if axes else x
    return total if total.shape == shape else total.reshape(shape)
