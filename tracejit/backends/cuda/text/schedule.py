"""The schedule: how a kernel is spread over the threads of a GPU. It never changes a bit of a map; of a reduction it is part of the order."""

from __future__ import annotations

from typing import Any

from ....lowering.hardware import Hardware

THREADS = 256  # of a block that walks a map: eight warps, of which a processor holds eight blocks
PACK = 16  # bytes of the widest access of one thread
BLOCKS = 16  # of a grid, for each processor: beyond them a thread takes further turns
WIDE = 1 << 31  # elements from which on indices need 64 bits to be divided

# Reductions: which element is joined with which follows from the next five.

WARP = 32  # threads that exchange values without memory; columns that are read side by side, a line of memory of float32
STRANDS = 4  # accumulators of a thread, one for each of so many neighbouring elements: 16 bytes of float32
EACH = 8  # elements of a row, or of a column, that a thread has before there are more threads: two packs are on their way at a time
MOST = 512  # threads of a row: with 40 registers each, three such blocks fit a processor, and one of 1024
STRAND_LIMIT = 16  # threads of a column: with as many columns as a warp has threads, as many in a block

SHARED = 48 * 1024  # bytes of a block's own memory that need no leave of the driver's

# Fewer rows than twice the processors of the largest GPU leave some idle; a row of 2¹⁶ elements is 128 for each of a block's threads, and
# is cut into no more parts than fill the GPU twice. Of a block's memory three quarters are for rows, the rest for what threads exchange.
# Two million places look at a value in about the time in which one thread adds it and waits for memory.
GPU = Hardware(in_turns=False, few=256, long=2**16, part=2**13, parts=512, columns=WARP, held=SHARED * 3 // 4, places=2**21)


def threads_of_row(count: int) -> int:
    """How many threads walk a row of so many elements: a power of two."""
    return _power(-(-count // EACH), MOST)


def threads_of_column(count: int) -> int:
    """How many threads walk a column of so many elements."""
    return _power(-(-count // EACH), STRAND_LIMIT)


def _power(wanted: int, most: int) -> int:
    """The power of two that is not less, or the largest allowed."""
    return min(1 << (wanted - 1).bit_length(), most)


def blocks_for(device: Any, turns: int) -> int:
    """The blocks of a grid whose threads have so many turns in all."""
    return max(1, min(-(-turns // THREADS), BLOCKS * device.driver.processors))
