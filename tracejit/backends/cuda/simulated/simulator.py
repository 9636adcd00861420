"""A GPU that is not there: its memory is the host's, and its threads are Python's generators.

It runs the very text of a kernel, one thread after another from barrier to barrier, and one exchange between the threads of a warp at a
time. It is slow, and exact: values are NumPy scalars, an access outside what was allocated is an error, and so is an exchange that
not all threads of a warp take part in. `TRACEJIT_CUDA=simulator` makes it device "cuda".
"""

from __future__ import annotations

import ast
from functools import lru_cache
from typing import Any, Callable, Generator, Sequence

import numpy as np

from ...text.in_python import PYTHON_WORDS
from ..driver.capture import asked_in_capture
from ..driver.exchange import HOST
from ..driver.memory import no_room
from .graphs import Capturing, SimulatedGraph
from .streams import SimulatedStreams
from ..assembler.words import MEETINGS, TEXTS

WARP = 32
CAPACITY = 1 << 30  # bytes
_PLACES = ("thread", "threads", "block", "blocks")
_STORED = {"boolean": "uint8", "i8": "int8", "i16": "int16", "i32": "int32", "i64": "int64", "u8": "uint8", "u16": "uint16", "u32": "uint32",
           "u64": "uint64", "f32": "float32", "f64": "float64", "c64": "complex64", "c128": "complex128"}  # fmt: skip


class Pointer:
    """Elements of simulated memory from an address on."""

    def __init__(self, view: np.ndarray, first: int, kind: str) -> None:
        self.view, self.first, self.kind = view, first, kind

    def _at(self, k: Any) -> int:
        at = self.first + int(k)
        if not 0 <= at < len(self.view):
            raise IndexError(f"a kernel reaches element {int(k)} of memory that has it not")
        return at

    def __getitem__(self, k: Any) -> Any:
        value = self.view[self._at(k)]
        return bool(value) if self.kind == "boolean" else value

    def __setitem__(self, k: Any, value: Any) -> None:
        self.view[self._at(k)] = value


