"""PyTorch's forms of `max`, `min` and `sort` beside the array API's: with `dim`, a pair (values, indices)."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..tensor import Tensor, method
from . import reduce
from . import sort as sorting
from .elementwise import maximum, minimum
from .index import take_along_axis


class Extremes(NamedTuple):
    """The extreme values along an axis, and where the first of each stands."""

    values: Tensor
    indices: Tensor


class Sorted(NamedTuple):
    """The sorted values along an axis, and where each stood."""

    values: Tensor
    indices: Tensor


def _along(x: Tensor, positions: Any, dim: int, keepdim: bool) -> Extremes:
    indices = positions(x, axis=dim, keepdims=True)
    values = take_along_axis(x, indices, axis=dim)
    if keepdim:
        return Extremes(values, indices)
    shape = [n for d, n in enumerate(x.shape) if d != dim % x.ndim]
    return Extremes(values.reshape(shape), indices.reshape(shape))


@method("max")
def max(x: Tensor, /, dim: Any = None, keepdim: bool = False, *, axis: Any = None, keepdims: bool = False) -> Any:
    """The largest element over `axis` (all axes if None); NaN if there is one.

    With `dim` it is PyTorch's: the pair (values, indices) of the first largest along one axis; with a tensor in its place,
    the elementwise maximum.
    """
    if isinstance(dim, Tensor):
        return maximum(x, dim)
    if dim is not None:
        return _along(x, reduce.argmax, dim, keepdim or keepdims)
    return reduce.max(x, axis=axis, keepdims=keepdims or keepdim)


@method("min")
def min(x: Tensor, /, dim: Any = None, keepdim: bool = False, *, axis: Any = None, keepdims: bool = False) -> Any:
    """The smallest element over `axis` (all axes if None); NaN if there is one. `dim`: as for `max`."""
    if isinstance(dim, Tensor):
        return minimum(x, dim)
    if dim is not None:
        return _along(x, reduce.argmin, dim, keepdim or keepdims)
    return reduce.min(x, axis=axis, keepdims=keepdims or keepdim)


def sort(x: Tensor, /, dim: int | None = None, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Any:
    """The elements in ascending (or descending) order along `axis`. With `dim`, PyTorch's: the pair (values, indices)."""
    if dim is None:
        return sorting.sort(x, axis=axis, descending=descending, stable=stable)
    indices = sorting.argsort(x, axis=dim, descending=descending, stable=stable)
    return Sorted(take_along_axis(x, indices, axis=dim), indices)


@method("sort")
def _sort_method(self: Tensor, dim: int = -1, descending: bool = False, stable: bool = True) -> Sorted:
    """PyTorch's `sort`: the pair (values, indices) along `dim`."""
    return sort(self, dim, descending=descending, stable=stable)
