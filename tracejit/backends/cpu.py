"""The CPU: kernels by LLVM, matmul by the BLAS that SciPy carries, plans walked by one native function."""

from __future__ import annotations

import ctypes
from functools import lru_cache
from time import perf_counter
from typing import Any, Callable, Sequence

import numpy as np

from ..backend import Backend
from ..forks import shared_lock
from ..graph.ir import Graph, Interner
from ..graph.limits import built
from ..graph.rules import simplify
from ..graph.text import print_graph
from ..lowering.kernel import Kernel, Slot
from ..lowering.plan import Call, Operand, Plan, make_plan
from ..op import Op
from ..ops.casts import cast
from ..runtime.executor import Executable, HostCall, Program
from ..runtime.replay import GraphReplay, trace_whole
from ..spec import TensorSpec, element_strides, float32, float64
from ..tensor import Tensor
from . import convolutions, correlations, products
from .native.blocks import allocator, in_blocks
from .native.jit import address_of, program
from .native.threads import pool
from .native.walker import ARENA, VALUE
from .recent import Recent
from .routine import Routine
from .schedule import LONG, grain, work
from .text.pairwise import pairwise_table
from .text.source import print_kernel
from .text.statements import Parameter

ROUTINES: dict[str, Callable[[Call], Routine | None]] = {
    "matmul": products.product,
    "convolution_by_positions": convolutions.along_positions,
    "convolution_by_channels": convolutions.along_channels,
    "convolution_by_lines": correlations.along_lines,
}
_lock = shared_lock()


