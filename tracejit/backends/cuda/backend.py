"""`Cuda`: eager ops as one-node graphs, and graphs as executables, on one GPU."""

from __future__ import annotations

from functools import cached_property, partial
from math import prod
from time import perf_counter
from typing import Any, Callable, Sequence

import numpy as np

from ... import logs
from ...backend import Backend, NotKept
from ...device import DeviceArray, Memory, byte_strides, on_host
from ...errors import LateIndexingError, fail, place, user_line
from ...forks import shared_lock
from ...graph.ir import OUTPUT, Graph, Interner
from ...graph.limits import built
from ...graph.rules import simplify
from ...lowering.kernel import Kernel, Slot
from ...lowering.plan import make_plan
from ...lowering.steps import Move
from ...op import Op
from ...ops.casts import cast, copy
from ...ops.transfer import moved
from ...ops.view import broadcast
from ...runtime.executor import OutOfBounds
from ...runtime.replay import GraphReplay, trace_whole
from ...spec import Shape, TensorSpec, contiguous_strides, element_strides
from ...tensor import Tensor
from ..one_node import graph_of, text_of
from ..recent import Recent
from .assembler.cubin import code_of
from .devices import blocking, driver_of, simulated
from .driver.sharing import Sharing
from .executor import DeviceExecutable, Incoming
from .libraries.arrays import arrays_of
from .libraries.table import whole
from .text.kernels import print_kernel
from .text.schedule import GPU
from .text.source import Printed

_lock = shared_lock()
_new = object.__new__
WORD = 8  # bytes of an argument


class Block(Memory):
    """Memory that a driver gave: it gets it back when nobody holds this any more."""

    __slots__ = ("release",)

    def __init__(self, address: int, size: int, device: str, release: Callable[[int, int], None]) -> None:
        self.address, self.size, self.device, self.owner, self.home, self.release = address, size, device, None, None, release

    def __del__(self) -> None:
        self.release(self.address, self.size)