class Simulator:
    """A Driver: see `driver/driver.py`."""

    name, arch, processors = "simulated", "sm_90", 2
    kind = HOST

    def __init__(self, number: int = 0) -> None:
        self.number = number
        self.rooms: dict[int, np.ndarray] = {}  # by address
        self.held = self.peak = self.taken = 0
        self.streams = SimulatedStreams()
        self.capturing = Capturing()

    # Memory

    def allocate(self, size: int) -> int:
        if self.held + size > CAPACITY:
            no_room(size, self.number, CAPACITY - self.held, CAPACITY, self.held, self.held)
        raw = np.full(size + 256, 0xA5, np.uint8)  # nothing may depend on what memory holds at first
        start = -raw.ctypes.data % 256
        room = raw[start : start + size]
        self.rooms[room.ctypes.data] = room
        self.held += size
        self.taken += 1
        self.peak = max(self.peak, self.held)
        return room.ctypes.data

    def release(self, address: int, size: int) -> None:
        if self.capturing.graph is not None:
            self.capturing.graph.blocks.append((address, size))
            return
        self.held -= size
        del self.rooms[address]

    def bytes_at(self, address: int, size: int) -> np.ndarray:
        """So many bytes of memory, which must have been allocated as one."""
        for start, room in self.rooms.items():
            if start <= address and address + size <= start + len(room):
                return room[address - start : address - start + size]
        raise IndexError(f"{size} bytes at {address:#x}, which nobody has allocated")

    def upload(self, address: int, array: np.ndarray) -> None:
        self.bytes_at(address, array.nbytes)[...] = np.frombuffer(array.tobytes(), np.uint8)

    def download(self, address: int, array: np.ndarray) -> None:
        if self.capturing.graph is not None:
            asked_in_capture()
        array.reshape(-1).view(np.uint8)[...] = self.bytes_at(address, array.nbytes)

    def copy(self, target: int, source: int, size: int) -> None:
        def copied() -> None:
            self.bytes_at(target, size)[...] = self.bytes_at(source, size).copy()

        self.issue(copied)

    def fill(self, address: int, size: int, byte: int = 0) -> None:
        def filled() -> None:
            self.bytes_at(address, size)[...] = byte

        self.issue(filled)

    def memory_stats(self) -> dict[str, int]:
        return {"allocated": self.held, "peak": self.peak, "reserved": self.held, "kept": 0, "hits": 0, "misses": self.taken, "capacity": CAPACITY}

    def give_back_all(self) -> None:
        """Nothing is kept."""

    def synchronize(self) -> None:
        """Everything is done when it is asked for."""

    def number_at(self, address: int) -> int:
        return self.number

    @property
    def stream_handle(self) -> int:
        return self.streams.handle

    # Kernels

    def load(self, text: str, code: Callable[[], Any], symbol: str) -> Callable[..., Any]:
        return _threaded(text)

    def launch(self, function: Callable[..., Any], blocks: int, threads: int, words: Sequence[int]) -> None:
        if self.capturing.graph is not None:
            self.capturing.graph.launched(function, blocks, threads, tuple(map(int, words)))
            return
        with np.errstate(all="ignore"):
            for block in range(blocks):
                _Block(self, function, block, blocks, threads, list(words)).run()

    def issue(self, work: Callable[[], None]) -> None:
        """Do what a library does on the GPU; or keep it, where a graph is captured."""
        if self.capturing.graph is not None:
            self.capturing.graph.work.append(work)
        else:
            work()

    # Graphs

    @property
    def captured(self) -> int:
        """How many launches this thread's capture has kept."""
        return 0 if self.capturing.graph is None else len(self.capturing.graph.nodes)

    def begin_capture(self) -> None:
        self.capturing.graph = SimulatedGraph(self)

    def end_capture(self) -> SimulatedGraph:
        graph, self.capturing.graph = self.capturing.graph, None
        assert graph is not None
        return graph

    def replay(self, graph: SimulatedGraph) -> None:
        graph.replay()

    def pointer(self, kind: str, address: int) -> Pointer:
        """Elements of a kind from an address on, within what was allocated there."""
        dtype = np.dtype(_STORED[kind])
        for start, room in self.rooms.items():
            if start <= address < start + max(len(room), 1):
                skip = (address - start) % dtype.itemsize
                count = (len(room) - skip) // dtype.itemsize
                return Pointer(room[skip : skip + count * dtype.itemsize].view(dtype), (address - start) // dtype.itemsize, kind)
        return Pointer(np.empty(0, dtype), 0, kind)


class _Block:
    """The threads of one block, and what they share."""

    def __init__(self, driver: Simulator, function: Callable[..., Any], block: int, blocks: int, threads: int, words: list[int]) -> None:
        self.driver, self.words = driver, words
        self.shared: dict[int, np.ndarray] = {}
        self.pointers: dict[tuple[str, int], Pointer] = {}  # one for all threads
        self.threads: list[Any] = [function(self, thread, threads, block, blocks) for thread in range(threads)]

    def pointer(self, kind: str, k: int) -> Pointer:
        """Elements of a kind from the address on that word k is."""
        if (kind, k) not in self.pointers:
            self.pointers[kind, k] = self.driver.pointer(kind, self.words[k])
        return self.pointers[kind, k]

    def array(self, kind: str, count: int, number: int) -> np.ndarray:
        """The block's array of this number."""
        if number not in self.shared:
            self.shared[number] = np.full(count * np.dtype(_STORED[kind]).itemsize, 0xA5, np.uint8).view(_STORED[kind])
        return self.shared[number]

    def run(self) -> None:
        """Run all threads to their ends; those of kernels that never meet have run already. Between two meetings of the block each warp runs as far
        as it gets before the next one begins: what is left for others too late, or written over too early, is seen."""
        threads: dict[int, Generator] = {n: thread for n, thread in enumerate(self.threads) if thread is not None}
        warps = [[n for n in range(first, first + WARP) if n in threads] for first in range(0, len(self.threads), WARP)]
        while any(warps):
            for number, lanes in enumerate(warps):
                waiting = {n: _advanced(threads[n], None) for n in lanes}
                while any(meeting is not None and meeting[0] != "together" for meeting in waiting.values()):
                    whole = range(number * WARP, (number + 1) * WARP)
                    told = _exchange([waiting.get(n) for n in whole])
                    waiting = {n: _advanced(threads[n], value) for n, value in zip(whole, told)}
                warps[number] = [n for n, meeting in waiting.items() if meeting is not None]


def _advanced(thread: Generator, value: Any) -> Any:
    """Where a thread waits next; None at its end."""
    try:
        return thread.send(value)
    except StopIteration:
        return None


def _exchange(meetings: list[Any]) -> list[Any]:
    """What each thread of a warp is told."""
    if any(meeting is None or meeting[0] == "together" for meeting in meetings):
        raise RuntimeError("threads of a warp exchange values while others do something else")
    if len({(meeting[0], meeting[2]) for meeting in meetings}) > 1:
        raise RuntimeError("threads of a warp exchange values in different ways")
    word, _, by = meetings[0]
    values = [meeting[1] for meeting in meetings]
    return [values[n ^ by] if word == "swapped" else values[by] for n in range(WARP)]


# The text


@lru_cache(maxsize=1024)
def _threaded(text: str) -> Callable[..., Any]:
    """A kernel's text as a function of one thread: (block's, thread, threads, block, blocks)."""
    tree = _Threads().visit(ast.parse(text))
    scope = dict(PYTHON_WORDS)
    scope["divided"], scope["left"] = (lambda i, d: i // d), (lambda i, d: i % d)
    scope.update(TEXTS, threads_at_most=lambda count: None, words_at_most=lambda count: None)
    scope["loose"], scope["value_of"] = range, _value_of
    exec(compile(ast.fix_missing_locations(tree), "<tracejit kernel>", "exec"), scope)
    return scope["kernel"]


class _Threads(ast.NodeTransformer):
    """Meetings of threads become yields, places become names, memory becomes the simulator's."""

    def __init__(self) -> None:
        self.shared = 0

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        node.args.args = [ast.arg(name) for name in ("args", *_PLACES)]
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.value, ast.Name) and node.value.id == "args":
            node.value = ast.parse("args.words", mode="eval").body
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name in _PLACES:
            return ast.Name(name, ast.Load())
        if name in MEETINGS:
            parts = [ast.Constant(name), *node.args, *[ast.Constant(None)] * (2 - len(node.args))]
            return ast.Yield(ast.Tuple(parts, ast.Load()))
        kind, _, form = name.rpartition("_")
        if form == "pointer":
            return ast.parse(f"args.pointer({kind!r}, {ast.unparse(node.args[1])})", mode="eval").body
        if form == "value":
            return ast.parse(f"value_of({kind!r}, args.words[{ast.unparse(node.args[1])}])", mode="eval").body
        if name.startswith("shared_"):
            self.shared += 1
            return ast.parse(f"args.array({name.removeprefix('shared_')!r}, {ast.unparse(node.args[0])}, {self.shared})", mode="eval").body
        return node


def _value_of(kind: str, word: int) -> Any:
    """The number of a kind whose bits are the lowest of a word."""
    dtype = np.dtype(_STORED[kind])
    value = np.array([word], np.int64).view(np.uint8)[: dtype.itemsize].view(dtype)[0]
    return bool(value) if kind == "boolean" else value