class Cpu(Backend):
    """Eager ops as one-node graphs, and graphs as executables."""

    name = "cpu"

    def __init__(self) -> None:
        self.one_node = Recent(4096)
        self.executables = Recent(512)

    def apply(self, op: Op, values: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
        key = (op, *[(v.shape, v.strides, v.dtype) if type(v) is np.ndarray else type(v) for v in values], tuple(attrs.items()))
        executable = self.one_node[key]
        if executable is None:
            executable = self.one_node[key] = self._one_node(op, values, attrs)
        arrays = [v if type(v) is np.ndarray else np.asarray(v, spec.dtype) for v, spec in zip(values, executable.plan.inputs)]
        results = executable(arrays)
        return results[0] if op.outputs == 1 else tuple(results)

    def _one_node(self, op: Op, values: tuple[Any, ...], attrs: dict[str, Any]) -> Executable:
        make = Interner()
        described = [TensorSpec(v.shape, v.dtype) if isinstance(v, np.ndarray) else v for v in values]
        dtypes = op.operand_dtypes(*described, **attrs) if op.kind == "elementwise" else [s.dtype for s in described]  # type: ignore[attr-defined]
        inputs = [
            make.input(s if isinstance(s, TensorSpec) else TensorSpec((), dtype)) for s, dtype in zip(described, dtypes)
        ]
        operands = [
            n if n.dtype == dtype else make.node(cast, (n,), (("dtype", dtype),), TensorSpec(n.shape, dtype))
            for n, dtype in zip(inputs, dtypes)
        ]
        spec = op.spec(*described, **attrs)
        node = make.node(op, tuple(operands), tuple(attrs.items()), spec)
        layouts = [element_strides(v) if isinstance(v, np.ndarray) else () for v in values]
        return self.build(Graph(tuple(inputs), (node,)), layouts)

    def call_large(self, function: Callable[..., Any], *values: Any, **attrs: Any) -> Any:
        return in_blocks(function, *values, **attrs)

    def routine(self, op: Op, specs: tuple[Any, ...]) -> Any | None:
        return ROUTINES.get(op.name) if all(s.dtype in (float32, float64) for s in specs) else None

    def trace(self, function: Callable[[], Any], tensors: Sequence[Tensor], compile: bool) -> tuple[Any, GraphReplay | None]:
        def build(graph: Graph, arrays: Sequence[np.ndarray], writes: tuple[int, ...]) -> Executable:
            layouts = [element_strides(a) for a in arrays]
            return self.build(simplify(graph, layouts), layouts, writes, compile)

        return trace_whole(function, tensors, build)

    def executable(self, graph: Graph, layouts: Sequence[tuple[int, ...]], writes: tuple[int, ...] = ()) -> Executable:
        """The executable of a graph on arrays of these layouts; graphs of equal text share one."""
        key = (_text(graph), tuple(layouts), writes)
        found = self.executables[key]
        if found is None:
            with _lock:
                found = self.executables[key]
                if found is None:
                    start = perf_counter()
                    simple = simplify(graph, layouts)
                    rules = perf_counter() - start
                    found = self.executables[key] = self.build(simple, layouts, writes)
                    found.seconds = {"rules": rules, **found.seconds}
                    built.count, built.seconds = built.count + 1, built.seconds + perf_counter() - start
        return found

    def run(self, graph: Graph, arrays: Sequence[np.ndarray], writes: tuple[int, ...] = ()) -> list[np.ndarray]:
        """Compute a graph on arrays; the first outputs go into the inputs that `writes` numbers."""
        return self.executable(graph, [element_strides(a) for a in arrays], writes)(arrays)

    def build(self, graph: Graph, layouts: Sequence[tuple[int, ...]], writes: Sequence[int] = (), compile: bool = True) -> Executable:
        start = perf_counter()
        plan = make_plan(graph, layouts, writes)
        lowered = perf_counter()
        executable = _Assembler(plan, compile).run()
        executable.seconds = {"lower": lowered - start, "kernels": perf_counter() - lowered}
        return executable

    def apart(self, plan: Plan) -> Executable:
        """An executable of a plan whose steps can be told apart: each is a program of its own."""
        return _Assembler(plan, True).run(apart=True)


class _Assembler:
    """A plan as programs of words, host calls between them."""

    def __init__(self, plan: Plan, compile: bool) -> None:
        self.plan, self.compile = plan, compile
        self.arrays = len(plan.inputs) + len(plan.outputs) + 1
        self.keep: list[Any] = []
        self.steps: list[Program | HostCall] = []
        self.words: list[int] = []
        self.count = self.work = 0
        native = [(s, self._native(s)) for s in plan.steps]
        longest = max((len(found[2]) for _, found in native if found is not None), default=0)
        self.scratch = -(-(self.arrays + longest + 8) * 8 // 64) * 64
        self.native = native

    def run(self, apart: bool = False) -> Executable:
        for step, native in self.native:
            if native is None:
                self._close()
                self.steps.append(self._host(step))
            else:
                address, turns, arguments = native
                self.count += 1
                self.words += [address, len(arguments), turns]
                for where, value in arguments:
                    self.words += [where, value + self.scratch if where == ARENA else value]
            if apart:
                self._close()
        self._close()
        return Executable(self.plan, self.steps, self.scratch, self.keep, allocator, self.work > LONG)

    def _close(self) -> None:
        if self.count:
            self.steps.append(program(np.array([self.count, self.arrays, pool(), *self.words], np.int64)))
        self.words, self.count = [], 0

    def _native(self, step: Kernel | Call) -> tuple[int, int, list[tuple[int, int]]] | None:
        """(address, grain, arguments) of a step; None if Python runs it."""
        if isinstance(step, Kernel):
            text, parameters = print_kernel(step, lines=False)
            self.work += work(step)
            return address_of(text, self.compile), grain(step), [self._argument(p, step) for p in parameters]
        specs = tuple(TensorSpec(o[1], o[0].dtype) for o in step.operands if isinstance(o, tuple))
        make = backend.routine(step.node.op, specs) if len(specs) == len(step.operands) else None
        routine = make(step) if make is not None else None
        if routine is None:
            return None
        self.work += routine.work
        return address_of(routine.text, self.compile), routine.grain, [self._word(a) for a in routine.arguments]

    def _word(self, argument: int | Operand | np.ndarray) -> tuple[int, int]:
        """An argument of a routine."""
        if isinstance(argument, tuple):
            return self._place(argument[0], argument[3])
        if isinstance(argument, np.ndarray):
            self.keep.append(argument)
            return VALUE, argument.ctypes.data
        return VALUE, argument

    def _argument(self, parameter: Parameter, kernel: Kernel) -> tuple[int, int]:
        kind, value = parameter
        if kind == "begin":
            return VALUE, 0
        if kind == "end":
            return VALUE, kernel.axes[0].turns if kernel.axes else 1
        if kind == "slot":
            return self._place(value)
        if kind == "scalar":
            return VALUE, _bits(value)
        if kind == "table":
            table = _table(*value)
            self.keep.append(table)
            return VALUE, table.ctypes.data
        return VALUE, value

    def _place(self, slot: Slot, offset: int = 0) -> tuple[int, int]:
        offset *= slot.dtype.itemsize
        return (ARENA, self.plan.places[slot] + offset) if slot.home is None else (slot.home, offset)

    def _host(self, step: Any) -> HostCall:
        operands = [self._seen(o) if isinstance(o, tuple) else (lambda arrays, _o=o: _o) for o in step.operands]
        results = [self._seen((r, r.shape, r.strides, 0)) for r in step.results]
        return HostCall(step, operands, results)

    def _seen(self, operand: Operand) -> Callable[[Sequence[np.ndarray]], np.ndarray]:
        slot, shape, strides, offset = operand
        where, start = self._place(slot, offset)
        size = slot.dtype.itemsize
        byte_strides = tuple(s * size for s in strides)
        if where == ARENA:
            start += self.scratch
            return lambda arrays: np.ndarray(shape, slot.dtype, arrays[-1], start, byte_strides)
        if (shape, strides, offset) == (slot.shape, slot.strides, 0):
            return lambda arrays: arrays[where]
        return lambda arrays: np.lib.stride_tricks.as_strided(_from(arrays[where], start), shape, byte_strides)


def _from(array: np.ndarray, start: int) -> np.ndarray:
    """The elements from a byte offset on, wherever the array's strides lead."""
    holder = (ctypes.c_char * array.dtype.itemsize).from_address(array.ctypes.data + start)
    return np.frombuffer(memoryview(holder), array.dtype)


@lru_cache(maxsize=8)
def _text(graph: Graph) -> str:
    """A graph that has just run is asked for again when it is kept."""
    return print_graph(graph, lines=False)


def _bits(value: Any) -> int:
    """A NumPy scalar's bits in a 64-bit word."""
    raw = np.asarray(value).tobytes()[:8]
    return int.from_bytes(raw + bytes(8 - len(raw)), "little", signed=True)


@lru_cache(maxsize=256)
def _table(count: int, parts: int, leaf: int) -> np.ndarray:
    return np.array(pairwise_table(count, parts, leaf), np.int64)


backend = Cpu()
