"""How long a call takes, eagerly and compiled, and each of its kernels: measured with all state put back after each run."""

from __future__ import annotations

import functools
from time import perf_counter
from typing import Any, Callable, NamedTuple

import numpy as np

from ..backend import get_backend
from ..backends.choice import executable_of
from ..backends.cpu import backend
from ..device import device_of
from ..graph.text import parse_graph
from ..lowering.kernel import Kernel, Let, Slot
from ..lowering.plan import Plan
from ..lowering.steps import Call
from ..verify import Run, Snapshot, like

BUDGET = 0.1  # seconds that one measurement may take, one run apart
REPEATS = 20
CACHED = 16 << 20  # bytes: what a step moves of less may lie in a cache, whose speed is not memory's


class Times(NamedTuple):
    """Of one call, in seconds: the least of several."""

    eager: float
    compiled: float
    kernels: list[list[float | None]]  # of each plan, its steps; None where they are not told apart


def least(run: Callable[[], Any], after: Callable[[], Any] = lambda: None, done: Callable[[], Any] = lambda: None) -> float:
    """The least time of a run until it is `done`, in seconds; `after` is called after each, and not measured."""
    times: list[float] = []
    while len(times) < REPEATS and sum(times) < BUDGET:
        start = perf_counter()
        run()
        done()
        times.append(perf_counter() - start)
        after()
    return min(times)


def measured(
    snapshot: Snapshot, eager: Callable[[], Any], compiled: Callable[[], Any], retrace: Callable[[], Any], device: str | None = None
) -> tuple[Times, list[Plan]]:
    """The times of a call that may be repeated, and the plans of the path that it takes. The snapshot knows all that the call reaches.

    device: where graphs run; None: where their arrays lie."""
    try:
        with snapshot:
            retrace()
        runs = list(snapshot.runs)
        snapshot.put_back()
        done = get_backend(device or device_of([array for run in runs for array in run.arrays])).synchronize
        times = Times(least(eager, snapshot.put_back, done), least(compiled, snapshot.put_back, done), [_steps(run, device) for run in runs])
    finally:
        snapshot.put_back()
    return times, [_executable(run, device).plan for run in runs]


def _executable(run: Run, device: str | None) -> Any:
    return executable_of(run.graph, run.arrays, run.writes, device)


def _steps(run: Run, device: str | None) -> list[float | None]:
    """The least time of each step of a graph, on copies of what it read in the call. A GPU's are not told apart."""
    if (device or device_of(run.arrays)) != "cpu":
        return [None] * len(_executable(run, device).plan.steps)
    arrays = [like(array) if n in run.writes else array for n, array in enumerate(run.arrays)]
    executable = backend.apart(_executable(run, device).plan)
    found: list[list[float]] = []
    while len(found) < REPEATS and sum(map(sum, found)) < BUDGET:
        for n in run.writes:
            arrays[n][...] = run.arrays[n]
        found.append(executable.apart(arrays))
    return [min(times) for times in zip(*found)]


# What a step does


def bytes_of(step: Kernel | Call) -> int:
    """The bytes of memory that a step reads and writes, each place once."""
    return sum(map(size_of, step.reads())) + sum(map(size_of, step.writes()))


def size_of(slot: Slot) -> int:
    """The bytes of a slot, each place once."""
    count = 1
    for extent, stride in zip(slot.shape, slot.strides):
        count *= extent if stride else 1
    return count * slot.dtype.itemsize


def operations_of(step: Kernel | Call) -> int | None:
    """The operations on numbers of a kernel, in additions; None for a routine of a library."""
    if not isinstance(step, Kernel):
        return None
    return sum(stage.turns(step) * (sum(s.cost for s in stage.body if isinstance(s, Let)) + len(stage.reductions)) for stage in step.stages)


# What the machine can do


@functools.lru_cache(maxsize=1)
def bandwidth() -> float:
    """Bytes a second of a = b + c over arrays larger than caches, on all threads, in memory already touched: measured once."""
    n = 1 << 22
    graph = parse_graph(f'def graph(a: "f64[{n}]", b: "f64[{n}]", c: "f64[{n}]"):\n    t = add(b, c)\n    return (t,)')
    arrays = [np.ones(n) for _ in range(3)]
    return 3 * arrays[0].nbytes / least(lambda: backend.run(graph, arrays, (0,)))


def share_of(step: Kernel | Call, seconds: float) -> float | None:
    """The least time in which this machine moves a step's bytes, as a share of its time; None where caches may hold them."""
    size = bytes_of(step)
    return size / bandwidth() / seconds if size >= CACHED and seconds else None
