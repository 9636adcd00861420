"""Kernels whose rows go through stages, as text for a GPU: what does not depend on how a row's elements are given to threads.

Values of a row as a whole are known to all of its threads; one thread stores them. Where a stage touches what another thread has
touched before, and one of the two writes, the threads of the block wait for one another in between.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from math import prod
from typing import Any

from ....lowering.kernel import Axis, Kernel, Load, Reduce, Slot, Stage, Store
from ...text.reductions import joined
from ...text.statements import stored_as, typed
from .schedule import WIDE
from .source import Printed, Printer

ALONE, ALL = "one thread", "all threads"  # who touches what is of the row as a whole

Walker = Any  # who touches an element: whoever walks this place in rows of these extents; or ALONE, or ALL


class Stages(Printer, ABC):
    """The text of one kernel that reduces. Its subclasses say which thread has which element, and how what threads have is joined."""

    def __init__(self, kernel: Kernel, lines: bool, by_value: frozenset[Slot], packed: bool) -> None:
        super().__init__(kernel, lines, by_value, packed)
        self.touched: list[tuple[Slot, bool, Walker]] = []  # since the threads last waited: what, whether it was written, by whom
        self.part = next((axis for axis in kernel.axes if axis.role == "part"), None)
        self.aligned: dict[Slot, int] = {}
        (self.reduced, *_) = [stage for stage in kernel.stages if stage.reductions]

    def run(self) -> Printed:
        """The text, and how it is launched."""
        self._begin()
        self._rows()
        for stage in self.kernel.stages:
            if self.lines and stage.title and len(self.kernel.stages) > 1:
                self._line(2, f"# {stage.title}")
            self._of_elements(stage) if stage.axes else self._of_row(stage)
        self._end()
        return self._launched()

    @abstractmethod
    def _rows(self) -> None:
        """The loop over rows, at depth 1: their variables, and `alone`: whether this thread stores what is of the row as a whole."""

    @abstractmethod
    def _walk_row(self, stage: Stage) -> None:
        """The loop of a thread over its elements of a row: a stage's statements, and for its reductions the strands' accumulators."""

    @abstractmethod
    def _join(self, reductions: list[Reduce]) -> None:
        """What the threads of a row have accumulated, joined: known to all of them by the reductions' names."""

    @abstractmethod
    def _end(self) -> None:
        """What follows the last stage."""

    @abstractmethod
    def _launched(self) -> Printed: ...

    # Stages

    def _of_row(self, stage: Stage) -> None:
        for s in stage.body:
            if isinstance(s, Store):
                self._wait_for([(s.slot, True, ALONE)])
                self._line(2, "if alone:")
                self._statement(s, 3)
            else:
                if isinstance(s, Load):
                    self._wait_for([(s.slot, False, ALL)])
                self._statement(s, 2)

    def _of_elements(self, stage: Stage) -> None:
        extents = tuple(axis.extent for axis in stage.axes)
        accesses = [s for s in stage.body if isinstance(s, (Load, Store)) and not s.slot.private]
        self._wait_for([(s.slot, isinstance(s, Store), (s.index, extents)) for s in accesses])
        self._walk_row(stage)
        if stage.reductions:
            self._join(stage.reductions)
        for reduction in stage.reductions:
            if reduction.store is not None:
                self._wait_for([(reduction.store.slot, True, ALONE)])
                self._line(2, "if alone:")
                self._statement(reduction.store, 3)

    # Who waits for whom

    def _wait_for(self, accesses: list[tuple[Slot, bool, Walker]]) -> None:
        """Let the block's threads wait if these accesses must come after others'."""
        if any(_meet(before, now) for before in self.touched for now in accesses):
            self._wait()
        self.touched += accesses

    def _wait(self) -> None:
        self._line(2, "together()")
        self.touched.clear()

    # Places

    def _places(self, at: str, axes: list[Axis], depth: int) -> None:
        """The place on each axis, of a place in row-major order."""
        wide = prod(axis.extent for axis in axes) >= WIDE
        for d in range(len(axes) - 1, 0, -1):
            extent, rest = self._number(axes[d].extent), axes[0].name if d == 1 else f"rest{d}"
            remainder, quotient = (f"{at} % {extent}", f"{at} // {extent}") if wide else (f"left({at}, {extent})", f"divided({at}, {extent})")
            self._line(depth, f"{axes[d].name} = {remainder}")
            self._line(depth, f"{rest} = {quotient}")
            at = rest
        if len(axes) == 1 and axes[0].name != at:
            self._line(depth, f"{axes[0].name} = {at}")

    def _number(self, value: int) -> str:
        """An argument that is this extent: one for all places."""
        key = ("extent", value)
        if key not in self.index_texts:
            self.index_texts[key] = self._integer("n", value)
        return self.index_texts[key]

    # Sums

    def _joining(self, reduction: Reduce, distance: int) -> None:
        """Join what this thread has with another's: of two, that of the lower number comes first."""
        name = reduction.result
        self._line(2, f"other = swapped({name}, {distance})")
        self._line(2, f"{name} = {joined(reduction, name, 'other')} if me & {distance} == 0 else {joined(reduction, 'other', name)}")

    # Memory of the block

    def _name_slots(self) -> None:
        for s in self.kernel.accesses():
            if s.slot.private and s.slot not in self.slots:
                self.slots[s.slot] = name = f"held{sum(n.startswith('held') for n in self.slots.values())}"
                self.prologue.append(f"    {name} = shared_{stored_as(s.slot.dtype)}({self._room(s.slot)})")
        super()._name_slots()

    def _place(self, s: Load | Store) -> str:
        if s.slot.private:
            return f"{self.slots[s.slot]}[{self._place_at_hand(s.slot, self._index(s.index))}]"
        return super()._place(s)

    @abstractmethod
    def _room(self, slot: Slot) -> int:
        """Elements that a block needs to hold a row, or the rows that it walks at once."""

    @abstractmethod
    def _place_at_hand(self, slot: Slot, index: str) -> str:
        """Where the block holds an element of this number of a row."""


def room_of(count: int) -> int:
    """Elements of an array whose size is written in the text: rounded up, so that texts are few."""
    step = max(1 << max(count.bit_length() - 5, 0), 4)
    return -(-count // step) * step


def kept_as(reduction: Reduce) -> str:
    """The kind in which the block's memory holds what is accumulated."""
    kind = typed(reduction.dtype)
    return "u8" if kind == "boolean" else kind


def kept(reduction: Reduce, value: str) -> str:
    return f"u8({value})" if typed(reduction.dtype) == "boolean" else value


def found(reduction: Reduce, place: str) -> str:
    return f"({place} != 0)" if typed(reduction.dtype) == "boolean" else place


def _meet(before: tuple[Slot, bool, Walker], now: tuple[Slot, bool, Walker]) -> bool:
    """Whether an access must come after another's, which may be another thread's."""
    (slot, wrote, walker), (mine, writes, me) = before, now
    same = slot is mine or slot.home is None and mine.home is None  # temporaries may lie in one room
    return same and (wrote or writes) and (walker is ALL or walker != me)
