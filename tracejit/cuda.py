"""`tj.cuda`: the GPUs of this machine, their streams and events, under PyTorch's names. Importing it loads nothing of CUDA's.

    side = tj.cuda.Stream()
    with tj.cuda.stream(side):
        y = f(x)                                  # issued on `side`, beside what other streams do
    tj.cuda.current_stream().wait_stream(side)    # what comes now needs y
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Iterator
from weakref import WeakValueDictionary

from .backend import get_backend
from .backends.cuda.devices import device_count, driver_of, number_of
from .backends.cuda.driver.streams import LEGACY
from .errors import ArgumentError, fail
from .ops.random import manual_seed as seed_generator

__all__ = [
    "Event", "Stream", "current_device", "current_stream", "default_stream", "device_count", "empty_cache", "get_device_capability",
    "get_device_name", "is_available", "is_bf16_supported", "manual_seed", "manual_seed_all", "max_memory_allocated", "memory_allocated",
    "memory_reserved", "memory_stats", "stream", "synchronize",
]  # fmt: skip


def is_available() -> bool:
    """Whether there is a GPU that can be used, with the packages that takes."""
    return device_count() > 0


def current_device() -> int:
    """The number of the GPU that "cuda" names: the first."""
    return number_of("cuda")


def synchronize(device: Any = None) -> None:
    """Wait until everything issued on a GPU is done. device: a name or a number; the first GPU if it is left out.

    Raises DeviceError where there is no such GPU, and for errors of work that was issued before; LateIndexingError for an index that was out of
    bounds.
    """
    driver_of(number_of(device)).synchronize()
    get_backend(f"cuda:{number_of(device)}").check()


def memory_stats(device: Any = None) -> dict[str, int]:
    """What is known of a GPU's memory, in bytes: `allocated` by tensors now, and at its `peak`; `reserved` from the device for them, of
    which `kept` is free and sorted by size; the device's `capacity`. `hits` and `misses` count the blocks that were found among those
    kept, and those asked of the driver.
    """
    return driver_of(number_of(device)).memory_stats()


def memory_allocated(device: Any = None) -> int:
    """The bytes that tensors on a GPU hold now."""
    return memory_stats(device)["allocated"]


def max_memory_allocated(device: Any = None) -> int:
    """The most bytes that tensors on a GPU have held."""
    return memory_stats(device)["peak"]


def memory_reserved(device: Any = None) -> int:
    """The bytes that were asked of a GPU: those of tensors, and those kept for others to come."""
    return memory_stats(device)["reserved"]


def empty_cache(device: Any = None) -> None:
    """Give the memory that is kept for tensors to come back to the GPU, for other programs. Waits until all work is done."""
    driver_of(number_of(device)).give_back_all()


def get_device_name(device: Any = None) -> str:
    """What its maker calls a GPU."""
    return driver_of(number_of(device)).name


def get_device_capability(device: Any = None) -> tuple[int, int]:
    """What a GPU can do, as its maker counts it: (9, 0) of Hopper."""
    arch = driver_of(number_of(device)).arch.removeprefix("sm_")
    return int(arch[:-1]), int(arch[-1])


def is_bf16_supported() -> bool:
    """Whether the first GPU multiplies bfloat16 itself; False where there is none."""
    return is_available() and get_device_capability() >= (8, 0)


def manual_seed_all(seed: int) -> None:
    """`tj.manual_seed`: there is one stream of random numbers, the same on every device."""
    seed_generator(seed)


manual_seed = manual_seed_all


# Streams


class Stream:
    """A queue of a GPU's work: in order within itself, beside that of other streams. device: a name or a number.

    Memory may be let go of at any time, whichever streams use it; but what one stream computes, another finds only if it waits for it.
    Raises DeviceError where there is no such GPU.
    """

    device: str
    cuda_stream: int  # the driver's address of it, for other libraries

    def __init__(self, device: Any = None) -> None:
        number = number_of(device)
        self._stand_for(number, driver_of(number).streams.make())

    def _stand_for(self, number: int, handle: int) -> None:
        self._streams = driver_of(number).streams
        self.device, self.cuda_stream = f"cuda:{number}", handle
        _known[number, handle] = self

    def __del__(self) -> None:
        if hasattr(self, "_streams"):
            self._streams.let_go(self.cuda_stream)

    def synchronize(self) -> None:
        """Wait until everything issued on it is done."""
        self._streams.synchronize(self.cuda_stream)

    def query(self) -> bool:
        """Whether everything issued on it is done."""
        return self._streams.is_done(self.cuda_stream)

    def record_event(self, event: Event | None = None) -> Event:
        """Set an event, or a new one, behind what was issued on it."""
        event = Event() if event is None else event
        event.record(self)
        return event

    def wait_event(self, event: Event) -> None:
        """Let what is issued on it from now on wait for an event. The host does not wait."""
        event.wait(self)

    def wait_stream(self, stream: Stream) -> None:
        """Let what is issued on it from now on wait for what was issued on another. The host does not wait."""
        self.wait_event(stream.record_event())

    def __repr__(self) -> str:
        return f"<tracejit.cuda.Stream {self.cuda_stream:#x} on {self.device}>"


_known: WeakValueDictionary[tuple[int, int], Stream] = WeakValueDictionary()  # one object for each stream while anyone holds it


def current_stream(device: Any = None) -> Stream:
    """The stream that takes what this thread issues on a GPU."""
    number = number_of(device)
    return _at(number, driver_of(number).streams.handle)


def default_stream(device: Any = None) -> Stream:
    """The stream that threads issue their work on unless told otherwise. CuPy and PyTorch use it too, so their work and ours is in order."""
    return _at(number_of(device), LEGACY)


def _at(number: int, handle: int) -> Stream:
    found = _known.get((number, handle))
    if found is None:
        found = object.__new__(Stream)
        found._stand_for(number, handle)
    return found


@contextmanager
def stream(stream: Stream | None) -> Iterator[None]:
    """Issue this thread's work on a stream, in a `with` block. None changes nothing."""
    if stream is None:
        yield
        return
    before = stream._streams.use(stream.cuda_stream)
    try:
        yield
    finally:
        stream._streams.use(before)


