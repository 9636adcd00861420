"""Values on their way from the host: copied into memory that the GPU reads by itself, so that their source may change at once."""

from __future__ import annotations

import ctypes
from collections import deque
from typing import Any

import numpy as np

from ....forks import lock_of
from .calls import Calls
from .streams import Stream, Streams

RING = 16 << 20  # bytes on the way at most; more waits for what was sent first
PIECE = 4 << 20  # bytes sent at once: the host copies the next piece while the GPU reads this one
LINE = 256  # bytes: pieces begin at multiples of it


class Staging:
    """A ring of page-locked memory. Pieces leave it in the order in which they came."""

    def __init__(self, calls: Calls, streams: Streams) -> None:
        self.calls, self.streams = calls, streams
        self._start = self._at = 0
        self._busy: deque[tuple[int, Any]] = deque()  # where each piece begins, and the mark behind its copy
        self._lock = lock_of(self)

    def send(self, address: int, array: np.ndarray, stream: Stream) -> None:
        """Copy the bytes of a C-contiguous array to the device on a stream."""
        source, left = array.ctypes.data, array.nbytes
        with self._lock:
            while left:
                size = min(left, PIECE)
                place = self._room(size)
                ctypes.memmove(self._start + place, source, size)
                self.calls.cuMemcpyHtoDAsync(address, self._start + place, size, stream.native)
                mark = self.streams.event()
                self.calls.cuEventRecord(mark, stream.native)
                self._busy.append((place, mark))
                address, source, left = address + size, source + size, left - size

    def _room(self, size: int) -> int:
        """Where a piece may be put, once what was there is sent."""
        if not self._start:
            self._start = int(self.calls.cuMemHostAlloc(RING, self.calls.cu.CU_MEMHOSTALLOC_PORTABLE))
        if self._at + size > RING:
            self._wait(self._at, RING)
            self._at = 0
        place, self._at = self._at, self._at + (size + LINE - 1) // LINE * LINE
        self._wait(place, self._at)
        return place

    def _wait(self, start: int, end: int) -> None:
        """Wait for the pieces that begin in a part of the ring: the oldest are next on the way around."""
        while self._busy and start <= self._busy[0][0] < end:
            _, mark = self._busy.popleft()
            self.streams.wait_for_event(mark)
            self.streams.recycle([mark])
