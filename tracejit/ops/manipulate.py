"""Functions that show a tensor's elements in another arrangement without copying them, by the view ops."""

from __future__ import annotations

import operator
from math import prod
from typing import Any, Sequence

from ..dispatch import bind
from ..errors import ArgumentError, AxisError, ShapeError, fail
from ..spec import as_axes, as_axis, as_shape, broadcast_shapes
from ..tensor import Tensor
from .convert import as_tensor as as_tensor
from .view import basic_index, broadcast_to, diagonal_view, is_contiguous, permute, reshape, reshape_view, same, windows


def slice_axis(x: Tensor, axis: int, start: int, stop: int, stride: int = 1) -> Tensor:
    """x[..., start:stop:stride, ...] on one axis, 0 ≤ start ≤ stop ≤ extent: a view."""
    key = [(0, n, 1) for n in x.shape]
    key[axis] = (start, stop, stride)
    return bind(basic_index, x, key=tuple(key))


# New shapes


def broadcast_arrays(*arrays: Any) -> tuple[Tensor, ...]:
    """The arrays, each broadcast to their common shape."""
    tensors = [as_tensor(a) for a in arrays]
    if not tensors:
        return ()
    shape = broadcast_shapes(*[tuple(t.shape) for t in tensors])
    return tuple(broadcast_to(t, shape) for t in tensors)


def expand_dims(x: Tensor, /, axis: int | tuple[int, ...] = 0) -> Tensor:
    """A view of `x` with a one-long axis inserted at position `axis` of the result (at each, for a tuple)."""
    x = as_tensor(x)
    places = axis if isinstance(axis, (tuple, list)) else (axis,)
    ndim = x.ndim + len(places)
    new = as_axes(tuple(places), ndim)
    rest = iter(x.shape)
    return bind(reshape_view, x, shape=tuple(1 if d in new else next(rest) for d in range(ndim)))


def unsqueeze(x: Tensor, dim: int) -> Tensor:
    """PyTorch's name of `expand_dims`."""
    return expand_dims(x, axis=dim)


def squeeze(x: Tensor, /, axis: int | tuple[int, ...] | None = None) -> Tensor:
    """A view of `x` without the one-long axes named by `axis` (all of them, if None)."""
    x = as_tensor(x)
    if axis is None:
        gone = tuple(d for d, n in enumerate(x.shape) if n == 1)
    else:
        gone = as_axes(axis, x.ndim)
        for d in gone:
            if x.shape[d] != 1:
                fail(ShapeError, f"squeeze of axis {d}, which has {x.shape[d]} elements", "Only one-long axes can be squeezed.")
    return bind(reshape_view, x, shape=tuple(n for d, n in enumerate(x.shape) if d not in gone))


def flatten(x: Tensor, /, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Axes `start_dim` to `end_dim` (included) joined into one. A view where strides allow it."""
    x = as_tensor(x)
    if not x.ndim:
        return reshape(x, (1,))
    start, end = as_axis(start_dim, x.ndim), as_axis(end_dim, x.ndim)
    if start > end:
        fail(AxisError, f"flatten from axis {start} to axis {end}", "start_dim must not come after end_dim.")
    return reshape(x, (*x.shape[:start], prod(x.shape[start : end + 1]), *x.shape[end + 1 :]))


def ravel(x: Tensor, /) -> Tensor:
    """All elements along one axis, in row-major order. A view of a contiguous tensor, a copy of any other."""
    x = as_tensor(x)
    return reshape(x, (prod(x.shape),), copy=None if is_contiguous(x) else True)


def unflatten(x: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """Axis `dim` split into axes of the given sizes; one of them may be -1."""
    at = as_axis(dim, x.ndim)
    part, known = list(sizes), prod(n for n in sizes if n != -1)
    if -1 in part and known:
        part[part.index(-1)] = x.shape[at] // known
    if prod(part) != x.shape[at]:
        fail(ShapeError, f"axis {at} of {x.shape[at]} elements cannot take shape {tuple(sizes)}", "The product must be equal.")
    return reshape(x, (*x.shape[:at], *part, *x.shape[at + 1 :]))


def expand(x: Tensor, *sizes: Any) -> Tensor:
    """PyTorch's broadcast: as `broadcast_to`, where -1 keeps an extent."""
    wanted = list(sizes[0] if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)) else sizes)
    lead = len(wanted) - x.ndim
    for d, n in enumerate(wanted):
        if n == -1 and d >= lead:
            wanted[d] = x.shape[d - lead]
    return broadcast_to(x, tuple(wanted))


def view(x: Tensor, *shape: Any) -> Tensor:
    """PyTorch's `view`: as `reshape`, and an error where that would need a copy."""
    return reshape(x, shape_of_arguments(shape), copy=False)