# Events


class Event:
    """A mark in a stream, set by `record`. enable_timing: whether the time between two of them can be told."""

    def __init__(self, enable_timing: bool = False) -> None:
        self.enable_timing = enable_timing
        self._streams: Any = None  # of the GPU it was first recorded on

    def record(self, stream: Stream | None = None) -> None:
        """Set it behind what was issued on a stream; the current one of the first GPU if it is left out."""
        stream = current_stream() if stream is None else stream
        if self._streams is None:
            self._streams, self._mark = stream._streams, stream._streams.event(self.enable_timing)
        elif self._streams is not stream._streams:
            fail(ArgumentError, f"an event of another GPU is recorded on {stream.device}", "Make an event for each GPU.")
        self._streams.record(self._mark, stream.cuda_stream)

    def wait(self, stream: Stream | None = None) -> None:
        """Let what is issued on a stream from now on wait for it. The host does not wait."""
        if self._streams is not None:
            stream = current_stream() if stream is None else stream
            stream._streams.wait(stream.cuda_stream, self._mark)

    def query(self) -> bool:
        """Whether everything before it is done; True if it was never recorded."""
        return self._streams is None or self._streams.is_reached(self._mark)

    def synchronize(self) -> None:
        """Wait until everything before it is done."""
        if self._streams is not None:
            self._streams.wait_for_event(self._mark)

    def elapsed_time(self, end: Event) -> float:
        """The milliseconds from this event to another. Both have `enable_timing`, were recorded, and have been reached."""
        for event in (self, end):
            if not event.enable_timing or event._streams is None:
                fail(ArgumentError, "the time of an event that was not recorded, or without enable_timing", "Record Event(enable_timing=True) before and after.")
        return self._streams.milliseconds(self._mark, end._mark)

    def __del__(self) -> None:
        if self._streams is not None:
            self._streams.drop(self._mark, self.enable_timing)
