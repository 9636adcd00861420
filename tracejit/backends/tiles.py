"""Products of matrices in native code of our own: by tiles, whose elements lie where tables of places say.

Each element of the result is a sum of chains of fused multiply-adds in the order of its terms. Where one chain ends and the next
begins is told by the number of terms alone, so neither threads nor the choice of tiles change a bit.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from ..lowering.steps import Call, Operand
from ..spec import SHORT_NAMES, Shape
from .routine import Routine
from .schedule import grain_of_turns, work_of_products

CHAIN = 256  # multiply-adds in a row, about; what is summed in parts errs less
REGISTER = 32  # bytes of the vectors that text is written in
ROWS, VECTORS = 4, 3  # of a tile: twelve sums, three vectors of B and one element of A fill sixteen registers
WIDEST = {1: 6, 2: 4, 3: 3, 4: VECTORS}  # vectors of the widest tile of so few rows
PATIENCE = 8  # sums that must be under way for none to wait for itself
CHUNK = 400_000  # multiply-adds of a turn, if there are as many
TABLE = 4096  # rows that one table holds

HEAD = """def kernel(args):
    # C[row, column] = Σ A[row, k] · B[k, column], by tiles; the elements of A and B lie where tables say
    a = {kind}_pointer(args, 2)
    b = {kind}_pointer(args, 3)
    c = {kind}_pointer(args, 4)
    of_row = i64_pointer(args, 5)
    in_a = i64_pointer(args, 6)
    in_b = i64_pointer(args, 7)
    rows = args[8]
    columns = args[9]
    chunk_rows = args[10]
    chunks = args[11]
    tiles = args[12]
    groups = args[13]
    unit_terms = args[14]
    last_terms = args[15]
    units = args[16]
    chain = args[17]
    parts = args[18]
    for turn in range(args[0], args[1]):
        chunk = turn % chunks
        rest = turn // chunks
        q = rest % tiles * {wide}
        {fitted}
        rest = rest // tiles
        group = rest % groups
        batch = rest // groups
        first = chunk * chunk_rows
        last = first + chunk_rows if first + chunk_rows < rows else rows
        from_a = batch * args[19] + group * args[20]
        from_b = batch * args[22] + group * args[23] + q
        from_c = batch * args[25] + group * args[26] + q
        for start in range(first, last, {high}):
            row = start if start + {high} < rows else rows - {high}
            to = from_c + row * args[27]
"""


@lru_cache(maxsize=None)
def text_of(kind: str, high: int, vectors: int, masked: bool, chained: bool) -> str:
    """The kernel whose tiles are `high` rows by as many vectors, or by fewer columns than a vector has. `chained`: a sum may have
    several chains (one alone is never -0.0, for it begins with 0.0, so nothing need be added to it)."""
    lanes = REGISTER // (4 if kind == "f32" else 8)
    fitted = "left = columns - q" if masked else f"q = q if q + {lanes * vectors} < columns else columns - {lanes * vectors}"
    tile = [(i, v) for i in range(high) for v in range(vectors)]
    each = range(high)
    sums = [
        *(f"sum{i}_{v} = {kind}(0.0)" for i, v in tile),
        "for k in range(here, there):",
        "    place = at + in_b[k]",
        *(f"    b{v} = b[place + {v * lanes}]" for v in range(vectors)),
        "    place = in_a[k]",
        *(line for i in each for line in (f"    value = a[in{i} + place]", *(f"    sum{i}_{v} = fma(value, b{v}, sum{i}_{v})" for v in range(vectors)))),
    ]
    if chained:
        body = [
            *(f"total{i}_{v} = {kind}(0.0)" for i, v in tile),
            "for unit in range(0, units):",
            "    terms = unit_terms if unit + 1 < units else last_terms",
            *(f"    in{i} = a{i} + unit * args[21]" for i in each),
            "    at = from_b + unit * args[24] + j",
            "    for part in range(0, parts):",
            "        here = part * chain",
            "        there = here + chain if here + chain < terms else terms",
            *("        " + line for line in sums),
            *(f"        total{i}_{v} = total{i}_{v} + sum{i}_{v}" for i, v in tile),
        ]
    else:
        body = ["here = 0", "there = last_terms", "at = from_b + j", *(f"in{i} = a{i}" for i in each), *sums]
    body += [f"c[to + {i} * args[27] + {v * lanes} + j] = {'total' if chained else 'sum'}{i}_{v}" for i, v in tile]
    lines = [f"            a{i} = from_a + of_row[row + {i}]" for i in each]
    lines += [f"            for j in lanes(0, {lanes}):", *(["                if j < left:"] if masked else [])]
    indent = " " * (20 if masked else 16)
    head = HEAD.format(kind=kind, wide=lanes * vectors, fitted=fitted, high=high)
    return head + "\n".join([*lines, *(indent + line for line in body), "    return 0", ""])


def tile_of(rows: int, columns: int, lanes: int) -> tuple[int, int, bool]:
    """(rows, vectors, whether under a mask) of the tiles that cover a product with the least work."""
    high = min(rows, ROWS)
    if columns < lanes:
        return high, 1, True
    fitting = [v for v in (*range(1, VECTORS), WIDEST[high]) if v * lanes <= columns]
    vectors = min(fitting, key=lambda v: -(-columns // (v * lanes)) * max(v, PATIENCE / high))
    return min(rows, ROWS if vectors > 1 else 2 * ROWS), vectors, False


def terms_of(channels: int, places: int) -> tuple[int, int, int]:
    """(channels in a unit, multiply-adds in a chain, chains of a unit): several channels are a chain, or a channel several chains."""
    if places >= CHAIN:
        parts = -(-places // CHAIN)
        return 1, -(-places // parts), parts
    unit = min(-(-CHAIN // places), channels)
    return unit, unit * places, 1


@lru_cache(maxsize=512)
def table_of(extents: Shape, strides: Shape) -> np.ndarray:
    """Where the elements of a box lie, in row-major order."""
    found = np.zeros(1, np.int64)
    for extent, stride in zip(extents, strides):
        found = (found[:, None] + np.arange(extent) * stride).ravel()
    return np.ascontiguousarray(found)


def tiled(
    call: Call, a: Operand, b: Operand, rows: int, columns: int, batch: int, groups: int, terms: tuple[int, int, int, int, int],
    of_row: np.ndarray, in_a: np.ndarray, in_b: np.ndarray, from_a: Any, from_b: Any, from_c: Any,
) -> Routine:  # fmt: skip
    (result,) = call.results
    channels, places, unit, chain, parts = terms
    lanes = REGISTER // result.dtype.itemsize
    high, vectors, masked = tile_of(rows, columns, lanes)
    tiles, units = -(-columns // (vectors * lanes)), -(-channels // unit)
    cost = vectors * lanes * channels * places
    chunk_rows = min(rows, -(-CHUNK // (cost * high)) * high)
    chunks = -(-rows // chunk_rows)
    turns = batch * groups * tiles * chunks
    last = (channels - (units - 1) * unit) * places
    numbers = rows, columns, chunk_rows, chunks, tiles, groups, unit * places, last, units, chain, parts
    words = [0, turns, a, b, (result, result.shape, result.strides, 0), of_row, in_a, in_b, *numbers, *from_a, *from_b, *from_c]
    turn = work_of_products(1, chunk_rows, vectors * lanes, channels * places)
    return Routine(text_of(SHORT_NAMES[result.dtype], high, vectors, masked, units * parts > 1), grain_of_turns(turns, turn), turns * turn, words)
