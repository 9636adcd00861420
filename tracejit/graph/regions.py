"""`Regions`: the memory that arrays span, ordered, so that those that may share some are found without asking each."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.array_utils import byte_bounds

from ..device import DeviceArray, bounds, is_array, may_share_memory
from ..tensor import Tensor

if TYPE_CHECKING:
    from .trace import Tracer


class Regions:
    """The arrays of a growing list, in spans of memory that do not touch: arrays that overlap lie in one span.

    An array is looked at when it is first asked whether one shares memory: of most lists, nobody asks.
    """

    def __init__(self, arrays: list[np.ndarray]) -> None:
        self.arrays = arrays
        self.count = 0  # those in spans
        self.starts: list[int] = []
        self.ends: list[int] = []
        self.members: list[list[int]] = []

    def _join(self, number: int) -> None:
        low, high = _bounds(self.arrays[number])
        first, last = self._between(low, high)
        joined = slice(first, last)
        members = [n for span in self.members[joined] for n in span]
        low, high = min([low, *self.starts[joined]]), max([high, *self.ends[joined]])
        self.starts[joined], self.ends[joined], self.members[joined] = [low], [high], [[*members, number]]

    def sharing(self, array: np.ndarray) -> list[int]:
        """The numbers of the arrays that may share memory with this one."""
        while self.count < len(self.arrays):
            self._join(self.count)
            self.count += 1
        first, last = self._between(*_bounds(array))
        return [n for span in self.members[first:last] for n in span if may_share_memory(array, self.arrays[n])]

    def _between(self, low: int, high: int) -> tuple[int, int]:
        """Which spans meet the bytes from low to high."""
        return bisect_right(self.ends, low), bisect_left(self.starts, high)


def _bounds(array: Any) -> tuple[int, int]:
    if type(array) is DeviceArray:
        return bounds(array)
    if array.flags.c_contiguous:
        start = array.__array_interface__["data"][0]
        return start, start + max(array.nbytes, 1)
    return byte_bounds(array)


# What a trace asks of its inputs


def overlapped(tracer: Tracer, home: int) -> bool:
    """Whether memory of an outside tensor that is to be changed is also another input's."""
    return any(number != home for number in _sharing(tracer, tracer.arrays[home]))


def see_changes(tracer: Tracer, args: tuple[Any, ...]) -> None:
    """Write what is pending to memory, if an argument not met before shows such memory."""
    for a in args:
        if isinstance(a, Tensor) and (left := tracer.left.of(a)) is not None:
            a = a if left.whole is None else left.whole
        array = a._value if isinstance(a, Tensor) else a
        if is_array(array) and id(a) not in tracer.numbers:
            shared = _sharing(tracer, array)
            if shared and any(e.changed and e.home in shared for e in tracer.followed()):
                tracer.outside("memory that is changed is also reached as another tensor", "memory")
                tracer.flush()
                return


def _sharing(tracer: Tracer, array: np.ndarray) -> list[int]:
    tracer.memory = tracer.memory or Regions(tracer.arrays)
    return tracer.memory.sharing(array)
