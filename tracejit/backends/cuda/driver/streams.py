"""Streams and events of one GPU, and which stream each thread of Python issues its work on."""

from __future__ import annotations

import threading
from typing import Any

from ....errors import ArgumentError, DeviceError, fail
from .arguments import Arguments
from .calls import Calls

LEGACY = 1  # the handle of the stream that CuPy and PyTorch use too unless told otherwise: so their work and ours is in one order


class Stream:
    """A queue of work, and the memory that may be used again in its order.

    spare: addresses that are free, by size. unsure: (address, size) of what was let go of while other streams might still use it.
    waiting: such blocks, each list with the events after which no stream uses them.
    """

    __slots__ = ("handle", "native", "spare", "unsure", "waiting")

    def __init__(self, native: Any) -> None:
        self.native, self.handle = native, int(native)
        self.spare: dict[int, list[int]] = {}
        self.unsure: list[tuple[int, int]] = []
        self.waiting: list[tuple[list[tuple[int, int]], list[Any]]] = []


class Standing(threading.local):
    """Where a thread stands: `stream` takes what it issues. While it captures a graph that is the capture's stream, and `home` is the one
    on which memory is taken and the host's values are sent, which a graph does not repeat."""

    def __init__(self, calls: Calls, stream: Stream) -> None:
        calls.here()
        self.stream = self.home = stream
        self.capture: Any = None
        self.arguments = Arguments()


class Streams:
    """The streams of one GPU. Those that their users let go of are given to the next who ask; none is destroyed, for memory belongs to them."""

    def __init__(self, calls: Calls) -> None:
        self.calls = calls
        self.legacy = Stream(calls.cu.CUstream(LEGACY))
        self.all = {LEGACY: self.legacy}
        self.standing = Standing(calls, self.legacy)
        self._idle: list[int] = []
        self._idle_events: list[Any] = []

    # Streams

    @property
    def handle(self) -> int:
        """The driver's address of the stream that takes this thread's work; 1 is the default stream."""
        return self.standing.stream.handle

    def make(self) -> int:
        """The handle of a stream that waits for no other."""
        if self._idle:
            return self._idle.pop()
        stream = Stream(self.calls.cuStreamCreate(self.calls.cu.CUstream_flags.CU_STREAM_NON_BLOCKING))
        self.all[stream.handle] = stream
        return stream.handle

    def let_go(self, handle: int) -> None:
        """Give a stream back."""
        if handle != LEGACY:
            self._idle.append(handle)

    def use(self, handle: int) -> int:
        """Issue this thread's work on a stream from now on; the handle of the one it used before."""
        standing, stream = self.standing, self.all[handle]
        if standing.capture is not None:
            fail(DeviceError, "another stream was asked for while a graph is captured", "Change streams before, or after: a graph is replayed on the stream of then.")
        before = standing.stream.handle
        standing.stream = standing.home = stream
        return before

    def synchronize(self, handle: int) -> None:
        """Wait until everything issued on a stream is done."""
        self.calls.cuStreamSynchronize(self.all[handle].native)

    def is_done(self, handle: int) -> bool:
        """Whether everything issued on a stream is done."""
        return self._ready("cuStreamQuery", self.all[handle].native)

    # Other libraries' streams

    def hand_over(self, handle: int | None) -> None:
        """Let a stream of another library wait for what this thread has issued. As the array API has it, None is the default stream, and
        with -1 the library sees to it itself."""
        handle = LEGACY if handle is None else handle
        if handle not in (-1, self.handle):
            self._ordered(self.standing.stream.native, self._other(handle))

    def take_over(self, handle: int | None) -> None:
        """Let what this thread issues from now on wait for what another library has issued on a stream. With None there is nothing to wait for."""
        if handle is not None and handle != self.handle:
            self._ordered(self._other(handle), self.standing.stream.native)

    def _other(self, handle: int) -> Any:
        if handle < 1:
            fail(ArgumentError, f"{handle} as a stream", "Give the address of a stream; 1 is the default stream, 2 the default stream of a thread.")
        if self.standing.capture is not None:
            fail(DeviceError, "an array is shared with another stream while a graph is captured", "Share it before, or after.")
        return self.calls.cu.CUstream(handle)

    def _ordered(self, first: Any, then: Any) -> None:
        mark = self.event()
        self.calls.cuEventRecord(mark, first)
        self.calls.cuStreamWaitEvent(then, mark, 0)
        self.recycle([mark])

    # Events

    def event(self, timed: bool = False) -> Any:
        """A mark to be set on a stream. Those that are timed tell the time between them."""
        if not timed and self._idle_events:
            return self._idle_events.pop()
        flags = self.calls.cu.CUevent_flags
        return self.calls.cuEventCreate(flags.CU_EVENT_DEFAULT if timed else flags.CU_EVENT_DISABLE_TIMING)

    def drop(self, event: Any, timed: bool = False) -> None:
        """Let go of a mark. One that is not timed serves again."""
        if timed:
            self.calls.tried("cuEventDestroy", event)
        else:
            self._idle_events.append(event)

    def marks(self, beside: Stream) -> list[Any]:
        """Marks on all streams but this one, each behind what was issued there."""
        marks = []
        for stream in list(self.all.values()):
            if stream is not beside:
                marks.append(self.event())
                self.calls.cuEventRecord(marks[-1], stream.native)
        return marks

    def recycle(self, marks: list[Any]) -> None:
        """Marks that are not needed any more."""
        self._idle_events += marks

    def record(self, event: Any, handle: int) -> None:
        """Set a mark behind everything that was issued on a stream."""
        self.calls.cuEventRecord(event, self.all[handle].native)

    def wait(self, handle: int, event: Any) -> None:
        """Let what is issued on a stream from now on wait for a mark. The host does not wait."""
        self.calls.cuStreamWaitEvent(self.all[handle].native, event, 0)

    def wait_for_event(self, event: Any) -> None:
        """Let the host wait for a mark."""
        self.calls.cuEventSynchronize(event)

    def is_reached(self, event: Any) -> bool:
        """Whether everything before a mark is done."""
        return self._ready("cuEventQuery", event)

    def milliseconds(self, start: Any, end: Any) -> float:
        """The time between two timed marks."""
        return self.calls.cuEventElapsedTime(start, end)

    def _ready(self, name: str, of: Any) -> bool:
        (status,) = self.calls.tried(name, of)
        if status and status != self.calls.cu.CUresult.CUDA_ERROR_NOT_READY:
            self.calls.failed(name, status)
        return not status
