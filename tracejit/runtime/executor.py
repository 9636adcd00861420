"""`Executable`: a plan made ready to run. Python is entered once per call, and once more for each whole-array call."""

from __future__ import annotations

from typing import Any, Callable, NamedTuple, Sequence

import numpy as np

from ..lowering.plan import Call, Plan

Walk = Callable[[int, int], int]


class Program(NamedTuple):
    """Consecutive native steps, as the words that the walker reads."""

    code: np.ndarray  # int64


class HostCall(NamedTuple):
    """One step that Python runs: NumPy on arrays that lie where the plan says."""

    call: Call
    operands: list[Callable[[Sequence[np.ndarray]], Any]]
    results: list[Callable[[Sequence[np.ndarray]], np.ndarray]]

    def run(self, arrays: Sequence[np.ndarray]) -> None:
        node = self.call.node
        values = [operand(arrays) for operand in self.operands]
        # an op that is native elsewhere comes here with operands whose strides its routine cannot walk
        function = node.op.numpy if getattr(node.op, "native", False) else node.op.eager
        found = function(*values, **dict(node.attrs))
        for place, value in zip(self.results, found if isinstance(found, tuple) else (found,)):
            np.copyto(place(arrays), value, casting="unsafe")


class OutOfBounds(Exception):
    """A kernel met an index out of bounds; nothing that outlives the call was written."""


class Executable:
    """Runs a plan on arrays. Safe from several threads: each call takes an arena of its own."""

    def __init__(self, plan: Plan, steps: list[Program | HostCall], walk: Walk, scratch: int, keep: Any) -> None:
        self.plan, self.steps, self.walk = plan, steps, walk
        self.keep = keep  # tables and code that the programs point to
        self.outputs = [(s.shape, s.dtype) for s in plan.outputs]
        self.arena_size = plan.arena + scratch
        self.arenas: list[np.ndarray] = []
        self.only = steps[0].code.ctypes.data if len(steps) == 1 and isinstance(steps[0], Program) else None

    def __call__(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The new output arrays; inputs that the plan writes are changed in place."""
        outputs = [np.empty(shape, dtype) for shape, dtype in self.outputs]
        try:
            arena = self.arenas.pop()
        except IndexError:
            arena = aligned(self.arena_size)
        arrays = (*inputs, *outputs, arena)
        if self.only is not None:
            if self.walk(self.only, id(arrays)):
                raise OutOfBounds
        else:
            for step in self.steps:
                if isinstance(step, HostCall):
                    step.run(arrays)
                elif self.walk(step.code.ctypes.data, id(arrays)):
                    raise OutOfBounds
        self.arenas.append(arena)
        return outputs


def aligned(size: int) -> np.ndarray:
    """Bytes that begin at a cache line."""
    raw = np.empty(size + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + size]
