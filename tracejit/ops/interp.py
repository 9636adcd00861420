"""Piecewise linear interpolation."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dispatch import bind
from ..errors import ShapeError, fail
from ..op import Library
from ..spec import TensorSpec, compute_dtype, float64, int64, is_complex, is_inexact, promote
from ..tensor import Tensor
from .elementwise import cast, minimum, where
from .index import gather_op
from .logic import isnan
from .manipulate import as_tensor
from .view import broadcast_to, index_basic

interval_op = Library(
    "interval", numpy=lambda x, xp: np.maximum(np.searchsorted(xp, x, side="right").astype(np.int64) - 1, 0),
    spec=lambda x, xp: TensorSpec(x.shape, int64), native=True, contiguous=(0, 1), parameters="x, xp, /",
    doc="The last i for which xp[i] ≤ x, of increasing xp; 0 if there is none.",
)  # fmt: skip


def interp(x: Tensor, xp: Tensor, fp: Tensor, left: Any = None, right: Any = None) -> Tensor:
    """The values at `x` of the lines through the points (xp[i], fp[i]); the formula is that of NumPy's `interp`.

    x: any shape, real. xp: (n,), increasing, real. fp: (n,), real or complex.
    left, right: the values below xp[0] and above xp[-1]; fp[0] and fp[-1], if None. Integers become float64. At a point the
    gradient in x is the slope of the line to its right (at the last, to its left).
    """
    at, knots, values = as_tensor(x), as_tensor(xp), as_tensor(fp)
    n = knots.shape[0] if knots.ndim == 1 else 0
    if n == 0 or values.shape != knots.shape or is_complex(at.dtype) or is_complex(knots.dtype):
        met = f"interp of {at.spec} with xp {knots.spec} and fp {values.spec}"
        fail(ShapeError, met, "Give real x and xp, and xp and fp of one shape (n,), n ≥ 1.")
    common = promote(at.dtype, knots.dtype)
    common = common if is_inexact(common) else float64
    at, knots = cast(at, dtype=common), cast(knots, dtype=common)
    values = cast(values, dtype=promote(values.dtype, common))
    first, last = index_basic(values, (0,)), index_basic(values, (n - 1,))
    low = first if left is None else left
    high = last if right is None else right
    inside = _on_lines(at, knots, values, n) if n > 1 else broadcast_to(first, at.shape)
    inside = where(at < index_basic(knots, (0,)), low, where(at > index_basic(knots, (n - 1,)), high, inside))
    return where(isnan(at), at, inside) if n > 1 else inside  # one point has no line: NumPy gives its value at NaN too


def _on_lines(x: Tensor, xp: Tensor, fp: Tensor, n: int) -> Tensor:
    fine = compute_dtype(x.dtype)
    place = bind(interval_op, cast(x, dtype=fine), cast(xp, dtype=fine))
    begin = minimum(place, n - 2)
    x0, x1 = bind(gather_op, xp, begin), bind(gather_op, xp, begin + 1)
    y0, y1 = bind(gather_op, fp, begin), bind(gather_op, fp, begin + 1)
    slope = (y1 - y0) / (x1 - x0)
    after = place > begin  # at the last point
    near, far = where(after, x1, x0), where(after, x0, x1)
    near_value, far_value = where(after, y1, y0), where(after, y0, y1)
    result = slope * (x - near) + near_value
    again = slope * (x - far) + far_value  # where an infinity spoilt the first
    again = where(isnan(again) & (y0 == y1), y0, again)
    return where(isnan(result), where(x == near, near_value, again), result)
