"""Products of matrices: by tiles of our own where the second is small, else by the BLAS that SciPy carries, called for operands as they
lie in memory."""

from __future__ import annotations

import ctypes
import importlib
from functools import lru_cache
from math import prod
from typing import Any

from ..lowering.steps import Call, Operand
from ..spec import float32
from .native.quiet import quiet
from .routine import Routine
from .schedule import ONE_THREAD, ONE_THREAD_OF_VECTOR, OWN_THREADS, grain_of_turns, tile_of_products, work_of_products
from .tiles import REGISTER, ROWS, table_of, terms_of, tiled

TEXT = """def kernel(args):
    # C[b] = A[b] · B[b], row by row in memory, a tile at a turn; the batch is walked in rows of args[2]
    m = args[7]
    n = args[8]
    tiles = args[20]
    across = args[21]
    high = args[22]
    wide = args[23]
{enter}    for t in range(args[0], args[1]):
        b = t // tiles
        i = b // args[2]
        j = b % args[2]
        top = t % tiles // across * high
        left = t % across * wide
        rows = high if top + high < m else m - top
        columns = wide if left + wide < n else n - left
        a_place = args[9] + i * args[10] + j * args[11] + top * args[12]
        b_place = args[14] + i * args[15] + j * args[16] + left * args[17]
        c_place = args[19] + (b * m + top) * n * {size} + left * {size}
        {called}
{leave}    return 0
"""
MATRICES = "call_gemm_{kind}(args[3], args[4], args[5], rows, columns, args[6], a_place, args[13], b_place, args[18], c_place, n)"
# Each element of the result is one row of memory by the vector, if the flag says so; else one column.
MATRIX_BY_VECTOR = "call_gemv_{kind}(args[3], 1 - args[4], rows, args[6], a_place, args[13], b_place, args[18], c_place)"
VECTOR_BY_MATRIX = "call_gemv_{kind}(args[3], args[5], columns, args[6], b_place, args[18], a_place, args[13] if args[4] else 1, c_place)"
# On one thread each, whatever the number that BLAS has: then its bits do not depend on it.
ENTER, LEAVE = "    call(args[24], args[25], 1)\n", "    call(args[24], args[25], -1)\n"

SMALL = 1 << 14  # bytes of a second operand that is read as it lies, over and over: so it stays in the first cache
Pair = tuple[int, int]


