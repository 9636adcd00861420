"""View ops: the same memory at other indices, and `put`, which writes through them."""

from __future__ import annotations

import operator
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ..device import is_array
from ..dispatch import assign, bind, mode, walk_chain
from ..errors import IndexingError, ShapeError, fail
from ..op import Put, View
from ..spec import Shape, as_shape, broadcast_shapes, contiguous_strides
from ..tensor import Tensor
from .create import fill, zeros_like
from .elementwise import copy
from .reduce import sum_to

# Writing through a view


def _put(base: np.ndarray, value: Any, *, chain: tuple[Any, ...]) -> np.ndarray:
    try:
        result, place = _copy_and_view(base, "K", chain)
    except ValueError:  # a reshape is a view of what is computed, which lies in C order, and not of how this base happens to lie
        result, place = _copy_and_view(base, "C", chain)
    place[...] = value
    return result


def _copy_and_view(base: np.ndarray, order: Any, chain: tuple[Any, ...]) -> tuple[np.ndarray, np.ndarray]:
    result = place = base.copy(order=order)
    for op, attrs in chain:
        place = op.numpy(place, **dict(attrs))
    return result, place


put = Put(
    "put", numpy=_put, combine="{1}", doc="`base` with the places that the view steps of `chain` show replaced by `value`.",
    vjp=(
        lambda g, _y, _base, _value, *, chain: put(g, zeros_like(_value, dtype=g.dtype), chain=chain) if chain else None,
        lambda g, _y, _base, _value, *, chain: walk_chain(g, chain),
    ),
)  # fmt: skip


def step(op: View, **attrs: Any) -> tuple[tuple[View, tuple[tuple[str, Any], ...]]]:
    """A chain of one view step."""
    return ((op, tuple(attrs.items())),)


def written(target: Tensor, result: Tensor) -> Tensor:
    """Write the result of an op into the tensor it was computed from; what the op's VJP reads of the old value is kept for it."""
    application = result._application
    if application is not None and application.reads(target):
        application.keep(target, bind(copy, target))
    return assign(target, result, put)


# The views

alias = View("alias", numpy=lambda x: x[...], vjp=None, doc="Another handle on the same memory, outside the history.")
same = View("same", numpy=lambda x: x[...], vjp=lambda g, _y, _x: (g,), doc="Another handle on the same memory.")

reshape_view = View(
    "reshape", numpy=lambda x, *, shape: x.reshape(shape, copy=False), parameters="x, /, *, shape",
    vjp=lambda g, _y, _x, *, shape: (reshape(g, _x.shape),), doc="The same elements in row-major order under another shape.",
)  # fmt: skip

permute = View(
    "permute", numpy=lambda x, *, axes: x.transpose(axes), parameters="x, /, *, axes",
    vjp=lambda g, _y, _x, *, axes: (permute(g, axes=tuple(np.argsort(axes).tolist())),), doc="Axis k of the result is axis `axes[k]` of x.",
)  # fmt: skip


def _broadcast(x: np.ndarray, *, shape: Shape) -> np.ndarray:
    if not (x.flags.c_contiguous and x.dtype.kind in "fiubc"):
        return np.broadcast_to(x, shape)
    strides = [0] * (len(shape) - x.ndim) + [0 if n == 1 else s for n, s in zip(x.shape, x.strides)]
    shown = np.ndarray(shape, x.dtype, x, 0, strides)  # as np.broadcast_to, in a quarter of its time
    shown.flags.writeable = False
    return shown


broadcast = View(
    "broadcast", numpy=_broadcast, writable=False, parameters="x, /, *, shape",
    vjp=lambda g, _y, _x, *, shape: (sum_to(g, _x.shape),), doc="Repeated along new and one-long axes, by strides of zero.",
)  # fmt: skip


@lru_cache(maxsize=4096)
def _decode(key: tuple[Any, ...]) -> tuple[Any, ...]:
    return (*[slice(*k) if isinstance(k, tuple) else k for k in key], ...)


basic_index = View(
    "basic_index", numpy=lambda x, *, key: x[_decode(key)], parameters="x, /, *, key",
    vjp=lambda g, _y, _x, *, key: (put(zeros_like(_x, dtype=g.dtype), g, chain=step(basic_index, key=key)),),
    doc="Integers, slices (as triples) and None, one for each axis in turn.",
)  # fmt: skip


def _diagonal(x: np.ndarray, *, offset: int) -> np.ndarray:
    # ndarray.diagonal is read-only; this shows the same memory, writable where x is.
    part = x[..., max(-offset, 0) :, max(offset, 0) :]
    shape = (*x.shape[:-2], min(part.shape[-2:]))
    return as_strided(part, shape, (*x.strides[:-2], x.strides[-2] + x.strides[-1]), writeable=x.flags.writeable)


diagonal_view = View(
    "diagonal", numpy=_diagonal, parameters="x, /, *, offset",
    vjp=lambda g, _y, _x, *, offset: (put(zeros_like(_x, dtype=g.dtype), g, chain=step(diagonal_view, offset=offset)),),
    doc="The diagonal of the last two axes.",
)  # fmt: skip


def _windows(x: np.ndarray, *, axis: int, size: int, step: int) -> np.ndarray:
    count = (x.shape[axis] - size) // step + 1
    shape = (*x.shape[:axis], count, *x.shape[axis + 1 :], size)
    strides = (*x.strides[:axis], x.strides[axis] * step, *x.strides[axis + 1 :], x.strides[axis])
    return as_strided(x, shape, strides, writeable=False)


