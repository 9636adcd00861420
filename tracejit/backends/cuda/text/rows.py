"""Reductions whose elements lie side by side: T threads a row, each with a pack of neighbours at a time.

A row's elements are walked in row-major order of the axes that are combined over. Of T threads, a power of two that follows from the number
of elements, number e // 4 % T takes element e, in its accumulator e % 4, one element after another from the identity on. A thread joins its
four as (0 + 1) + (2 + 3); the threads of a warp are joined at distances 16, 8, 4, 2, 1, then the warps, through the block's memory, at half
as many, a quarter, … 1. So the order depends on the shape alone: a row that shares a kernel with others, lies elsewhere in memory, or is not
at a multiple of a pack, has the same bits.

Short rows share a warp, several to a block. Threads of a row beyond the last walk it with no elements: all threads of a warp take part when
values are exchanged.
"""

from __future__ import annotations

from math import prod

from ....lowering.kernel import Axis, Kernel, Load, Reduce, Slot, Stage, Store
from ...text.reductions import identity_of, joined
from ...text.statements import typed
from .schedule import PACK, SHARED, STRANDS, THREADS, WARP, threads_of_row
from .source import Printed
from .stages import Stages, found, kept, kept_as, room_of


class Rows(Stages):
    """The text of a kernel that reduces "inner" axes."""

    def __init__(self, kernel: Kernel, lines: bool, by_value: frozenset[Slot], packed: bool) -> None:
        super().__init__(kernel, lines, by_value, packed)
        count = prod(axis.extent for axis in self.reduced.axes)
        self.length = _part(count, self.part.extent) if self.part else count
        self.team = threads_of_row(self.length)
        self.rows = prod(axis.extent for axis in kernel.axes)
        self.at_once = THREADS // self.team if self.team <= WARP else 1
        held = sum(room_of(s.shape[0]) * s.dtype.itemsize for s in {s.slot for s in kernel.accesses() if s.slot.private})
        while self.at_once * held > SHARED:
            self.at_once //= 2
        self.bounds: dict[int, tuple[str, str]] = {}  # by how many elements there are: where they end, and where their whole packs do
        self.joins = 0

    # Rows

    def _rows(self) -> None:
        rows = self._number(self.rows)
        if self.at_once == 1:
            self.prologue += ["    me = thread()", "    alone = me == 0"]
            self._line(1, f"for turn in range(block(), {rows}, blocks()):")
        else:
            self.prologue += [f"    me = thread() & {self.team - 1}", f"    mine = thread() >> {self.team.bit_length() - 1}"]
            self._line(1, f"for group in range(block(), {self._number(-(-self.rows // self.at_once))}, blocks()):")
            self._line(2, f"turn = group * {self.at_once} + mine")
            self._line(2, f"inside = turn < {rows}")
            self._line(2, f"turn = turn if inside else {rows} - 1")
            self._line(2, "alone = inside and me == 0")
        self._places("turn", self.kernel.axes, 2)
        if self.part:
            length = self._number(self.length)
            self._line(2, f"low = {self.part.name} * {length}")

    def _end(self) -> None:
        if self.joins == 1:  # the next row's warps leave what they have where this one's may still be read
            self._wait()

    def _launched(self) -> Printed:
        threads = self.team * self.at_once
        return self._printed(threads, -(-self.rows // self.at_once) * threads)._replace(aligned=self.aligned)

    # Elements

    def _walk_row(self, stage: Stage) -> None:
        axes, reductions = stage.axes, list(zip(stage.reductions, self._strands(stage)))
        last, whole = self._bounds(prod(axis.extent for axis in axes))
        aligned = self.packed and _is_aligned(stage)
        if aligned:
            self.aligned |= {s.slot: min(STRANDS * s.slot.dtype.itemsize, PACK) for s in _side_by_side(stage)}
        word = "lanes" if aligned else "loose"
        for reduction, strands in reductions:
            self._line(2, f"for lane in lanes(0, {STRANDS}):")
            self._line(3, f"{strands}[lane] = {identity_of(reduction)}")
        self._line(2, f"for first in range({'low + ' if self.part else ''}me * {STRANDS}, {whole}, {STRANDS * self.team}):")
        split = len(axes) > 1 and axes[-1].extent % STRANDS == 0  # then a pack is of one line of the last axis
        if split:
            self._places("first", [*axes[:-1], Axis("start", axes[-1].extent, "")], 3)
        self._line(3, f"for lane in {word}(0, {STRANDS}):")
        if split:
            self._line(4, f"{axes[-1].name} = start + lane")
        else:
            self._place_of_lane("first", axes, 4)
        for s in stage.body:
            self._statement(s, 4)
        for reduction, strands in reductions:
            self._line(4, f"{strands}[lane] = {joined(reduction, f'{strands}[lane]')}")
        if whole != last:
            self._last_pack(stage, reductions, last, whole)

    def _last_pack(self, stage: Stage, reductions: list[tuple[Reduce, str]], last: str, whole: str) -> None:
        """The elements after the last whole pack: those of one thread."""
        start, within = (f"({whole} - low)", f"low <= {whole} and ") if self.part else (whole, "")
        self._line(2, f"if {whole} < {last} and {within}me == {start} // {STRANDS} & {self.team - 1}:")
        self._line(3, f"for lane in loose(0, {STRANDS}):")
        self._line(4, f"here = {whole} + lane < {last}")
        self._line(4, "if here:")
        self._place_of_lane(whole, stage.axes, 5)
        for s in stage.body:
            self._statement(s, 5)
        for reduction, strands in reductions:
            self._line(4, f"kept = {strands}[lane]")
            self._line(4, f"more = {joined(reduction, 'kept')}")
            self._line(4, f"{strands}[lane] = more if here else kept")

    def _place_of_lane(self, first: str, axes: list[Axis], depth: int) -> None:
        at = axes[0].name if len(axes) == 1 else "at"
        self._line(depth, f"{at} = {first} + lane")
        self._places(at, axes, depth)

    def _bounds(self, count: int) -> tuple[str, str]:
        """Where a thread's elements of a row of so many end, and where their whole packs do."""
        if count not in self.bounds:
            n = len(self.bounds) or ""
            last = self._number(count)
            if self.part:
                self._line(2, f"last{n} = low + {self._number(self.length)} if low + {self._number(self.length)} < {last} else {last}")
            elif self.at_once > 1:
                self._line(2, f"last{n} = {last} if inside else 0")
            last = f"last{n}" if self.part or self.at_once > 1 else last
            whole = last
            if count % STRANDS:
                whole = f"whole{n}"
                self._line(2, f"{whole} = {last} // {STRANDS} * {STRANDS}")
            self.bounds[count] = last, whole
        return self.bounds[count]

    def _strands(self, stage: Stage) -> list[str]:
        """A thread's accumulators for each reduction of a stage; stages use the same ones in turn."""
        names = [f"strands_{typed(r.dtype)}_{n}" for n, r in enumerate(stage.reductions)]
        for name, reduction in zip(names, stage.reductions):
            if name not in self.arrays:
                self.arrays[name] = typed(reduction.dtype)
                self.prologue.append(f"    {name} = lanes_{typed(reduction.dtype)}({STRANDS})")
        return names

    # Sums

    def _join(self, reductions: list[Reduce]) -> None:
        for n, r in enumerate(reductions):
            strands = f"strands_{typed(r.dtype)}_{n}"
            pairs = [f"{strands}[{k}]" for k in range(STRANDS)]
            while len(pairs) > 1:
                pairs = [joined(r, a, b) for a, b in zip(pairs[::2], pairs[1::2])]
            self._line(2, f"{r.result} = {pairs[0]}")
            self._in_warp(r, min(self.team, WARP))
        warps = self.team // WARP
        if warps > 1:
            rooms = [self._room_of_warps(r, warps) for r in reductions]
            self._line(2, f"if me & {WARP - 1} == 0:")
            for r, room in zip(reductions, rooms):
                self._line(3, f"{room}[me >> {WARP.bit_length() - 1}] = {kept(r, r.result)}")
            self._wait()
            for r, room in zip(reductions, rooms):
                self._line(2, f"{r.result} = {found(r, f'{room}[me & {warps - 1}]')}")
                self._in_warp(r, warps)
            self.joins += 1

    def _in_warp(self, reduction: Reduce, threads: int) -> None:
        while threads > 1:
            threads //= 2
            self._joining(reduction, threads)

    def _room_of_warps(self, reduction: Reduce, warps: int) -> str:
        """Where the warps leave what they have: each time elsewhere, so that nobody has to wait before."""
        name = f"warps_{reduction.result}"
        self.prologue.append(f"    {name} = shared_{kept_as(reduction)}({warps})")
        return name

    # Places

    def _room(self, slot: Slot) -> int:
        return room_of(slot.shape[0]) * self.at_once

    def _place_at_hand(self, slot: Slot, index: str) -> str:
        return index if self.at_once == 1 else f"mine * {room_of(slot.shape[0])} + {index}"


def _part(count: int, parts: int) -> int:
    """The elements of a part: whole packs."""
    return -(-count // (parts * STRANDS)) * STRANDS


def _side_by_side(stage: Stage) -> list[Load | Store]:
    """The accesses to memory that walk it element by element."""
    inner = stage.axes[-1].name
    return [s for s in stage.body if isinstance(s, (Load, Store)) and not s.slot.private and s.index.coefficient(inner) == 1]


def _is_aligned(stage: Stage) -> bool:
    """Whether every pack lies at a multiple of its size, if the slots do."""
    inner = stage.axes[-1]
    if any(s.slot.dtype.kind == "c" for s in stage.body if isinstance(s, (Load, Store))) or inner.extent % STRANDS:
        return False
    indices = [s.index for s in _side_by_side(stage)]
    return all(i.offset % STRANDS == 0 and all(c % STRANDS == 0 for v, c in i.terms if v != inner.name) for i in indices)
