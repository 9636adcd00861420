"""Chains of loops over arrays that no cache holds, taken through memory together: a wave of rows.

A stencil that is applied again and again walks the whole array at each step. Here the loops of a few steps are stages of one kernel. At
each turn every stage computes a few rows, as far behind the stage before as it reads ahead of its own row; the rows between two stages
lie in a ring, in the cache. Threads take blocks of the last stage's rows, and compute again the few rows of the other
stages that the next block needs too.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import prod
from typing import Any, Sequence, TypeVar

from ..spec import contiguous_strides
from .divide import cut_loop
from .index import variable
from .kernel import Axis, Kernel, LetIndex, Load, Slot, Stage, Statement, Store, rewritten
from .rows import Step

LONGEST = 5  # stages of a wave: its text, and the time to compile it, grow with them
LARGE = 2**23  # bytes of what lies between two steps from which on memory, or a cache that all share, is what they wait for
ROOM = 800_000  # bytes of the rings of one thread: they fill most of a second cache
AT_ONCE = (14, 6, 2, 1)  # rows of a turn: with the two more that most stencils read, they fill a ring of a power of two
ROW = 64  # elements of a row that is worth a turn
AGAIN = 8  # rows of a block for each row that may be computed again: one in sixteen is, on average
BLOCKS = 32  # at most, where that leaves larger ones

S = TypeVar("S", bound=Step)


def in_waves(steps: Sequence[S | Kernel]) -> list[S | Kernel]:
    """The steps, those that can as stages of waves."""
    if not any(_is_large(slot) for step in steps for slot in step.writes()):
        return list(steps)
    users: dict[Slot, int] = {}
    for step in steps:
        for slot in step.reads() | step.writes():
            users[slot] = users.get(slot, 0) + 1
    found: list[S | Kernel] = []
    at = 0
    while at < len(steps):
        chain = _chain(steps[at : at + LONGEST])
        waves = (_Wave(chain[:n], users).kernel() for n in range(len(chain), 1, -1))
        wave = next((kernel for kernel in waves if kernel is not None), None)
        found.append(steps[at] if wave is None else wave)
        at += 1 if wave is None else len(wave.stages)
    return found


def _chain(steps: Sequence[S | Kernel]) -> list[Kernel]:
    """The maps at the front, each of which reads much that those before it write."""
    found: list[Kernel] = []
    written: set[Slot] = set()
    for step in steps:
        if not isinstance(step, Kernel) or not step.is_map or step.stops or found and not step.reads() & written:
            break
        found.append(step)
        written |= {slot for slot in step.writes() if _is_large(slot)}
        if not written:
            break
    return found


def _is_large(slot: Slot) -> bool:
    return slot.dtype.itemsize * prod(slot.shape) >= LARGE


@dataclass
class _Step:
    """A map, its rows the outermost loop, and what of the rows of earlier ones it reads: from `low` to `high` after its own."""

    kernel: Kernel
    reads: dict[int, tuple[int, int]] = field(default_factory=dict)  # by the earlier step's number
    lag: int = 0  # turns that it is behind
    low: int = 0  # the first row that a block needs, after the block's own first
    high: int = 0  # as many rows after its last

    @property
    def row(self) -> Axis:
        return self.kernel.axes[0]


class _Wave:
    def __init__(self, kernels: Sequence[Kernel], users: dict[Slot, int]) -> None:
        self.kernels, self.users = kernels, users
        self.number = {slot: n for n, kernel in enumerate(kernels[:-1]) for slot in kernel.writes()}  # which step writes what lies between
        self.steps: list[_Step] = []
        self.rings: dict[Slot, Slot] = {}
        self.at_once = 1

    def kernel(self) -> Kernel | None:
        """The wave, or None where these steps make none."""
        if not self._alone():
            return None
        for n, kernel in enumerate(self.kernels):
            step = self._by_rows(n, kernel)
            if step is None or not self._reads(step, n):
                return None
            self.steps.append(step)
        self._needs()
        block = self._block()
        return self._joined(block) if block and self._in_room() else None

    def _alone(self) -> bool:
        """Whether nobody else reads what lies between, each is written once, and the last step writes nothing that is read."""
        users: dict[Slot, int] = {}
        for kernel in self.kernels:
            for slot in kernel.reads() | kernel.writes():
                users[slot] = users.get(slot, 0) + 1
        if sum(len(kernel.writes()) for kernel in self.kernels[:-1]) != len(self.number):
            return False
        if any(isinstance(s, Store) and s.combine for kernel in self.kernels for s in kernel.accesses()):
            return False
        last = self.kernels[-1].writes()
        if last & self.number.keys() or any(last & kernel.reads() for kernel in self.kernels):
            return False
        return all(slot.home is None and slot.constant is None and self.users[slot] == users[slot] for slot in self.number)

    # Which rows

    def _by_rows(self, n: int, kernel: Kernel) -> _Step | None:
        """The step with one turn of its outermost loop for each row: of what it writes, or, the last, of what it reads."""
        between = kernel.writes() if n < len(self.kernels) - 1 else kernel.reads() & self.number.keys()
        size = prod(next(s.slot for s in kernel.accesses() if s.slot in between).shape[1:])
        if size >= ROW and len(kernel.axes) == 1 and kernel.axes[0].extent % size == 0:
            kernel = cut_loop(kernel, kernel.axes[0], size)
        if size < ROW or len(kernel.axes) < 2:
            return None
        turns, row = prod(axis.extent for axis in kernel.axes), kernel.axes[0]
        for s in kernel.accesses():
            if isinstance(s, Store) and s.slot in self.number:
                if turns != prod(s.slot.shape) or row.extent != s.slot.shape[0] or _row_of(s, row, _extents(kernel)) != 0:
                    return None
        return _Step(kernel)

    def _reads(self, step: _Step, n: int) -> bool:
        """Whether it is known which rows a step reads of those before it."""
        extents = _extents(step.kernel)
        for s in step.kernel.accesses():
            if s.slot in self.number and isinstance(s, Load):
                source, first = self.number[s.slot], _row_of(s, step.row, extents)
                if source >= n or first is None:
                    return False
                low, high = step.reads.get(source, (first, first))
                step.reads[source] = min(low, first), max(high, first)
        return True

    def _needs(self) -> None:
        """How far behind each step is, and which rows a block needs of it."""
        for step in self.steps:
            step.lag = max((self.steps[source].lag + high for source, (_, high) in step.reads.items()), default=0)
        for step in self.steps[:-1]:
            step.low = step.row.extent
        for step in reversed(self.steps):
            for source, (low, high) in step.reads.items():
                before = self.steps[source]
                before.low, before.high = min(before.low, step.low + low), max(before.high, step.high + high)

    def _in_room(self) -> bool:
        """Whether the rings have room; the more rows a turn has, the less often a row is fetched from the second cache to the first."""
        spans: dict[Slot, int] = {}
        for slot, number in self.number.items():
            behind = [step.lag - self.steps[number].lag - step.reads[number][0] for step in self.steps if number in step.reads]
            if not behind:
                return False
            spans[slot] = max(behind)
        for self.at_once in AT_ONCE:
            for slot, span in spans.items():
                shape = (1 << (span + self.at_once - 1).bit_length(), *slot.shape[1:])
                self.rings[slot] = Slot(slot.dtype, shape, contiguous_strides(shape), private=True)
            if sum(ring.dtype.itemsize * prod(ring.shape) for ring in self.rings.values()) <= ROOM:
                return True
        return False

    def _block(self) -> int:
        """The rows of a block of the last step's; 0 where there would be few blocks."""
        rows = self.steps[-1].row.extent
        block = max(-(-rows // BLOCKS), AGAIN * max(step.high - step.low for step in self.steps))
        return block if 4 * block <= rows else 0

    # The kernel

    def _joined(self, block: int) -> Kernel:
        constants: dict[Any, tuple[str, Any, Any]] = {}
        stages = [self._stage(n, step, block, constants) for n, step in enumerate(self.steps)]
        rows = Axis("rows", self.steps[-1].row.extent, "block", block)
        return Kernel([rows], stages, list(constants.values()))

    def _stage(self, n: int, step: _Step, block: int, constants: dict[Any, tuple[str, Any, Any]]) -> Stage:
        """A step as a stage, of names of its own."""
        shared = {}
        for old, dtype, value in step.kernel.constants:
            key = (type(value), repr(value), dtype)
            shared[old] = constants.setdefault(key, (f"v{len(constants)}", dtype, value))[0]

        def name(old: str) -> str:
            return shared.get(old) or f"{old.replace('.', '_')}_{n}"

        (stage,) = step.kernel.stages
        stage = rewritten(stage, name, lambda index: index.renamed(name))
        row, *axes = [replace(axis, name=name(axis.name)) for axis in step.kernel.axes]
        row = replace(row, role="wave", block=block, lag=step.lag, low=step.low, high=step.high, at_once=self.at_once)
        return Stage([row, *axes], self._in_rings(stage, row, axes), [], stage.title)

    def _in_rings(self, stage: Stage, row: Axis, axes: list[Axis]) -> list[Statement]:
        """The statements, what lies between read and written in the rings."""
        extents = {axis.name: axis.extent for axis in (row, *axes)}
        heads: dict[tuple[int, int], LetIndex] = {}
        for s in stage.body:
            if isinstance(s, (Load, Store)) and s.slot in self.rings:
                ring, size = self.rings[s.slot], prod(s.slot.shape[1:])
                ahead = _row_of(s, row, extents) or 0
                key = (ahead, ring.shape[0])
                head = heads.setdefault(key, LetIndex(f"{row.name}_{len(heads)}", "around", variable(row.name) + ahead, ring.shape[0]))
                s.index = s.index.without(row.name) + -ahead * size + variable(head.result).times(size)
                s.slot = ring
        return [*heads.values(), *stage.body]


def _extents(kernel: Kernel) -> dict[str, int]:
    return {axis.name: axis.extent for axis in kernel.axes}


def _row_of(s: Load | Store, row: Axis, extents: dict[str, int]) -> int | None:
    """Which row of a slot is touched, after the loop's own; None where that is not one and the same."""
    size = prod(s.slot.shape[1:])
    rest = s.index.without(row.name)
    guarded = isinstance(s, Load) and s.guard
    if guarded or s.index.coefficient(row.name) != size or any(v not in extents for v, _ in rest.terms):
        return None
    spans = [step * (extents[v] - 1) for v, step in rest.terms]
    low, high = rest.offset + sum(min(0, span) for span in spans), rest.offset + sum(max(0, span) for span in spans)
    return low // size if low // size == high // size else None
