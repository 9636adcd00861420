"""Order by a network: a few arrays, element by element, by comparisons of pairs that do not depend on values, so that they fuse into one loop."""

from __future__ import annotations

from typing import Iterator, Sequence

from ..tensor import Tensor
from .elementwise import maximum, minimum


def in_order(rows: Sequence[Tensor]) -> list[Tensor]:
    """The least elements of arrays of one shape, the second least, and so on; all NaN where one is. What is not used of it is not computed in a graph."""
    found = list(rows)
    for low, high in pairs_compared(len(found)):
        found[low], found[high] = minimum(found[low], found[high]), maximum(found[low], found[high])
    return found


def pairs_compared(count: int) -> Iterator[tuple[int, int]]:
    """The pairs of places that are put in order, one after another: Batcher's merge exchange (Knuth, The Art of Computer Programming 3, 5.2.2 M)."""
    largest = 1 << max(count - 1, 0).bit_length() >> 1
    width = largest
    while width:
        apart, reach, side = width, largest, 0
        while True:
            for low in range(count - apart):
                if low & width == side:
                    yield low, low + apart
            if reach == width:
                break
            apart, reach, side = reach - width, reach >> 1, width
        width >>= 1
