"""Kernels that walk the same rows become stages of one kernel: a row stays in cache from the first stage to the last.

A kernel with a reduction names the rows: they are the points of its parallel space. Another kernel may join it if what it needs
has run by then, and if whatever one of them writes and the other touches is touched within one row by both. The loops of a map
are cut and reordered for that: all orders of them give the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf, prod
from typing import Generic, Iterator, Protocol, Sequence, TypeVar

from .divide import cut_loop
from .hardware import CPU, Hardware
from .held import hold_rows
from .index import Index, tells
from .kernel import CACHED, Axis, Kernel, Slot, Stage, Store, rewritten
from .settle import own_slots, settled
from .stages import halves, placed, take

STATEMENT_LIMIT = 400  # of one kernel: compile time grows with them
STAGE_LIMIT = 24
WIDE, WIDTHS = (256, 2048), 4  # columns of a block that memory is read in, and how many such blocks there should be


class Step(Protocol):
    """What the order of steps depends on."""

    @property
    def stops(self) -> bool: ...

    def reads(self) -> set[Slot]: ...

    def writes(self) -> set[Slot]: ...


S = TypeVar("S", bound=Step)


def share_rows(steps: Sequence[S | Kernel], hardware: Hardware = CPU) -> list[S | Kernel]:
    """The steps, those that walk the same rows as stages of one kernel."""
    order: _Order[S] = _Order(hardware)
    for step in steps:
        order.add(step)
    entries = sorted(order.entries, key=lambda entry: entry.position)
    own = own_slots([e.step for e in entries])
    steps = [settled(e.step, own, hardware) if e.joined and isinstance(e.step, Kernel) else e.step for e in entries]
    if not hardware.in_turns:
        return [hold_rows(step, own, hardware) if isinstance(step, Kernel) else step for step in steps]
    return [_in_wide_blocks(step) if isinstance(step, Kernel) else step for step in steps]


def _in_wide_blocks(kernel: Kernel) -> Kernel:
    """Columns that are passed once, or are too long to be found in a cache when they are passed again, lie in wide blocks: memory is
    quicker in long pieces."""
    block = next((axis for axis in kernel.axes if axis.role == "block"), None)
    slices = [prod(a.extent for a in stage.axes if not a.block) for stage in kernel.stages]
    if block is None or sum(n > 1 for n in slices) > 1 and max(slices) * block.block <= CACHED:
        return kernel
    fewest, most = WIDE
    width = min(max(block.extent // WIDTHS // fewest * fewest, fewest), most)
    for axis in (*kernel.axes, *[axis for stage in kernel.stages for axis in stage.axes]):
        if axis.block and width < axis.extent:
            axis.block = width
    return kernel


# In which order


@dataclass(eq=False)
class _Entry(Generic[S]):
    """A step in the order; `needed`: the position of the first step that must come after it."""

    step: S | Kernel
    position: int
    needed: float = inf
    joined: bool = False


class _Order(Generic[S]):
    """Steps in an order in which they can run: each kernel joins an earlier one where it may."""

    def __init__(self, hardware: Hardware) -> None:
        self.hardware = hardware
        self.entries: list[_Entry[S]] = []
        self.written: dict[Slot, _Entry[S]] = {}  # by which step, last
        self.read: dict[Slot, list[_Entry[S]]] = {}  # by which steps, since then
        self.latest: dict[int, _Entry[S]] = {}  # the last reduction of so many rows
        self.barrier = -1  # the position of the last step that may stop the program: nothing moves ahead of it
        self.end = 0
        self.kernels = 0

    def add(self, step: S | Kernel) -> None:
        reads, writes = step.reads(), step.writes()
        needs = {self.written[s] for s in reads | writes if s in self.written}.union(*[self.read.get(s, ()) for s in writes])
        entry = self._joined(step, needs) if isinstance(step, Kernel) and _movable(step) else None
        if entry is None:
            self.end += 1
            entry = _Entry(step, self.end)
            self.entries.append(entry)
        for other in needs - {entry}:
            other.needed = min(other.needed, entry.position)
        for slot in writes:
            self.written[slot], self.read[slot] = entry, []
        for slot in reads:
            self.read.setdefault(slot, []).append(entry)
        if step.stops:
            self.barrier = entry.position
        if isinstance(entry.step, Kernel) and entry.step.reduces:
            self.latest[_rows(entry.step)] = entry

    def _joined(self, kernel: Kernel, needs: set[_Entry[S]]) -> _Entry[S] | None:
        """The entry that a kernel has joined: one of those it needs, the one of most rows first, or one of as many rows."""
        found = sorted(needs, key=lambda e: (_rows(e.step) if isinstance(e.step, Kernel) else 0, e.position), reverse=True)
        if kernel.reduces and _rows(kernel) in self.latest:
            found.append(self.latest[_rows(kernel)])
        last = max((e.position for e in needs), default=-1)
        for entry in found:
            group = entry.step
            stays = entry.position >= last and entry.position > self.barrier
            if isinstance(group, Kernel) and _movable(group) and (stays or entry.needed > self.end):
                self.kernels += 1
                together = _together(group, _named_apart(kernel, self.kernels), self.hardware)
                if together is not None:
                    if not stays:
                        self.end += 1
                        entry.position = self.end
                    entry.step, entry.joined = together, True
                    return entry
        return None


def _movable(kernel: Kernel) -> bool:
    """Whether its loops may run in any order."""
    return not any(axis.role == "serial" for stage in kernel.stages for axis in stage.axes) and not kernel.stops


def _rows(kernel: Kernel) -> int:
    return prod(axis.turns for axis in kernel.axes)


def _named_apart(kernel: Kernel, number: int) -> Kernel:
    """A copy whose names are in no other kernel."""

    def name(old: str) -> str:
        return f"{old}:{number}"

    axes = [replace(axis, name=name(axis.name)) for axis in kernel.axes]
    stages = [rewritten(stage, name, lambda index: index.renamed(name)) for stage in kernel.stages]
    return Kernel(axes, stages, [(name(constant), dtype, value) for constant, dtype, value in kernel.constants])


# Which rows


def _together(group: Kernel, kernel: Kernel, hardware: Hardware) -> Kernel | None:
    """One kernel of both, or None if they may not share rows."""
    if not (group.reduces or kernel.reduces) or len(group.stages) >= STAGE_LIMIT:
        return None
    if sum(len(stage.body) for k in (group, kernel) for stage in k.stages) > STATEMENT_LIMIT:
        return None
    both = group.reduces and kernel.reduces
    if both and not hardware.in_turns and _reduced(group) != _reduced(kernel):
        return None
    pair = _same_rows(group, kernel) if both else _walking(group, kernel)
    if pair is None or not _worth(*pair, hardware) or not _within_rows(*pair):
        return None
    return placed(*pair)


def _reduced(kernel: Kernel) -> tuple[str, int]:
    """How many threads share a row depends on this: what its reductions walk, and of how many elements."""
    axes = next(stage.axes for stage in kernel.stages if stage.reductions)
    return axes[0].role, prod(axis.extent for axis in axes)


def _same_rows(group: Kernel, kernel: Kernel) -> tuple[Kernel, Kernel] | None:
    """Two reductions over as many rows, with the same loops over them, by the same names."""
    for d in range(1, 1 + max(len(group.axes), len(kernel.axes))):
        if d > len(group.axes) or d > len(kernel.axes):
            return None
        mine, theirs = kernel.axes[-d], group.axes[-d]
        if (mine.role, mine.block) != (theirs.role, theirs.block) or mine.role != "space" and mine.extent != theirs.extent:
            return None
        if mine.extent > theirs.extent and mine.extent % theirs.extent == 0:
            kernel = cut_loop(kernel, mine, theirs.extent)
        elif theirs.extent > mine.extent and theirs.extent % mine.extent == 0:
            group = cut_loop(group, theirs, mine.extent)
        elif mine.extent != theirs.extent:
            return None
    names = {mine.name: theirs.name for mine, theirs in zip(kernel.axes, group.axes)}

    def name(old: str) -> str:
        return names.get(old, old)

    stages = [rewritten(s, name, lambda index: index.renamed(name)) for s in kernel.stages]
    return group, Kernel(group.axes, stages, kernel.constants)


def _walking(group: Kernel, kernel: Kernel) -> tuple[Kernel, Kernel] | None:
    """A reduction and a map (either may be first), the map's loops cut so that the reduction's rows come first; None where no slot
    that both touch tells which of its loops they are."""
    owner, other = (group, kernel) if group.reduces else (kernel, group)
    (stage,) = other.stages
    stage = Stage(list(other.axes), stage.body, [], stage.title)
    rows = list(owner.axes)
    while rows:
        row = rows.pop()
        for theirs, mine in _pairs(owner, stage):
            step = theirs.coefficient(row.name)
            taken = take(stage, row, mine, step) if step else None
            part = next((a.extent for a in stage.axes if step and mine.coefficient(a.name) == step and row.extent % a.extent == 0), 1)
            if taken is not None:
                stage = taken
                if row.block:
                    stage.axes.append(Axis(row.name, row.extent, "space", row.block))
                break
            if part > 1 and row.role == "space":
                owner = cut_loop(owner, row, part)
                rows += halves(row, part)[:2]
                break
        else:
            return None
    other = Kernel(owner.axes, [stage], other.constants)
    return (owner, other) if group.reduces else (other, owner)


def _pairs(owner: Kernel, stage: Stage) -> Iterator[tuple[Index, Index]]:
    """How the owner and a stage touch the same slots; first those that one of them writes."""
    mine: dict[Slot, Index] = {}
    for access in stage.accesses():
        mine.setdefault(access.slot, access.index)
    theirs = [access for access in owner.accesses() if access.slot in mine]
    written = {s.slot for s in (*theirs, *stage.accesses()) if isinstance(s, Store)}
    for access in sorted(theirs, key=lambda s: s.slot not in written):
        yield access.index, mine[access.slot]


def _worth(group: Kernel, kernel: Kernel, hardware: Hardware) -> bool:
    """Whether there is parallel work enough in the rows alone; two reductions had no more before."""
    stages = (*group.stages, *kernel.stages)
    longest = max(prod(min(axis.extent, axis.block or axis.extent) for axis in stage.axes) for stage in stages)
    return _rows(group) >= hardware.few or longest <= hardware.long or group.reduces and kernel.reduces


def _within_rows(group: Kernel, kernel: Kernel) -> bool:
    """Whether no row touches what another writes, or writes what another touches: the row can be told from the place of every
    access to such a slot, in one way for each slot."""
    shared = {s.slot for s in group.accesses()} & {s.slot for s in kernel.accesses()} & (group.writes() | kernel.writes())
    steps: dict[tuple[Slot, str], int] = {}
    for stage in (*group.stages, *kernel.stages):
        bounds = stage.bounds(group)
        for access in stage.accesses():
            for row in group.axes if access.slot in shared else ():
                step = steps.setdefault((access.slot, row.name), access.index.coefficient(row.name))
                if not tells(access.index, row.name, step, bounds):
                    return False
    return True
