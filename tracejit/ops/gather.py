"""Reading and writing at computed places: the ops, and the functions that are not spelled with brackets."""

from __future__ import annotations

import math
from typing import Any, NoReturn, Sequence

import numpy as np

from ..dispatch import assign, bind
from ..errors import IndexingError, ShapeError, fail
from ..op import Gather, Put
from ..spec import Shape, as_axis, bool_, broadcast_shapes, compute_dtype, int64, is_integer
from ..tensor import Tensor, method
from .casts import cast, where
from .convert import as_tensor
from .create import fill, full, iota, zeros_like
from .names import torch_names
from .view import broadcast_to, permute, put, reshape

# The ops. Indices are int64 tensors of one shape, for the leading axes; negative ones count from the end. An index out of bounds is an
# IndexingError, or NumPy's IndexError that names these `axes`.

Axes = tuple[int, ...] | None


def _gather(x: np.ndarray, *indices: np.ndarray, axes: Axes = None) -> np.ndarray:
    try:
        return np.asarray(x[indices], order="C")
    except IndexError:
        _out_of_bounds(x.shape, indices, axes)


def _put_at(base: np.ndarray, value: Any, *indices: np.ndarray, axes: Axes = None) -> np.ndarray:
    result = base.copy()
    try:
        result[indices] = value
    except IndexError:
        _out_of_bounds(base.shape, indices, axes)
    return result


def _add_at(base: np.ndarray, value: np.ndarray, *indices: np.ndarray, axes: Axes = None) -> np.ndarray:
    result = base.copy()
    lead = len(indices)
    count = math.prod(base.shape[lead:])  # elements at one place
    try:
        numbers = np.arange(math.prod(base.shape[:lead])).reshape(base.shape[:lead])[indices].reshape(-1)
    except IndexError:
        _out_of_bounds(base.shape, indices, axes)
    if numbers.size and count:
        _add_rows(result.reshape(-1, count), numbers, value.reshape(-1, count))
    return result


def _add_rows(rows: np.ndarray, numbers: np.ndarray, values: np.ndarray) -> None:
    """Add each row of values to the row of its number, one after another: what np.add.at does, faster."""
    count = rows.shape[1]
    if count >= 256:
        for number, row in zip(numbers.tolist(), values):
            np.add(rows[number], row, out=rows[number])
        return
    flat, inside = rows.reshape(-1), np.arange(count)
    chunk = 2**16 // count  # so that the places of the elements stay in cache
    for start in range(0, numbers.size, chunk):
        places = numbers[start : start + chunk, None] * count + inside
        np.add.at(flat, places.reshape(-1), values[start : start + chunk].reshape(-1))


def _out_of_bounds(shape: Shape, indices: Sequence[np.ndarray], axes: Axes) -> NoReturn:
    for axis, (extent, index) in enumerate(zip(shape, indices)):
        bad = index[(index < -extent) | (index >= extent)]
        if bad.size and axes is not None:
            raise IndexError(f"index {bad.flat[0]} is out of bounds for axis {axes[axis]} with size {extent}")
        if bad.size:
            met = f"index {bad.flat[0]} on an axis of {extent} elements (indexed axis {axis} of shape {shape})"
            fail(IndexingError, met, f"Give one from {-extent} to {extent - 1}." if extent else "An empty axis cannot be indexed.")
    raise AssertionError("no index is out of bounds")


def _put_vjp(g: Tensor, _y: Any, _base: Any, _value: Any, *indices: Tensor, axes: Axes = None) -> tuple[Any, ...]:
    return (
        lambda: index_put(g, zeros_like(_value, dtype=g.dtype), *indices),
        lambda: _of_last_writers(g, _base.shape, indices),
        *([None] * len(indices)),
    )


def _of_last_writers(g: Tensor, shape: Shape, indices: tuple[Tensor, ...]) -> Tensor:
    """What each written element gets of the cotangent: nothing, where a later one was written to the same place."""
    number = reshape(positions(int(indices[0].size)), indices[0].shape)
    nobody = bind(fill, shape=shape[: len(indices)], dtype=int64, value=-1)
    stays = gather_op(index_put(nobody, number, *indices), *indices) == number
    return where(reshape(stays, (*stays.shape, *(1,) * (len(shape) - len(indices)))), gather_op(g, *indices), 0)


gather_op = Gather(
    "gather", numpy=_gather, doc="x[i, j, …] for index tensors of one shape, on the leading axes.",
    vjp=lambda g, _y, _x, *indices, axes=None: (added_at(zeros_like(_x, dtype=g.dtype), g, *indices), *([None] * len(indices))),
)  # fmt: skip
index_put = Put(
    "index_put", numpy=_put_at, combine="{1}", vjp=_put_vjp,
    doc="`base` with the indexed places replaced by `value`; of several writers of one place the last wins.",
)  # fmt: skip
index_add_op = Put(
    "index_add", numpy=_add_at, combine="{0} + {1}", doc="`base` with `value` added at the indexed places, one element after another.",
    vjp=lambda g, _y, _base, _value, *indices, axes=None: (g, gather_op(g, *indices), *([None] * len(indices))),
)  # fmt: skip


