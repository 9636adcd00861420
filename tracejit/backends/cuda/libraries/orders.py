"""Sorting, searching and counting by a library of arrays. Floats are compared as integers in the order of the floats, so the order is NumPy's by
construction (zeros of both signs equal, NaN last), and no result depends on how a library compares or in which order it adds."""

from __future__ import annotations

from typing import Any

import numpy as np


def keys(xp: Any, x: Any, nan_first: bool = False) -> Any:
    """Integers in the order of the elements of x, which is not complex."""
    if x.dtype.kind == "b":
        return x.view(np.uint8)
    if x.dtype.kind in "iu":
        return x
    bits = (x + x.dtype.type(0)).view(f"i{x.dtype.itemsize}")  # −0.0 + 0.0 is 0.0
    low, high = np.iinfo(bits.dtype).min, np.iinfo(bits.dtype).max
    return xp.where(xp.isnan(x), bits.dtype.type(low if nan_first else high), xp.where(bits < 0, bits ^ bits.dtype.type(high), bits))


def _ascending(xp: Any, x: Any, axis: int) -> Any:
    """The stable permutation that sorts along an axis."""
    if x.dtype.kind != "c":
        return xp.argsort(keys(xp, x), axis=axis, kind="stable")
    order = None  # by what is not NaN, then the real part, then the imaginary one: the last comes first, and the others keep its order
    for part in (x.imag, x.real, xp.isnan(x.real) * 2 + xp.isnan(x.imag)):
        part = xp.ascontiguousarray(part)
        found = xp.argsort(keys(xp, part if order is None else xp.take_along_axis(part, order, axis)), axis=axis, kind="stable")
        order = found if order is None else xp.take_along_axis(order, found, axis)
    return order


def argsort(xp: Any, x: Any, *, axis: int, descending: bool) -> Any:
    """The op `argsort`."""
    if not descending:
        return _ascending(xp, x, axis)
    turned = _ascending(xp, xp.ascontiguousarray(xp.flip(x, axis)), axis)  # flipped twice, so that equals keep their order
    return x.shape[axis] - 1 - xp.flip(turned, axis)


def sort(xp: Any, x: Any, *, axis: int, descending: bool, stable: bool) -> Any:
    """The op `sort`, always stable."""
    if x.dtype.kind in "biu":
        found = xp.sort(keys(xp, x), axis=axis)
        return xp.flip(found, axis) if descending else found
    return xp.take_along_axis(x, argsort(xp, x, axis=axis, descending=descending), axis)


def extreme(xp: Any, x: Any, *, axis: int | None, keepdims: bool, smallest: bool) -> Any:
    """The ops `argmax` and `argmin`: the first place whose key is the extreme one."""
    shape = (1,) * x.ndim if keepdims and axis is None else None
    if axis is None:
        x, axis = x.reshape(-1), 0
    ranks = keys(xp, x, nan_first=smallest)
    best = ranks.min(axis, keepdims=True) if smallest else ranks.max(axis, keepdims=True)
    count = x.shape[axis]
    places = xp.arange(count, dtype=np.int64).reshape((count,) + (1,) * (x.ndim - 1 - axis))
    found = xp.where(ranks == best, places, count).min(axis, keepdims=keepdims)
    return found if shape is None else found.reshape(shape)


# Searching


def searchsorted(xp: Any, x: Any, v: Any, *, side: str) -> Any:
    """The op `searchsorted`."""
    return xp.searchsorted(keys(xp, x), keys(xp, v), side=side)


def interval(xp: Any, x: Any, knots: Any) -> Any:
    """The op `interval`."""
    return xp.maximum(searchsorted(xp, knots, x, side="right") - 1, 0)


def isin(xp: Any, x: Any, v: Any, *, invert: bool) -> Any:
    """The op `isin`: what stands where an element would be inserted. NaN is equal to nothing."""
    if not v.size:
        return xp.full(x.shape, invert)
    among, wanted = xp.sort(keys(xp, v.reshape(-1))), keys(xp, x)
    place = xp.minimum(xp.searchsorted(among, wanted), v.size - 1)
    return ((among[place] == wanted) & (x == x)) ^ invert


def nonzero(xp: Any, x: Any) -> Any:
    """The op `nonzero`."""
    return xp.stack(xp.nonzero(x)).astype(np.int64)


# Counting


def unique(xp: Any, x: Any) -> tuple[Any, ...]:
    """The op `unique`. Each NaN is distinct."""
    flat = x.reshape(-1)
    order = _ascending(xp, flat, 0)
    values = flat[order]
    first = xp.concatenate([xp.ones(min(flat.size, 1), np.bool_), values[1:] != values[:-1]])
    places = xp.nonzero(first)[0]
    inverse = xp.empty(flat.size, np.int64)
    inverse[order] = xp.cumsum(first.astype(np.int64)) - 1
    counts = xp.diff(xp.concatenate([places, xp.full(1, flat.size, places.dtype)]))
    return order[places], inverse.reshape(x.shape), counts


def histogram(xp: Any, x: Any, *, bins: int, bounds: Any, density: bool) -> tuple[Any, Any]:
    """The op `histogram`. NumPy makes the edges, of the least and the largest element."""
    flat = x.reshape(-1)
    ends = np.array([float(end(flat)) for end in (xp.min, xp.max)], flat.dtype) if flat.size else np.empty(0, flat.dtype)
    edges = np.histogram_bin_edges(ends, bins, bounds)
    flat = flat[(flat >= edges[0]) & (flat <= edges[-1])]
    place = searchsorted(xp, xp.asarray(edges), flat.astype(edges.dtype), side="right") - 1
    counts = xp.bincount(xp.minimum(place, bins - 1), minlength=bins)
    if not density:
        return counts, xp.asarray(edges)
    return counts / xp.asarray(np.array(np.diff(edges), float)) / counts.sum(), xp.asarray(edges)
