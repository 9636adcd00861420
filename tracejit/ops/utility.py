"""Differences between neighbours, and comparisons within a tolerance."""

from __future__ import annotations

from typing import Any

from ..errors import ArgumentError, ShapeError, fail
from ..spec import as_axis, bool_, is_inexact
from ..tensor import Tensor
from .convert import as_tensor
from .elementwise import abs, subtract
from .join import concat
from .logic import equal, isfinite, isnan, not_equal
from .manipulate import slice_axis
from .reduce import all


def diff(x: Tensor, /, *, axis: int = -1, n: int = 1, prepend: Tensor | None = None, append: Tensor | None = None) -> Tensor:
    """The n-th differences x[i + 1] - x[i] along `axis` (of bools, whether they differ), `prepend` and `append` joined on first."""
    x = as_tensor(x)
    if not x.ndim:
        fail(ShapeError, "diff of a 0-d tensor", "It takes one axis or more.")
    if n < 0:
        fail(ArgumentError, f"diff of order {n}", "Give n ≥ 0.")
    at = as_axis(axis, x.ndim)
    parts = [as_tensor(p) for p in (prepend, x, append) if p is not None]
    if len(parts) > 1 and n:
        shape = (*x.shape[:at], 1, *x.shape[at + 1 :])
        x = concat([p if p.ndim else p.broadcast_to(shape) for p in parts], axis=at)
    step = not_equal if x.dtype == bool_ else subtract
    for _ in range(n):
        extent = x.shape[at]
        x = step(slice_axis(x, at, min(1, extent), extent), slice_axis(x, at, 0, max(extent - 1, 0)))
    return x


def isclose(a: Any, b: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Tensor:
    """Where |a - b| ≤ atol + rtol |b|, or both are the same infinity (or NaN, with `equal_nan`)."""
    a, b = as_tensor(a), as_tensor(b)
    if not is_inexact(a.dtype) and not is_inexact(b.dtype):
        a = a.double()
    near = abs(a - b) <= atol + rtol * abs(b)
    result = (near & isfinite(b)) | equal(a, b)
    return result | (isnan(a) & isnan(b)) if equal_nan else result


def allclose(a: Any, b: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    """Whether `isclose` holds everywhere. The answer is a bool, so during a trace it is an observation."""
    return bool(all(isclose(a, b, rtol, atol, equal_nan)).item())


def array_equal(a: Any, b: Any, equal_nan: bool = False) -> bool:
    """Whether two arrays have one shape and equal elements. The answer is a bool, so during a trace it is an observation."""
    a, b = as_tensor(a), as_tensor(b)
    if tuple(a.shape) != tuple(b.shape):
        return False
    same = equal(a, b)
    return bool(all(same | (isnan(a) & isnan(b)) if equal_nan else same).item())
