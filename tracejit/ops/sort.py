"""Sorting, searching and sets: NumPy's routines on whole arrays."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..dispatch import bind
from ..errors import ArgumentError, fail
from ..op import Library
from ..spec import TensorSpec, as_axis, bool_, int64
from ..tensor import Tensor, method
from .index import take_along_axis


def _argsort(x: np.ndarray, *, axis: int, descending: bool) -> np.ndarray:
    if not descending:
        return np.argsort(x, axis=axis, stable=True)
    flipped = np.flip(np.argsort(np.flip(x, axis), axis=axis, stable=True), axis)  # equals stay in order
    return x.shape[axis] - 1 - flipped


argsort_op = Library(
    "argsort", numpy=_argsort, spec=lambda x, **_: TensorSpec(x.shape, int64), parameters="x, /, *, axis, descending",
    doc="The stable sorting permutation along an axis.",
)  # fmt: skip


@method("argsort")
def argsort(x: Tensor, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """The indices that sort `x` along `axis`; always stable."""
    return bind(argsort_op, x, axis=as_axis(axis, x.ndim), descending=bool(descending))


@method("sort")
def sort(x: Tensor, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """`x` sorted along `axis`; always stable."""
    return take_along_axis(x, argsort(x, axis=axis, descending=descending), axis=axis)


@method("topk")
def topk(x: Tensor, k: int, dim: int = -1, largest: bool = True) -> tuple[Tensor, Tensor]:
    """The k largest (or smallest) elements along `dim`, in order, and their indices."""
    axis = as_axis(dim, x.ndim)
    if not 0 <= k <= x.shape[axis]:
        fail(ArgumentError, f"topk of {k} out of {x.shape[axis]} elements", "Give at most the extent of the axis.")
    order = argsort(x, axis=axis, descending=largest)
    chosen = order[(*([slice(None)] * axis), slice(0, k))]
    return take_along_axis(x, chosen, axis=axis), chosen


searchsorted_op = Library(
    "searchsorted", numpy=lambda x, v, *, side: np.searchsorted(x, v, side=side), spec=lambda x, v, **_: TensorSpec(v.shape, int64),
    parameters="x1, x2, /, *, side", doc="Where elements would be inserted in a sorted 1-D array.",
)  # fmt: skip


def searchsorted(x1: Tensor, x2: Tensor, /, *, side: str = "left", sorter: Tensor | None = None) -> Tensor:
    """Where the elements of `x2` would be inserted in the sorted 1-D `x1`, before equal ones ("left") or after ("right")."""
    if side not in ("left", "right"):
        fail(ArgumentError, f"searchsorted with side={side!r}", 'Give "left" or "right".')
    return bind(searchsorted_op, x1 if sorter is None else x1[sorter], x2, side=side)


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
    found = np.unique_all(x)
    return found.values, found.indices, found.inverse_indices, found.counts


unique_op = Library("unique", numpy=_unique, spec=None, outputs=4, doc="Distinct values, sorted; each NaN is distinct.")


def unique_all(x: Tensor, /) -> UniqueAll:
    """Distinct values in order, first indices, inverse, counts."""
    return UniqueAll(*bind(unique_op, x))


def unique_counts(x: Tensor, /) -> UniqueCounts:
    """Distinct values in order, and counts."""
    values, _, _, counts = bind(unique_op, x)
    return UniqueCounts(values, counts)


def unique_inverse(x: Tensor, /) -> UniqueInverse:
    """Distinct values in order, and which of them each element is."""
    values, _, inverse, _ = bind(unique_op, x)
    return UniqueInverse(values, inverse)


def unique_values(x: Tensor, /) -> Tensor:
    """Distinct values in order."""
    return bind(unique_op, x)[0]


isin_op = Library(
    "isin", numpy=lambda x, v, *, invert: np.isin(x, v, invert=invert), spec=lambda x, v, **_: TensorSpec(x.shape, bool_),
    parameters="x1, x2, /, *, invert", doc="Whether each element is among others.",
)  # fmt: skip


def isin(x1: Tensor, x2: Tensor, /, *, invert: bool = False) -> Tensor:
    """Whether each element of `x1` is among those of `x2` (not, if `invert`)."""
    return bind(isin_op, x1, x2, invert=invert)


def bincount(x: Tensor, /, minlength: int = 0) -> Tensor:
    """How often each of 0, 1, 2 … occurs in a 1-D tensor of integers."""
    return bind(bincount_op, x, minlength=minlength)


bincount_op = Library(
    "bincount", numpy=lambda x, *, minlength: np.bincount(x, minlength=minlength), spec=None, parameters="x, /, *, minlength",
    doc="Occurrences of each integer.",
)  # fmt: skip
