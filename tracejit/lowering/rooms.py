"""Where temporaries live in the arena: by liveness, each room is used again after its last step."""

from __future__ import annotations

from bisect import bisect_left, insort
from math import prod
from typing import Iterator, Protocol, Sequence

from .index import Index, tells
from .kernel import Axis, Kernel, Slot, Stage, Store

ALIGNMENT = 64


class Step(Protocol):
    """What liveness depends on."""

    def reads(self) -> set[Slot]: ...

    def writes(self) -> set[Slot]: ...


def place_temporaries(steps: Sequence[Step]) -> tuple[dict[Slot, int], int]:
    """The offset of each temporary in the arena, and the arena's size."""
    touched = [step.reads() | step.writes() for step in steps]
    last = {slot: number for number, slots in enumerate(touched) for slot in slots}
    rooms, places = Rooms(), dict[Slot, int]()
    for number, (step, slots) in enumerate(zip(steps, touched)):
        new = {slot for slot in slots if slot.home is None and slot not in places}
        ending = {slot for slot in slots if slot.home is None and last[slot] == number}
        heirs = _heirs(step, new, ending) if isinstance(step, Kernel) else {}
        for slot in sorted(new - heirs.keys(), key=lambda s: s.dtype.itemsize):
            places[slot] = rooms.take(_bytes(slot))
        for slot, room in heirs.items():
            places[slot] = places[room]
        for slot in ending.difference(heirs.values()):
            rooms.give(places[slot], _bytes(slot))
    return places, rooms.size


def _heirs(kernel: Kernel, new: set[Slot], ending: set[Slot]) -> dict[Slot, Slot]:
    """For temporaries that a kernel stores first, one that the same stage reads for the last time, and only at the same place.

    An element is read before it is written, and of neither do the stages of one row touch what is another row's; so both may lie in one
    room, which is in the cache.
    """
    found: dict[Slot, Slot] = {}
    if any(axis.role != "space" for axis in kernel.axes):
        return found
    first: dict[Slot, int] = {}
    final: dict[Slot, int] = {}
    for number, stage in enumerate(kernel.stages):
        for access in stage.accesses():
            first.setdefault(access.slot, number)
            final[access.slot] = number
    for number, stage in enumerate(kernel.stages):
        for slot, room in _replacements(stage, kernel.axes):
            if slot in new and first[slot] == number and slot not in found:
                if room in ending and final[room] == number and room not in found.values() and _keeps_to_rows(kernel, {slot, room}):
                    found[slot] = room
    return found


def _keeps_to_rows(kernel: Kernel, slots: set[Slot]) -> bool:
    """Whether the outer loops' place can be told from each index by which a kernel of several stages reaches these."""
    if len(kernel.stages) == 1:
        return True
    rows = [axis for axis in kernel.axes if axis.extent > 1]
    steps: dict[str, int] = {}
    for stage in kernel.stages:
        bounds = stage.bounds(kernel)
        for access in stage.accesses():
            if access.slot in slots:
                for row in rows:
                    step = steps.setdefault(row.name, access.index.coefficient(row.name))
                    if not tells(access.index, row.name, step, bounds):
                        return False
    return True


def _replacements(stage: Stage, around: list[Axis]) -> Iterator[tuple[Slot, Slot]]:
    """What a stage stores, and what it reads of the same size, at each place once, and there alone."""
    axes = [*around, *stage.axes]
    if any(axis.role == "serial" for axis in axes):
        return
    read: dict[Slot, set[Index]] = {}
    written: dict[Slot, Index] = {}
    for access in stage.accesses():
        if isinstance(access, Store):
            written[access.slot] = access.index
        elif written:
            return
        else:
            read.setdefault(access.slot, set()).add(access.index)
    for slot, index in written.items():
        if all(index.coefficient(axis.name) for axis in axes if axis.extent > 1):
            for room, indices in read.items():
                if indices == {index} and room not in written and (room.shape, room.dtype.itemsize) == (slot.shape, slot.dtype.itemsize):
                    yield slot, room


def _bytes(slot: Slot) -> int:
    return max(ALIGNMENT, -(-slot.dtype.itemsize * prod(slot.shape) // ALIGNMENT) * ALIGNMENT)


class Rooms:
    """Offsets in an arena that grows as it must. Rooms that are free and lie side by side are one room."""

    def __init__(self) -> None:
        self.size = 0  # of the arena
        self._sizes: list[tuple[int, int]] = []  # (size, offset) of the free rooms, sorted
        self._from: dict[int, int] = {}  # offset → size of a free room
        self._to: dict[int, int] = {}  # where a free room ends → its offset

    def take(self, size: int) -> int:
        """The offset of a room of this size: the smallest free one that holds it, or new room at the end."""
        fit = bisect_left(self._sizes, (size, 0))
        if fit < len(self._sizes):
            found, offset = self._sizes[fit]
            self._remove(offset, found)
        else:
            offset = self._to.get(self.size, self.size)
            if offset < self.size:  # what is free at the end is the beginning of it
                self._remove(offset, self.size - offset)
            found = size
            self.size = offset + size
        if found > size:
            self._add(offset + size, found - size)
        return offset

    def give(self, offset: int, size: int) -> None:
        """A room is free again."""
        behind = self._from.get(offset + size)
        if behind is not None:
            self._remove(offset + size, behind)
            size += behind
        before = self._to.get(offset)
        if before is not None:
            self._remove(before, offset - before)
            offset, size = before, size + offset - before
        self._add(offset, size)

    def _add(self, offset: int, size: int) -> None:
        insort(self._sizes, (size, offset))
        self._from[offset], self._to[offset + size] = size, offset

    def _remove(self, offset: int, size: int) -> None:
        del self._sizes[bisect_left(self._sizes, (size, offset))]
        del self._from[offset], self._to[offset + size]
