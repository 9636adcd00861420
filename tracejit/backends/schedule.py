"""The schedule: how the outermost loop of a kernel is spread over threads. It never changes a bit of the result."""

from __future__ import annotations

from ..lowering.kernel import Kernel, Let, LetIndex

CHUNK = 200_000  # the least work that is worth handing to another thread, in additions; measured: docs/decisions.md
VECTORS = 64  # a vector loop is cut at multiples of this many elements: whole cache lines, and nothing left over
DIVISION = 20  # of integers, in additions


def grain(kernel: Kernel) -> int:
    """How many turns of the outermost loop are the least to hand out; 0 where it must, or should, run as a whole."""
    if not kernel.axes or kernel.axes[0].role != "space":
        return 0
    outermost, *inside = kernel.axes
    unit, turn = (1, 1) if inside else (VECTORS, VECTORS)
    for axis in inside:
        turn *= axis.extent
    least = -(-CHUNK // (turn * _cost(kernel) or 1)) * unit
    return least if outermost.extent > least else 0


def _cost(kernel: Kernel) -> int:
    """What the innermost statements cost, in additions. Memory counts as one too."""
    return sum(s.cost if isinstance(s, Let) else DIVISION if isinstance(s, LetIndex) and s.form in ("quotient", "remainder") else 1 for s in kernel.body)
