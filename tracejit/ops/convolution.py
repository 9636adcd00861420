"""Convolutions (cross-correlations) and their two adjoints: three bilinear functions, each the gradient of the others.

All three are sums of products over windows, which one of two library ops computes: side by side along positions where windows are one
apart, along out channels elsewhere. Both add up in one order, a function of shape; see `backends/convolutions.py`.
"""

from __future__ import annotations

from math import gcd, prod
from typing import Any, Sequence

import numpy as np

from ..dispatch import bind
from ..op import Library
from ..spec import Shape, TensorSpec
from ..tensor import Tensor
from ..vjp import Composite
from .casts import conjugate, copy
from .create import fill
from .join import pad
from .reduce import sum_to
from .view import basic_index, permute, put, reshape, step

Pairs = tuple[tuple[int, int], ...]
LANES = 8  # positions, or out channels, that are computed side by side


def span(kernel: int, dilation: int) -> int:
    """The extent of a window of `kernel` places, `dilation` apart."""
    return dilation * (kernel - 1) + 1


def positions_of(extents: Sequence[int], kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]) -> Shape:
    """How many windows there are along each axis."""
    return tuple((e - span(k, d)) // s + 1 for e, k, s, d in zip(extents, kernel, stride, dilation))


# The library ops: x (N, C, extents) with no padding; both give every position


def _sums(x: np.ndarray, w: np.ndarray, stride: Shape, dilation: Shape, groups: int) -> np.ndarray:
    """The convolution with w (O, C / groups, kernel) by NumPy: windows as columns, and a product of matrices."""
    kernel = w.shape[2:]
    seen = _windows(x, kernel, stride, dilation)
    positions = seen.shape[2 + len(kernel) :]
    columns = seen.reshape(x.shape[0], groups, w.shape[1] * prod(kernel), prod(positions))
    product = np.matmul(w.reshape(groups, w.shape[0] // groups, columns.shape[2]), columns)
    return product.reshape(x.shape[0], w.shape[0], *positions)


def _windows(x: np.ndarray, kernel: Shape, stride: Shape, dilation: Shape) -> np.ndarray:
    """(N, C, places of a window, positions) of x, a view."""
    positions = positions_of(x.shape[2:], kernel, stride, dilation)
    within, between = (tuple(k * s for k, s in zip(steps, x.strides[2:])) for steps in (dilation, stride))
    return np.lib.stride_tricks.as_strided(x, (*x.shape[:2], *kernel, *positions), (*x.strides[:2], *within, *between), writeable=False)


def _by_positions(x: np.ndarray, w: np.ndarray, *, dilation: Shape, groups: int) -> np.ndarray:
    found = _sums(x, w, (1,) * len(dilation), dilation, groups)
    wide = np.zeros((*found.shape[:3], *x.shape[3:]), found.dtype)
    wide[tuple(slice(n) for n in found.shape)] = found
    return wide


def _by_positions_spec(x: TensorSpec, w: TensorSpec, *, dilation: Shape, groups: int) -> TensorSpec:
    return TensorSpec((x.shape[0], w.shape[0], x.shape[2] - span(w.shape[2], dilation[0]) + 1, *x.shape[3:]), x.dtype)


by_positions = Library(
    "convolution_by_positions", numpy=_by_positions, spec=_by_positions_spec, native=True, contiguous=(0,),
    parameters="x, w, /, *, dilation, groups",
    doc="Sums over windows that are one apart, with w (O, C / groups, kernel). The rows of the result are as long as those of x: what "
    "lies behind the last position of a row has no meaning.",
)  # fmt: skip


def _by_channels(x: np.ndarray, w: np.ndarray, *, stride: Shape, dilation: Shape, groups: int) -> np.ndarray:
    return np.moveaxis(_sums(x, np.moveaxis(w, -1, 0), stride, dilation, groups), 1, -1)


def _by_channels_spec(x: TensorSpec, w: TensorSpec, *, stride: Shape, dilation: Shape, groups: int) -> TensorSpec:
    return TensorSpec((x.shape[0], *positions_of(x.shape[2:], w.shape[1:-1], stride, dilation), w.shape[-1]), x.dtype)


by_channels = Library(
    "convolution_by_channels", numpy=_by_channels, spec=_by_channels_spec, native=True, contiguous=(1,),
    parameters="x, w, /, *, stride, dilation, groups",
    doc="Sums over windows, with w (C / groups, kernel, O); the channels of the result come last.",
)  # fmt: skip


def _by_lines(x: np.ndarray, y: np.ndarray, *, kernel: Shape, stride: Shape, dilation: Shape, groups: int) -> np.ndarray:
    seen = _windows(x, kernel, stride, dilation)
    batch, inner, outs, count = x.shape[0], x.shape[1] // groups, y.shape[1] // groups, prod(y.shape[2:])
    columns = seen.reshape(batch, groups, inner * prod(kernel), count)
    return np.matmul(y.reshape(batch, groups, outs, count), columns.swapaxes(-1, -2)).sum(0).reshape(groups * outs, inner, *kernel)


def _by_lines_spec(x: TensorSpec, y: TensorSpec, *, kernel: Shape, stride: Shape, dilation: Shape, groups: int) -> TensorSpec:
    return TensorSpec((y.shape[1], x.shape[1] // groups, *kernel), x.dtype)


by_lines = Library(
    "convolution_by_lines", numpy=_by_lines, spec=_by_lines_spec, native=True, contiguous=(0, 1),
    parameters="x, y, /, *, kernel, stride, dilation, groups",
    doc="For each place of a window (O, C / groups, kernel), the sum over images and positions of what is seen there times y (N, O, positions).",
)  # fmt: skip


def _windowed(x: Tensor, w: Tensor, stride: Shape, dilation: Shape, groups: int) -> Tensor:
    """The convolution of x (N, C, extents) with w (O, C / groups, kernel), by the op that has less to do; a view."""
    n = len(stride)
    positions = positions_of(x.shape[2:], w.shape[2:], stride, dilation)
    if all(s == 1 for s in stride) and not _few(positions, x.shape, w.shape[0] // groups):
        wide = bind(by_positions, x, w, dilation=dilation, groups=groups)
        return _cut(wide, [(0, extent) for extent in (*wide.shape[:2], *positions)])
    w = bind(permute, w, axes=(*range(1, n + 2), 0))
    return bind(permute, bind(by_channels, x, w, stride=stride, dilation=dilation, groups=groups), axes=(0, n + 1, *range(1, n + 1)))


def _few(positions: Shape, shape: Shape, outs: int) -> bool:
    """Whether an image has so few positions, its rows counted whole, that out channels fill vectors better."""
    pitches = [prod(shape[k + 3 :]) for k in range(len(positions))]
    wide = sum((n - 1) * p for n, p in zip(positions, pitches)) + 1
    return _vectors(wide) * outs > 2 * prod(positions) * _vectors(outs)


def _vectors(count: int) -> int:
    return -(-count // LANES) * LANES


# Views


def _cut(x: Tensor, bounds: Sequence[tuple[int, int]]) -> Tensor:
    """The box of x between bounds, (start, stop) for each axis."""
    if all(bound == (0, extent) for bound, extent in zip(bounds, x.shape)):
        return x
    return bind(basic_index, x, key=tuple((start, stop, 1) for start, stop in bounds))


def framed(x: Tensor, pairs: Sequence[tuple[int, int]]) -> Tensor:
    """x with zeros added at both ends of its last axes, or, by negative numbers, with elements left out."""
    first = x.ndim - len(pairs)
    lead = [(0, n) for n in x.shape[:first]]
    x = _cut(x, [*lead, *((max(-b, 0), n - max(-a, 0)) for (b, a), n in zip(pairs, x.shape[first:]))])
    if not any(max(pair) > 0 for pair in pairs):
        return x
    return pad(x, [(0, 0)] * first + [(max(b, 0), max(a, 0)) for b, a in pairs])


def _swapped(x: Tensor, groups: int) -> Tensor:
    """(A, groups · B, …) as (B, groups · A, …): batch and channels of each group exchanged."""
    a, b = x.shape[0], x.shape[1] // groups
    split = reshape(x, (a, groups, b, *x.shape[2:]))
    return reshape(bind(permute, split, axes=(2, 1, 0, *range(3, split.ndim))), (b, groups * a, *x.shape[2:]))


# The three functions


def _convolution(x: Tensor, w: Tensor, b: Tensor | None, *, stride: Shape, padding: Pairs, dilation: Shape, groups: int) -> Tensor:
    found = _windowed(framed(x, padding), w, stride, dilation, groups)
    return bind(copy, found) if b is None else found + reshape(b, (*b.shape, *(1,) * len(stride)))


def _transposed(y: Tensor, w: Tensor, *, extents: Shape, stride: Shape, padding: Pairs, dilation: Shape, groups: int) -> Tensor:
    """By what there is less of: the places of a window, or the positions."""
    positions = tuple(y.shape[2:])
    dense = all(s == 1 or n == 1 for s, n in zip(stride, positions)) and all(d == 1 for d in dilation)
    if dense and groups == 1 and prod(positions) < prod(w.shape[2:]):
        return _from_windows(y, w, extents, padding)
    return _by_phases(y, w, extents, stride, padding, dilation, groups)


def _from_windows(y: Tensor, w: Tensor, extents: Shape, padding: Pairs) -> Tensor:
    """The windows are the images, and the positions, from the last to the first, the places: nearly all of what they meet is no frame."""
    n, positions = len(extents), y.shape[2:]
    first = [p - 1 - before for p, (before, _) in zip(positions, padding)]
    frames = [(f, e + p - 1 - k - f) for f, e, p, k in zip(first, extents, positions, w.shape[2:])]
    images = framed(bind(permute, w, axes=(1, 0, *range(2, n + 2))), frames)
    turned = bind(basic_index, y, key=((0, y.shape[0], 1), (0, y.shape[1], 1), *((p - 1, None, -1) for p in positions)))
    found = _windowed(images, turned, (1,) * n, (1,) * n, 1)
    return bind(copy, bind(permute, found, axes=(1, 0, *range(2, n + 2))))


def _by_phases(y: Tensor, w: Tensor, extents: Shape, stride: Shape, padding: Pairs, dilation: Shape, groups: int) -> Tensor:
    """Elements that are equal modulo the stride see the same places of a window: each such set is a convolution of its own."""
    outs, inner = w.shape[0], w.shape[1]
    split = reshape(w, (groups, outs // groups, inner, *w.shape[2:]))
    turned = bind(permute, split, axes=(0, 2, 1, *range(3, split.ndim)))
    turned = reshape(turned, (groups * inner, outs // groups, *w.shape[2:]))
    axes = [_phases(*numbers) for numbers in zip(extents, w.shape[2:], stride, padding, dilation, y.shape[2:])]
    result: Tensor | None = None
    for phase in np.ndindex(*map(len, axes)):
        chosen = [axis[k] for axis, k in zip(axes, phase)]
        key = ((0, groups * inner, 1), (0, outs // groups, 1), *(places for places, *_ in chosen))
        part = _windowed(
            framed(y, [pairs for _, pairs, _, _ in chosen]), bind(basic_index, turned, key=key), (1,) * len(chosen),
            tuple(apart for _, _, apart, _ in chosen), groups,
        )  # fmt: skip
        if all(s == 1 for s in stride):
            return bind(copy, part)
        if result is None:
            result = bind(fill, shape=(y.shape[0], groups * inner, *extents), dtype=y.dtype, value=0)
        seen = ((0, y.shape[0], 1), (0, groups * inner, 1), *(where for *_, where in chosen))
        result = put(result, part, chain=step(basic_index, key=seen))
    if result is None:
        return bind(fill, shape=(y.shape[0], groups * inner, *extents), dtype=y.dtype, value=0)
    return result


Slice = tuple[int, int | None, int]
Phase = tuple[Slice, tuple[int, int], int, Slice]


def _phases(extent: int, kernel: int, stride: int, padding: tuple[int, int], dilation: int, positions: int) -> list[Phase]:
    """Along one axis, for each set of elements that some window sees: (the places of a window that see it, from the last to the first; what
    frames the positions; how far apart they are; the elements)."""
    found: list[Phase] = []
    apart, every = dilation // gcd(dilation, stride), stride // gcd(dilation, stride)
    for phase in range(stride):
        places = [t for t in range(kernel) if dilation * t % stride == phase]
        first = -((phase - padding[0]) // stride)
        count = (padding[0] + extent - 1 - phase) // stride - first + 1
        if places and count > 0:
            near, far = ((dilation * t - phase) // stride for t in (places[0], places[-1]))
            stop = places[0] - every
            start = stride * first + phase - padding[0]
            found.append((
                (places[-1], stop if stop >= 0 else None, -every), (far - first, first + count - near - positions), apart,
                (start, start + stride * (count - 1) + 1, stride),
            ))  # fmt: skip
    return found


def _weight_sums(x: Tensor, y: Tensor, *, kernel: Shape, stride: Shape, padding: Pairs, dilation: Shape, groups: int) -> Tensor:
    """Along lines of positions, where they fill vectors or channels would not; else the windows' places are the positions, and the channels
    the batch: a convolution with y for its weight."""
    reach = [s * (n - 1) + span(k, d) for s, n, k, d in zip(stride, y.shape[2:], kernel, dilation)]
    x = framed(x, [(before, r - before - n) for (before, _), r, n in zip(padding, reach, x.shape[2:])])
    line = prod(y.shape[2:]) if x.shape[2:] == y.shape[2:] else y.shape[-1]
    if stride[-1] == 1 and (line >= 2 * LANES or y.shape[1] // groups < LANES):
        return bind(by_lines, x, y, kernel=kernel, stride=stride, dilation=dilation, groups=groups)
    sums = _windowed(_swapped(x, groups), bind(permute, y, axes=(1, 0, *range(2, y.ndim))), dilation, stride, groups)
    return bind(copy, bind(permute, sums, axes=(1, 0, *range(2, sums.ndim))))


def _through(g: Tensor, _y: Any, _x: Tensor, w: Tensor, _b: Any, **attrs: Any) -> Tensor:
    return transposed(g, conjugate(w), extents=tuple(_x.shape[2:]), **attrs)


def _by_weight(g: Tensor, _y: Any, x: Tensor, _w: Tensor, _b: Any, **attrs: Any) -> Tensor:
    return weight_sums(conjugate(x), g, kernel=tuple(_w.shape[2:]), **attrs)


def _by_bias(g: Tensor, _y: Any, _x: Tensor, _w: Tensor, _b: Any, **_: Any) -> Tensor:
    return reshape(sum_to(g, (1, *_b.shape, *(1,) * (g.ndim - 2))), _b.shape)


convolution = Composite("convolution", _convolution, vjp=(_through, _by_weight, _by_bias))

transposed = Composite(
    "transposed_convolution", _transposed,
    vjp=(
        lambda g, _r, _y, w, *, extents, **attrs: convolution(g, conjugate(w), None, **attrs),
        lambda g, _r, y, _w, *, extents, **attrs: weight_sums(g, conjugate(y), kernel=tuple(_w.shape[2:]), **attrs),
    ),
)  # fmt: skip

weight_sums = Composite(
    "convolution_weight_sums", _weight_sums,
    vjp=(
        lambda g, _r, _x, y, *, kernel, **attrs: transposed(conjugate(y), g, extents=tuple(_x.shape[2:]), **attrs),
        lambda g, _r, x, _y, *, kernel, **attrs: convolution(conjugate(x), g, None, **attrs),
    ),
)  # fmt: skip
