"""Indexing: `x[key]` and `x[key] = value` with NumPy's keys, and the functions that read and write at computed places."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dispatch import assign, bind, mode
from ..errors import IndexingError, ShapeError, fail
from ..op import Gather, Library, Put
from ..spec import Shape, TensorSpec, as_axis, bool_, broadcast_shapes, int64, is_integer
from ..tensor import Tensor, method, wrap
from .casts import cast, where
from .create import iota, zeros_like
from .view import broadcast_to, index_basic, permute, put, reshape

# The ops: indices are int64 tensors of one shape, for the leading axes


def _gather(x: np.ndarray, *indices: np.ndarray) -> np.ndarray:
    return np.asarray(x[indices], order="C")


def _put_at(base: np.ndarray, value: Any, *indices: np.ndarray) -> np.ndarray:
    result = base.copy()
    result[indices] = value
    return result


def _add_at(base: np.ndarray, value: Any, *indices: np.ndarray) -> np.ndarray:
    result = base.copy()
    np.add.at(result, indices, value)
    return result


gather_op = Gather(
    "gather", numpy=_gather, doc="x[i, j, …] for index tensors of one shape, on the leading axes.",
    vjp=lambda g, _y, _x, *indices: (index_add_op(zeros_like(_x, dtype=g.dtype), g, *indices), *([None] * len(indices))),
)  # fmt: skip
index_put = Put(
    "index_put", numpy=_put_at, combine="{1}", doc="`base` with the indexed places replaced by `value`; the last of equal places wins.",
    vjp=lambda g, _y, _base, _value, *indices: (
        index_put(g, zeros_like(_value, dtype=g.dtype), *indices), gather_op(g, *indices), *([None] * len(indices))),
)  # fmt: skip
index_add_op = Put(
    "index_add", numpy=_add_at, combine="{0} + {1}", doc="`base` with `value` added at the indexed places, in order.",
    vjp=lambda g, _y, _base, _value, *indices: (g, gather_op(g, *indices), *([None] * len(indices))),
)  # fmt: skip
nonzero_op = Library(
    "nonzero", numpy=lambda x: np.stack(np.nonzero(x)).astype(np.int64), spec=None, doc="The indices of the elements that are not zero: [ndim, n]."
)


def _positions(extent: int) -> Tensor:
    return bind(iota, shape=(extent,), dtype=int64)


def nonzero(x: Tensor, /) -> tuple[Tensor, ...]:
    """The indices of the elements that are not zero, a tensor for each axis. Its shape depends on values."""
    if x.ndim == 0:
        fail(ShapeError, "nonzero of a 0-d tensor", "Give it an axis: x.reshape((1,)).")
    found = bind(nonzero_op, x)
    return tuple(found[d] for d in range(x.ndim))


# Keys


def _is_advanced(k: Any) -> bool:
    return isinstance(k, (Tensor, np.ndarray, list)) or isinstance(k, (bool, np.bool_))


def _as_key(key: Any) -> tuple[Any, ...]:
    return key if isinstance(key, tuple) else (key,)


@method("__getitem__")
def getitem(x: Tensor, key: Any) -> Tensor:
    """x[key]: a view for integers, slices, None and Ellipsis; a copy where an array or a mask takes part."""
    keys = _as_key(key)
    if not any(_is_advanced(k) for k in keys):
        return index_basic(x, keys)
    x, keys = _beside_truth(x, keys)
    mask = _whole_mask(x, keys)
    if mask is not None:
        return bind(gather_op, x, *nonzero(mask))
    moved, indices, back = _advanced(x, keys)
    result = bind(gather_op, moved, *indices)
    return result if back is None else permute(result, axes=back)


@method("__setitem__")
def setitem(x: Tensor, key: Any, value: Any) -> None:
    """x[key] = value, in place, broadcast to the places the key names."""
    keys = _as_key(key)
    new = value if isinstance(value, Tensor) else wrap(np.asarray(value, x.dtype if not isinstance(value, np.ndarray) else None))
    if not any(_is_advanced(k) for k in keys):
        place = index_basic(x, keys)
        _check_fits(new, place.shape)
        assign(place, new, put)
        return
    x, keys = _beside_truth(x, keys)
    mask = _whole_mask(x, keys)
    if mask is not None and new.ndim == 0:
        wide = reshape(mask, (*mask.shape, *([1] * (x.ndim - mask.ndim))))
        assign(x, where(wide, cast(new, dtype=x.dtype), x), put)
        return
    moved, indices, back = (x, nonzero(mask), None) if mask is not None else _advanced(x, keys)
    shape = indices[0].shape + moved.shape[len(indices) :]
    if back is not None:
        shape = tuple(shape[d] for d in back)
    _check_fits(new, shape)
    wide_value = broadcast_to(reshape(new, new.shape[max(0, new.ndim - len(shape)) :]), shape)
    if back is not None:
        wide_value = permute(wide_value, axes=tuple(np.argsort(back).tolist()))
    target = moved if moved.ndim else x
    assign(target, bind(index_put, target, cast(wide_value, dtype=x.dtype), *indices), put)


def _check_fits(value: Tensor, shape: Shape) -> None:
    own = tuple(value.shape)
    while len(own) > len(shape) and own[0] == 1:
        own = own[1:]
    if broadcast_shapes(own, tuple(shape)) != tuple(shape):
        fail(ShapeError, f"a value of shape {tuple(value.shape)} for places of shape {tuple(shape)}", "It must broadcast to them.")


def _beside_truth(x: Tensor, keys: tuple[Any, ...]) -> tuple[Tensor, tuple[Any, ...]]:
    """A key that is one truth value (a 0-d mask) as a mask of one element, over a new leading axis of `x`."""
    if len(keys) == 1 and _is_advanced(keys[0]):
        index = _as_index(keys[0])
        if index.dtype == bool_ and not index.ndim:
            return reshape(x, (1, *x.shape)), (reshape(index, (1,)),)
    return x, keys


def _whole_mask(x: Tensor, keys: tuple[Any, ...]) -> Tensor | None:
    """The key, if it is one boolean mask over the leading axes."""
    if len(keys) != 1 or isinstance(keys[0], (bool, np.bool_)):
        return None
    mask = _as_index(keys[0])
    if mask.dtype != bool_ or mask.ndim == 0:
        return None
    if tuple(mask.shape) != tuple(x.shape[: mask.ndim]):
        fail(IndexingError, f"a mask of shape {tuple(mask.shape)} for a tensor of shape {tuple(x.shape)}", "Give equal leading extents.")
    return mask


def _as_index(k: Any) -> Tensor:
    if isinstance(k, Tensor):
        return k
    array = np.asarray(k)
    return mode.interpreter.constant(array if array.size or array.dtype != np.float64 else array.astype(np.int64))


def _advanced(x: Tensor, keys: tuple[Any, ...]) -> tuple[Tensor, list[Tensor], tuple[int, ...] | None]:
    """A view of x whose leading axes the index tensors take, those tensors, and how to put the result's axes in NumPy's order."""
    if any(isinstance(k, (bool, np.bool_)) for k in keys):
        keys = tuple(mode.interpreter.constant(np.asarray(k)) if isinstance(k, (bool, np.bool_)) else k for k in keys)
    keys = _expand(x, keys)
    basic = tuple(slice(None) if _is_advanced(k) else k for k in keys)
    arrays = [_as_index(k) for k in keys if _is_advanced(k) or isinstance(k, (int, np.integer))]
    basic = tuple(slice(None) if isinstance(k, (int, np.integer)) else k for k in basic)
    advanced_at = [i for i, k in enumerate(keys) if _is_advanced(k) or isinstance(k, (int, np.integer))]
    seen = index_basic(x, basic)
    together = advanced_at[-1] - advanced_at[0] + 1 == len(advanced_at)
    indices = _bounded(arrays, [seen.shape[i] for i in advanced_at])
    rest = [d for d in range(seen.ndim) if d not in advanced_at]
    moved = permute(seen, axes=(*advanced_at, *rest))
    first = advanced_at[0]
    if not together or first == 0:
        return moved, indices, None
    rank = indices[0].ndim
    before = [rank + i for i in range(first)]
    after = [rank + i for i in range(first, len(rest))]
    return moved, indices, (*before, *range(rank), *after)


def _expand(x: Tensor, keys: tuple[Any, ...]) -> tuple[Any, ...]:
    """The key with masks turned into index tensors and the Ellipsis written out: one item for each axis, besides None."""
    flat: list[Any] = []
    for k in keys:
        if _is_advanced(k):
            index = _as_index(k)
            if index.dtype == bool_ and index.ndim:
                flat.extend(nonzero(index))
            else:
                flat.append(index)
        else:
            flat.append(k)
    consumed = sum(k is not None and k is not Ellipsis for k in flat)
    if consumed > x.ndim:
        fail(IndexingError, f"{consumed} indices for a tensor of {x.ndim} axes", f"Give at most {x.ndim}.")
    at = next((i for i, k in enumerate(flat) if k is Ellipsis), len(flat))
    return (*flat[:at], *([slice(None)] * (x.ndim - consumed)), *flat[at + 1 :])


def _bounded(arrays: list[Tensor], extents: list[int]) -> list[Tensor]:
    """Index tensors as int64 of one shape; in eager mode, checked."""
    shape = broadcast_shapes(*(tuple(a.shape) for a in arrays))
    result = []
    for a, extent in zip(arrays, extents):
        if not is_integer(a.dtype):
            fail(IndexingError, f"an index of dtype {a.dtype.name}", "Index with integers or booleans.")
        value = a._value
        if isinstance(value, np.ndarray) and value.size and not (-extent <= value.min() and value.max() < extent):
            fail(IndexingError, f"an index from {value.min()} to {value.max()} on an axis of {extent} elements", f"Give {-extent} to {extent - 1}.")
        result.append(broadcast_to(a if a.dtype == int64 else cast(a, dtype=int64), shape))
    return result


# Functions


@method("take")
def take(x: Tensor, indices: Tensor, /, *, axis: int | None = None) -> Tensor:
    """The slices of `x` at `indices` along `axis`."""
    axis = as_axis(axis if axis is not None else 0, x.ndim)
    return getitem(x, (*([slice(None)] * axis), _as_index(indices)))


@method("index_select")
def index_select(x: Tensor, dim: int, index: Tensor) -> Tensor:
    """PyTorch's name of `take` with a 1-D index."""
    return take(x, index, axis=dim)