def fold(g: Tensor, shape: Shape, axis: int, size: int, stride: int) -> Tensor:
    """The adjoint of `windows`: each place of a window is added back to where it was seen."""
    total = zeros = bind(fill, shape=shape, dtype=g.dtype, value=0)
    span = (g.shape[axis] - 1) * stride + 1
    for offset in range(size):
        key = tuple((offset, offset + span, stride) if d == axis else (0, n, 1) for d, n in enumerate(shape))
        part = index_basic(g, (..., offset))
        total = total + put(zeros, part, chain=step(basic_index, key=key))
    return total


windows = View(
    "windows", numpy=_windows, writable=False, parameters="x, /, *, axis, size, step",
    vjp=lambda g, _y, _x, *, axis, size, step: (fold(g, _x.shape, axis, size, step),),
    doc="All windows of `size` elements along `axis`, `step` apart, the elements of a window on a new last axis.",
)  # fmt: skip


def reshape(x: Tensor, /, shape: Any, *, copy: bool | None = None) -> Tensor:
    """The elements of `x` in row-major order under another shape; one extent may be -1. A view where strides allow it."""
    extents = _infer_extent(x.shape, shape)
    if copy is not True and fits(x, extents):
        return bind(reshape_view, x, shape=extents)
    if copy is False:
        fail(ShapeError, f"reshaping this {x.spec} to {extents} needs a copy", "Pass copy=None to allow one.")
    return bind(reshape_view, _copy(x), shape=extents)


_copy = copy


def fits(x: Tensor, shape: Shape) -> bool:
    """Whether `shape` can be had of `x` by strides alone."""
    value = x._value
    if is_array(value) and value.flags.c_contiguous:
        return True
    strides = strides_of(x)
    if strides == contiguous_strides(x.shape):
        return True
    try:
        reshape_view.layout(x.shape, strides, shape=shape)
    except ValueError:
        return False
    return True


def is_contiguous(x: Tensor) -> bool:
    """Whether the elements lie in memory in row-major order, without gaps."""
    value = x._value
    if is_array(value):
        return value.flags.c_contiguous
    shape = tuple(x.shape)
    return 0 in shape or all(n == 1 or have == wanted for n, have, wanted in zip(shape, strides_of(x), contiguous_strides(shape)))


def strides_of(x: Tensor) -> tuple[int, ...]:
    """The strides of a tensor's memory, in elements; of a traced tensor, those it would have in eager mode."""
    value = x._value
    if is_array(value):
        return tuple([s // value.itemsize for s in value.strides])
    return mode.interpreter.strides(x)


def _infer_extent(shape: Shape, wanted: Any) -> Shape:
    if type(wanted) is tuple and all([type(e) is int for e in wanted]) and prod(wanted) == prod(shape) and min(wanted, default=0) >= 0:
        return wanted
    try:
        extents = [operator.index(e) for e in (wanted if isinstance(wanted, (tuple, list)) else (wanted,))]
    except TypeError:
        fail(ShapeError, f"{wanted!r} is not a shape", "Give a tuple of ints; one of them may be -1.")
    size = prod(shape)
    if extents.count(-1) == 1:
        known = -prod(extents)
        if known and size % known == 0:
            extents[extents.index(-1)] = size // known
    if prod(extents) != size or min(extents, default=0) < 0:
        fail(
            ShapeError,
            f"a tensor of shape {tuple(shape)} ({size} elements) cannot take shape {wanted}",
            "The products of the extents must be equal; one extent may be -1 and is then worked out.",
        )
    return tuple(extents)


def broadcast_to(x: Tensor, /, shape: Any) -> Tensor:
    """`x` repeated along new and one-long axes to this shape, without copying."""
    wanted, given = as_shape(shape), x.shape
    if given == wanted:
        return bind(same, x)
    if broadcast_shapes(given, wanted) != wanted:
        fail(ShapeError, f"shape {given} does not broadcast to {wanted}", "Each extent must be equal or 1.")
    return bind(broadcast, x, shape=wanted)


def index_basic(x: Tensor, key: tuple[Any, ...]) -> Tensor:
    """x[key] for a key of integers, slices, None and one Ellipsis."""
    shape = x._value.shape
    if len(key) == 1 and type(key[0]) is slice and shape:  # what most keys are
        return bind(basic_index, x, key=(triple(key[0], shape[0]),))
    consumed = sum(k is not None and k is not Ellipsis for k in key)
    if consumed > x.ndim:
        fail(IndexingError, f"{consumed} indices for a tensor of {x.ndim} axes", f"Give at most {x.ndim}.")
    if Ellipsis in key:
        if key.count(Ellipsis) > 1:
            fail(IndexingError, "an index with more than one Ellipsis (...)", "Use ... once, and : for the other axes.")
        at = key.index(Ellipsis)
        key = key[:at] + (slice(None),) * (x.ndim - consumed) + key[at + 1 :]
    encoded: list[Any] = []
    axis = 0
    for k in key:
        if k is None:
            encoded.append(None)
            continue
        encoded.append(_encode(k, x.shape[axis], axis))
        axis += 1
    return bind(basic_index, x, key=tuple(encoded))


def triple(k: slice, extent: int) -> tuple[int, int | None, int]:
    """A slice of an axis of this extent, as `basic_index` takes it."""
    start, stop, stride = k.indices(extent)
    return (0, 0, 1) if start < 0 else (start, None if stop < 0 else stop, stride)


def _encode(k: Any, extent: int, axis: int) -> Any:
    if isinstance(k, slice):
        return triple(k, extent)
    position = operator.index(k)
    if not -extent <= position < extent:
        fail(IndexingError, f"index {position} on axis {axis}, which has {extent} elements", f"Give one from {-extent} to {extent - 1}.")
    return position % extent
