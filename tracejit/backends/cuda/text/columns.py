"""Reductions whose neighbours in memory belong to different results: as many columns as a warp has threads side by side, S threads a column.

A column's elements are walked in row-major order of the axes that are combined over. Of S threads, a power of two that follows from the
number of elements, number e % S takes element e, one after another from the identity on; what they have is joined through the block's
memory, of each half of them that of the lower number first: at S / 2, S / 4, … 1 apart.
"""

from __future__ import annotations

from math import prod

from ....lowering.kernel import Kernel, Reduce, Slot, Stage
from ...text.reductions import identity_of, joined
from .schedule import WARP, threads_of_column
from .source import Printed
from .stages import Stages, found, kept, kept_as, room_of


class Columns(Stages):
    """The text of a kernel that reduces "outer" axes."""

    def __init__(self, kernel: Kernel, lines: bool, by_value: frozenset[Slot], packed: bool) -> None:
        super().__init__(kernel, lines, by_value, packed)
        self.points = [axis for axis in kernel.axes if axis is not self.part]
        self.parts = self.part.extent if self.part else 1
        self.length = -(-prod(axis.extent for axis in self.reduced.axes) // self.parts)
        self.team = threads_of_column(self.length)
        self.count = prod(axis.extent for axis in self.points)
        self.wide = min(1 << (self.count - 1).bit_length(), WARP)
        self.tiles = -(-self.count // self.wide)
        self.bounds: dict[int, str] = {}  # where a column of so many elements ends

    def _rows(self) -> None:
        self.prologue += [f"    column = thread() & {self.wide - 1}", f"    me = thread() >> {self.wide.bit_length() - 1}"]
        count, tiles = self._number(self.count), self._number(self.tiles)
        self._line(1, f"for group in range(block(), {self._number(self.tiles * self.parts)}, blocks()):")
        tile = "group"
        if self.part:
            tile = "tile"
            self._line(2, f"{self.part.name} = divided(group, {tiles})")
            self._line(2, f"tile = left(group, {tiles})")
            self._line(2, f"low = {self.part.name} * {self._number(self.length)}")
        self._line(2, f"turn = {tile} * {self.wide} + column")
        self._line(2, f"inside = turn < {count}")
        self._line(2, f"turn = turn if inside else {count} - 1")
        self._line(2, "alone = inside and me == 0")
        self._places("turn", self.points, 2)

    def _end(self) -> None:
        """Whoever reads what threads have left has waited for them."""

    def _launched(self) -> Printed:
        threads = self.team * self.wide
        return self._printed(threads, self.tiles * self.parts * threads)

    # Elements

    def _walk_row(self, stage: Stage) -> None:
        for reduction in stage.reductions:
            self._line(2, f"{reduction.result} = {identity_of(reduction)}")
        last = self._last(prod(axis.extent for axis in stage.axes))
        at = stage.axes[0].name if len(stage.axes) == 1 else "at"
        self._line(2, f"for {at} in range({'low + ' if self.part else ''}me, {last}, {self.team}):")
        self._places(at, stage.axes, 3)
        for s in stage.body:
            self._statement(s, 3)
        for reduction in stage.reductions:
            self._line(3, f"{reduction.result} = {joined(reduction, reduction.result)}")

    def _last(self, count: int) -> str:
        """Where a column of so many elements ends for this thread."""
        if count not in self.bounds:
            self.bounds[count] = name = f"last{len(self.bounds) or ''}"
            end = self._number(count)
            if self.part:
                length = self._number(self.length)
                end = f"(low + {length} if low + {length} < {end} else {end})"
            self._line(2, f"{name} = {end} if inside else 0")
        return self.bounds[count]

    # Sums

    def _join(self, reductions: list[Reduce]) -> None:
        for reduction in reductions if self.team > 1 else ():
            strands, threads = self._strands(reduction), self.team
            self._line(2, f"{strands}[thread()] = {kept(reduction, reduction.result)}")
            self._wait()
            while threads > 1:
                threads //= 2
                own, other = (found(reduction, f"{strands}[thread(){apart}]") for apart in ("", f" + {threads * self.wide}"))
                self._line(2, f"if me < {threads}:")
                self._line(3, f"{strands}[thread()] = {kept(reduction, joined(reduction, own, other))}")
                self._wait()
            self._line(2, f"{reduction.result} = {found(reduction, f'{strands}[column]')}")
            self._wait()  # before the next sum is left there

    def _strands(self, reduction: Reduce) -> str:
        """Where the threads leave what they have."""
        kind = kept_as(reduction)
        name = f"strands_{kind}"
        if name not in self.arrays:
            self.arrays[name] = kind
            self.prologue.append(f"    {name} = shared_{kind}({self.team * self.wide})")
        return name

    # Places

    def _room(self, slot: Slot) -> int:
        return room_of(slot.shape[0]) * self.wide

    def _place_at_hand(self, slot: Slot, index: str) -> str:
        return f"({index}) * {self.wide} + column"