def added_at(base: Tensor, value: Tensor, *indices: Tensor) -> Tensor:
    """`base` with `value` added at the indexed places; float16 and bfloat16 are added up in float32."""
    inner = compute_dtype(base.dtype)
    if inner == base.dtype:
        return bind(index_add_op, base, value, *indices)
    return cast(bind(index_add_op, cast(base, dtype=inner), cast(value, dtype=inner), *indices), dtype=base.dtype)


# Helpers


def positions(extent: int) -> Tensor:
    """0, 1 … extent - 1."""
    return bind(iota, shape=(extent,), dtype=int64)


def as_index(k: Any) -> Tensor:
    """An index tensor of int64, from a tensor, an array or a list of integers."""
    if isinstance(k, (list, tuple)) and not k:
        return positions(0)
    k = as_tensor(k)
    if not is_integer(k.dtype):
        instead = "Use masked_select or x[mask]." if k.dtype == bool_ else "Index with integers: cast with .astype(tj.int64)."
        fail(IndexingError, f"an index of dtype {k.dtype.name}", instead)
    return k if k.dtype == int64 else cast(k, dtype=int64)


def within(k: Tensor, extent: int) -> Tensor:
    """An index tensor whose elements are checked to be from 0 to extent - 1; IndexingError otherwise, also when it is computed.

    It is read from the numbers up to the extent, each of which is at its own place.
    """
    return bind(gather_op, positions(extent), where(k < 0, extent, k))


def common_shape(indices: Sequence[Tensor]) -> list[Tensor]:
    """Index tensors, broadcast to one shape."""
    if all(i.shape == indices[0].shape for i in indices):
        return list(indices)
    try:
        shape = broadcast_shapes(*(i.shape for i in indices))
    except ShapeError:
        fail(IndexingError, "index tensors of shapes " + " and ".join(str(i.shape) for i in indices), "They must broadcast together.")
    return [i if i.shape == shape else broadcast_to(i, shape) for i in indices]


def axis_first(x: Tensor, axis: int) -> Tensor:
    """A view of `x` with one axis in front."""
    return x if axis == 0 else permute(x, axes=(axis, *(d for d in range(x.ndim) if d != axis)))


def put_axes(x: Tensor, rank: int, at: int) -> Tensor:
    """A view of `x` with its first `rank` axes moved to begin at axis `at` of the result."""
    if not at or not rank:
        return x
    return permute(x, axes=(*range(rank, rank + at), *range(rank), *range(rank + at, x.ndim)))


def fronted(x: Tensor, rank: int, at: int) -> Tensor:
    """The inverse of `put_axes`."""
    if not at or not rank:
        return x
    return permute(x, axes=(*range(at, at + rank), *range(at), *range(at + rank, x.ndim)))


def _along(indices: Tensor, axis: int, extents: Shape) -> list[Tensor]:
    """Index tensors for every axis: `indices` on `axis`; on each other, of this extent, an element's own position."""
    ndim = len(extents)
    found = [reshape(positions(n), tuple(n if e == d else 1 for e in range(ndim))) for d, n in enumerate(extents)]
    found[axis] = indices
    return common_shape(found)


# Whole slices along an axis


def take(x: Tensor, indices: Any, /, *, axis: int | None = None) -> Tensor:
    """The slices of `x` at `indices` along `axis`; with None, the elements of the flattened tensor.

    The result has the axes of `indices` in the place of `axis`.
    """
    x, index = as_tensor(x), as_index(indices)
    if axis is None:
        x, axis = reshape(x, (x.size,)), 0
    axis = as_axis(axis, x.ndim)
    return put_axes(bind(gather_op, axis_first(x, axis), index), index.ndim, axis)


def index_select(x: Tensor, dim: int, index: Any) -> Tensor:
    """PyTorch's name of `take` along an axis."""
    return take(x, index, axis=dim)


def _written(op: Any, x: Tensor, dim: int, index: Any, source: Any) -> Tensor:
    x = as_tensor(x)
    axis, index = as_axis(dim, x.ndim), as_index(index)
    target = axis_first(x, axis)
    shape = (*index.shape, *target.shape[1:])
    source = source if isinstance(source, Tensor) else full((), source, dtype=x.dtype)
    source = source if source.dtype == x.dtype else cast(source, dtype=x.dtype)
    placed = (*shape[index.ndim : index.ndim + axis], *index.shape, *shape[index.ndim + axis :])
    wide = source if source.shape == placed else broadcast_to(source, placed)
    result = op(target, fronted(wide, index.ndim, axis), index)
    return put_axes(result, 1, axis)