def _along(x: Tensor, indices: Tensor, axis: int) -> list[Tensor]:
    """Index tensors for every axis: `indices` on `axis`, each element's own position on the others."""
    shape = tuple(indices.shape)
    found = []
    for d in range(x.ndim):
        if d == axis:
            found.append(indices)
        else:
            found.append(reshape(_positions(shape[d]), tuple(shape[d] if e == d else 1 for e in range(x.ndim))))
    return _bounded(found, list(x.shape))


@method("take_along_axis")
def take_along_axis(x: Tensor, indices: Tensor, /, *, axis: int = -1) -> Tensor:
    """Elements of `x` along `axis` at `indices`, which has the extents of `x` on the other axes (or 1)."""
    axis = as_axis(axis, x.ndim)
    shape = list(broadcast_shapes(tuple(1 if d == axis else n for d, n in enumerate(x.shape)), tuple(1 if d == axis else n for d, n in enumerate(indices.shape))))
    shape[axis] = indices.shape[axis]
    return bind(gather_op, x, *_along(x, broadcast_to(indices, tuple(shape)), axis))


@method("gather")
def gather(x: Tensor, dim: int, index: Tensor) -> Tensor:
    """PyTorch's gather: out[i][j] = x[index[i][j]][j] for dim 0."""
    return bind(gather_op, x, *_along(x, index, as_axis(dim, x.ndim)))


