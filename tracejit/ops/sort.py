"""Sorting, searching and sets: NumPy's routines on whole arrays."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..dispatch import bind
from ..errors import ArgumentError, ShapeError, fail
from ..op import Library
from ..spec import SMALL_FLOATS, TensorSpec, as_axis, bfloat16, bool_, float32, float64, int64, is_complex, is_integer, promote
from ..tensor import Tensor, method
from .casts import cast
from .convert import as_tensor, beside
from .create import fill
from .gather import added_at, gather_op, take, take_along_axis
from .names import torch_names
from .reduce import max as largest
from .view import index_basic, reshape

# Order


def _comparing(x: np.ndarray) -> np.ndarray:
    """bfloat16 as float32: its own order knows no NaN."""
    return x.astype(np.float32) if x.dtype == bfloat16 else x


def _argsort(x: np.ndarray, *, axis: int, descending: bool) -> np.ndarray:
    x = _comparing(x)
    if not descending:
        return np.argsort(x, axis=axis, stable=True)
    turned = np.argsort(np.flip(x, axis), axis=axis, stable=True)  # flipped twice, so that equals keep their order
    return x.shape[axis] - 1 - np.flip(turned, axis)


def _sort(x: np.ndarray, *, axis: int, descending: bool, stable: bool) -> np.ndarray:
    # A stable sort of numbers can be told from a faster one only by its zeros of both signs.
    signed = stable and x.dtype.kind not in "biu" and bool(np.signbit(x.real[x == 0]).any())
    if signed or is_complex(x.dtype):
        return np.take_along_axis(x, _argsort(x, axis=axis, descending=descending), axis)
    result = np.sort(_comparing(x), axis=axis).astype(x.dtype, copy=False)
    return np.flip(result, axis) if descending else result


argsort_op = Library(
    "argsort", numpy=_argsort, spec=lambda x, **_: TensorSpec(x.shape, int64), parameters="x, /, *, axis, descending",
    doc="The stable permutation that sorts along `axis`.",
)  # fmt: skip
sort_op = Library(
    "sort", numpy=_sort, spec=lambda x, **_: x, parameters="x, /, *, axis, descending, stable", doc="The elements in order along `axis`.",
    vjp=lambda g, _y, x, *, axis, descending, stable: (_unsorted(g, argsort_op(x, axis=axis, descending=descending), axis),),
)  # fmt: skip


def _unsorted(g: Tensor, order: Tensor, axis: int) -> Tensor:
    """The elements of `g` back where the permutation took them from."""
    return take_along_axis(g, argsort_op(order, axis=axis, descending=False), axis=axis)


def argsort(x: Tensor, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """The indices that put `x` in order along `axis`: int64. Equals keep their order, also descending; NaN is largest."""
    x = as_tensor(x)
    if not x.ndim:
        return bind(fill, shape=(), dtype=int64, value=0)
    return bind(argsort_op, x, axis=as_axis(axis, x.ndim), descending=bool(descending))


def sort(x: Tensor, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """The elements of `x` in order along `axis`; NaN is largest."""
    x = as_tensor(x)
    if not x.ndim:
        return x.clone()
    return bind(sort_op, x, axis=as_axis(axis, x.ndim), descending=bool(descending), stable=bool(stable))


class Chosen(NamedTuple):
    """Elements along an axis, and where each stood."""

    values: Tensor
    indices: Tensor


def topk(x: Tensor, k: int, axis: int = -1, largest: bool = True, sorted: bool = True) -> Chosen:
    """The k largest (or smallest) elements along `axis`, in order, and their indices: the pair (values, indices)."""
    x = as_tensor(x)
    axis = as_axis(axis, x.ndim)
    if not 0 <= k <= x.shape[axis]:
        fail(ArgumentError, f"topk of {k} out of {x.shape[axis]} elements", f"Give a k from 0 to {x.shape[axis]}.")
    order = bind(argsort_op, x, axis=axis, descending=bool(largest))
    first = index_basic(order, (*(slice(None),) * axis, slice(0, k)))
    return Chosen(take_along_axis(x, first, axis=axis), first.clone())


def kthvalue(x: Tensor, k: int, axis: int = -1, keepdims: bool = False) -> Chosen:
    """The k-th smallest element (the smallest is the first) along `axis`, and its index: the pair (values, indices)."""
    x = as_tensor(x)
    axis = as_axis(axis, x.ndim)
    if not 1 <= k <= x.shape[axis]:
        fail(ArgumentError, f"kthvalue of {k} out of {x.shape[axis]} elements", f"Give a k from 1 to {x.shape[axis]}.")
    order = bind(argsort_op, x, axis=axis, descending=False)
    index = index_basic(order, (*(slice(None),) * axis, slice(k - 1, k)))
    values = take_along_axis(x, index, axis=axis)
    if keepdims:
        return Chosen(values, index.clone())
    shape = (*x.shape[:axis], *x.shape[axis + 1 :])
    return Chosen(reshape(values, shape), reshape(index.clone(), shape))


# Searching

searchsorted_op = Library(
    "searchsorted", numpy=lambda x, v, *, side: np.asarray(np.searchsorted(x, v, side=side), np.int64),
    spec=lambda x, v, **_: TensorSpec(v.shape, int64), parameters="x1, x2, /, *, side",
    doc="Where elements would be inserted into a sorted 1-D array.",
)  # fmt: skip
isin_op = Library(
    "isin", numpy=lambda x, v, *, invert: np.isin(x, v, invert=invert), spec=lambda x, v, **_: TensorSpec(x.shape, bool_),
    parameters="x1, x2, /, *, invert", doc="Whether each element is among others.",
)  # fmt: skip


def _comparable(x1: Any, x2: Any) -> tuple[Tensor, Tensor]:
    """Two tensors of one dtype that NumPy can compare; a Python number takes the dtype of the other."""
    x1 = as_tensor(x1)
    x2 = beside(x2, x1.dtype)
    common = promote(x1.dtype, x2.dtype)
    common = float32 if common in SMALL_FLOATS else common
    return tuple(t if t.dtype == common else cast(t, dtype=common) for t in (x1, x2))


def searchsorted(x1: Tensor, x2: Any, /, *, side: str = "left", sorter: Tensor | None = None, right: bool = False) -> Tensor:
    """Where the elements of `x2` would be inserted in the sorted 1-D `x1`: before equal ones ("left") or after ("right").

    sorter: indices that sort `x1`, if it is not sorted. right: PyTorch's name of side="right".
    """
    if side not in ("left", "right"):
        fail(ArgumentError, f"searchsorted with side={side!r}", 'Give "left" or "right".')
    x1, x2 = _comparable(x1, x2)
    if x1.ndim != 1:
        fail(ShapeError, f"searchsorted in a tensor of shape {x1.shape}", "It must have one axis.")
    return bind(searchsorted_op, x1 if sorter is None else take(x1, sorter), x2, side="right" if right else side)


def isin(x1: Tensor, x2: Any, /, *, invert: bool = False) -> Tensor:
    """Whether each element of `x1` is among those of `x2` (is not, if `invert`): bool, of the shape of `x1`."""
    return bind(isin_op, *_comparable(x1, x2), invert=bool(invert))


# Counting


def bincount(x: Tensor, /, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """How often each of 0, 1, 2 … occurs in a 1-D tensor of integers; with `weights`, the sums of their weights.

    The length is one more than the largest element, which is observed, and at least `minlength`.
    """
    x = as_tensor(x)
    if x.ndim != 1 or not is_integer(x.dtype):
        fail(ArgumentError, f"bincount of {x.spec}", "Give a 1-D tensor of integers, none negative.")
    size = max(int(largest(x).item()) + 1 if x.size else 0, minlength)
    if weights is None:
        weights = bind(fill, shape=x.shape, dtype=int64, value=1)
    elif weights.shape != x.shape:
        fail(ShapeError, f"weights of shape {weights.shape} for {x.shape}", "Give a weight for each element.")
    if weights.dtype not in (float32, float64, int64):
        weights = cast(weights, dtype=float64)
    if x.size and int(x.min().item()) < 0:
        fail(ArgumentError, "bincount of negative integers", "Shift them to begin at 0.")
    return added_at(bind(fill, shape=(size,), dtype=weights.dtype, value=0), weights, x if x.dtype == int64 else cast(x, dtype=int64))


def _histogram(x: np.ndarray, *, bins: int, bounds: Any, density: bool) -> tuple[np.ndarray, np.ndarray]:
    counts, edges = np.histogram(x, bins, bounds, density=density)
    return counts, edges


def _histogram_spec(x: TensorSpec, *, bins: int, bounds: Any, density: bool) -> tuple[TensorSpec, TensorSpec]:
    edges = x.dtype if x.dtype == float32 else float64
    return TensorSpec((bins,), float64 if density else int64), TensorSpec((bins + 1,), edges)


histogram_op = Library(
    "histogram", numpy=_histogram, spec=_histogram_spec, outputs=2, parameters="x, /, *, bins, bounds, density",
    doc="Counts in bins of equal width, and the edges of the bins.",
)  # fmt: skip


def histogram(x: Tensor, /, bins: int = 10, range: tuple[float, float] | None = None, density: bool = False) -> tuple[Tensor, Tensor]:
    """Counts of all elements in `bins` bins of equal width over `range` (from the least to the largest), and the edges."""
    x = as_tensor(x)
    if not isinstance(bins, int) or bins < 1:
        fail(ArgumentError, f"histogram with bins={bins!r}", "Give a number of bins.")
    bounds = None if range is None else (float(range[0]), float(range[1]))
    x = x if x.dtype in (float32, float64) else cast(x, dtype=float64)
    return bind(histogram_op, x, bins=bins, bounds=bounds, density=bool(density))


# Sets


class UniqueAll(NamedTuple):
    """Distinct values, where each first stands, which of them each element is, and how often each occurs."""

    values: Tensor
    indices: Tensor
    inverse_indices: Tensor
    counts: Tensor


class UniqueCounts(NamedTuple):
    """Distinct values and how often each occurs."""

    values: Tensor
    counts: Tensor


class UniqueInverse(NamedTuple):
    """Distinct values and which of them each element is."""

    values: Tensor
    inverse_indices: Tensor


def _unique(x: np.ndarray) -> tuple[np.ndarray, ...]:
    _, indices, inverse, counts = np.unique(_comparing(x), return_index=True, return_inverse=True, return_counts=True, equal_nan=False)
    return indices, inverse.reshape(x.shape), counts


unique_op = Library(
    "unique", numpy=_unique, spec=None, outputs=3,
    doc="Of the distinct values, in order: where each first stands, which of them each element is, and how often each occurs.",
)  # fmt: skip


def unique_all(x: Tensor, /) -> UniqueAll:
    """Distinct values in ascending order, first indices in the flattened tensor, inverse, counts. Each NaN is distinct."""
    x = as_tensor(x)
    indices, inverse, counts = bind(unique_op, x)
    return UniqueAll(bind(gather_op, reshape(x, (x.size,)), indices), indices, inverse, counts)


def unique_counts(x: Tensor, /) -> UniqueCounts:
    """Distinct values in ascending order, and how often each occurs. Each NaN is distinct."""
    found = unique_all(x)
    return UniqueCounts(found.values, found.counts)


def unique_inverse(x: Tensor, /) -> UniqueInverse:
    """Distinct values in ascending order, and which of them each element is. Each NaN is distinct."""
    found = unique_all(x)
    return UniqueInverse(found.values, found.inverse_indices)


def unique_values(x: Tensor, /) -> Tensor:
    """Distinct values in ascending order. Each NaN is distinct."""
    return unique_all(x).values


def unique(x: Tensor, /, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False) -> Any:
    """PyTorch's form: distinct values in ascending order; with the inverse and the counts, if asked for."""
    found = unique_all(x)
    parts = (found.values, *((found.inverse_indices,) if return_inverse else ()), *((found.counts,) if return_counts else ()))
    return parts if len(parts) > 1 else parts[0]


_METHODS: tuple[Any, ...] = (torch_names(argsort), torch_names(sort), torch_names(topk), torch_names(kthvalue), bincount, unique)
for _function in _METHODS:
    method(_function.__name__)(_function)