def index_add(x: Tensor, dim: int, index: Any, source: Any, *, alpha: Any = 1) -> Tensor:
    """A copy of `x` with `alpha` times the slices of `source` added at `index` along `dim`; equal places in order."""
    return _written(added_at, x, dim, index, source if alpha == 1 else source * alpha)


def index_copy(x: Tensor, dim: int, index: Any, source: Any) -> Tensor:
    """A copy of `x` with its slices at `index` along `dim` replaced by those of `source`."""
    return _written(index_put, x, dim, index, source)


def index_fill(x: Tensor, dim: int, index: Any, value: Any) -> Tensor:
    """A copy of `x` with its slices at `index` along `dim` filled with a number."""
    return _written(index_put, x, dim, index, value)


def segment_sum(data: Tensor, segment_ids: Any, num_segments: int | None = None) -> Tensor:
    """Sums of the slices of `data` (along its first axis) that have one segment id: [num_segments, …].

    num_segments: if None, one more than the largest id, which is observed.
    """
    data, index = as_tensor(data), as_index(segment_ids)
    if index.shape != data.shape[: index.ndim]:
        fail(ShapeError, f"segment ids of shape {index.shape} for data of shape {data.shape}", "Give one id for each slice.")
    if num_segments is None:
        num_segments = int(index.max().item()) + 1 if index.size else 0
    start = bind(fill, shape=(int(num_segments), *data.shape[index.ndim :]), dtype=data.dtype, value=0)
    return added_at(start, data, index)


# Single elements along an axis


def take_along_axis(x: Tensor, indices: Any, /, *, axis: int = -1) -> Tensor:
    """The elements of `x` at `indices` along `axis`; on the other axes the two broadcast together."""
    x, index = as_tensor(x), as_index(indices)
    axis = as_axis(axis, x.ndim)
    if index.ndim != x.ndim:
        fail(ShapeError, f"indices of shape {index.shape} along an axis of a tensor of shape {x.shape}", "Give as many axes.")
    return bind(gather_op, x, *_along(index, axis, x.shape))


def _checked(x: Tensor, dim: int, index: Any) -> tuple[Tensor, int, Tensor]:
    x, index = as_tensor(x), as_index(index)
    axis = as_axis(dim, x.ndim)
    if index.ndim != x.ndim or any(d != axis and n > m for d, (n, m) in enumerate(zip(index.shape, x.shape))):
        met = f"an index of shape {index.shape} along axis {axis} of a tensor of shape {x.shape}"
        fail(ShapeError, met, "It needs as many axes, and no more elements than the tensor on the axes beside.")
    return x, axis, index


def gather(x: Tensor, dim: int, index: Any) -> Tensor:
    """PyTorch's gather: out[i][j] = x[index[i][j]][j] for dim 0, x[i][index[i][j]] for dim 1."""
    x, axis, index = _checked(x, dim, index)
    return bind(gather_op, x, *_along(index, axis, index.shape))


def _scattered(op: Any, x: Tensor, dim: int, index: Any, src: Any) -> Tensor:
    x, axis, index = _checked(x, dim, index)
    if not isinstance(src, Tensor):
        src = broadcast_to(full((), src, dtype=x.dtype), index.shape)
    elif src.ndim != index.ndim or any(n > m for n, m in zip(index.shape, src.shape)):
        fail(ShapeError, f"a source of shape {src.shape} for an index of shape {index.shape}", "It needs an element for each index.")
    elif src.shape != index.shape:
        src = src[tuple(slice(0, n) for n in index.shape)]
    return op(x, src if src.dtype == x.dtype else cast(src, dtype=x.dtype), *_along(index, axis, index.shape))


def scatter(x: Tensor, dim: int, index: Any, src: Any) -> Tensor:
    """A copy of `x` with out[index[i][j]][j] = src[i][j] for dim 0; of several writers of one place the last wins."""
    return _scattered(index_put, x, dim, index, src)


def scatter_add(x: Tensor, dim: int, index: Any, src: Any) -> Tensor:
    """A copy of `x` with out[index[i][j]][j] += src[i][j] for dim 0; equal places in order."""
    return _scattered(added_at, x, dim, index, src)


# Methods


def in_place(function: Any) -> Any:
    """The method that writes what `function` gives into its first argument."""

    def write(self: Tensor, *args: Any, **options: Any) -> Tensor:
        return assign(self, function(self, *args, **options), put)

    write.__name__, write.__doc__ = function.__name__ + "_", f"`{function.__name__}`, written into this tensor."
    return write


_CHANGING: tuple[Any, ...] = (index_add, index_copy, index_fill, scatter, scatter_add)
_READING: tuple[Any, ...] = (index_select, gather, torch_names(take), torch_names(take_along_axis))
for _function in (*_CHANGING, *_READING):
    method(_function.__name__)(_function)
for _function in _CHANGING:
    method(_function.__name__ + "_")(in_place(_function))
