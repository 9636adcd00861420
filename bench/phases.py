"""How long the parts of tracejit's compiler take for graphs of many sizes. What is linear has one cost an operation at all of them."""

from __future__ import annotations

import statistics
import time
from typing import Any, Callable

import numpy as np

import tracejit as tj
from tracejit.dispatch import EAGER, mode
from tracejit.graph.ir import Graph
from tracejit.graph.rules import simplify
from tracejit.graph.trace import Tracer
from tracejit.lowering.fuse import fuse
from tracejit.lowering.plan import make_plan

PHASES = ("trace", "rules", "fuse", "lower and plan")


def chain(operations: int) -> tuple[Callable[..., Any], list[tj.Tensor]]:
    """Elementwise, one after the other."""

    def function(x: tj.Tensor) -> tj.Tensor:
        y = x
        for i in range(operations // 2):
            y = (y + x) * (0.5 + i % 3)
        return y

    return function, [tj.ones(1000)]


def recurrence(operations: int) -> tuple[Callable[..., Any], list[tj.Tensor]]:
    """A matmul, two elementwise operations and a slice in each step."""

    def function(x: tj.Tensor, w: tj.Tensor) -> tj.Tensor:
        h = tj.zeros((4, 16))
        for t in range(operations // 4):
            h = tj.tanh(h @ w + x[t])
        return h

    return function, [tj.ones((max(1, operations // 4), 4, 16)), tj.ones((16, 16))]


PROGRAMS = {"chain": chain, "recurrence": recurrence}


def phases(program: str, operations: int, rounds: int) -> dict[str, float]:
    """Seconds of each phase, the medians of so many rounds; and the number of nodes."""
    function, arguments = PROGRAMS[program](operations)
    found: list[dict[str, float]] = [_once(function, arguments) for _ in range(rounds + 1)][1:]
    return {name: statistics.median(f[name] for f in found) for name in found[0]}


def _once(function: Callable[..., Any], arguments: list[tj.Tensor]) -> dict[str, float]:
    graphs: list[Graph] = []

    def run(graph: Graph, arrays: Any, writes: Any) -> list[np.ndarray]:
        """In the place of the backend: keeps the graph, computes nothing."""
        graphs.append(graph)
        return [np.zeros(node.shape, node.dtype) for node in graph.outputs]

    clock = time.thread_time  # other processes do not count
    times = [clock()]
    tracer = Tracer(run)
    tracer.arguments(arguments)
    try:
        mode.interpreter = tracer
        result = function(*arguments)
        mode.interpreter = EAGER
        tracer.settle()
    finally:
        mode.interpreter = EAGER
    times.append(clock())
    (graph,) = graphs
    layouts = [None] * len(graph.inputs)
    simpler = simplify(graph, layouts)
    times.append(clock())
    fuse(simpler, layouts)
    times.append(clock())
    make_plan(simpler, layouts)
    times.append(clock())
    del result
    spent = dict(zip(PHASES, np.diff(times).tolist()))
    spent["lower and plan"] -= spent["fuse"]  # it fuses first
    return spent | {"nodes": float(len(graph.nodes()))}
