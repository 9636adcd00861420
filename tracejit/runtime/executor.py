"""`Executable`: a plan made ready to run. Python is entered once per call, and once more for each whole-array call."""

from __future__ import annotations

from typing import Any, Callable, NamedTuple, Sequence

import numpy as np

from ..lowering.plan import Call, Plan

Program = Callable[[tuple[np.ndarray, ...]], int]  # consecutive native steps, of all arrays: 0, or 1 + the step that failed


class HostCall(NamedTuple):
    """One step that Python runs: NumPy on arrays that lie where the plan says."""

    call: Call
    operands: list[Callable[[Sequence[np.ndarray]], Any]]
    results: list[Callable[[Sequence[np.ndarray]], np.ndarray]]

    def __call__(self, arrays: Sequence[np.ndarray]) -> int:
        node = self.call.node
        values = [operand(arrays) for operand in self.operands]
        # an op that is native elsewhere comes here with operands whose strides its routine cannot walk
        function = node.op.numpy if getattr(node.op, "native", False) else node.op.eager
        found = function(*values, **dict(node.attrs))
        for place, value in zip(self.results, found if isinstance(found, tuple) else (found,)):
            np.copyto(place(arrays), value, casting="unsafe")
        return 0


class OutOfBounds(Exception):
    """A kernel met an index out of bounds; nothing that outlives the call was written."""


class Executable:
    """Runs a plan on arrays. Safe from several threads: each call takes an arena of its own."""

    def __init__(self, plan: Plan, steps: list[Program | HostCall], scratch: int, keep: Any) -> None:
        self.plan, self.steps = plan, steps
        self.keep = keep  # tables that the programs point to
        self.outputs = [(s.shape, s.dtype) for s in plan.outputs]
        self.arena_size = plan.arena + scratch
        self.arenas: list[np.ndarray] = []

    def __call__(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The new output arrays; inputs that the plan writes are changed in place."""
        outputs = [np.empty(shape, dtype) for shape, dtype in self.outputs]
        try:
            arena = self.arenas.pop()
        except IndexError:
            arena = aligned(self.arena_size)
        arrays = (*inputs, *outputs, arena)
        for step in self.steps:
            if step(arrays):
                raise OutOfBounds
        self.arenas.append(arena)
        return outputs


def aligned(size: int) -> np.ndarray:
    """Bytes that begin at a cache line."""
    raw = np.empty(size + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + size]
