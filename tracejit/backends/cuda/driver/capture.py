"""CUDA graphs: what is launched between `begin` and `end` is kept, and issued again by one call."""

from __future__ import annotations

from typing import Any, NoReturn, Sequence

from ....errors import DeviceError, fail
from .arguments import Arguments
from .calls import Calls
from .memory import Pool
from .streams import Stream, Streams


def asked_in_capture() -> NoReturn:
    """Say that the host asks for what a graph has not computed yet."""
    met = "a value was asked for that a graph being captured has not computed"
    fail(DeviceError, met, "End the capture first: a graph holds no decision of the host's.")


class Node:
    """A launch in a graph, and the room for its arguments."""

    def __init__(self, calls: Calls, native: Any, function: Any, blocks: int, threads: int, words: Sequence[int]) -> None:
        self.native, self.arguments = native, Arguments(max(len(words), 1))
        self.arguments.put(words)
        self.launch = launch = calls.cu.CUDA_KERNEL_NODE_PARAMS()
        launch.func, launch.kernelParams = function, self.arguments.pointers
        launch.gridDimX, launch.blockDimX = blocks, threads
        launch.gridDimY = launch.gridDimZ = launch.blockDimY = launch.blockDimZ = 1


class Graph:
    """Launches, and whatever libraries have issued between them, ready to be issued as one. `nodes`: our launches, in order.

    It owns the blocks that were let go of while it was captured: each replay works in them.
    """

    def __init__(self, calls: Calls, pool: Pool, streams: Streams, native: Any, nodes: list[Node], blocks: list[tuple[int, int]]) -> None:
        self.calls, self.nodes = calls, nodes
        self._pool, self._standing, self._native, self._blocks = pool, streams.standing, native, blocks
        self._ready = calls.cuGraphInstantiate(native, 0)

    def set_words(self, n: int, words: Sequence[int]) -> None:
        """Give the nth launch other arguments, from the next replay on. Replays that were issued before keep theirs."""
        node = self.nodes[n]
        node.arguments.put(words)
        self.calls.cuGraphExecKernelNodeSetParams(self._ready, node.native, node.launch)

    def replay(self) -> None:
        """Issue it on this thread's stream."""
        self.calls.cuGraphLaunch(self._ready, self._standing.stream.native)

    def __del__(self) -> None:
        if hasattr(self, "_ready"):
            self.calls.tried("cuGraphExecDestroy", self._ready)
        self.calls.tried("cuGraphDestroy", self._native)
        self._pool.release_all(self._blocks)


class Capture:
    """A thread's capture while it lasts: its launches go to a stream that keeps them."""

    def __init__(self, calls: Calls, pool: Pool, streams: Streams) -> None:
        cu = calls.cu
        self.calls, self.pool, self.streams = calls, pool, streams
        self.nodes: list[Node] = []
        self.stream = Stream(calls.cuStreamCreate(cu.CUstream_flags.CU_STREAM_NON_BLOCKING))
        # relaxed: while this thread captures, it also loads kernels and takes memory, on its home stream
        calls.cuStreamBeginCapture(self.stream.native, cu.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_RELAXED)
        streams.standing.stream, streams.standing.capture = self.stream, self

    def launched(self, function: Any, blocks: int, threads: int, words: Sequence[int]) -> None:
        """Note the launch that was issued last: it is what the next one would have to wait for."""
        last = self.calls.last_captured(self.stream.handle)
        self.nodes.append(Node(self.calls, last, function, blocks, threads, words))

    def end(self) -> Graph:
        """The graph of what was issued. Raises DeviceError where something was that a graph cannot repeat."""
        standing = self.streams.standing
        standing.stream, standing.capture = standing.home, None
        blocks = self.pool.adopted(self.stream)
        status, native = self.calls.tried("cuStreamEndCapture", self.stream.native)
        self.calls.cuStreamDestroy(self.stream.native)
        if status:
            self.pool.release_all(blocks)
            self.calls.failed("cuStreamEndCapture", status)
        return Graph(self.calls, self.pool, self.streams, native, self.nodes, blocks)