class Cuda(Backend):
    """A GPU: its memory, and what runs there."""

    small_products = True

    def __init__(self, number: int) -> None:
        self.name, self.driver = f"cuda:{number}", driver_of(number)
        self.one_node, self.executables, self.functions = Recent(4096), Recent(512), dict[str, Any]()
        self.number, self.on_host = number, set[str]()  # on_host: the names of ops that were computed there
        self.sharing = Sharing(self)
        self._failed: DeviceArray | None = None
        self.unchecked: set[str] = set()  # the lines whose indices kernels have checked, and nobody has asked for the outcome

    # Memory

    def empty(self, shape: Shape, dtype: np.dtype) -> DeviceArray:
        """New memory, in row-major order, that holds anything."""
        size = max(prod(shape) * dtype.itemsize, 1)
        return DeviceArray(Block(self.driver.allocate(size), size, self.name, self.driver.release), shape, dtype)

    def maker(self, shape: Shape, dtype: np.dtype) -> Callable[[], DeviceArray]:
        """`empty` of this shape and dtype, again and again: written out, for it is half of what a small call takes."""
        allocate, release, name, strides = self.driver.allocate, self.driver.release, self.name, byte_strides(contiguous_strides(shape), dtype)
        size = prod(shape)
        nbytes = size * dtype.itemsize
        room = max(nbytes, 1)

        def new() -> DeviceArray:
            array = _new(DeviceArray)
            array.address = address = allocate(room)
            array.memory = Block(address, room, name, release)
            array.shape, array.dtype, array.strides, array.offset, array.size, array.nbytes = shape, dtype, strides, 0, size, nbytes
            return array

        return new

    def at(self, address: int, shape: Shape, dtype: np.dtype, strides: tuple[int, ...]) -> DeviceArray:
        """The elements from an address on, for as long as somebody else keeps them; strides in elements."""
        return DeviceArray(Memory(address, 0, self.name, None), shape, dtype, tuple([s * dtype.itemsize for s in strides]))

    def upload(self, array: Any) -> DeviceArray:
        """A copy of an array of NumPy's, or of another device's."""
        host = np.asarray(on_host(array), order="C")
        found = self.empty(host.shape, host.dtype)
        if host.size:
            self.driver.upload(found.address, host)
        return found

    def download(self, array: DeviceArray) -> np.ndarray:
        """A copy in NumPy's memory."""
        whole = array if array.flags.c_contiguous else self.copied(array)
        host = np.empty(array.shape, array.dtype)
        if host.size:
            self.driver.download(whole.address, host)
        if self.unchecked:
            self.check()
        return host

    def copied(self, array: DeviceArray) -> DeviceArray:
        """A copy in new memory, in row-major order."""
        return self.eager(copy, (array,), {})

    def write(self, target: DeviceArray, value: Any) -> None:
        """Write an array, a NumPy array or a number into the memory of another, broadcast and cast as NumPy does."""
        value = value if isinstance(value, DeviceArray) else np.asarray(value)
        make = Interner()
        old, new = [make.input(TensorSpec(v.shape, v.dtype)) for v in (target, value)]
        node = new if new.shape == target.shape else make.apply(broadcast, (new,), {"shape": target.shape})
        node = node if node.dtype == target.dtype else make.apply(cast, (node,), {"dtype": target.dtype})
        self.run(Graph((old, new), (node,)), [target, value], (0,))

    # What runs

    @property
    def failed(self) -> DeviceArray:
        """The word that a kernel sets where an index is out of bounds."""
        if self._failed is None:
            self._failed = self.upload(np.zeros(1, np.int64))
        return self._failed

    def checked(self, lines: Sequence[str]) -> None:
        """Kernels have been launched that check the indices of these lines."""
        self.unchecked.update(lines)
        if blocking():
            self.check()

    def has_failed(self) -> bool:
        """Whether a kernel has met an index out of bounds since the last time. The host waits."""
        self.unchecked.clear()
        found = np.zeros(1, np.int64)
        self.driver.download(self.failed.address, found)
        if found[0]:
            self.driver.fill(self.failed.address, found.nbytes)
        return bool(found[0])

    def check(self) -> None:
        """Raise LateIndexingError, if a kernel has met an index out of bounds since the last time."""
        if not self.unchecked:
            return
        lines = ", ".join(sorted(self.unchecked))
        if self.has_failed():
            fail(
                LateIndexingError,
                f"an index was out of bounds on {self.name}, in what was computed since the host last waited for it (indices are checked at {lines})",
                "Kernels run on while Python is further: TRACEJIT_CUDA=blocking in the environment makes the error stand at the call that met it.",
            )

    def function_of(self, text: str) -> Any:
        """What the driver launches for a kernel's text."""
        function = self.functions.get(text)
        if function is None:
            function = self.functions[text] = self.driver.load(text, partial(code_of, text, self.driver.arch), "kernel")
        return function

    def eager(self, op: Op, values: Sequence[Any], attrs: dict[str, Any]) -> Any:
        """What an op gives of arrays and numbers."""
        if op.is_view:
            return values[0].under(op, attrs)
        if op.kind == "transfer":
            return moved(values[0], **attrs)
        if op.kind == "library" or op.dynamic:
            return self.whole(op, values, attrs)
        return self.apply(op, tuple(values), attrs)

    def apply(self, op: Op, values: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
        key = (op, *map(_kind, values), tuple(attrs.items()))
        executable = self.one_node[key]
        if executable is None:
            graph = graph_of(op, values, attrs)
            executable = self.one_node[key] = self.build(graph, [_incoming(a) for a in _in_dtypes(values, graph)], told=False)
        graph = executable.plan.graph
        try:
            results = executable(_in_dtypes(values, graph))
        except OutOfBounds:
            op.eager(*map(on_host, values), **attrs)  # raises the error that names the index
            raise
        if executable.checks:
            self.checked([place(user_line())])
        return tuple(results) if graph.outputs[0].op is OUTPUT else results[0]

    def whole(self, op: Op, values: Sequence[Any], attrs: dict[str, Any]) -> Any:
        """What an op on whole arrays gives."""
        results = whole(self, op, values, attrs)
        return results[0] if op.outputs_of(attrs) == 1 else tuple(results)

    @cached_property
    def arrays(self) -> Any:
        """The library of this GPU's arrays: imported when an op first needs it."""
        return arrays_of(self.driver, self.number, simulated())

    def told_of_host(self, op: Op, reason: str) -> None:
        """Tell the log, once, of an op that the host computes."""
        if op.name not in self.on_host:
            self.on_host.add(op.name)
            logs.cuda.info("%s is computed on the host, for %s", op.name, reason)

    def source(self, kernel: Kernel, name: str = "kernel") -> str:
        return print_kernel(kernel).text.replace("def kernel(", f"def {name}(", 1)

    def synchronize(self) -> None:
        self.driver.synchronize()
        self.check()

    def trace(self, function: Callable[[], Any], tensors: Sequence[Tensor], compile: bool) -> tuple[Any, GraphReplay | None]:
        if not compile:
            raise NotKept
        return trace_whole(function, tensors, self.executable)

    def executable(self, graph: Graph, arrays: Sequence[Any], writes: tuple[int, ...] = ()) -> DeviceExecutable:
        """The executable of a graph on arrays of such layouts; graphs of equal text share one."""
        incoming = [_incoming(a, n in writes) for n, a in enumerate(arrays)]
        key = (text_of(graph), tuple(incoming), writes)
        found = self.executables[key]
        if found is None:
            with _lock:
                found = self.executables[key]
                if found is None:  # no other thread has built it meanwhile
                    start = perf_counter()
                    found = self.executables[key] = self.build(simplify(graph, [given.strides for given in incoming]), incoming, writes)
                    built.count, built.seconds = built.count + 1, built.seconds + perf_counter() - start
        return found

    def run(self, graph: Graph, arrays: Sequence[Any], writes: tuple[int, ...] = ()) -> list[Any]:
        """Compute a graph on arrays; the first outputs go into the inputs that `writes` numbers."""
        return self.executable(graph, arrays, writes)(arrays)

    def build(self, graph: Graph, incoming: Sequence[Incoming], writes: Sequence[int] = (), told: bool = True) -> DeviceExecutable:
        """told: the lines of the graph are those of all that it stands for."""
        start = perf_counter()
        plan = make_plan(graph, [given.strides for given in incoming], writes, GPU)
        moved_by = {x[0] for step in plan.steps if isinstance(step, Move) and step.moves for x in (step.a, step.b) if isinstance(x, tuple)}
        incoming = [given._replace(how="brought") if given.how == "by value" and slot in moved_by else given for given, slot in zip(incoming, plan.inputs)]
        by_value = frozenset(slot for slot, given in zip(plan.inputs, incoming) if given.how == "by value")
        lowered = perf_counter() - start
        executable = DeviceExecutable(self, plan, incoming, lambda kernel, packed: _printed(kernel, by_value, packed), told)
        executable.seconds["lower"] = lowered
        return executable


def _printed(kernel: Kernel, by_value: frozenset[Slot], packed: bool) -> Printed:
    return print_kernel(kernel, False, by_value, packed)


def _kind(value: Any) -> Any:
    """What a one-node graph depends on of an operand."""
    return (value.shape, value.strides, value.dtype, value.device) if isinstance(value, (DeviceArray, np.ndarray)) else type(value)


def _incoming(array: Any, written: bool = False) -> Incoming:
    """How an input comes: a NumPy array is brought to the device in row-major order; one real number that is not written, by value."""
    if type(array) is DeviceArray:
        return Incoming(element_strides(array))
    return Incoming(contiguous_strides(array.shape), "brought" if array.shape or written or array.itemsize > WORD else "by value")


def _in_dtypes(values: Sequence[Any], graph: Graph) -> list[Any]:
    """The operands as inputs of a one-node graph: numbers in the dtypes that they take there."""
    return [v if isinstance(v, (DeviceArray, np.ndarray)) else np.asarray(v, node.dtype) for v, node in zip(values, graph.inputs)]


def backend_of(number: int) -> Cuda:
    """The backend of the GPU of this number."""
    return Cuda(number)
