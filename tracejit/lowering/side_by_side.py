"""Rows side by side: where the rows of a reduction are short, and many, as many of them are walked at once as there are vector lanes.

That pays where neighbouring rows lie side by side in memory. An operand that lies otherwise, and is read again and again, is first
copied so that it does.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import NamedTuple, Sequence, TypeVar

from ..spec import contiguous_strides
from .index import Index, linear, variable
from .kernel import FEW, Axis, Kernel, Load, Slot, Stage, Statement, Store

LANES = 8  # the fewest rows that are worth it
REUSED = 16  # how often a copy must be read
CACHED = 2**14  # bytes of copies that are read again and again: half of a first cache

S = TypeVar("S")


def rows_side_by_side(steps: Sequence[S | Kernel]) -> list[S | Kernel]:
    """The steps, with the copies that are needed before kernels whose rows run side by side."""
    found: list[S | Kernel] = []
    for step in steps:
        found += _beside(step) if isinstance(step, Kernel) and _may_be(step) else [step]
    return found


def _may_be(kernel: Kernel) -> bool:
    """Whether its rows are many, its reductions short, and all its loops those of rows or of reductions."""
    if not kernel.reduces or kernel.stops or any(axis.role != "space" for axis in kernel.axes):
        return False
    loops = [axis for stage in kernel.stages for axis in stage.axes]
    return bool(kernel.axes) and kernel.axes[-1].extent >= LANES and all(_is_short(stage) for stage in kernel.stages) and bool(loops)


def _is_short(stage: Stage) -> bool:
    if not stage.reductions:
        return all(axis.role == "space" and not axis.block for axis in stage.axes)
    inner = [axis for axis in stage.axes if axis.role == "inner"]
    return all(axis.role in ("outer", "inner") for axis in stage.axes) and len(inner) == 1 and inner[0].extent <= inner[0].leaf and not inner[0].part


class _Walk(NamedTuple):
    """What a load walks beside the rows: loops of one name may be of other extents in another stage."""

    slot: Slot
    place: Index
    loops: tuple[tuple[str, int], ...]  # name and extent

    @property
    def size(self) -> int:
        """Elements for each row."""
        return prod(extent for _, extent in self.loops)


def _beside(kernel: Kernel) -> list[Kernel]:
    """The kernel with its innermost rows side by side, after the copies it reads; or as it is, if that would gather too much."""
    shortest = all(axis.extent < axis.strands for stage in kernel.stages for axis in stage.axes)
    walks: dict[_Walk, None] = {}  # what is loaded from a copy
    for stage in kernel.stages:
        for s in stage.accesses():
            if _neighbours(s.index, kernel):
                continue
            if isinstance(s, Load) and _worth_a_copy(s, stage, kernel):
                walks[_walk(s, stage, kernel)] = None
            elif not shortest:
                return [kernel]
    *outside, row = kernel.axes
    axes = _in_blocks(outside, row, sum(walk.size * walk.slot.dtype.itemsize for walk in walks))
    copies = {walk: _copied(walk, [axis for axis in axes if axis.name == row.name]) for walk in walks}

    def redirected(s: Statement, stage: Stage) -> Statement:
        """A statement that loads from the copy, if there is one."""
        found = copies.get(_walk(s, stage, kernel)) if isinstance(s, Load) else None
        return s if found is None or not isinstance(s, Load) else replace(s, slot=found[1], index=found[2])

    stages = [replace(stage, body=[redirected(s, stage) for s in stage.body]) for stage in kernel.stages]
    return [*(copy for copy, _, _ in copies.values()), Kernel(axes, stages, kernel.constants, side_by_side=True)]


def _walk(load: Load, stage: Stage, kernel: Kernel) -> _Walk:
    own = [axis for axis in (*kernel.axes[:-1], *stage.axes) if load.index.coefficient(axis.name)]
    return _Walk(load.slot, load.index, tuple((axis.name, axis.extent) for axis in own))


def _neighbours(index: Index, kernel: Kernel) -> bool:
    """Whether neighbouring rows have one place, or neighbouring ones."""
    known = {axis.name for stage in kernel.stages for axis in stage.axes}.union(axis.name for axis in kernel.axes)
    return index.coefficient(kernel.axes[-1].name) in (0, 1) and all(name in known for name, _ in index.terms)


def _worth_a_copy(load: Load, stage: Stage, kernel: Kernel) -> bool:
    """Whether what is loaded is known beforehand, and loaded often."""
    loops = {axis.name for axis in (*kernel.axes, *stage.axes)}
    own = {name for name, _ in load.index.terms}
    again = prod(axis.extent for axis in kernel.axes if axis.name not in own)
    return own <= loops and again >= REUSED and not load.guard and load.slot not in kernel.writes()


def _in_blocks(outside: list[Axis], row: Axis, size: int) -> list[Axis]:
    """The parallel loops, that of the rows cut into blocks of which copies, of `size` bytes for each row, stay in cache."""
    if row.extent * size <= CACHED:
        return [*outside, row]
    block = max(CACHED // size // LANES, 1) * LANES
    blocks, inside = Axis(row.name, row.extent, "block", block), replace(row, block=block)
    return [blocks, *outside, inside] if blocks.turns >= FEW else [*outside, blocks, inside]


def _copied(walk: _Walk, rows: list[Axis]) -> tuple[Kernel, Slot, Index]:
    """The kernel that copies what a load walks, rows side by side, where it lies then, and where the load finds it."""
    row, block = rows[-1], rows[-1].block or rows[-1].extent
    held = Slot(walk.slot.dtype, (walk.size * -(-row.extent // block) * block,), (1,))
    strides = [n * block for n in contiguous_strides(tuple(extent for _, extent in walk.loops))]
    at = linear(tuple(variable(name) for name in (*(name for name, _ in walk.loops), row.name)), (*strides, 1))
    if row.block:
        at += variable("begin").times(walk.size - 1)
    body: list[Statement] = [Load("t0", walk.slot, walk.place), Store(held, at, "t0", held.dtype)]
    axes = [*rows[:-1], *(Axis(name, extent, "space") for name, extent in walk.loops), row]
    return Kernel(axes, [Stage([], body, [], "copy")], []), held, at
