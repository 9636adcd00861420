"""Indexing: `x[key]` and `x[key] = value`, with the keys that NumPy takes and its rules for the shape of the result."""

from __future__ import annotations

import operator
from typing import Any, NamedTuple

import numpy as np

from ..dispatch import assign, bind
from ..errors import IndexingError, ShapeError, fail
from ..spec import Shape, bool_, int64
from ..tensor import StandIn, Tensor, method, wrap
from .casts import cast, where
from .convert import as_tensor, asarray, plain_number
from .create import fill
from .gather import (
    as_index, common_shape, fronted, gather, gather_op, index_add, index_add_op, index_copy, index_fill, index_put, index_select,
    positions, put_axes, scatter, scatter_add, segment_sum, take, take_along_axis,
)  # fmt: skip
from .masks import argwhere, masked_fill, masked_select, nonzero, nonzero_op, one_hot
from .view import basic_index, broadcast_to, index_basic, permute, put, reshape, triple

__all__ = [
    "argwhere", "gather", "gather_op", "gathered", "getitem", "index_add", "index_add_op", "index_copy", "index_fill", "index_put", "index_select",
    "masked_fill", "masked_select", "nonzero", "nonzero_op", "one_hot", "scatter", "scatter_add", "scattered", "segment_sum", "setitem", "take",
    "take_along_axis",
]  # fmt: skip

_BASIC = frozenset((int, slice, type(None), type(Ellipsis)))
_WHOLE = slice(None)


@method("__getitem__")
def getitem(x: Tensor, key: Any) -> Tensor:
    """x[key]: a view for integers, slices, None and Ellipsis; a copy where an index tensor, array, list or mask takes part."""
    shape = x._value.shape
    if type(key) is slice and shape:  # what most keys are
        return bind(basic_index, x, key=(triple(key, shape[0]),))
    keys = _items(key)
    if _is_basic(keys):
        return index_basic(x, keys)
    result = gathered(x, keys)
    for k in key if type(key) is tuple else (key,):
        if isinstance(k, StandIn):
            k.found(x, result)
    return result


def gathered(x: Tensor, keys: tuple[Any, ...], naming: bool = False) -> Tensor:
    """x[keys] where index tensors take part. `naming=True`: an index out of bounds is NumPy's IndexError, which names the axis of `x`."""
    region = _region(x, keys)
    axes = {"axes": region.axes} if naming else {}
    return put_axes(bind(gather_op, region.target, *region.indices, **axes), region.indices[0].ndim, region.at)


@method("__setitem__")
def setitem(x: Tensor, key: Any, value: Any) -> None:
    """x[key] = value, in place: cast to the dtype of `x`, and broadcast to the places that the key names."""
    scattered(x, _items(key), _new_value(value, x))


def scattered(x: Tensor, keys: tuple[Any, ...], new: Tensor, naming: bool = False) -> None:
    """x[keys] = new, of the dtype of `x`. `naming` as in `gathered`."""
    if _is_basic(keys):
        target = x if keys == (Ellipsis,) else index_basic(x, keys)
        if new._storage is None or new._storage is not target._storage or new._chain != target._chain:  # as after x[key] += 1
            assign(target, _without_ones(new, target._value.shape), put)
        return
    mask = keys[0] if len(keys) == 1 else None
    if isinstance(mask, Tensor) and mask.dtype == bool_ and mask.shape == x.shape[: mask.ndim] and new.ndim <= x.ndim - mask.ndim:
        assign(x, where(reshape(mask, (*mask.shape, *(1,) * (x.ndim - mask.ndim))), new, x), put)
        return
    target, indices, at, axes = _region(x, keys, written=True)
    rank = indices[0].ndim
    rest = target.shape[len(indices) :]
    shape = (*rest[:at], *indices[0].shape, *rest[at:])
    new = _without_ones(new, shape)
    wide = fronted(new if new.shape == shape else broadcast_to(new, shape), rank, at)
    assign(target, bind(index_put, target, wide, *indices, **({"axes": axes} if naming else {})), put)


def _new_value(value: Any, x: Tensor) -> Tensor:
    if type(value) in (int, float, bool, complex):
        return bind(fill, shape=(), dtype=x.dtype, value=plain_number(value, x.dtype))
    value = as_tensor(value)
    return value if value._value.dtype is x._value.dtype or value.dtype == x.dtype else cast(value, dtype=x.dtype)


def _without_ones(value: Tensor, shape: Shape) -> Tensor:
    """The value without leading one-long axes that the places have not; checked to broadcast to them."""
    own = value.shape
    if own == shape:
        return value
    while len(own) > len(shape) and own[0] == 1:
        own = own[1:]
    if len(own) > len(shape) or any(n not in (1, m) for n, m in zip(own, shape[len(shape) - len(own) :])):
        met = f"a value of shape {value.shape} for places of shape {tuple(shape)}"
        fail(ShapeError, met, "It must broadcast to the shape of what the key names.")
    return value if own == value.shape else reshape(value, own)


# Keys


def _items(key: Any) -> tuple[Any, ...]:
    """The items of a key: ints, slices, None, Ellipsis, Python bools, and Tensors."""
    keys = key if type(key) is tuple else (key,)
    return keys if _is_basic(keys) else tuple(map(_item, keys))


