"""What stages of a row read again, or leave for one another at the same place, is kept at hand: memory is read once, and written once.

Where many threads share a row, all stages give an element to the same thread. So what a stage has read or written there, a later one
finds in the block's own memory (a private slot), as long as rows fit into it. Rows that are needed one after another lie in one room.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from ..spec import contiguous_strides
from .hardware import Hardware
from .index import Index, linear, variable
from .kernel import Kernel, Load, Slot, Stage, Store

Access = Load | Store
Place = tuple[Slot, Index, tuple[int, ...]]  # as stages of so many elements walk it
Moment = tuple[int, int]  # the number of a stage, and of one of its statements


@dataclass(eq=False)
class _Row:
    """What is kept of a row: accesses of one place, the first of which reads or writes it; whole: there are no others to the slot."""

    accesses: list[tuple[Moment, Access]]
    whole: bool

    @property
    def first(self) -> Moment:
        return self.accesses[0][0]

    @property
    def last(self) -> Moment:
        return self.accesses[-1][0]


def hold_rows(kernel: Kernel, own: set[Slot], hardware: Hardware) -> Kernel:
    """The kernel, in which stages find at hand what earlier ones have read or written at the same place. `own`: slots that nothing outside
    reads; where all of one is found at hand, it needs no memory."""
    role = next((stage.axes[0].role for stage in kernel.stages if stage.reductions), "")
    left = hardware.held // (hardware.columns if role == "outer" else 1)
    if not role or len(kernel.stages) == 1 or any(axis.role == "part" for axis in kernel.axes):
        return kernel
    rooms: dict[Slot, list[_Row]] = {}
    chosen: list[tuple[_Row, Slot]] = []
    for row in sorted(_rows(kernel, own), key=lambda row: not row.whole):
        dtype, count = row.accesses[0][1].slot.dtype, _walked(kernel.stages[row.first[0]])
        room = next((r for r, rows in rooms.items() if (r.dtype, r.shape) == (dtype, (count,)) and all(_apart(row, other) for other in rows)), None)
        if room is None and count * dtype.itemsize <= left:
            left -= count * dtype.itemsize
            room = Slot(dtype, (count,), (1,), private=True)
        if room is not None:
            rooms.setdefault(room, []).append(row)
            chosen.append((row, room))
    for row, room in sorted(chosen, key=lambda pair: pair[0].first, reverse=True):  # a statement that is put in moves those behind it
        _hold(kernel, row, room)
    return kernel


def _walked(stage: Stage) -> int:
    return prod(axis.extent for axis in stage.axes)


def _apart(a: _Row, b: _Row) -> bool:
    """Whether one is not needed any more when the other is."""
    return a.last < b.first or b.last < a.first


def _place(kernel: Kernel, stage: Stage, s: Access) -> Place | None:
    """The place of an access that is known from the loops alone; None of others."""
    known = {axis.name for axis in (*kernel.axes, *stage.axes)}
    plain = not s.guard if isinstance(s, Load) else not s.combine
    if not plain or not stage.axes or any(name not in known for name, _ in s.index.terms):
        return None
    return s.slot, s.index, tuple(axis.extent for axis in stage.axes)


def _rows(kernel: Kernel, own: set[Slot]) -> list[_Row]:
    """What may be kept: slots of the kernel's own as a whole, and what is read again before it is written anew."""
    known: dict[Place, _Row] = {}
    found: list[_Row] = []
    places: dict[Slot, list[tuple[Place | None, Moment, Access]]] = {}
    for number, stage in enumerate(kernel.stages):
        body = [(n, s) for n, s in enumerate(stage.body) if isinstance(s, (Load, Store))]
        for n, s in [*body, *((len(stage.body), r.store) for r in stage.reductions if r.store is not None)]:
            place = _place(kernel, stage, s) if n < len(stage.body) else None
            places.setdefault(s.slot, []).append((place, (number, n), s))
            if isinstance(s, Store):
                known = {other: row for other, row in known.items() if other[0] is not s.slot}
            elif place in known:
                known[place].accesses.append(((number, n), s))  # type: ignore[index]
                continue
            if place is not None:
                known[place] = _Row([((number, n), s)], False)
                found.append(known[place])
    whole = {slot for slot in own & places.keys() if _only_within(places[slot])}
    again = [row for row in found if len(row.accesses) > 1 and row.accesses[0][1].slot not in whole]
    return [*(_Row([(moment, s) for _, moment, s in places[slot]], True) for slot in places if slot in whole), *again]


def _only_within(accesses: list[tuple[Place | None, Moment, Access]]) -> bool:
    """Whether each element's thread writes it first, and no other thread touches it."""
    place, _, first = accesses[0]
    return place is not None and isinstance(first, Store) and all(other == place for other, _, _ in accesses)


def _hold(kernel: Kernel, row: _Row, room: Slot) -> None:
    """Let the accesses of a row go to a room: all of them; or the later ones, and the first one too."""
    (number, n), first = row.accesses[0]
    for (stage, _), s in row.accesses if row.whole else row.accesses[1:]:
        s.slot, s.index = room, _element(kernel.stages[stage])
    if not row.whole:
        value, dtype = (first.result, first.slot.dtype) if isinstance(first, Load) else (first.value, first.dtype)
        kernel.stages[number].body.insert(n + 1, Store(room, _element(kernel.stages[number]), value, dtype))


def _element(stage: Stage) -> Index:
    """An element's place in row-major order."""
    return linear(tuple(variable(axis.name) for axis in stage.axes), contiguous_strides(tuple(axis.extent for axis in stage.axes)))
