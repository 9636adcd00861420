"""What is printed is what runs: graphs parse back to equal graphs, and kernels run as plain Python with the native bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from op_samples import SAMPLES, elementwise_samples
from support import bits, ulps

import tracejit as tj
from tracejit.backends.text.in_python import python_kernel
from tracejit.backends.text.pairwise import pairwise_table
from tracejit.backends.text.source import print_kernel
from tracejit.backends.text.statements import Parameter
from tracejit.graph.ir import Graph
from tracejit.graph.text import parse_graph, print_graph
from tracejit.lowering.kernel import Kernel, Slot
from tracejit.lowering.plan import Plan
from tracejit.op import OPS, Elementwise
from tracejit.spec import SMALL_FLOATS, bfloat16, bool_, complex64, complex128, float16, float32, float64, int8, int32, is_inexact, uint64


def samples_of(op: Any) -> list[Any]:
    return elementwise_samples(op) if isinstance(op, Elementwise) else SAMPLES[op.name]


def recast(value: Any, dtype: np.dtype) -> Any:
    """A sample in another dtype, if it is one of float64."""
    return tj.asarray(value.numpy().astype(dtype)) if isinstance(value, tj.Tensor) and value.dtype == float64 else value


def compiled(op: Any, args: tuple[Any, ...], attrs: dict[str, Any]) -> tuple[Graph, Plan, list[np.ndarray]] | None:
    """The graph and the plan of one op, and what it gives; None where no graph is replayed."""
    function = tj.compile(lambda *tensors: op(*tensors, **attrs))
    with np.errstate(all="ignore"):
        result = function(*args)
    (entries,) = function._entries.values()
    if entries[0].mode != "graph":
        return None
    plan = entries[0].executable.plan
    results = [t.numpy() for t in (result if isinstance(result, tuple) else (result,))]
    return plan.graph, plan, results


@pytest.mark.parametrize("op", OPS.values(), ids=lambda op: op.name)
def test_graphs_parse_back(op):
    for make in samples_of(op):
        args, attrs = make()
        if "f" not in getattr(op, "accepts", "f"):
            args = tuple(recast(a, bool_) for a in args)
        found = compiled(op, args, attrs)
        if found is None:
            assert op.dynamic
            continue
        text = print_graph(found[0], lines=False)
        again = parse_graph(text)
        assert print_graph(again, lines=False) == text
        assert [n.spec for n in again.outputs] == [n.spec for n in found[0].outputs]


# Kernels as plain Python


def memory_of(slot: Slot) -> np.ndarray:
    return np.zeros(int(np.prod(slot.shape)), slot.dtype)


def stored(array: np.ndarray) -> np.ndarray:
    """The elements as kernel text sees them: a bool is a byte, a small float its 16 bits."""
    return array.view(np.uint8) if array.dtype == bool_ else array.view(np.uint16) if array.dtype in SMALL_FLOATS else array


def run_in_python(plan: Plan, inputs: list[np.ndarray]) -> list[np.ndarray]:
    """What a plan of kernels gives when each of them runs as the Python function that is printed. Inputs are contiguous."""
    memory = {slot: array.reshape(-1).copy() for slot, array in zip(plan.inputs, inputs)}

    def argument(parameter: Parameter, kernel: Kernel) -> Any:
        kind, value = parameter
        if kind in ("begin", "end"):
            return 0 if kind == "begin" else kernel.axes[0].turns if kernel.axes else 1
        if kind == "slot":
            return stored(memory.setdefault(value, memory_of(value)))
        return pairwise_table(*value) if kind == "table" else value

    for kernel in plan.steps:
        text, parameters = print_kernel(kernel)
        with np.errstate(all="ignore"):
            assert python_kernel(text)([argument(p, kernel) for p in parameters]) == 0
    return [memory.get(slot, memory_of(slot)).reshape(slot.shape) for slot in plan.outputs]


DTYPES = (float64, float32, float16, bfloat16, complex64, complex128, int8, int32, uint64, bool_)


@pytest.mark.parametrize("op", [op for op in OPS.values() if op.kind not in ("library", "control")], ids=lambda op: op.name)
def test_kernels_run_in_python_with_the_native_bits(op):
    ran = 0
    for make in samples_of(op):
        for dtype in DTYPES:
            args, attrs = make()
            args = tuple(recast(a, dtype) for a in args)
            try:
                found = compiled(op, args, attrs)
            except (tj.DTypeError, ValueError, TypeError):
                continue
            if found is None or not all(isinstance(step, Kernel) for step in found[1].steps):
                continue
            _, plan, native = found
            python = run_in_python(plan, [np.ascontiguousarray(a.numpy()).reshape(a.shape) for a in args])
            for p, n in zip(python, native) if plan.outputs else ():
                n = n if n.shape == p.shape else n.reshape(p.shape)
                assert p.dtype == n.dtype
                if is_inexact(p.dtype) and not getattr(op, "exact", True):  # Python's elementary functions are another library's
                    assert (ulps(p, n.astype(np.promote_types(n.dtype, np.float64)), floor=1.0) <= 4).all()
                else:
                    assert (bits(p) == bits(n)).all(), (dtype, p, n)
            ran += bool(plan.steps)
    assert ran or op.is_view or getattr(op, "scalar", None) == {}, "no kernel of this op was run"