@method("scatter")
def scatter(x: Tensor, dim: int, index: Tensor, src: Any) -> Tensor:
    """A copy of `x` with out[index[i][j]][j] = src[i][j] for dim 0."""
    return _scatter(index_put, x, dim, index, src)


@method("scatter_add")
def scatter_add(x: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """A copy of `x` with src added: out[index[i][j]][j] += src[i][j] for dim 0; equal places in order."""
    return _scatter(index_add_op, x, dim, index, src)


def _scatter(op: Put, x: Tensor, dim: int, index: Tensor, src: Any) -> Tensor:
    value = src if not isinstance(src, Tensor) else src[tuple(slice(0, n) for n in index.shape)]
    return bind(op, x, value, *_along(x, index, as_axis(dim, x.ndim)))


@method("index_add")
def index_add(x: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """A copy of `x` with the slices of `source` added at `index` along `dim`."""
    dim = as_axis(dim, x.ndim)
    order = (dim, *(d for d in range(x.ndim) if d != dim))
    moved = bind(index_add_op, permute(x, axes=order), permute(source, axes=order), *_bounded([index], [x.shape[dim]]))
    return permute(moved, axes=tuple(np.argsort(order).tolist()))


for _function in (scatter, scatter_add, index_add):
    method(_function.__name__ + "_")(lambda self, *args, _f=_function: assign(self, _f(self, *args), put))


def segment_sum(data: Tensor, segment_ids: Tensor, num_segments: int) -> Tensor:
    """Sums of the slices of `data` that share a segment: [num_segments, …]."""
    start = zeros_like(TensorSpec((num_segments, *data.shape[1:]), data.dtype))
    return bind(index_add_op, start, data, *_bounded([segment_ids], [num_segments]))


def one_hot(x: Tensor, num_classes: int = -1) -> Tensor:
    """1 at each element's own class along a new last axis, int64. Without `num_classes`, the largest element tells."""
    classes = int(x.max().item()) + 1 if num_classes < 0 else num_classes
    return cast(reshape(x, (*x.shape, 1)) == _positions(classes), dtype=int64)


@method("masked_fill")
def masked_fill(x: Tensor, mask: Tensor, value: Any) -> Tensor:
    """`value` where the mask holds, `x` elsewhere."""
    return where(mask, value, x)


@method("masked_fill_")
def masked_fill_(x: Tensor, mask: Tensor, value: Any) -> Tensor:
    """`masked_fill`, written into this tensor."""
    return assign(x, masked_fill(x, mask, value), put)


@method("masked_select")
def masked_select(x: Tensor, mask: Tensor) -> Tensor:
    """The elements where the mask holds, in one axis."""
    return getitem(x, broadcast_to(mask, x.shape))


@method("nonzero")
def _nonzero_method(self: Tensor) -> Tensor:
    """PyTorch's form: the indices as rows, [n, ndim]."""
    return permute(bind(nonzero_op, self), axes=(1, 0))