def shape_of_arguments(arguments: tuple[Any, ...]) -> tuple[int, ...]:
    """A shape given as one tuple or as separate ints."""
    if len(arguments) == 1 and isinstance(arguments[0], (tuple, list)):
        return tuple(arguments[0])
    return arguments


def atleast_1d(*arrays: Any) -> Any:
    """Each array with at least one axis; a tuple if several are given."""
    return _each(lambda x: reshape(x, (1,)) if x.ndim == 0 else x, arrays)


def atleast_2d(*arrays: Any) -> Any:
    """Each array with at least two axes, new ones in front; a tuple if several are given."""
    return _each(lambda x: reshape(x, (1,) * (2 - x.ndim) + tuple(x.shape)) if x.ndim < 2 else x, arrays)


def atleast_3d(*arrays: Any) -> Any:
    """Each array with at least three axes: (n,) becomes (1, n, 1) and (m, n) becomes (m, n, 1)."""
    return _each(lambda x: reshape(x, {0: (1, 1, 1), 1: (1, *x.shape, 1)}.get(x.ndim, (*x.shape, 1))) if x.ndim < 3 else x, arrays)


def _each(function: Any, arrays: tuple[Any, ...]) -> Any:
    results = tuple(function(as_tensor(a)) for a in arrays)
    return results[0] if len(results) == 1 else results


# New orders of the axes


def permute_dims(x: Tensor, /, axes: Sequence[int]) -> Tensor:
    """A view of `x` whose axis k is axis `axes[k]` of `x`."""
    x = as_tensor(x)
    order = tuple(as_axis(a, x.ndim) for a in axes)
    if sorted(order) != list(range(x.ndim)):
        fail(AxisError, f"axes {tuple(axes)} of a tensor with {x.ndim} axes", "Name each axis once.")
    return bind(permute, x, axes=order)


def moveaxis(x: Tensor, source: int | tuple[int, ...], destination: int | tuple[int, ...], /) -> Tensor:
    """A view of `x` with the axes `source` at the places `destination`, the others in their order."""
    x = as_tensor(x)
    sources = [as_axis(a, x.ndim) for a in (source if isinstance(source, (tuple, list)) else (source,))]
    places = [as_axis(a, x.ndim) for a in (destination if isinstance(destination, (tuple, list)) else (destination,))]
    if len(sources) != len(places) or len(set(sources)) != len(sources) or len(set(places)) != len(places):
        fail(AxisError, f"moveaxis from {source} to {destination}", "Name each axis once, and as many places as axes.")
    order = [d for d in range(x.ndim) if d not in sources]
    for place, d in sorted(zip(places, sources)):
        order.insert(place, d)
    return bind(permute, x, axes=tuple(order))


