"""`python -m bench lazy`: what an operation costs where Python runs at each call, beside `np.add` of two arrays of 16 floats."""

from __future__ import annotations

import time
from typing import Any, Callable, Iterator, NamedTuple
from unittest.mock import patch

import numpy as np

import tracejit as tj
from tracejit.backends.cpu import backend
from tracejit.dispatch import EAGER, mode
from tracejit.graph.segments import Segments
from tracejit.pace import Pace


def mixed(x: Any, y: Any, z: Any) -> Any:
    a = x * y + z
    b = (a - x) * 0.5
    s = b[1:33] + a[:32]
    c = tj.sqrt(abs(b * s.sum()))
    c[2:10] = s[:8]
    d = tj.maximum(c / (1.0 + a), x)
    return (d - d.max()) * y


def elementwise(x: Any, y: Any, z: Any) -> Any:
    for _ in range(5):
        x = x * y + z - x * 0.5
    return x


def slices(x: Any, y: Any, z: Any) -> Any:
    for n in range(1, 6):
        x = x[n:] * y[:-n] + x[:-n] if n == 1 else x[1:] + x[:-1]
    return x


def reductions(x: Any, y: Any, z: Any) -> Any:
    for _ in range(5):
        x = (x - x.mean()) / (x.max() - x.min())
    return x


def writes(x: Any, y: Any, z: Any) -> Any:
    a = x + y
    for n in range(5):
        a[n : n + 8] = z[:8]
    return a


FUNCTIONS = (mixed, elementwise, slices, reductions, writes)


class Figure(NamedTuple):
    """Microseconds, but for counts."""

    name: str
    operations: int
    call: float
    undecorated: float
    addition: float  # of np.add

    def line(self) -> str:
        """One row of the table."""
        each = self.call / self.operations / self.addition
        return f"{self.name:16}{self.operations:12}{self.call:12.1f}{self.undecorated:14.1f}{each:18.2f}"


HEADER = f"{'64 floats':16}{'operations':>12}{'call, µs':>12}{'eager, µs':>14}{'np.add a piece':>18}"


def figures(rounds: int) -> Iterator[Figure]:
    """Each function lazily and undecorated, flush and all other costs of a call included; in turns with NumPy, the least of all rounds."""
    rng = np.random.default_rng(0)
    arguments = [tj.asarray(rng.uniform(1, 2, 64)) for _ in range(3)]
    small, other = np.ones(16), np.ones(16)
    for function in FUNCTIONS:
        lazily, log = effectful(function)
        with patch.object(Pace, "run", lambda self, lazily, plainly, *call: lazily(*call)):
            for _ in range(20):
                lazily(*arguments)
            found = [least(call) for _ in range(rounds) for call in (lambda: lazily(*arguments), lambda: function(*arguments), lambda: np.add(small, other))]
        log.clear()
        yield Figure(function.__name__, operations(function, arguments), *(1e6 * min(found[n::3]) for n in range(3)))


def effectful(function: Callable[..., Any]) -> tuple[Callable[..., Any], list[int]]:
    """The function with an effect that no graph can repeat."""
    log: list[int] = []

    @tj.compile
    def compiled(*args: Any) -> Any:
        log.append(1)
        return function(*args)

    return compiled, log


def operations(function: Callable[..., Any], arguments: list[tj.Tensor]) -> int:
    """How many a call records; the write into a slice is counted with the slice."""
    tracer = Segments(backend.executable).tracer()
    tracer.arguments(arguments)
    mode.interpreter = tracer
    try:
        result = function(*arguments)
    finally:
        mode.interpreter = EAGER
    tracer.settle()
    del result
    return tracer.limits.nodes


def least(call: Callable[[], Any], seconds: float = 0.02) -> float:
    """Seconds of processor time of one call, the least of many."""
    best, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.thread_time()
        for _ in range(20):
            call()
        best = min(best, (time.thread_time() - start) / 20)
    return best
