"""`Event`, where a segment of a trace ends; and `Past`, what a replay has done of a call before a trace of the same call goes on from there.

A function that asks for values is a sequence of segments: graphs, each ending where Python asks (an event), the last one in
the results. A replay that meets an answer it has not seen before cannot go on; Python then runs the function under the
tracer, which catches up: what was computed is not computed again, what was written is not written again, and
what Python asks for is answered as it was, until the replay's last event is reached.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .ir import Graph
from .text import print_graph

ANSWER_BYTES = 64  # values that Python sees are outcomes by their bits; what is larger is never the same twice


class Event(NamedTuple):
    """Where a segment ends: Python asks for the truth of a value, or for its bits."""

    kind: str  # "truth" or "value"
    place: tuple[str, int, tuple[Any, ...]]  # of the value in the segment: ("input" or "output", number, view chain)
    line: tuple[str, int] | None


def answer_of(kind: str, array: np.ndarray) -> Any:
    """What Python learns of an array at an event."""
    return bool(array.item()) if kind == "truth" else array.tobytes()


class Step(NamedTuple):
    """One segment that a replay has run, and the event at its end."""

    kind: str  # of the event
    graph: Graph
    writes: tuple[int, ...]
    arrays: list[np.ndarray]
    outputs: list[np.ndarray]
    before: list[np.ndarray]  # copies of what was written
    answer: Any


class Past:
    """The steps of a replay, taken one by one by a trace that does the same."""

    def __init__(self, steps: list[Step]) -> None:
        self.steps = steps
        self.taken = 0
        self.parted = False  # the trace did something else, so that the rest was undone

    @property
    def ahead(self) -> bool:
        """Whether there are steps that were not taken."""
        return self.taken < len(self.steps)

    def outputs(self, graph: Graph, arrays: list[np.ndarray], writes: tuple[int, ...], kind: str) -> list[np.ndarray] | None:
        """What the replay computed in place of this graph; None if it computed another one: then its further steps are undone."""
        step = self.steps[self.taken]
        same = kind == step.kind and writes == step.writes and _same_arrays(arrays, step.arrays, writes)
        if same and print_graph(graph, False) == print_graph(step.graph, False):
            return step.outputs
        for step in reversed(self.steps[self.taken :]):
            for number, before in zip(step.writes, step.before):
                step.arrays[number][...] = before
        self.steps, self.parted = self.steps[: self.taken], True
        return None

    def answer(self) -> Any:
        """What Python was told at the end of the step whose outputs were taken."""
        self.taken += 1
        return self.steps[self.taken - 1].answer


def _same_arrays(new: list[np.ndarray], old: list[np.ndarray], writes: tuple[int, ...]) -> bool:
    """Whether arrays are the same memory, or (data that the function makes) have the same contents and are not written."""
    return len(new) == len(old) and all(a is b or _alike(a, b, n in writes) for n, (a, b) in enumerate(zip(new, old)))


def _alike(a: np.ndarray, b: np.ndarray, written: bool) -> bool:
    if (a.shape, a.dtype) != (b.shape, b.dtype):
        return False
    return (a.strides == b.strides and a.ctypes.data == b.ctypes.data) or (not written and a.tobytes() == b.tobytes())
