"""Sums of products along two operands that both lie side by side: each lane adds up its own part of every row of positions.

Element (row, column) of the result is Σ A[row + p] · B[column + p] over images and their positions p. A lane's sum over an image is a
chain of fused multiply-adds; the images' are added in order, and at last the lanes', in pairs.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod

from ..lowering.steps import Call
from ..spec import SHORT_NAMES, contiguous_strides
from .routine import Routine
from .schedule import grain_of_turns, work_of_products
from .tiles import REGISTER, table_of

SUMS = 12  # of a tile: with the vectors they are made of, they fill sixteen registers
TILES = ((4, 3), (6, 2), (12, 1))  # (rows, columns)

HEAD = """def kernel(args):
    # C[row, column] = Σ A[row + p] · B[column + p], for all positions p of all images
    a = {kind}_pointer(args, 2)
    b = {kind}_pointer(args, 3)
    c = {kind}_pointer(args, 4)
    of_row = i64_pointer(args, 5)
    in_a = i64_pointer(args, 6)
    in_b = i64_pointer(args, 7)
    rows = args[8]
    columns = args[9]
    down = args[10]
    across = args[11]
    images = args[12]
    lines = args[13]
    extent = args[14]
    whole = extent // {lanes} * {lanes}
    lane = lanes_{kind}({room})
    for turn in range(args[0], args[1]):
        column = turn % across * {wide}
        column = column if column + {wide} < columns else columns - {wide}
        rest = turn // across
        row = rest % down * {high}
        row = row if row + {high} < rows else rows - {high}
        group = rest // down
        from_a = group * args[15]
        from_b = group * args[17] + column * args[19]
        to = group * args[20] + row + column * args[21]
        for j in lanes(0, {lanes}):
"""


@lru_cache(maxsize=None)
def text_of(kind: str, high: int, wide: int) -> str:
    """The kernel whose tiles are of so many rows and columns."""
    lanes = REGISTER // (4 if kind == "f32" else 8)
    tile = [(i, v) for i in range(high) for v in range(wide)]

    def products(guard: str) -> list[str]:
        found = [f"value{v} = b[b{v} + in_line_b + k]{guard}" for v in range(wide)]
        for i in range(high):
            found += [f"value = a[a{i} + in_line_a + k]{guard}", *(f"sum{i}_{v} = fma(value, value{v}, sum{i}_{v})" for v in range(wide))]
        return found

    body = [
        "inside = whole + j < extent",
        *(f"total{i}_{v} = {kind}(0.0)" for i, v in tile),
        *(f"row{i} = from_a + of_row[row + {i}]" for i in range(high)),
        *(f"column{v} = from_b + {v} * args[19]" for v in range(wide)),
        "for image in range(0, images):",
        *(f"    sum{i}_{v} = {kind}(0.0)" for i, v in tile),
        *(f"    a{i} = row{i} + image * args[16]" for i in range(high)),
        *(f"    b{v} = column{v} + image * args[18]" for v in range(wide)),
        "    for line in range(0, lines):",
        "        in_line_a = in_a[line] + j",
        "        in_line_b = in_b[line] + j",
        f"        for k in range(0, whole, {lanes}):",
        *("            " + line for line in products("")),
        "        if whole < extent:",
        "            k = whole",
        *("            " + line for line in products(f" if inside else {kind}(0.0)")),
        *(f"    total{i}_{v} = total{i}_{v} + sum{i}_{v}" for i, v in tile),
        *(f"lane[{(i * wide + v) * lanes} + j] = total{i}_{v}" for i, v in tile),
    ]
    ends = []
    for i, v in tile:
        parts = [f"lane[{(i * wide + v) * lanes + k}]" for k in range(lanes)]
        while len(parts) > 1:
            parts = [f"{kind}({x} + {y})" for x, y in zip(parts[::2], parts[1::2])]
        ends.append(f"        c[to + {i} + {v} * args[21]] = {parts[0]}")
    head = HEAD.format(kind=kind, lanes=lanes, high=high, wide=wide, room=high * wide * lanes)
    return head + "\n".join([*("            " + line for line in body), *ends, "    return 0", ""])


def tile_of(rows: int, columns: int) -> tuple[int, int]:
    """(rows, columns) of the tiles that cover the result with the least work."""
    fitting = [(high, wide) for high, wide in TILES if wide <= columns] or [(12, 1)]
    high, wide = min(fitting, key=lambda t: -(-rows // t[0]) * -(-columns // t[1]) * (SUMS + t[0] + t[1]))
    return min(high, rows), wide


def along_lines(call: Call) -> Routine | None:
    """Rows are the places of a window in each channel of x, columns the channels of y."""
    (x, y), (result,) = call.operands, call.results
    attrs = dict(call.node.attrs)
    groups, kernel, stride, dilation = attrs["groups"], attrs["kernel"], attrs["stride"], attrs["dilation"]
    if 0 in (*x[1], *y[1], *result.shape):
        return None
    (images, channels, *extents), (_, outs, *positions) = x[1], y[1]
    pitches, own = contiguous_strides(tuple(extents)), contiguous_strides(tuple(positions))
    apart = [s * p for s, p in zip(stride, pitches)]
    n = len(positions)
    joined = n - 1  # the axes from here on are one line: its elements lie side by side in both
    while joined and apart[joined - 1] == positions[joined] * apart[joined]:
        joined -= 1
    lines, extent = tuple(positions[:joined]), prod(positions[joined:])
    inner, columns = channels // groups, outs // groups
    rows = inner * prod(kernel)
    of_row = table_of((inner, *kernel), (prod(extents), *(d * p for d, p in zip(dilation, pitches))))
    high, wide = tile_of(rows, columns)
    down, across = -(-rows // high), -(-columns // wide)
    turns, plane = groups * down * across, prod(positions)
    numbers = (
        rows, columns, down, across, images, prod(lines), extent, inner * prod(extents), channels * prod(extents), columns * plane, outs * plane, plane,
        columns * rows, rows,
    )  # fmt: skip
    tables = of_row, table_of(lines, tuple(apart[:joined])), table_of(lines, own[:joined])
    words = [0, turns, x, y, (result, result.shape, result.strides, 0), *tables, *numbers]
    turn = work_of_products(1, high, wide, images * plane)
    return Routine(text_of(SHORT_NAMES[result.dtype], high, wide), grain_of_turns(turns, turn), turns * turn, words)
