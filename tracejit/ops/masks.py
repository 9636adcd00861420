"""Masks: where elements are not 0, and what is read or written there."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dispatch import bind
from ..errors import ShapeError, fail
from ..op import Library
from ..spec import broadcast_shapes, int64
from ..tensor import Tensor, method
from .casts import cast, where
from .convert import as_tensor, plain_number
from .create import full
from .gather import as_index, in_place, positions, within
from .view import broadcast_to, permute, reshape

nonzero_op = Library(
    "nonzero", numpy=lambda x: np.stack(np.nonzero(x)).astype(np.int64), spec=None, doc="Where the elements are not 0: int64[ndim, count]."
)


def nonzero(x: Tensor, /) -> tuple[Tensor, ...]:
    """Where the elements are not 0: for each axis a tensor of indices. The count depends on values."""
    x = as_tensor(x)
    if x.ndim == 0:
        fail(ShapeError, "nonzero of a 0-d tensor", "Give it an axis: x.reshape(1).")
    found = bind(nonzero_op, x)
    return tuple(found[d] for d in range(x.ndim))


def argwhere(x: Tensor, /) -> Tensor:
    """Where the elements are not 0, a row of indices each: int64[count, ndim]. The count depends on values."""
    x = as_tensor(x)
    return permute(bind(nonzero_op, x if x.ndim else reshape(x, (1,))), axes=(1, 0))[:, : x.ndim]


def masked_fill(x: Tensor, mask: Tensor, value: Any) -> Tensor:
    """`value` (a number or a 0-d tensor, cast to the dtype of `x`) where the mask holds, `x` elsewhere; broadcast together."""
    value = cast(value, dtype=x.dtype) if isinstance(value, Tensor) else full((), plain_number(value, x.dtype), dtype=x.dtype)
    return where(mask, value, x)


def masked_select(x: Tensor, mask: Tensor) -> Tensor:
    """The elements where the mask holds, along one axis; the two broadcast together. The count depends on values."""
    shape = broadcast_shapes(x.shape, mask.shape)
    return broadcast_to(x, shape)[broadcast_to(mask, shape)]


def one_hot(x: Tensor, num_classes: int = -1, *, dtype: Any = int64) -> Tensor:
    """1 at each element's own class, along a new last axis of `num_classes`.

    num_classes: if -1, one more than the largest class, which is observed. IndexingError if an element is no class.
    """
    x = as_index(x)
    if num_classes < 0:
        num_classes = int(x.max().item()) + 1
    x = within(x, num_classes)
    return cast(reshape(x, (*x.shape, 1)) == positions(num_classes), dtype=dtype)


# Methods

for _function in (masked_select, argwhere, masked_fill):
    method(_function.__name__)(_function)
method("masked_fill_")(in_place(masked_fill))


@method("nonzero")
def _nonzero_method(self: Tensor, as_tuple: bool = False) -> Any:
    """PyTorch's form: the indices as rows, int64[count, ndim]; with `as_tuple`, a tensor for each axis."""
    return nonzero(self) if as_tuple else argwhere(self)
