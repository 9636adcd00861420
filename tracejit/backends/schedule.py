"""The schedule: how the outermost loop of a kernel is spread over threads. It never changes a bit of the result."""

from __future__ import annotations

from math import prod

from ..lowering.kernel import FEW, Axis, Kernel, Let, LetIndex, Stage, Statement
from ..spec import DType
from .native.crew import WEIGHT

CHUNK = 100_000  # the least work that is worth handing to another thread, in additions; measured: docs/decisions.md
LONG = 200_000  # additions of a program that other Python threads should not wait for
VECTORS = 64  # a vector loop is cut at multiples of this many elements: whole cache lines, and nothing left over
DIVISION = 20  # of integers, in additions
OWN_THREADS = -1  # the grain of what is not to be cut, and should find the other processors free
TILE, EDGE = 256, 16  # the edge of a product's tile, and what it is a multiple of: BLAS reaches nine tenths of its speed on it
SPLIT = 1 << 22  # multiplications of a smaller product from which on two threads pay
MULTIPLICATIONS = 2  # of a product of matrices, for an addition
ONE_THREAD = 1 << 18  # multiplications in a product of matrices up to which OpenBLAS uses one thread, whoever calls it
ONE_THREAD_OF_VECTOR = 1 << 13  # the same of a matrix and a vector


def grain(kernel: Kernel) -> int:
    """How many turns of the outermost loop are the least to hand out, and WEIGHT times how much that is; 0 where it must, or should,
    run as a whole."""
    if not kernel.axes:
        return 0
    outermost, *inside = kernel.axes
    unit = VECTORS if (kernel.is_map or kernel.side_by_side) and not inside else 1
    turn = _turn(kernel)
    if outermost.role == "part":
        turn //= outermost.extent
    return _shared(outermost.turns, turn, unit)


def tile_of_products(batch: int, m: int, n: int, k: int) -> tuple[int, int]:
    """The rows and columns of a product of matrices that are computed at a turn: by its shape alone, for bits depend on them."""
    if batch >= FEW or m * n * k <= ONE_THREAD:
        return m, n
    edge = TILE if m * n <= TILE * TILE * 16 else 2 * TILE
    high, wide = _even(m, edge), _even(n, edge)
    if (high, wide) == (m, n) and m * n * k >= SPLIT:
        return (_even(m, -(-m // 2)), n) if m >= n else (m, _even(n, -(-n // 2)))
    return high, wide


def _even(extent: int, most: int) -> int:
    """The extent's part, so many that none is larger than `most`, as even as whole vectors are."""
    parts = -(-extent // most)
    return min(extent, -(-extent // (parts * EDGE)) * EDGE)


def grain_of_turns(turns: int, cost: int) -> int:
    """The grain of a routine's turns, each worth so many additions."""
    return _shared(turns, cost, 1)


def _shared(turns: int, cost: int, unit: int) -> int:
    """The grain of so many turns; 0 where there are not two chunks of them, for then one thread would find next to nothing."""
    least = -(-CHUNK // (unit * cost or 1)) * unit
    return least + WEIGHT * max(least * cost // CHUNK, 1) if turns >= 2 * least else 0


def work(kernel: Kernel) -> int:
    """What a kernel takes, in additions."""
    return _turn(kernel) * (kernel.axes[0].turns if kernel.axes else 1)


def work_of_products(batch: int, m: int, n: int, k: int) -> int:
    """The same, of products of matrices: BLAS does several multiplications in the time of an addition that walks memory."""
    return batch * m * n * k // MULTIPLICATIONS


def _turn(kernel: Kernel) -> int:
    """One turn of the outermost loop, in additions."""
    return sum(prod(_walked(axis) for axis in (*kernel.axes[1:], *stage.axes)) * _cost(stage) for stage in kernel.stages)


def _walked(axis: Axis) -> int:
    """The turns of a loop: of one over a block, at most the block's."""
    return min(axis.extent, axis.block) if axis.block else axis.extent


def _cost(stage: Stage) -> int:
    """What the innermost statements cost, in additions of float32: fewer of wider numbers fill a vector. Memory counts as one too."""
    return sum(_cost_of(s) for s in stage.body) + sum(_width(reduction.dtype) for reduction in stage.reductions)


def _cost_of(s: Statement) -> int:
    if isinstance(s, LetIndex):
        return DIVISION if s.form in ("quotient", "remainder") else 1
    return s.cost * _width(s.dtype) if isinstance(s, Let) else _width(s.slot.dtype)


def _width(dtype: DType) -> int:
    return max(dtype.itemsize // 4, 1)
