"""The schedule: how a kernel is spread over the threads of a GPU. It never changes a bit of a map; of a reduction it is part of the order."""

from __future__ import annotations

THREADS = 256  # of a block that walks a map: eight warps, of which a processor holds eight blocks
PACK = 16  # bytes of the widest access of one thread
BLOCKS = 16  # of a grid, for each processor: beyond them a thread takes further turns
WIDE = 1 << 31  # elements from which on indices need 64 bits to be divided