def matrix_transpose(x: Tensor, /) -> Tensor:
    """A view of `x` with its last two axes exchanged."""
    x = as_tensor(x)
    if x.ndim < 2:
        fail(ShapeError, f"matrix_transpose of a tensor with {x.ndim} axes", "It takes two axes or more; add one with x[:, None].")
    return bind(permute, x, axes=(*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


def swapaxes(x: Tensor, axis1: int, axis2: int, /) -> Tensor:
    """A view of `x` with two axes exchanged."""
    x = as_tensor(x)
    order = list(range(x.ndim))
    a, b = as_axis(axis1, x.ndim), as_axis(axis2, x.ndim)
    order[a], order[b] = order[b], order[a]
    return bind(permute, x, axes=tuple(order))


def transpose(x: Tensor, *axes: Any, dim0: int | None = None, dim1: int | None = None) -> Tensor:
    """`transpose(x, dim0, dim1)` exchanges two axes (PyTorch); `transpose(x)` reverses all, `transpose(x, axes)` permutes (NumPy)."""
    x = as_tensor(x)
    if dim0 is not None and dim1 is not None:
        return swapaxes(x, dim0, dim1)
    if len(axes) == 1 and dim1 is not None:
        return swapaxes(x, axes[0], dim1)
    if len(axes) == 2:
        return swapaxes(x, *axes)
    if not axes or axes == (None,):
        return bind(permute, x, axes=tuple(reversed(range(x.ndim))))
    return permute_dims(x, shape_of_arguments(axes))


def flip(x: Tensor, /, *, axis: int | tuple[int, ...] | None = None) -> Tensor:
    """A view of `x` with the order of the elements along `axis` (all axes, if None) reversed."""
    x = as_tensor(x)
    turned = as_axes(axis, x.ndim)
    key = tuple((n - 1, None, -1) if d in turned and n else (0, n, 1) for d, n in enumerate(x.shape))
    return bind(basic_index, x, key=key)


def rot90(x: Tensor, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Tensor:
    """A view of `x` rotated by k·90° in the plane of two axes, from the first towards the second."""
    x = as_tensor(x)
    first, second = axes
    turns = k % 4
    if turns == 0:
        return bind(same, x)
    if turns == 2:
        return flip(x, axis=(first, second))
    return swapaxes(flip(x, axis=second), first, second) if turns == 1 else flip(swapaxes(x, first, second), axis=second)


# Parts


def unstack(x: Tensor, /, *, axis: int = 0) -> tuple[Tensor, ...]:
    """The views of `x` at each index of `axis`."""
    x = as_tensor(x)
    at = as_axis(axis, x.ndim)
    front = tuple((0, n, 1) for n in x.shape[:at])
    return tuple(bind(basic_index, x, key=(*front, i)) for i in range(x.shape[at]))


def unbind(x: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """PyTorch's name of `unstack`."""
    return unstack(x, axis=dim)


def split(x: Tensor, split_size_or_sections: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Views of `x` along `dim`, of the given size each (the last may be smaller), or of the given sizes."""
    x = as_tensor(x)
    axis = as_axis(dim, x.ndim)
    extent = x.shape[axis]
    if isinstance(split_size_or_sections, (tuple, list)):
        sizes = [operator.index(s) for s in split_size_or_sections]
        if sum(sizes) != extent or min(sizes, default=0) < 0:
            fail(ShapeError, f"parts {tuple(sizes)} of an axis of {extent} elements", "The sizes must add up to the extent.")
    else:
        size = operator.index(split_size_or_sections)  # type: ignore[arg-type]
        if size <= 0 and extent:
            fail(ArgumentError, f"parts of {size} elements", "Give a positive size; .chunk(n) cuts into n parts.")
        sizes = [min(size, extent - start) for start in range(0, extent, size)] if extent else [0]
    return tuple(slice_axis(x, axis, stop - size, stop) for size, stop in zip(sizes, _running(sizes)))


def _running(sizes: Sequence[int]) -> list[int]:
    total, stops = 0, []
    for size in sizes:
        total += size
        stops.append(total)
    return stops


def chunk(x: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most `chunks` views of `x` along `dim`, of equal size but for the last."""
    if chunks <= 0:
        fail(ArgumentError, f"{chunks} chunks", "Give a positive number.")
    return split(x, max(-(-x.shape[as_axis(dim, x.ndim)] // chunks), 1), dim)


def narrow(x: Tensor, dim: int, start: int, length: int) -> Tensor:
    """The view x[start : start + length] along `dim`."""
    axis = as_axis(dim, x.ndim)
    first = start + x.shape[axis] if start < 0 else start
    if first < 0 or length < 0 or first + length > x.shape[axis]:
        fail(ShapeError, f"narrow({dim}, {start}, {length}) of an axis of {x.shape[axis]} elements", "Stay within the axis.")
    return slice_axis(x, axis, first, first + length)


def diagonal(x: Tensor, /, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """The view of the elements where index on `axis2` − index on `axis1` = `offset`, along a new last axis."""
    x = as_tensor(x)
    first, second = as_axis(axis1, x.ndim), as_axis(axis2, x.ndim)
    if first == second:
        fail(AxisError, f"the diagonal of axis {first} with itself", "Name two different axes.")
    order = (*[d for d in range(x.ndim) if d not in (first, second)], first, second)
    if order != tuple(range(x.ndim)):
        x = bind(permute, x, axes=order)
    return bind(diagonal_view, x, offset=operator.index(offset))


def unfold(x: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """All windows of `size` elements along `dimension`, `step` apart, on a new last axis: a read-only view."""
    axis = as_axis(dimension, x.ndim)
    if not 0 <= size <= x.shape[axis] or step <= 0:
        fail(ShapeError, f"windows of {size}, {step} apart, of an axis of {x.shape[axis]}", "Give 0 ≤ size ≤ extent and step ≥ 1.")
    return bind(windows, x, axis=axis, size=size, step=step)


def sliding_window_view(x: Tensor, window_shape: int | tuple[int, ...], axis: int | tuple[int, ...] | None = None) -> Tensor:
    """All windows of this shape over `axis` (all axes, if None), their elements on new last axes: a read-only view."""
    x = as_tensor(x)
    sizes = as_shape(window_shape)
    axes = tuple(range(x.ndim)) if axis is None else axis if isinstance(axis, (tuple, list)) else (axis,)
    if len(sizes) != len(axes):
        fail(ShapeError, f"windows of shape {sizes} over {len(axes)} axes", "Give one extent for each axis.")
    found = [as_axis(a, x.ndim) for a in axes]
    for size, d in zip(sizes, found):
        x = unfold(x, d, size, 1)
    return x
