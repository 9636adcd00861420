"""The CPU: kernels by LLVM, matmul by the BLAS that SciPy carries, plans walked by one native function."""

from __future__ import annotations

from time import perf_counter
from typing import Any, Callable, Sequence

import numpy as np

from ..backend import Backend
from ..forks import shared_lock
from ..graph.ir import Graph
from ..graph.limits import built
from ..graph.rules import simplify
from ..lowering.kernel import Kernel
from ..lowering.plan import Plan, make_plan
from ..lowering.steps import Call
from ..op import Op
from ..runtime.executor import Executable
from ..runtime.replay import GraphReplay, trace_whole
from ..spec import TensorSpec, element_strides, float32, float64
from ..tensor import Tensor
from . import convolutions, correlations, products, searching
from .assembler import Assembler
from .native.blocks import in_blocks
from .native.heap import keep_freed
from .one_node import graph_of, text_of
from .recent import Recent
from .routine import Routine
from .text.source import print_kernel

ROUTINES: dict[str, Callable[[Call], Routine | None]] = {
    "matmul": products.product,
    "convolution_by_positions": convolutions.along_positions,
    "convolution_by_channels": convolutions.along_channels,
    "convolution_by_lines": correlations.along_lines,
    "interval": searching.interval,
}
_lock = shared_lock()


class Cpu(Backend):
    """Eager ops as one-node graphs, and graphs as executables."""

    name = "cpu"

    def __init__(self) -> None:
        self.one_node = Recent(4096)
        self.executables = Recent(512)
        keep_freed()

    def apply(self, op: Op, values: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
        key = (op, *[(v.shape, v.strides, v.dtype) if type(v) is np.ndarray else type(v) for v in values], tuple(attrs.items()))
        executable = self.one_node[key]
        if executable is None:
            executable = self.one_node[key] = self._one_node(op, values, attrs)
        arrays = [v if type(v) is np.ndarray else np.asarray(v, spec.dtype) for v, spec in zip(values, executable.plan.inputs)]
        results = executable(arrays)
        return results[0] if op.outputs == 1 else tuple(results)

    def _one_node(self, op: Op, values: tuple[Any, ...], attrs: dict[str, Any]) -> Executable:
        layouts = [element_strides(v) if isinstance(v, np.ndarray) else () for v in values]
        return self.build(graph_of(op, values, attrs), layouts)

    def source(self, kernel: Kernel, name: str = "kernel") -> str:
        return print_kernel(kernel, name)[0]

    def synchronize(self) -> None:
        """Everything is done when a call returns."""

    def call_large(self, function: Callable[..., Any], *values: Any, **attrs: Any) -> Any:
        """What a NumPy function of these values gives; the large arrays that it makes get their memory from a pool."""
        return in_blocks(function, *values, **attrs)

    def routine(self, op: Op, specs: tuple[Any, ...]) -> Any | None:
        """Our own routine for a library op on these specs, or None to use the op's NumPy function."""
        return ROUTINES.get(op.name) if all(s.dtype in (float32, float64) for s in specs) else None

    def trace(self, function: Callable[[], Any], tensors: Sequence[Tensor], compile: bool) -> tuple[Any, GraphReplay | None]:
        def build(graph: Graph, arrays: Sequence[np.ndarray], writes: tuple[int, ...]) -> Executable:
            layouts = [element_strides(a) for a in arrays]
            return self.build(simplify(graph, layouts), layouts, writes, compile)

        return trace_whole(function, tensors, build)

    def executable(self, graph: Graph, arrays: Sequence[np.ndarray], writes: tuple[int, ...] = ()) -> Executable:
        """The executable of a graph on arrays of such layouts; graphs of equal text share one."""
        layouts = [element_strides(a) for a in arrays]
        key = (text_of(graph), tuple(layouts), writes)
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
        return self.executable(graph, arrays, writes)(arrays)

    def build(self, graph: Graph, layouts: Sequence[tuple[int, ...]], writes: Sequence[int] = (), compile: bool = True) -> Executable:
        start = perf_counter()
        plan = make_plan(graph, layouts, writes)
        lowered = perf_counter()
        executable = Assembler(plan, self._routine_of, compile).run()
        executable.seconds = {"lower": lowered - start, "kernels": perf_counter() - lowered}
        return executable

    def apart(self, plan: Plan) -> Executable:
        """An executable of a plan whose steps can be told apart: each is a program of its own."""
        return Assembler(plan, self._routine_of, True, apart=True).run()

    def _routine_of(self, call: Call) -> Routine | None:
        """The native routine of a whole-array step."""
        specs = tuple(TensorSpec(o[1], o[0].dtype) for o in call.operands if isinstance(o, tuple))
        make = self.routine(call.node.op, specs) if len(specs) == len(call.operands) else None
        return make(call) if make is not None else None


backend = Cpu()


def backend_of(number: int) -> Cpu:
    """The backend of the CPU, of which there is one."""
    return backend
