"""NumPy's functions that join, choose and rearrange arrays, where ops do better than NumPy's own code followed."""

from __future__ import annotations

from math import prod
from typing import Any, Iterator

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ...dispatch import assign, bind
from ...ops.casts import cast
from ...ops.casts import where as chosen
from ...ops.create import fill
from ...ops.join import concat, pad, roll
from ...ops.manipulate import flip, rot90, sliding_window_view
from ...ops.view import broadcast_to, put
from ...spec import bool_
from ...tensor import Tensor
from .array import Array, array_of
from .create import array, asarray
from .functions import function, is_known
from .layout import C_ORDER, back_in_place, in_order, laid_out, order_of
from .methods import view_of
from .operands import holds_arrays
from .table import implements

_NUMBERS = (bool, int, float, complex)


def dtype_of(*values: Any) -> np.dtype:
    """The dtype that NumPy computes in: Python's numbers have none of their own."""
    return np.result_type(*[v if type(v) in _NUMBERS else v.dtype if hasattr(v, "dtype") else np.asarray(v).dtype for v in values])


def as_dtype(tensor: Tensor, dtype: Any) -> Tensor:
    """The values in another dtype."""
    return tensor if tensor.dtype == dtype else cast(tensor, dtype=dtype)


def number(value: Any, dtype: Any) -> Tensor:
    """A Python number, an Array or a nested list as a tensor of this dtype."""
    if type(value) in _NUMBERS:
        return bind(fill, shape=(), dtype=np.dtype(dtype), value=np.asarray(value, dtype).item())
    return as_dtype(asarray(value).tensor, dtype)


# What is known without values

function(np.shape)(lambda a: a.shape if type(a) is Array else array(a).shape)
function(np.ndim)(lambda a: a.ndim if type(a) is Array else array(a).ndim)
function(np.iscomplexobj)(lambda x: x.dtype.kind == "c")
function(np.isrealobj)(lambda x: x.dtype.kind != "c")


@function(np.size)
def size(a: Any, axis: Any = None) -> Any:
    """np.size."""
    return asarray(a).size if axis is None else NotImplemented if type(axis) is tuple else asarray(a).shape[axis]


@function(np.result_type)
def result_type(*operands: Any) -> Any:
    """np.result_type."""
    return np.result_type(*[value.dtype if type(value) is Array else value for value in operands])


@function(np.can_cast)
def can_cast(from_: Any, to: Any, casting: str = "safe") -> Any:
    """np.can_cast."""
    return np.can_cast(from_.dtype if type(from_) is Array else from_, to, casting)  # type: ignore[arg-type]


# Joining


