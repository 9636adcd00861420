"""Memory of one GPU: blocks by size in front of the driver's pool, so that taking one that was let go of is a look-up.

Work of one stream is in order, so a block may be taken again for that stream as soon as it is let go of. Where there are several streams,
another may still use it: then it waits for the events that follow what they had been given. Memory that a thread lets go of while it
captures a graph stays the graph's.
"""

from __future__ import annotations

import gc
from typing import Any, NoReturn

from ....errors import OutOfMemoryError, fail
from ....forks import lock_of
from .calls import Calls
from .streams import Stream, Streams

UNIT = 512  # bytes: sizes are multiples of it, as the driver's pool has them
KEPT_BLOCK = 8 << 20  # bytes of the largest block that is kept by size: a kernel over more takes longer than the driver's pool does
KEPT = 512 << 20  # bytes that are kept by size together; the driver's pool has the rest


class Pool:
    """Takes and gives back blocks. `held`: bytes in use; `kept`: bytes that are free, by size; `hits`: blocks that were such."""

    def __init__(self, calls: Calls, number: int, streams: Streams) -> None:
        self.calls, self.number, self.streams = calls, number, streams
        self.held = self.peak = self.kept = self.hits = self.misses = 0
        self._home: dict[int, Stream] = {}  # by address, of blocks that are not the default stream's
        self._standing, self._legacy = streams.standing, streams.legacy
        self._lock = lock_of(self)
        self._pool = self._made(calls)

    def _made(self, calls: Calls) -> Any:
        """A pool of the driver's that keeps what it has got from the device."""
        cu = calls.cu
        wanted = cu.CUmemPoolProps()
        wanted.allocType = cu.CUmemAllocationType.CU_MEM_ALLOCATION_TYPE_PINNED
        wanted.location.type, wanted.location.id = cu.CUmemLocationType.CU_MEM_LOCATION_TYPE_DEVICE, self.number
        pool = calls.cuMemPoolCreate(wanted)
        calls.cuMemPoolSetAttribute(pool, cu.CUmemPool_attribute.CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, cu.cuuint64_t(2**64 - 1))
        return pool

    # Taking and letting go

    def allocate(self, size: int) -> int:
        """The address of so many bytes, for use on this thread's stream. Raises OutOfMemoryError."""
        size = (size + UNIT - 1) & -UNIT or UNIT
        stream = self._standing.stream
        try:
            address = stream.spare[size].pop()
            self.kept -= size
            self.hits += 1
        except (KeyError, IndexError):
            address = self._missed(size, stream)
        self.held += size
        if self.held > self.peak:
            self.peak = self.held
        return address

    def release(self, address: int, size: int) -> None:
        """Let go of a block of this size. Safe at any time, in any thread, in a destructor."""
        size = (size + UNIT - 1) & -UNIT or UNIT
        self.held -= size
        standing = self._standing
        if standing.capture is None:
            if len(self.streams.all) > 1:
                self._home.get(address, self._legacy).unsure.append((address, size))
                return
            if size > KEPT_BLOCK or self.kept >= KEPT:
                self._give_back(self._legacy, address)
                return
        self._keep(standing.stream, address, size)

    def release_all(self, blocks: list[tuple[int, int]]) -> None:
        """Let go of several."""
        for address, size in blocks:
            self.release(address, size)

    def adopted(self, stream: Stream) -> list[tuple[int, int]]:
        """The free blocks of a capture's stream, taken: they are the graph's, which works in them whenever it is replayed."""
        blocks = [(address, size) for size, found in stream.spare.items() for address in found]
        stream.spare.clear()
        total = sum(size for _, size in blocks)
        self.kept -= total
        self.held += total
        return blocks

    def _free(self, stream: Stream, address: int, size: int) -> None:
        """What no stream but this one may still use, is free."""
        if size <= KEPT_BLOCK and self.kept < KEPT:
            self._keep(stream, address, size)
        else:
            self._give_back(stream, address)

    def _keep(self, stream: Stream, address: int, size: int) -> None:
        self.kept += size
        stream.spare.setdefault(size, []).append(address)

    def _give_back(self, stream: Stream, address: int) -> None:
        """Give a block back to the driver's pool. Nothing can be done about an error here, and who lets go of a tensor did not make it."""
        self._home.pop(address, None)
        self.calls.tried("cuMemFreeAsync", address, stream.native)

    # When no block of the size is free

    def _missed(self, size: int, stream: Stream) -> int:
        with self._lock:
            if len(self.streams.all) > 1:
                self._settle(stream)
                if stream.spare.get(size):
                    self.kept -= size
                    self.hits += 1
                    return stream.spare[size].pop()
            self.misses += 1
            home = self._standing.home
            address = self._from_driver(size, home) or self._after_returning(size, home)
            if home is not self._legacy:
                self._home[address] = home
            return address

    def _from_driver(self, size: int, stream: Stream) -> int:
        """A block of the driver's pool; 0 if the device has no room for it."""
        status, address = self.calls.tried("cuMemAllocFromPoolAsync", size, self._pool, stream.native)
        if status == self.calls.cu.CUresult.CUDA_ERROR_OUT_OF_MEMORY:
            return 0
        if status:
            self.calls.failed("cuMemAllocFromPoolAsync", status)
        return int(address)

    def _after_returning(self, size: int, stream: Stream) -> int:
        """The same, once all that is free has been given back, garbage of Python's included."""
        gc.collect()
        self.give_back_all()
        return self._from_driver(size, stream) or self._none_left(size)

    def give_back_all(self) -> None:
        """Give what is free back to the device. Waits until all streams are done."""
        with self._lock:
            streams = list(self.streams.all.values())
            self._wait_for(streams)
            for stream in streams:
                for batch, marks in stream.waiting:
                    stream.unsure += batch
                    self.streams.recycle(marks)
                stream.waiting.clear()
                free = taken(stream.unsure)
                for size, found in list(stream.spare.items()):
                    some = taken(found)
                    self.kept -= size * len(some)
                    free += [(address, size) for address in some]
                for address, _ in free:
                    self._give_back(stream, address)
            self._wait_for(streams)
            self.calls.cuMemPoolTrimTo(self._pool, 0)

    def _wait_for(self, streams: list[Stream]) -> None:
        for stream in streams:
            self.calls.cuStreamSynchronize(stream.native)

    def _settle(self, stream: Stream) -> None:
        """Mark all other streams behind what they have been given, for the sake of the blocks let go of until now; and free those blocks
        whose marks have been reached."""
        batch = taken(stream.unsure)
        if batch:
            stream.waiting.append((batch, self.streams.marks(beside=stream)))
        while stream.waiting and all([self.streams.is_reached(mark) for mark in stream.waiting[0][1]]):
            batch, marks = stream.waiting.pop(0)
            self.streams.recycle(marks)
            for address, size in batch:
                self._free(stream, address, size)

    # What there is

    def stats(self) -> dict[str, int]:
        """Bytes, and counts of blocks: see `tj.cuda.memory_stats`."""
        _, total = self.calls.cuMemGetInfo()
        return {
            "allocated": self.held, "peak": self.peak, "reserved": self._reserved(), "kept": self.kept,
            "hits": self.hits, "misses": self.misses, "capacity": total,
        }  # fmt: skip

    def _reserved(self) -> int:
        return int(self.calls.cuMemPoolGetAttribute(self._pool, self.calls.cu.CUmemPool_attribute.CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT))

    def _none_left(self, size: int) -> NoReturn:
        free, capacity = self.calls.cuMemGetInfo()
        no_room(size, self.number, free, capacity, self.held, self._reserved())


def no_room(size: int, number: int, free: int, capacity: int, held: int, reserved: int) -> NoReturn:
    """Say that a block does not fit, and what holds the memory."""
    fail(
        OutOfMemoryError,
        f"{amount(size)} do not fit into the memory of cuda:{number}: of {amount(capacity)}, {amount(free)} are free; "
        f"tensors hold {amount(held)}, and the pool they are in {amount(reserved)}",
        "Let go of tensors (del), take smaller batches, or compute under tj.no_grad() where no gradient is wanted; another process may hold the rest.",
    )


def taken(items: list[Any]) -> list[Any]:
    """What a list holds, taken out of it one by one: others may add to it meanwhile, and what they add is taken or stays."""
    found = []
    while items:
        found.append(items.pop())
    return found


def amount(size: int) -> str:
    """A size in bytes, to be read."""
    for bits, unit in ((40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")):
        if size >> bits:
            return f"{size / (1 << bits):.1f} {unit}"
    return f"{size} bytes"
