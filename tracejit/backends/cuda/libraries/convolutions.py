"""Convolutions as products of matrices: what the windows see is gathered into columns (none is where a window has one place), and cuBLAS does the rest.

x is (N, C, extents) with no padding. Columns of a few images at a time, as many as fit a bound of memory: a function of the shapes, so the order
of the sums is one too.
"""

from __future__ import annotations

from math import prod
from typing import Any, Iterator, Sequence

from ....device import DeviceArray
from ....ops.convolution import positions_of
from ....spec import Shape, contiguous_strides, element_strides
from .products import merged, multiply

ROOM = 1 << 28  # bytes of columns at a time


def by_positions(device: Any, results: Sequence[DeviceArray], operands: Sequence[DeviceArray], attrs: dict[str, Any]) -> None:
    """The op `convolution_by_positions`: w · columns, whose positions are counted through the rows of x, as those of the result are."""
    (result,), (x, w), (dilation, groups) = results, operands, (attrs["dilation"], attrs["groups"])
    kernel, ones = w.shape[2:], (1,) * len(dilation)
    steps = element_strides(x)
    wide = sum((n - 1) * s for n, s in zip(positions_of(x.shape[2:], kernel, ones, dilation), steps[2:])) + 1
    inner, outs, line = x.shape[1] // groups, w.shape[0] // groups, prod(result.shape[2:])
    weights = flat(device, w, 1, w.ndim - 1)
    weights = weights.seen((groups, outs, weights.shape[1]), (outs * element_strides(weights)[0], *element_strides(weights)), 0)
    places = tuple(s * d for s, d in zip(steps[2:], dilation))
    for first, images in portions(x, groups * inner * prod(kernel) * wide):
        seen = x.seen((images, groups, inner, *kernel, wide), (steps[0], inner * steps[1], steps[1], *places, 1), first * steps[0])
        target = result.seen((images, groups, outs, wide), (groups * outs * line, outs * line, line, 1), first * groups * outs * line)
        multiply(device, target, weights, flat(device, seen, 1, 1, 1 + len(kernel), 1))


def by_channels(device: Any, results: Sequence[DeviceArray], operands: Sequence[DeviceArray], attrs: dict[str, Any]) -> None:
    """The op `convolution_by_channels`: the columns, turned, by w (C / groups, kernel, O)."""
    (result,), (x, w), groups = results, operands, attrs["groups"]
    channels, outs = w.shape[-1], w.shape[-1] // groups
    depth, positions = prod(w.shape[:-1]), prod(result.shape[1:-1])
    weights = w.seen((groups, depth, outs), (outs, channels, 1), 0)
    for first, images in portions(x, groups * depth * positions):
        columns = columns_of(device, x, first, images, w.shape[1:-1], attrs["stride"], attrs["dilation"], groups)
        target = result.seen((groups, images * positions, outs), (outs, channels, 1), first * positions * channels)
        multiply(device, target, turned(columns), weights)


def by_lines(device: Any, results: Sequence[DeviceArray], operands: Sequence[DeviceArray], attrs: dict[str, Any]) -> None:
    """The op `convolution_by_lines`: y · the columns, turned; the sums of a portion are added to those before."""
    (result,), (x, y), groups = results, operands, attrs["groups"]
    outs, count, steps = y.shape[1] // groups, y.ndim - 2, element_strides(y)
    depth = prod(result.shape[1:])
    target = result.seen((groups, outs, depth), contiguous_strides((groups, outs, depth)), 0)
    for first, images in portions(x, groups * depth * prod(y.shape[2:])):
        columns = columns_of(device, x, first, images, attrs["kernel"], attrs["stride"], attrs["dilation"], groups)
        lines = y.seen((groups, outs, images, *y.shape[2:]), (outs * steps[1], steps[1], steps[0], *steps[2:]), first * steps[0])
        multiply(device, target, flat(device, lines, 1, 1, 1 + count), turned(columns), add=first > 0)


def portions(x: DeviceArray, elements: int) -> Iterator[tuple[int, int]]:
    """(the first, how many) of the images whose columns, each of so many elements, are gathered at a time."""
    most = max(1, ROOM // max(elements * x.itemsize, 1))
    for first in range(0, x.shape[0], most):
        yield first, min(most, x.shape[0] - first)


def columns_of(device: Any, x: DeviceArray, first: int, images: int, kernel: Shape, stride: Shape, dilation: Shape, groups: int) -> DeviceArray:
    """(groups, C / groups · places of a window, images · positions): what each place of each window sees."""
    steps, inner = element_strides(x), x.shape[1] // groups
    positions = positions_of(x.shape[2:], kernel, stride, dilation)
    places, between = (tuple(s * n for s, n in zip(steps[2:], numbers)) for numbers in (dilation, stride))
    shape = (groups, inner, *kernel, images, *positions)
    seen = x.seen(shape, (inner * steps[1], steps[1], *places, steps[0], *between), first * steps[0])
    return flat(device, seen, 1, 1 + len(kernel), 1 + len(kernel))


def flat(device: Any, x: DeviceArray, *counts: int) -> DeviceArray:
    """x with so many neighbouring axes each made one; a copy, if strides cannot show it."""
    shape, strides, at = [], [], 0
    own = element_strides(x)
    for count in counts:
        extents = x.shape[at : at + count]
        axes = merged([(n, (s,)) for n, s in zip(extents, own[at : at + count])])
        if len(axes) > 1:
            return flat(device, device.copied(x), *counts)
        shape.append(prod(extents))
        strides.append(axes[0][1][0] if axes else 1)
        at += count
    return x.seen(tuple(shape), tuple(strides), 0)


def turned(x: DeviceArray) -> DeviceArray:
    """The transposes of a stack of matrices."""
    (*batch, rows, columns), (*steps, row, column) = x.shape, element_strides(x)
    return x.seen((*batch, columns, rows), (*steps, column, row), 0)