@function(np.concatenate)
def concatenate(arrays: Any, axis: Any = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    """np.concatenate."""
    parts = [asarray(a) for a in arrays]
    if out is not None or axis is None or not parts or not all(type(p) is Array and p.ndim for p in parts):
        return _concatenated_flat(parts, dtype) if axis is None and out is None and parts else NotImplemented
    wanted = np.result_type(*[p.dtype for p in parts]) if dtype is None else np.dtype(dtype)
    if not is_known(wanted) or not all(np.can_cast(p.dtype, wanted, casting) for p in parts):  # type: ignore[arg-type]
        return NotImplemented
    first = parts[0]
    order = order_of(first) if all(p.ndim == first.ndim and order_of(p) == order_of(first) for p in parts) else C_ORDER
    place = order.index(range(first.ndim)[axis]) if order and type(axis) is int and -first.ndim <= axis < first.ndim else axis
    return array_of(back_in_place(concat([as_dtype(in_order(p.tensor, order), wanted) for p in parts], axis=place), order))


def _concatenated_flat(parts: list[Any], dtype: Any) -> Any:
    return concatenate([p.ravel() for p in parts], 0, dtype=dtype)


# Choosing


@function(np.where)
def where(condition: Any, *branches: Any) -> Any:
    """np.where."""
    if not branches:
        return NotImplemented
    x, y = branches
    dtype = dtype_of(x, y)
    if not is_known(dtype):
        return NotImplemented
    test = asarray(condition).tensor
    like = [test, *[v.tensor for v in (x, y) if type(v) is Array]]
    return laid_out(chosen, [test if test.dtype == bool_ else test != 0, number(x, dtype), number(y, dtype)], like)


@function(np.copyto)
def copyto(dst: Any, src: Any, casting: str = "same_kind", where: Any = True) -> Any:
    """np.copyto."""
    if type(dst) is not Array or not np.can_cast(dtype_of(src) if type(src) not in _NUMBERS else dtype_of(src, dst), dst.dtype, casting):  # type: ignore[arg-type]
        return NotImplemented
    value = number(src, dst.dtype)
    if where is not True:
        mask = asarray(where)
        if mask.dtype != bool_:
            return NotImplemented
        value = chosen(mask.tensor, value, dst.tensor)
    assign(dst.tensor, broadcast_to(value, dst.shape), put)
    return None


@function(np.putmask)
def putmask(a: Any, mask: Any, values: Any) -> Any:
    """np.putmask, of values that broadcast."""
    given = asarray(values)
    if type(a) is not Array or given.ndim and given.shape != a.shape or asarray(mask).shape != a.shape:
        return NotImplemented
    test = asarray(mask).tensor
    assign(a.tensor, chosen(test if test.dtype == bool_ else test != 0, as_dtype(given.tensor, a.dtype), a.tensor), put)
    return None


# Turning, shifting, filling up


@function(np.flip)
def flipped(m: Any, axis: Any = None) -> Any:
    """np.flip."""
    return view_of(m, flip(m.tensor, axis=axis)) if type(m) is Array and m.ndim and not isinstance(axis, list) else NotImplemented


@function(np.rot90)
def turned(m: Any, k: int = 1, axes: Any = (0, 1)) -> Any:
    """np.rot90."""
    return view_of(m, rot90(m.tensor, k, tuple(axes))) if type(m) is Array and m.ndim > 1 and len(set(axes)) == 2 else NotImplemented


@function(np.roll)
def rolled(a: Any, shift: Any, axis: Any = None) -> Any:
    """np.roll."""
    if type(a) is not Array or not isinstance(shift, (int, tuple)) or (axis is None and isinstance(shift, tuple)):
        return NotImplemented
    return array_of(roll(a.tensor, shift, axis=axis))


@function(np.expand_dims)
def with_axes(a: Any, axis: Any) -> Any:
    """np.expand_dims."""
    x, axes = asarray(a), tuple(axis) if type(axis) in (tuple, list) else (axis,)
    places = normalize_axis_tuple(axes, x.ndim + len(axes))
    extents = iter(x.shape)
    return x.reshape([1 if d in places else next(extents) for d in range(x.ndim + len(axes))])


@function(np.pad)
def padded(array: Any, pad_width: Any, mode: Any = "constant", **options: Any) -> Any:
    """np.pad, with one number or with what stands at the edges."""
    filler = options.pop("constant_values", 0)
    if type(array) is not Array or options or mode not in ("constant", "edge", "reflect", "symmetric", "wrap") or not np.isscalar(filler):
        return NotImplemented
    widths = np.asarray(pad_width)
    if holds_arrays(pad_width) or widths.dtype.kind != "i" or widths.shape not in ((), (1,), (2,), (1, 2), (array.ndim, 2), (array.ndim, 1)):
        return NotImplemented
    pairs = [(int(b), int(a)) for b, a in np.broadcast_to(widths, (array.ndim, 2))]
    return array_of(pad(array.tensor, pairs, mode, np.asarray(filler).astype(array.dtype).item()))


@function(np.lib.stride_tricks.sliding_window_view)
def windows(x: Any, window_shape: Any, axis: Any = None, *, subok: bool = False, writeable: bool = False) -> Any:
    """np.lib.stride_tricks.sliding_window_view, read-only."""
    if type(x) is not Array or writeable:
        return NotImplemented
    return view_of(x, sliding_window_view(x.tensor, window_shape, axis), readonly=True)


@function(np.broadcast_to)
def broadcasted(array: Any, shape: Any, subok: bool = False) -> Any:
    """np.broadcast_to: a read-only view."""
    x = asarray(array)
    extents = np.broadcast_to(np.empty(()), shape).shape
    return view_of(x, broadcast_to(x.tensor, extents), readonly=True)


@function(np.lib._stride_tricks_impl._broadcast_shape)  # type: ignore[attr-defined]
def broadcast_shape(*arrays: Any) -> Any:
    """The common shape of arrays."""
    return np.broadcast_shapes(*[a.shape if type(a) is Array else np.shape(a) for a in arrays])


@function(np.broadcast_arrays)
def broadcast_arrays(*arrays: Any, subok: bool = False) -> Any:
    """np.broadcast_arrays."""
    found = [asarray(a) for a in arrays]
    shape = broadcast_shape(*found)
    return tuple([a if a.shape == shape else view_of(a, broadcast_to(a.tensor, shape)) for a in found])


@function(np.meshgrid)
def meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> Any:
    """np.meshgrid."""
    if indexing not in ("xy", "ij"):
        return NotImplemented
    ndim = len(xi)
    places = [1, 0, *range(2, ndim)] if indexing == "xy" and ndim > 1 else list(range(ndim))
    lines = [asarray(x) for x in xi]
    output = [x.reshape((1,) * places[i] + (-1,) + (1,) * (ndim - 1 - places[i])) for i, x in enumerate(lines)]
    if not sparse:
        output = list(broadcast_arrays(*output))
    return tuple([x.copy() for x in output] if copy else output)


@implements(np.broadcast)
class Broadcast:
    """np.broadcast: the common shape of arrays, and what stands together in them."""

    def __init__(self, *arrays: Any) -> None:
        self.arrays = arrays
        self.shape = broadcast_shape(*arrays)
        self.ndim = self.nd = len(self.shape)
        self.size, self.numiter = prod(self.shape), len(arrays)

    @property
    def iters(self) -> tuple[Any, ...]:
        return tuple([iter(a.ravel()) for a in broadcast_arrays(*self.arrays)])

    def __iter__(self) -> Iterator[Any]:
        return zip(*self.iters)
