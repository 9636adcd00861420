"""Long programs: tracing and planning take steps in proportion to their ops; kernels and temporaries stay small. Nothing is timed."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import tracejit as tj
from tracejit.backends.llvm.translate import translate
from tracejit.dispatch import EAGER, mode
from tracejit.graph.ir import Graph
from tracejit.graph.regions import Regions
from tracejit.graph.trace import Tracer
from tracejit.lowering.fuse import DIVISIONS_LIMIT, GROUP_LIMIT, LENGTH_LIMIT, WIDTH_LIMIT
from tracejit.lowering.kernel import Kernel, LetIndex, Load
from tracejit.lowering.plan import Plan, make_plan


def chain(n):
    def function(x):
        y = x
        for i in range(n // 2):
            y = (y + x) * (0.5 + i % 3)
        return y

    return function, [tj.ones(1000)]


def recurrence(n):
    def function(x, w):
        h, seen = tj.zeros((4, 16)), []
        for t in range(n // 4):
            h = tj.tanh(h @ w + x[t])
            seen.append(h)
        return tj.stack(seen)

    return function, [tj.ones((n // 4, 4, 16)), tj.ones((16, 16))]


def sum_of_products(n):
    def function(x, w):
        total = x[0] @ w
        for t in range(1, n // 3):
            total = total + x[t] @ w
        return total

    return function, [tj.ones((n // 3, 8, 8)), tj.ones((8, 8))]


def gathers(n):
    def function(x, i):
        for _ in range(n // 2):
            x = x[i] * 2
        return x

    return function, [tj.ones((8, 8)), tj.arange(8)]


def parameters(n):
    tensors = [tj.ones(16) for _ in range(n // 4)]

    def function(x):
        for p in tensors:
            p.sub_((p * x + 1) * 0.01)
        return x * 2

    return function, [tj.ones(16)]


def backward(n):
    w = tj.ones((8, 8)).requires_grad_()

    def function(x):
        w.grad = None
        h = tj.zeros((4, 8))
        for t in range(n // 16):
            h = tj.tanh(x[t] + h @ w)
        (h * h).sum().backward()
        return h.detach()

    return function, [tj.ones((n // 16, 4, 8))]


def rolls(n):
    def function(x):
        for i in range(n // 10):
            x = tj.roll(x, i % 7) * 0.9
        return x

    return function, [tj.ones(100)]


def clamps(n):
    def function(x):
        for _ in range(n // 5):
            x = tj.clip(x, tj.amin(x) + 0.01, tj.amax(x) - 0.01)
        return x

    return function, [tj.ones(20)]


def differences(n):
    def function(x):
        for i in range(n // 8):
            x = tj.concat([x[:1], x[1:] - x[:-1]]) * (0.5 + i % 2)
        return x

    return function, [tj.ones(100)]


def writes(n):
    def function(x):
        for i in range(n // 8):
            x = x * 1
            x[i % 10 :] *= 0.9
            x[: i % 10] += 0.1
        return x

    return function, [tj.ones(20)]


def quarter_turns(n):
    def function(x):
        for _ in range(n // 4):
            x = tj.reshape(tj.transpose(tj.reshape(x, (4, 5))), (20,)) * 0.9
        return x

    return function, [tj.ones(20)]


PROGRAMS = [chain, recurrence, sum_of_products, gathers, parameters, backward, rolls, clamps, differences, writes, quarter_turns]


def calls_of(function):
    """How many Python calls a function makes, and what it gives."""
    calls = 0

    def count(frame, event, argument):
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        result = function()
    finally:
        sys.setprofile(before)
    return calls, result


def calls_and_plan(program, n: int) -> tuple[float, Plan]:
    """The Python calls of tracing and planning a program, for each node of its graph, and the plan."""
    seen: list[tuple[Graph, tuple[int, ...]]] = []

    def run(graph, arrays, writes):
        seen.append((graph, writes))
        return [np.zeros(node.shape, node.dtype) for node in graph.outputs[len(writes) :]]

    function, arguments = program(n)
    tracer = Tracer(run, again=True)  # no error is to be met in the `try` below
    tracer.arguments(arguments)

    def trace_and_plan():
        try:
            mode.interpreter = tracer
            result = function(*arguments)
            mode.interpreter = EAGER
            tracer.settle()
            graph, writes = seen[-1]
            return result, make_plan(graph, [None] * len(graph.inputs), writes)
        finally:
            mode.interpreter = EAGER

    calls, (result, plan) = calls_of(trace_and_plan)
    assert result is not None and len(seen) == 1
    return calls / len(seen[-1][0].nodes()), plan


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_work_is_in_proportion_to_the_ops(program):
    calls_and_plan(program, 200)  # fills the caches of ops and of lines
    short, _ = calls_and_plan(program, 200)
    long, plan = calls_and_plan(program, 1600)
    assert long < 1.25 * short
    for kernel in (step for step in plan.steps if isinstance(step, Kernel)):
        assert sum(len(stage.body) for stage in kernel.stages) <= 2 * GROUP_LIMIT + 4 * LENGTH_LIMIT
        assert len({s.slot for s in kernel.accesses() if isinstance(s, Load) and s.slot.home is None}) <= GROUP_LIMIT * WIDTH_LIMIT


def test_places_are_found_by_few_divisions_in_a_row():
    _, plan = calls_and_plan(quarter_turns, 400)
    for kernel in (step for step in plan.steps if isinstance(step, Kernel)):
        depth: dict[str, int] = {}
        for s in (s for stage in kernel.stages for s in stage.body if isinstance(s, LetIndex)):
            depth[s.result] = 1 + max([depth.get(name, 0) for name, _ in s.index.terms], default=0)
        assert max(depth.values(), default=0) <= DIVISIONS_LIMIT + 1


def test_kernels_of_many_branches_are_translated_in_proportion():
    def text(n):
        lines = "".join(f"        t{k} = x[i]\n        if rarely(t{k} < 0.5):\n            t{k} = t{k} * 2.0\n" for k in range(n))
        return f"def kernel(args):\n    x = f64_pointer(args, 2)\n    for i in lanes(args[0], args[1]):\n{lines}        x[i] = t{n - 1}\n"

    short, long = (calls_of(lambda: translate(text(n)))[0] for n in (50, 400))
    assert long < 1.25 * 8 * short


@pytest.mark.parametrize("program", [recurrence, sum_of_products, gathers, parameters], ids=lambda f: f.__name__)
def test_temporaries_are_used_again(program):
    arenas = {calls_and_plan(program, n)[1].arena for n in (200, 1600)}
    assert len(arenas) == 1


def test_regions_find_what_may_share_memory():
    rng = np.random.default_rng(0)
    memory, other = np.zeros((40, 40)), np.zeros(100)
    views = [memory[i : i + a : s, j : j + b] for i, j, a, b, s in rng.integers(1, 12, (200, 5))] + [other[3:50], other[60:][::-1], other[5:5]]
    known: list[np.ndarray] = []
    regions = Regions(known)
    for n, view in enumerate(views):
        assert sorted(regions.sharing(view)) == [m for m in range(n) if np.may_share_memory(view, views[m])]
        known.append(view)