def _is_basic(keys: tuple[Any, ...]) -> bool:
    for k in keys:
        if type(k) not in _BASIC:
            return False
    return True


def _item(k: Any) -> Any:
    if type(k) in _BASIC or isinstance(k, slice):
        return k
    if isinstance(k, StandIn):
        k = k.tensor
    if isinstance(k, Tensor):
        return k if k.dtype == bool_ else as_index(k)
    if isinstance(k, np.ndarray):
        return wrap(k) if k.dtype == bool_ else as_index(k)
    if isinstance(k, (bool, np.bool_)):
        return bool(k)
    if isinstance(k, (list, tuple, range)):
        made = asarray(k) if len(k) else positions(0)
        return made if made.dtype == bool_ else cast(made, dtype=int64) if not made.size else as_index(made)
    try:
        return operator.index(k)
    except TypeError:
        met = f"an index that is a {type(k).__name__}: {k!r:.60}"
        fail(IndexingError, met, "Index with integers, slices, None, ..., or tensors, arrays and lists of integers or booleans.")


class _Region(NamedTuple):
    """What a key with index tensors names."""

    target: Tensor  # a view of x, the indexed axes in front
    indices: list[Tensor]  # of one shape
    at: int  # where in the result the axes of the index tensors begin
    axes: tuple[int, ...]  # of x, that they index


def _region(x: Tensor, keys: tuple[Any, ...], written: bool = False) -> _Region:
    """The view and the index tensors of a key. NumPy's rule: the axes of the index tensors stand where the first of them
    stood, if ints and index tensors are all adjacent; otherwise in front. written: ints are index tensors too, so that what is written
    is `x` itself, not a view of it that is put back."""
    keys = _spelled_out(x, keys)
    basic: list[Any] = []  # the key of a view whose axes the index tensors take
    found: list[tuple[int, Tensor]] = []  # (axis of that view, index tensor)
    axes: list[int] = []
    axis = kept = out = 0
    at: int | None = None
    gap = False
    for k in keys:
        if k is None or k is Ellipsis or isinstance(k, slice):
            gap = gap or at is not None
            if k is Ellipsis:
                continue
            basic.append(k)
            kept, out, axis = kept + 1, out + 1, axis + (k is not None)
            continue
        at = kept if at is None else 0 if gap else at
        if isinstance(k, int) and not isinstance(k, bool):
            if written and -x.shape[axis] <= k < x.shape[axis]:
                basic.append(_WHOLE)
                found.append((out, bind(fill, shape=(), dtype=int64, value=k)))
                axes.append(axis)
                out += 1
            else:
                basic.append(k)
            axis += 1
            continue
        for tensor in _index_tensors(k, x.shape, axis):
            consumed = not isinstance(k, bool) and bool(k.ndim or k.dtype != bool_)
            basic.append(_WHOLE if consumed else None)
            found.append((out, tensor))
            axes.append(axis)
            out, axis = out + 1, axis + consumed
    target = x if all(k == _WHOLE for k in basic if k is not None) and None not in basic else index_basic(x, tuple(basic))
    front = [a for a, _ in found]
    order = (*front, *(d for d in range(target.ndim) if d not in front))
    if order != tuple(range(target.ndim)):
        target = permute(target, axes=order)
    return _Region(target, common_shape([t for _, t in found]), at or 0, tuple(axes))


def _spelled_out(x: Tensor, keys: tuple[Any, ...]) -> tuple[Any, ...]:
    """The keys with a slice for each axis that they leave out. The Ellipsis stays as a mark: it parts what it stands between."""
    consumed = 0
    for k in keys:
        if isinstance(k, Tensor):
            consumed += k.ndim if k.dtype == bool_ else 1
        elif k is not None and k is not Ellipsis and not isinstance(k, bool):
            consumed += 1
    if consumed > x.ndim:
        fail(IndexingError, f"{consumed} indices for a tensor with {x.ndim} axes", f"Give at most {x.ndim}.")
    marks = [i for i, k in enumerate(keys) if k is Ellipsis]
    if len(marks) > 1:
        fail(IndexingError, "an index with more than one Ellipsis (...)", "Use ... once, and : for the other axes.")
    missing = (_WHOLE,) * (x.ndim - consumed)
    at = marks[0] + 1 if marks else len(keys)
    return (*keys[:at], *missing, *keys[at:])


def _index_tensors(k: Any, shape: Shape, axis: int) -> list[Tensor]:
    """The index tensors that an item stands for: of a mask, one for each of its axes."""
    if isinstance(k, bool):
        return [bind(fill, shape=(int(k),), dtype=int64, value=0)]
    if k.dtype != bool_:
        return [k]
    _check_mask(k, shape, axis)
    found = bind(nonzero_op, k if k.ndim else reshape(k, (1,)))
    return [index_basic(found, (d,)) for d in range(max(k.ndim, 1))]


def _check_mask(mask: Tensor, shape: Shape, axis: int) -> None:
    seen = shape[axis : axis + mask.ndim]
    if len(seen) != mask.ndim or any(m not in (n, 0) for m, n in zip(mask.shape, seen)):  # an empty mask selects nothing, as NumPy's
        met = f"a mask of shape {mask.shape} for axes of shape {seen} (of {shape}, from axis {axis})"
        fail(IndexingError, met, "A mask must have the extents of the axes it selects from.")
