"""`Regions`: the memory that arrays span, ordered, so that those that may share some are found without asking each."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

import numpy as np
from numpy.lib.array_utils import byte_bounds


class Regions:
    """Numbered arrays, in spans of memory that do not touch: arrays that overlap lie in one span."""

    def __init__(self) -> None:
        self.arrays: list[np.ndarray] = []
        self.starts: list[int] = []
        self.ends: list[int] = []
        self.members: list[list[int]] = []

    def append(self, array: np.ndarray) -> None:
        """Add an array; its number is the count of those before it."""
        low, high = _bounds(array)
        first, last = self._between(low, high)
        joined = slice(first, last)
        members = [n for span in self.members[joined] for n in span]
        low, high = min([low, *self.starts[joined]]), max([high, *self.ends[joined]])
        self.starts[joined], self.ends[joined], self.members[joined] = [low], [high], [[*members, len(self.arrays)]]
        self.arrays.append(array)

    def sharing(self, array: np.ndarray) -> list[int]:
        """The numbers of the arrays that may share memory with this one."""
        first, last = self._between(*_bounds(array))
        return [n for span in self.members[first:last] for n in span if np.may_share_memory(array, self.arrays[n])]

    def _between(self, low: int, high: int) -> tuple[int, int]:
        """Which spans meet the bytes from low to high."""
        return bisect_right(self.ends, low), bisect_left(self.starts, high)


def _bounds(array: np.ndarray) -> tuple[int, int]:
    if array.flags.c_contiguous:
        start = array.__array_interface__["data"][0]
        return start, start + max(array.nbytes, 1)
    return byte_bounds(array)