def product(call: Call) -> Routine | None:
    """Our own tiles, or BLAS, once for each tile of each matrix of the batch; None if they cannot walk the operands as they lie."""
    (a, b), (result,) = call.operands, call.results
    kind = "f32" if result.dtype == float32 else "f64"
    batch, (m, n), k = result.shape[:-2], result.shape[-2:], a[1][-1]
    left, right, order = matrix(a), matrix(b), steps(batch, a, b)
    if left is None or right is None or order is None or 0 in (k, *result.shape):
        return None
    (ta, lda), (tb, ldb), (inner, of_a, of_b) = left, right, order
    size, count = result.dtype.itemsize, prod(batch)
    if m >= ROWS and n * size >= REGISTER and b[2][-1] == 1 and n * k * size <= SMALL:
        return in_tiles(call, m, n, k, count, order)
    vector = min(m, n) == 1
    threaded = m * n * k > (ONE_THREAD_OF_VECTOR if vector else ONE_THREAD)  # by BLAS, if it is left alone
    still = quiet() if threaded else None
    own_threads = threaded and still is None
    high, wide = (m, n) if own_threads else tile_of_products(count, m, n, k)
    down, across = -(-m // high), -(-n // wide)
    words: list[Any] = [0, count * down * across, inner, blas(kind, vector), ta, tb, k, m, n]
    for operand, lead, step, (outward, inward) in ((a, lda, 1 if ta else lda, of_a), (b, ldb, ldb if tb else 1, of_b)):
        words += [operand, outward * size, inward * size, step * size, lead]
    words += [(result, result.shape, result.strides, 0), down * across, across, high, wide, *(still or ())]
    called = (MATRIX_BY_VECTOR if n == 1 else VECTOR_BY_MATRIX if m == 1 else MATRICES).format(kind=kind)
    text = TEXT.format(called=called, size=size, enter=ENTER if still else "", leave=LEAVE if still else "")
    grain = OWN_THREADS if own_threads else grain_of_turns(count * down * across, high * wide * k)
    return Routine(text, grain, work_of_products(count, m, n, k), words)


def in_tiles(call: Call, m: int, n: int, k: int, count: int, order: tuple[int, Pair, Pair]) -> Routine:
    """Rows of A by all of B, which is read as it lies, for it stays in the first cache: nothing is copied before the first sum."""
    (a, b), (inner, of_a, of_b) = call.operands, order
    (row_a, column_a), row_b, (unit, chain, parts) = a[2][-2:], b[2][-2], terms_of(k, 1)
    return tiled(
        call, a, b, m, n, count // inner, inner, (k, 1, unit, chain, parts),
        table_of((m,), (row_a,)), table_of((unit,), (column_a,)), table_of((unit,), (row_b,)),
        (*of_a, unit * column_a), (*of_b, unit * row_b), (inner * m * n, m * n, n),
    )  # fmt: skip


def matrix(operand: Operand) -> Pair | None:
    """(transposed, leading dimension), or None if BLAS cannot walk it so."""
    _, shape, strides, _ = operand
    rows, columns = shape[-2:]
    row, column = strides[-2:]
    if (columns == 1 or column == 1) and (rows == 1 or row >= columns) and not (columns == 1 and rows > 1 and row < 1):
        return 0, max(row if rows > 1 else columns, columns, 1)
    if (rows == 1 or row == 1) and (columns == 1 or column >= rows):
        return 1, max(column if columns > 1 else rows, rows, 1)
    return None


def steps(batch: tuple[int, ...], a: Operand, b: Operand) -> tuple[int, Pair, Pair] | None:
    """(matrices in a row of the batch; for each operand: elements from row to row, and from one to the next within a row).

    None if the batch's axes are not two at most in memory.
    """
    strides = [_batch_strides(batch, operand) for operand in (a, b)]
    wide = [d for d, n in enumerate(batch) if n != 1]
    for cut in range(len(wide) + 1):
        halves = wide[:cut], wide[cut:]
        found = [[_one_axis([(batch[d], own[d]) for d in half]) for half in halves] for own in strides]
        if None not in found[0] and None not in found[1]:
            inner = 1
            for d in halves[1]:
                inner *= batch[d]
            return inner, tuple(found[0]), tuple(found[1])  # type: ignore[return-value]
    return None


def _batch_strides(batch: tuple[int, ...], operand: Operand) -> list[int]:
    """An operand's strides along the axes of the batch; 0 where it is broadcast."""
    _, shape, strides, _ = operand
    absent = len(batch) - len(shape) + 2
    own = [0 if n == 1 else s for n, s in zip(shape[:-2], strides[:-2])]
    return [0] * absent + own


def _one_axis(axes: list[Pair]) -> int | None:
    """The stride of axes (extent, stride) walked as one; None if they cannot be."""
    if any(outer != inner * n for (_, outer), (n, inner) in zip(axes, axes[1:])):
        return None
    return axes[-1][1] if axes else 0


@lru_cache(maxsize=None)
def blas(kind: str, vector: bool) -> int:
    """The address of ?gemm in SciPy's BLAS, or of ?gemv."""
    name_of_routine = ("s" if kind == "f32" else "d") + ("gemv" if vector else "gemm")
    capsule = importlib.import_module("scipy.linalg.cython_blas").__pyx_capi__[name_of_routine]
    name = ctypes.pythonapi.PyCapsule_GetName
    name.restype, name.argtypes = ctypes.c_char_p, [ctypes.py_object]
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    return pointer(capsule, name(capsule))
