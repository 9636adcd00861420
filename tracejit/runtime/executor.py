"""`Executable`: a plan made ready to run. Python is entered once per call, and once more for each whole-array call."""

from __future__ import annotations

import ctypes
from math import prod
from time import perf_counter
from typing import Any, Callable, NamedTuple, Sequence

import numpy as np

from ..backend import LARGE
from ..lowering.plan import Plan
from ..lowering.steps import Call, Label

Allocator = Callable[[int], Callable[[Any, Any], np.ndarray]]  # of a size in bytes: what makes an array of a shape and a dtype
Program = Callable[[tuple[np.ndarray, ...]], int]  # consecutive native steps, of all arrays: 0, or 1 if a step failed


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


class HostMove(NamedTuple):
    """A move that Python makes, because a call of its own lies between a jump and where it leads. See `lowering/steps.py`."""

    form: str
    words: list[Callable[[Sequence[np.ndarray]], int]]
    label: Label | None
    places: dict[Label, int]  # the numbers of the steps behind the labels

    def goes_on(self, arrays: Sequence[np.ndarray], at: int) -> int:
        """The number of the step to go on with: `at`, or the one behind the label."""
        words = [word(arrays) for word in self.words]
        if self.label is None or self.form == "label":
            return at
        if self.form == "unless":
            goes = not ctypes.c_int8.from_address(words[0]).value
        else:
            goes = self.form == "jump" or ctypes.c_int64.from_address(words[0]).value != words[1]
        return self.places[self.label] if goes else at


class OutOfBounds(Exception):
    """A kernel met an index out of bounds; nothing that outlives the call was written."""


class Executable:
    """Runs a plan on arrays. Safe from several threads: each call has an arena of its own.

    Small arenas are shared by all executables: what one left in the cache, the next one finds there. Large ones are given back.
    """

    device = "cpu"
    brought: Sequence[int] = ()  # the inputs that are brought from the host, and those that are written back
    back: Sequence[int] = ()
    free: dict[int, list[np.ndarray]] = {}  # small arenas that no call is using, by size

    def __init__(self, plan: Plan, steps: list[Program | HostCall | HostMove], scratch: int, keep: Any, allocator: Allocator, long: bool) -> None:
        """`long`: it takes longer than other Python threads should wait for."""
        self.plan, self.steps = plan, steps
        self.seconds: dict[str, float] = {}  # that it took to build, by stage: "rules", "lower", "kernels"
        self.long = long
        self.keep = keep  # tables that the programs point to
        self.outputs = [(allocator(s.dtype.itemsize * prod(s.shape)), s.shape, s.dtype) for s in plan.outputs]
        size = plan.arena + scratch
        self.small = size < LARGE
        self.arena_size = 1 << (size - 1).bit_length() if self.small else size
        self.arenas = self.free.setdefault(self.arena_size, []) if self.small else []
        self.new_arena = allocator(self.arena_size)

    def apart(self, inputs: Sequence[np.ndarray]) -> list[float]:
        """Run once; the seconds of each step, of a plan that was built with a program for each: of all its turns, if it is in a loop."""
        outputs = [new(shape, dtype) for new, shape, dtype in self.outputs]
        arrays = (*inputs, *outputs, aligned(self.arena_size, self.new_arena))
        seconds = [0.0] * len(self.steps)
        at = 0
        while at < len(self.steps):
            start, number = perf_counter(), at
            at = self._step(at, arrays)
            seconds[number] += perf_counter() - start
        return seconds

    def _step(self, at: int, arrays: tuple[np.ndarray, ...]) -> int:
        """Make one step; the number of the next."""
        step = self.steps[at]
        if isinstance(step, HostMove):
            return step.goes_on(arrays, at + 1)
        if step(arrays):
            raise OutOfBounds
        return at + 1

    def __call__(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The new output arrays; inputs that the plan writes are changed in place."""
        outputs = [new(shape, dtype) for new, shape, dtype in self.outputs]
        try:
            arena = self.arenas.pop()
        except IndexError:
            arena = aligned(self.arena_size, self.new_arena)
        arrays = (*inputs, *outputs, arena)
        at = 0
        while at < len(self.steps):
            at = self._step(at, arrays)
        if self.small:
            self.arenas.append(arena)
        return outputs


def aligned(size: int, new: Callable[[Any, Any], np.ndarray]) -> np.ndarray:
    """Bytes that begin at a cache line."""
    raw = new(size + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + size]
