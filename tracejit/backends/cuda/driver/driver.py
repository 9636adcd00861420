"""`Driver`: one GPU, by NVIDIA's driver. It takes memory, moves values, and launches kernels on the stream that the thread stands on."""

from __future__ import annotations

from typing import Any, Callable, Sequence

import numpy as np

from ....errors import DeviceError, fail
from .calls import Calls, text_of
from .capture import Capture, Graph, asked_in_capture
from .exchange import GPU
from .memory import Pool
from .staging import Staging
from .streams import Streams


class Driver:
    """A GPU. arch: what its kernels are compiled for, as "sm_90"; processors: how many of them it has.

    The host waits in `download` and `synchronize` alone. Any call may raise DeviceError, which may be of work that was issued before it.
    """

    kind = GPU  # of device, in DLPack's words

    def __init__(self, number: int, calls: Calls) -> None:
        device = calls.cuDeviceGet(number)
        self.number = number
        self.calls = calls = Calls(calls.cu, calls.cuDevicePrimaryCtxRetain(device), calls.cuDeviceGetCount() > 1)
        about = calls.cu.CUdevice_attribute
        self.name = text_of(calls.cuDeviceGetName(256, device))
        major = calls.cuDeviceGetAttribute(about.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, device)
        minor = calls.cuDeviceGetAttribute(about.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, device)
        self.arch = f"sm_{major}{minor}"
        self.processors = calls.cuDeviceGetAttribute(about.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, device)
        self.streams = Streams(calls)
        self._standing = self.streams.standing
        self.pool = Pool(calls, number, self.streams)
        self.allocate, self.release = self.pool.allocate, self.pool.release
        self._staging = Staging(calls, self.streams)
        self._functions: dict[tuple[str, str], Any] = {}
        self._launch = calls.cu.cuLaunchKernel

    # Values

    def upload(self, address: int, array: np.ndarray) -> None:
        """Send a C-contiguous array to the device. It may be changed at once. While a graph is captured it is sent once, before its replays."""
        self._staging.send(address, array, self._standing.home)

    def download(self, address: int, array: np.ndarray) -> None:
        """Fetch as many bytes as a C-contiguous array has into it, once what was issued on this thread's stream is done."""
        standing = self._standing
        if standing.capture is not None:
            asked_in_capture()
        stream = standing.stream.native
        self.calls.cuMemcpyDtoHAsync(array.ctypes.data, address, array.nbytes, stream)
        self.calls.cuStreamSynchronize(stream)

    def copy(self, target: int, source: int, size: int) -> None:
        """Copy bytes within the device; the two do not overlap."""
        self.calls.cuMemcpyDtoDAsync(target, source, size, self._standing.stream.native)

    def fill(self, address: int, size: int, byte: int = 0) -> None:
        """Set bytes."""
        self.calls.cuMemsetD8Async(address, byte, size, self._standing.stream.native)

    def number_at(self, address: int) -> int:
        """The number of the GPU that an address belongs to."""
        return self.calls.cuPointerGetAttribute(self.calls.cu.CUpointer_attribute.CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL, address) if address else self.number

    # Kernels

    def load(self, text: str, code: Callable[[], str | bytes], symbol: str) -> Any:
        """The function of a kernel's text. `code` gives its PTX or its cubin, where this GPU does not have it yet."""
        function = self._functions.get((symbol, text))
        if function is None:
            found = code()
            library = self.calls.cuLibraryLoadData(found.encode() + b"\0" if isinstance(found, str) else found, [], [], 0, [], [], 0)
            function = self.calls.cuKernelGetFunction(self.calls.cuLibraryGetKernel(library, symbol.encode()))
            self._functions[symbol, text] = function
        return function

    def launch(self, function: Any, blocks: int, threads: int, words: Sequence[int]) -> None:
        """Run a function in so many blocks of so many threads. words: its arguments, as signed 64-bit integers."""
        standing = self._standing
        arguments = standing.arguments
        arguments.put(words)
        if self.calls.several:
            self.calls.here()
        (status,) = self._launch(function, blocks, 1, 1, threads, 1, 1, 0, standing.stream.native, arguments.pointers, 0)
        if status:
            self.calls.failed("cuLaunchKernel", status)
        if standing.capture is not None:
            standing.capture.launched(function, blocks, threads, words)

    def issue(self, work: Callable[[], None]) -> None:
        """Do what a library does on the GPU: it goes to this thread's stream, or into its capture, by itself."""
        work()

    # The whole

    def synchronize(self) -> None:
        """Wait until everything issued on this GPU is done."""
        self.calls.cuCtxSynchronize()

    @property
    def stream_handle(self) -> int:
        """The address of the stream that takes this thread's work, for libraries to issue theirs on; 1 is the default stream."""
        return self.streams.handle

    def memory_stats(self) -> dict[str, int]:
        """Bytes in use and reserved, and how blocks were found."""
        return self.pool.stats()

    def give_back_all(self) -> None:
        """Give the memory that is kept, and not in use, back to the device."""
        self.pool.give_back_all()

    @property
    def captured(self) -> int:
        """How many launches this thread's capture has kept."""
        return 0 if self.streams.standing.capture is None else len(self.streams.standing.capture.nodes)

    def begin_capture(self) -> None:
        """Keep what this thread issues from now on, libraries' work included, instead of running it."""
        if self._standing.capture is not None:
            fail(DeviceError, "a capture begins within another", "End the first one: one graph is captured at a time in a thread.")
        Capture(self.calls, self.pool, self.streams)

    def end_capture(self) -> Graph:
        """The graph of what was issued since."""
        return self._standing.capture.end()

    def replay(self, graph: Graph) -> None:
        """Issue a graph on this thread's stream."""
        graph.replay()
