"""Convolutions as products of matrices whose elements are found by tables of places: nothing is laid out anew.

Each element of the result is a sum of chains of fused multiply-adds, over the channels and the places of a window in row-major order.
Where one chain ends and the next begins is told by the numbers of channels and places alone, so neither threads nor which of
the operands is read side by side change a bit; nor does the choice of tiles.
"""

from __future__ import annotations

from math import prod

from ..lowering.steps import Call
from ..spec import contiguous_strides
from .routine import Routine
from .tiles import TABLE, table_of, terms_of, tiled


def along_positions(call: Call) -> Routine | None:
    """Rows are out channels, columns the positions in an image, as far as its rows reach."""
    (x, w), (result,) = call.operands, call.results
    attrs = dict(call.node.attrs)
    groups, dilation = attrs["groups"], attrs["dilation"]
    (batch, channels, *extents), (outs, inner, *kernel) = x[1], w[1]
    if 0 in (*x[1], *w[1], *result.shape):
        return None
    pitches = contiguous_strides(tuple(extents))
    positions = [e - d * (k - 1) for e, d, k in zip(extents, dilation, kernel)]
    columns = sum((n - 1) * p for n, p in zip(positions, pitches)) + 1
    unit, chain, parts = terms_of(inner, prod(kernel))
    plane, wide = prod(extents), prod(result.shape[2:])
    steps = tuple(d * p for d, p in zip(dilation, pitches))
    (_, _, of_w, _), rows = w, outs // groups
    return tiled(
        call, w, x, rows, columns, batch, groups, (inner, prod(kernel), unit, chain, parts),
        table_of((rows,), of_w[:1]), table_of((unit, *kernel), of_w[1:]), table_of((unit, *kernel), (plane, *steps)),
        (0, rows * of_w[0], unit * of_w[1]), (channels * plane, inner * plane, unit * plane), (outs * wide, rows * wide, wide),
    )  # fmt: skip


def along_channels(call: Call) -> Routine | None:
    """Rows are positions, of several images where there are few; columns are out channels, which come last in memory."""
    (x, w), (result,) = call.operands, call.results
    attrs = dict(call.node.attrs)
    groups, dilation, stride = attrs["groups"], attrs["dilation"], attrs["stride"]
    batch, (inner, *kernel, outs), positions = x[1][0], w[1], result.shape[1:-1]
    if 0 in (*x[1], *w[1], *result.shape):
        return None
    own = prod(positions)
    images = max(n for n in range(1, batch + 1) if batch % n == 0 and (n == 1 or n * own <= TABLE))
    unit, chain, parts = terms_of(inner, prod(kernel))
    (_, _, (of_image, of_channel, *of_x), _), columns = x, outs // groups
    rows = table_of((images, *positions), (of_image, *(s * p for s, p in zip(stride, of_x))))
    in_a = table_of((unit, *kernel), (of_channel, *(d * p for d, p in zip(dilation, of_x))))
    return tiled(
        call, x, w, images * own, columns, batch // images, groups, (inner, prod(kernel), unit, chain, parts),
        rows, in_a, table_of((unit * prod(kernel),), (outs,)),
        (images * of_image, inner * of_channel, unit * of_channel), (0, columns, unit * prod(kernel) * outs),
        (images * own * outs, columns, outs),
    )  # fmt: skip
