"""Running sums and products along an axis, and the linear recurrence that their derivatives are made of."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np

from ..dispatch import bind
from ..errors import ShapeError, fail
from ..op import Library
from ..precision import precision
from ..spec import TensorSpec, accumulator_dtype, as_axis, as_dtype, compute_dtype
from ..tensor import Tensor, method
from .casts import cast, conjugate
from .convert import as_tensor
from .create import full, full_like
from .names import torch_names

# The ops


def _turned(x: np.ndarray, axis: int, reverse: bool) -> np.ndarray:
    return np.flip(x, axis) if reverse else x


def _accumulate(function: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    def run(x: np.ndarray, *, axis: int, reverse: bool) -> np.ndarray:
        return _turned(function(_turned(x, axis, reverse), axis=axis, dtype=accumulator_dtype(x.dtype)), axis, reverse)

    return run


def _scan_spec(x: TensorSpec, *, axis: int, reverse: bool) -> TensorSpec:
    return TensorSpec(x.shape, accumulator_dtype(x.dtype))


running_sum = Library(
    "running_sum", numpy=_accumulate(np.cumsum), spec=_scan_spec, parameters="x, /, *, axis, reverse",
    vjp=lambda g, _y, _x, *, axis, reverse: (running_sum(g, axis=axis, reverse=not reverse),),
    doc="Sums of the elements so far along `axis`, one after another (from the end, if `reverse`).",
)  # fmt: skip
running_product = Library(
    "running_product", numpy=_accumulate(np.cumprod), spec=_scan_spec, parameters="x, /, *, axis, reverse",
    vjp=lambda g, y, x, *, axis, reverse: (conjugate(_shifted(y, axis, reverse, 1)) * _sums_of_products(g, x, axis, not reverse),),
    doc="Products of the elements so far along `axis`, one after another (from the end, if `reverse`).",
)  # fmt: skip


def _sums_of_products(g: Tensor, x: Tensor, axis: int, reverse: bool) -> Tensor:
    """g[i] + x[i + 1] · (g[i + 1] + x[i + 2] · (…)), of the conjugate of x."""
    return recurrence(conjugate(_shifted(x, axis, reverse, 1)), g, axis=axis, reverse=reverse)


def _recur(a: np.ndarray, b: np.ndarray, *, axis: int, reverse: bool) -> np.ndarray:
    a, b = (np.moveaxis(_turned(v, axis, reverse), axis, 0) for v in (a, b))
    h = np.array(b, order="C")
    for i in range(1, len(h)):
        h[i] += a[i] * h[i - 1]
    return _turned(np.moveaxis(h, 0, axis), axis, reverse)


def _recurrence_vjp(g: Tensor, h: Tensor, a: Tensor, _b: Any, *, axis: int, reverse: bool) -> tuple[Tensor, Tensor]:
    back = _sums_of_products(g, a, axis, not reverse)
    return back * conjugate(_shifted(h, axis, reverse, 0)), back


recurrence = Library(
    "recurrence", numpy=_recur, spec=lambda a, b, **_: b, vjp=_recurrence_vjp, parameters="a, b, /, *, axis, reverse",
    doc="h[i] = b[i] + a[i] · h[i - 1] along `axis`, h[0] = b[0] (from the end, if `reverse`); a and b have one shape and dtype.",
)  # fmt: skip


def _shifted(x: Tensor, axis: int, reverse: bool, first: int) -> Tensor:
    """`x` moved on by one place along `axis` (back, if `reverse`), `first` coming in."""
    result = full_like(x, first)
    front = (slice(None),) * axis
    later, earlier = (*front, slice(1, None)), (*front, slice(None, -1))
    result[earlier if reverse else later] = x[later if reverse else earlier]
    return result


def products_of_others(x: Tensor) -> Tensor:
    """For each element, the product of the others on its last axis; zeros do no harm."""
    axis = x.ndim - 1
    ones = full((*x.shape[:-1], 1), 1, dtype=x.dtype)
    if x.shape[-1] < 2:
        return ones if x.shape[-1] else x
    before = _shifted(running_product(x, axis=axis, reverse=False), axis, False, 1)
    after = _shifted(running_product(x, axis=axis, reverse=True), axis, True, 1)
    return before * after


# The functions


def _one_axis(x: Tensor, axis: Any, what: str) -> int:
    if axis is None:
        if x.ndim != 1:
            fail(ShapeError, f"{what} of a tensor with {x.ndim} axes without an axis", "Give axis=; or flatten it first: x.reshape(-1).")
        return 0
    return as_axis(axis, x.ndim)


def _running(op: Library, x: Tensor, axis: int, dtype: Any) -> Tensor:
    wanted = accumulator_dtype(x.dtype) if dtype is None else as_dtype(dtype)
    inner = compute_dtype(wanted)
    result = bind(op, x if x.dtype == inner else cast(x, dtype=inner), axis=axis, reverse=False)
    return result if result.dtype == wanted else cast(result, dtype=wanted)


def _with_first(x: Tensor, axis: int, first: int) -> Tensor:
    """`x` with one place more along `axis`, in front."""
    result = full(tuple(n + (d == axis) for d, n in enumerate(x.shape)), first, dtype=x.dtype, device=x.device)
    result[(*(slice(None),) * axis, slice(1, None))] = x
    return result


@precision("full")
def cumulative_sum(x: Tensor, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False) -> Tensor:
    """Running sums along `axis` (which may be left out for a 1-D tensor); with `include_initial`, a 0 comes first.

    Integers and bools are summed in 64 bits, float16 and bfloat16 in float32, unless `dtype` says otherwise.
    """
    x = as_tensor(x)
    axis = _one_axis(x, axis, "cumulative_sum")
    result = _running(running_sum, x, axis, dtype)
    return _with_first(result, axis, 0) if include_initial else result


@precision("full")
def cumulative_prod(x: Tensor, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False) -> Tensor:
    """Running products along `axis` (which may be left out for a 1-D tensor); with `include_initial`, a 1 comes first.

    Integers and bools are multiplied in 64 bits, float16 and bfloat16 in float32, unless `dtype` says otherwise.
    """
    x = as_tensor(x)
    axis = _one_axis(x, axis, "cumulative_prod")
    result = _running(running_product, x, axis, dtype)
    return _with_first(result, axis, 1) if include_initial else result


def _numpy_form(op: Library, x: Any, axis: int | None, dtype: Any) -> Tensor:
    x = as_tensor(x)
    if axis is None or not x.ndim:
        x, axis = x.reshape((x.size,)), 0
    return _running(op, x, as_axis(axis, x.ndim), dtype)


@precision("full")
def cumsum(x: Tensor, /, axis: int | None = None, dtype: Any = None) -> Tensor:
    """Running sums along `axis`; of the flattened tensor, if None. The dtypes are those of `cumulative_sum`."""
    return _numpy_form(running_sum, x, axis, dtype)


@precision("full")
def cumprod(x: Tensor, /, axis: int | None = None, dtype: Any = None) -> Tensor:
    """Running products along `axis`; of the flattened tensor, if None. The dtypes are those of `cumulative_prod`."""
    return _numpy_form(running_product, x, axis, dtype)


for _function in (cumsum, cumprod, cumulative_sum, cumulative_prod):
    method(_function.__name__)(torch_names(_function))
