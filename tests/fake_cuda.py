"""NVIDIA's driver, played in the host's memory, with the names and the results of `cuda.bindings.driver`.

A stream does nothing by itself: what is issued on it waits until the host waits for it, or `advance` lets it go on. So whatever relies on
luck in time goes wrong here: a source that changes before it is sent, memory that is used again while a stream still needs it.
"""

from __future__ import annotations

import ctypes
from enum import IntEnum
from types import SimpleNamespace
from typing import Any, Callable

import numpy as np

CAPACITY = 64 << 20


class CUresult(IntEnum):
    CUDA_SUCCESS = 0
    CUDA_ERROR_INVALID_VALUE = 1
    CUDA_ERROR_OUT_OF_MEMORY = 2
    CUDA_ERROR_INVALID_CONTEXT = 201
    CUDA_ERROR_NOT_READY = 600
    CUDA_ERROR_ILLEGAL_ADDRESS = 700
    CUDA_ERROR_STREAM_CAPTURE_INVALIDATED = 901


class Queue:
    """A stream: its work in order, as functions. Of a capture, `kept` holds what a replay does."""

    def __init__(self) -> None:
        self.work: list[Callable[[], None]] = []
        self.kept: list[Any] | None = None


class FakeCuda:
    """One driver with so many GPUs. `calls`: the names of what was called. `status`: what the next calls of some names report."""

    CUresult = CUresult
    CUstream = int
    cuuint64_t = int
    CU_MEMHOSTALLOC_PORTABLE = 1
    CUstream_flags = SimpleNamespace(CU_STREAM_NON_BLOCKING=1)
    CUevent_flags = SimpleNamespace(CU_EVENT_DEFAULT=0, CU_EVENT_DISABLE_TIMING=2)
    CUstreamCaptureMode = SimpleNamespace(CU_STREAM_CAPTURE_MODE_RELAXED=2)
    CUmemAllocationType = SimpleNamespace(CU_MEM_ALLOCATION_TYPE_PINNED=1)
    CUmemLocationType = SimpleNamespace(CU_MEM_LOCATION_TYPE_DEVICE=1)
    CUmemPool_attribute = SimpleNamespace(CU_MEMPOOL_ATTR_RELEASE_THRESHOLD=4, CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT=5)
    CUpointer_attribute = SimpleNamespace(CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL=9)
    CUdevice_attribute = SimpleNamespace(
        CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR=9, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR=0, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT=132
    )

    def __init__(self, gpus: int = 1) -> None:
        self.gpus, self.context = gpus, 0
        self.called: list[str] = []
        self.status: dict[str, CUresult] = {}
        self.streams: dict[int, Queue] = {1: Queue()}
        self.events: dict[int, tuple[Queue | None, list[bool]]] = {}
        self.blocks: dict[int, np.ndarray] = {}
        self.graphs: dict[int, list[Any]] = {}
        self.libraries: list[bytes] = []
        self._next = 100
        self.kernels = {b"kernel": self.store}

    def __getattribute__(self, name: str) -> Any:
        found = object.__getattribute__(self, name)
        if not name.startswith("cu") or not callable(found) or isinstance(found, type):
            return found

        def call(*values: Any) -> Any:
            self.called.append(name)
            if name in self.status:
                return (self.status[name], None)[: 2 if name in ("cuMemAllocFromPoolAsync", "cuStreamEndCapture") else 1]
            result = found(*values)
            return result if result and isinstance(result[0], CUresult) else (CUresult.CUDA_SUCCESS, *result)

        return call

    def handle(self) -> int:
        self._next += 1
        return self._next

    # What the GPU does

    def issue(self, stream: int, work: Callable[[], None]) -> tuple[()]:
        queue = self.streams[stream]
        (queue.work if queue.kept is None else queue.kept).append(work)
        return ()

    def advance(self, stream: int, steps: int | None = None) -> None:
        """Let a stream do its next steps, or all."""
        work = self.streams[stream].work
        while work and steps != 0:
            work.pop(0)()
            steps = None if steps is None else steps - 1

    def store(self, address: int, count: int, value: int) -> None:
        self.at(address, 8 * count).view(np.int64)[...] = value

    def at(self, address: int, size: int) -> np.ndarray:
        """Bytes that are allocated."""
        for start, block in self.blocks.items():
            if start <= address and address + size <= start + len(block):
                return block[address - start : address - start + size]
        raise AssertionError(f"{size} bytes at {address:#x}, where nothing is allocated")

    # Devices and kernels

    def cuPointerGetAttribute(self, attribute: int, address: int) -> Any:
        return (int(not self.at(address, 1).size),)

    def cuInit(self, flags: int) -> Any:
        return ()

    def cuGetErrorString(self, status: CUresult) -> Any:
        return (status.name.lower().encode() + b"\0",)

    def cuDeviceGetCount(self) -> Any:
        return (self.gpus,)

    def cuDeviceGet(self, number: int) -> Any:
        return (number,)

    def cuDeviceGetName(self, length: int, device: int) -> Any:
        return (b"Played".ljust(length, b"\0"),)

    def cuDeviceGetAttribute(self, attribute: int, device: int) -> Any:
        return (attribute,)

    def cuDevicePrimaryCtxRetain(self, device: int) -> Any:
        return (device + 1,)

    def cuCtxSetCurrent(self, context: int) -> Any:
        self.context = context
        return ()

    def cuCtxSynchronize(self) -> Any:
        for stream in self.streams:
            self.advance(stream)
        return ()

    def cuLibraryLoadData(self, code: bytes, *options: Any) -> Any:
        self.libraries.append(code)
        return (len(self.libraries),)

    def cuLibraryGetKernel(self, library: int, name: bytes) -> Any:
        return (name,)

    def cuKernelGetFunction(self, kernel: bytes) -> Any:
        return (kernel,)

    def cuLaunchKernel(self, function: bytes, *rest: Any) -> Any:
        stream, pointers = rest[7], rest[8]
        return self.issue(stream, Launch(self.kernels[function], words_at(pointers)))

    # Streams and events

    def cuStreamCreate(self, flags: int) -> Any:
        handle = self.handle()
        self.streams[handle] = Queue()
        return (handle,)

    def cuStreamDestroy(self, stream: int) -> Any:
        del self.streams[stream]
        return ()

    def cuStreamSynchronize(self, stream: int) -> Any:
        self.advance(stream)
        return ()

    def cuStreamQuery(self, stream: int) -> Any:
        return (CUresult.CUDA_ERROR_NOT_READY,) if self.streams[stream].work else ()

    def cuStreamWaitEvent(self, stream: int, event: int, flags: int) -> Any:
        return self.issue(stream, lambda mark=self.events[event]: self.reach(mark))

    def cuEventCreate(self, flags: int) -> Any:
        handle = self.handle()
        self.events[handle] = (None, [True])
        return (handle,)

    def cuEventDestroy(self, event: int) -> Any:
        del self.events[event]
        return ()

    def cuEventRecord(self, event: int, stream: int) -> Any:
        reached = [False]
        self.events[event] = (self.streams[stream], reached)
        return self.issue(stream, lambda: reached.__setitem__(0, True))

    def cuEventQuery(self, event: int) -> Any:
        return () if self.events[event][1][0] else (CUresult.CUDA_ERROR_NOT_READY,)

    def cuEventSynchronize(self, event: int) -> Any:
        self.reach(self.events[event])
        return ()

    def cuEventElapsedTime(self, start: int, end: int) -> Any:
        return (1.5,)

    def reach(self, mark: tuple[Queue | None, list[bool]]) -> None:
        queue, reached = mark
        while not reached[0]:
            queue.work.pop(0)()

    # Graphs

    def cuStreamBeginCapture(self, stream: int, mode: int) -> Any:
        self.streams[stream].kept = []
        return ()

    @property
    def library(self) -> Any:
        """The driver's C functions."""
        return SimpleNamespace(cuStreamGetCaptureInfo_v2=self._capture_info)

    def _capture_info(self, stream: Any, *places: Any) -> int:
        state, _, _, nodes, count = [place._obj for place in places]
        state.value, count.value = 1, 1
        self.last = (ctypes.c_void_p * 1)(id(self.streams[stream.value].kept[-1]))
        ctypes.pointer(nodes)[0] = ctypes.cast(self.last, ctypes.POINTER(ctypes.c_void_p))
        return 0

    def CUgraphNode(self, number: int) -> Any:
        """What was kept, by its identity."""
        return next(kept for queue in self.streams.values() for kept in queue.kept or () if id(kept) == number)

    def cuStreamEndCapture(self, stream: int) -> Any:
        handle = self.handle()
        self.graphs[handle], self.streams[stream].kept = self.streams[stream].kept, None
        return (handle,)

    def cuGraphInstantiate(self, graph: int, flags: int) -> Any:
        return (graph,)

    def CUDA_KERNEL_NODE_PARAMS(self) -> Any:
        return SimpleNamespace()

    def cuGraphExecKernelNodeSetParams(self, graph: int, node: Any, launch: Any) -> Any:
        assert launch.gridDimX and launch.blockDimX and launch.gridDimY == launch.blockDimY == launch.gridDimZ == launch.blockDimZ == 1
        node.kernel, node.words = self.kernels[launch.func], words_at(launch.kernelParams)
        return ()

    def cuGraphLaunch(self, graph: int, stream: int) -> Any:
        steps = [step.again() if isinstance(step, Launch) else step for step in self.graphs[graph]]
        for step in steps:
            self.issue(stream, step)
        return ()

    def cuGraphExecDestroy(self, graph: int) -> Any:
        return ()

    def cuGraphDestroy(self, graph: int) -> Any:
        del self.graphs[graph]
        return ()

    # Memory

    def CUmemPoolProps(self) -> Any:
        return SimpleNamespace(location=SimpleNamespace())

    def cuMemPoolCreate(self, wanted: Any) -> Any:
        return (wanted.location.id,)

    def cuMemPoolSetAttribute(self, pool: int, attribute: int, value: int) -> Any:
        return ()

    def cuMemPoolGetAttribute(self, pool: int, attribute: int) -> Any:
        return (self.used,)

    def cuMemPoolTrimTo(self, pool: int, kept: int) -> Any:
        return ()

    @property
    def used(self) -> int:
        return sum(len(block) for block in self.blocks.values())

    def cuMemAllocFromPoolAsync(self, size: int, pool: int, stream: int) -> Any:
        assert self.streams[stream].kept is None, "an allocation in a graph"
        if self.used + size > CAPACITY:
            return CUresult.CUDA_ERROR_OUT_OF_MEMORY, None
        room = np.full(size + 256, 0xA5, np.uint8)
        block = room[-room.ctypes.data % 256 :][:size]
        self.blocks[block.ctypes.data] = block
        return (block.ctypes.data,)

    def cuMemFreeAsync(self, address: int, stream: int) -> Any:
        return self.issue(stream, lambda: self.blocks.__delitem__(address))

    def cuMemGetInfo(self) -> Any:
        return CAPACITY - self.used, CAPACITY

    def cuMemHostAlloc(self, size: int, flags: int) -> Any:
        self.pinned = np.full(size, 0xA5, np.uint8)
        return (self.pinned.ctypes.data,)

    def cuMemcpyHtoDAsync(self, target: int, source: int, size: int, stream: int) -> Any:
        return self.issue(stream, lambda: ctypes.memmove(self.at(target, size).ctypes.data, source, size))

    def cuMemcpyDtoHAsync(self, target: int, source: int, size: int, stream: int) -> Any:
        return self.issue(stream, lambda: ctypes.memmove(target, self.at(source, size).ctypes.data, size))

    def cuMemcpyDtoDAsync(self, target: int, source: int, size: int, stream: int) -> Any:
        return self.issue(stream, lambda: ctypes.memmove(self.at(target, size).ctypes.data, self.at(source, size).ctypes.data, size))

    def cuMemsetD8Async(self, target: int, byte: int, size: int, stream: int) -> Any:
        return self.issue(stream, lambda: self.at(target, size).fill(byte))


class Launch:
    """A kernel and its words, which the driver copies when it is told of them."""

    def __init__(self, kernel: Callable[..., None], words: list[int]) -> None:
        self.kernel, self.words = kernel, words

    def __call__(self) -> None:
        self.kernel(*self.words)

    def again(self) -> Launch:
        return Launch(self.kernel, self.words)


def words_at(pointers: int, count: int = 3) -> list[int]:
    """The words that a table of addresses tells of."""
    return [ctypes.c_int64.from_address(address).value for address in (ctypes.c_void_p * count).from_address(pointers)]
