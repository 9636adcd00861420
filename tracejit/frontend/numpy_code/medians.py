"""np.median: over a short axis a network of comparisons, which fuses with what is around it; else NumPy's own, as one op."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ops.casts import cast
from ...ops.network import in_order
from ...spec import float32, float64
from .array import Array, array_of
from .create import asarray
from .functions import function
from .whole import whole

SHORT = 32  # elements: 191 pairs are compared, of which the middle needs most

_of_any = whole(np.median, "numpy.median", "a")


@function(np.median)
def median(a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: bool = False) -> Any:
    """np.median, bit by bit: of an even number, and of one, NumPy takes a mean, which begins at 0.0."""
    x = asarray(a)
    if out is not None or overwrite_input or not _is_short(x, axis):
        return _of_any(a, axis, out, overwrite_input, keepdims)
    axis = int(axis) % x.ndim
    rows = [x[(slice(None),) * axis + (n,)].tensor for n in range(x.shape[axis])]
    dtype = x.dtype if x.dtype.kind == "f" else float64
    middle, odd = divmod(len(rows), 2)
    ordered = in_order(rows)
    found = 0.0 + _as(ordered[middle - (not odd)], dtype)
    if not odd:
        found = (found + _as(ordered[middle], dtype)) / 2
    made = array_of(found, x.ndim == 1)
    return np.expand_dims(made, axis) if keepdims else made


def _is_short(x: Any, axis: Any) -> bool:
    """Whether it is over one axis of few numbers, of a dtype that NumPy takes the mean in or casts to float64 for it."""
    if type(x) is not Array or type(axis) is not int or not -x.ndim <= axis < x.ndim:
        return False
    return 0 < x.shape[axis] <= SHORT and (x.dtype in (float32, float64) or x.dtype.kind in "iu")


def _as(x: Any, dtype: np.dtype) -> Any:
    return x if x.dtype == dtype else cast(x, dtype=dtype)
