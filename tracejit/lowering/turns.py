"""A loop turned inside out: where each turn computes every element from what the same element was, all turns of some elements are done
before those of the next ones.

What turns change then stays in the nearest cache, where it went through memory at each turn; and threads share the elements of the whole loop,
which are worth waking them for, where those of one turn are not.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any, Sequence

from ..spec import int64
from .index import Index, tells, variable
from .kernel import Axis, Kernel, Let, Load, Slot, Stage, Statement, Store, rewritten

NEAR = 2**14  # bytes that the elements of a block take: half of a first cache
EVEN = 64  # elements that blocks are multiples of: whole vectors, whole cache lines
BLOCKS = 8  # as many, if the elements suffice: there are threads to share them
STATEMENTS = 200  # of a turn
LONGEST = 2**32  # additions in all: a kernel is not interrupted, and so many take some seconds
NUMBER = "turn"


@dataclass
class Turns:
    """A loop of a known number of turns: what its kernels touch beside what they only read."""

    count: int
    number: Slot  # where a turn finds its number: `start` at first, `step` more at each
    start: int
    step: int
    states: Sequence[Slot]  # what each turn finds as the one before left it
    changed: dict[Slot, Slot]  # other memory in which a state's new contents are: the state


def inside_out(steps: Sequence[Any], turns: Turns) -> Kernel | None:
    """One kernel of all turns; None where a turn is more than maps of the same points, or a point may touch what is another's."""
    kernels = [step for step in steps if isinstance(step, Kernel) and step.is_map]
    first = next((kernel for kernel in kernels if kernel.axes), None)
    if first is None or len(kernels) < len(steps) or not all(_is_plain(kernel, first) for kernel in kernels):
        return None
    body = [s for n, kernel in enumerate(kernels) for s in _in_names_of(n, kernel, first)]
    points = prod(axis.extent for axis in first.axes)
    if len(body) > STATEMENTS or sum(s.cost if isinstance(s, Let) else 1 for s in body) * points * turns.count > LONGEST:
        return None
    places = _places(body, first, turns)
    statements = None if places is None else _statements(body, places, turns)
    return None if statements is None else _blocked(kernels, first.axes, statements, turns.count)


def _is_plain(kernel: Kernel, first: Kernel) -> bool:
    """Whether it walks the same points, or computes single values, which each point may compute for itself."""
    return [a.extent for a in kernel.axes] in ([a.extent for a in first.axes], []) and all(a.role == "space" and not a.block for a in kernel.axes)


def _in_names_of(number: int, kernel: Kernel, first: Kernel) -> list[Statement]:
    """A kernel's statements, its loops named as the first one's, and its values as none of another."""
    axes = {mine.name: axis.name for mine, axis in zip(kernel.axes, first.axes)}

    def name(old: str) -> str:
        return axes.get(old) or (f"{old}_{number}" if number else old)

    return rewritten(kernel.stages[0], name, lambda index: index.renamed(name)).body


def _places(body: list[Statement], kernel: Kernel, turns: Turns) -> dict[Slot, Index] | None:
    """Where a point finds an element of its own of each slot that is written: one place at a turn, which is no other point's at any turn."""
    stores = [s for s in body if isinstance(s, Store)]
    places = {s.slot: s.index for s in stores}
    places.update((state, places[slot]) for slot, state in turns.changed.items() if slot in places)
    extents, bounds = {axis.name: axis.extent for axis in kernel.axes}, Stage([], body).bounds(kernel)
    if any(s.combine for s in stores):
        return None
    if any(isinstance(s, (Load, Store)) and s.index != places.get(s.slot, s.index) for s in body):
        return None
    if any(isinstance(s, Load) and s.guard and s.slot in places for s in body):
        return None
    owned = [Index(index.terms) for slot, index in places.items() if slot.shape or slot in turns.states]
    if not all(tells(i, name, i.coefficient(name), bounds) for i in owned for name, extent in extents.items() if extent > 1):
        return None
    whole = all(slot in places and prod(slot.shape) == prod(extents.values()) for slot in turns.changed)
    return places if whole and turns.number not in places else None


def _statements(body: list[Statement], places: dict[Slot, Index], turns: Turns) -> list[Statement] | None:
    """Those of a turn: what it changes is read at first and written at last, and nothing else is written. None if one reads what only a turn before has
    written."""
    now: dict[Slot, str] = {}  # what a point's own element is now
    names: dict[str, str] = {}  # what is read of memory that this point has read or written: the value that it is
    kept: list[Statement] = []
    stored: dict[Slot, Store] = {}
    for s in body:
        if isinstance(s, Load) and s.slot in now:
            names[s.result] = now[s.slot]
        elif isinstance(s, Load) and s.slot in places and s.slot not in turns.states:
            return None
        elif isinstance(s, Load) and s.slot is turns.number:
            kept.append(Let(s.result, "{i}", (), int64, int64, {"i": variable(NUMBER).times(turns.step) + turns.start}))
        elif isinstance(s, Store):
            value = names.get(s.value, s.value)
            if s.dtype != s.slot.dtype:
                value = f"{value}_{s.slot.dtype}"
                kept.append(Let(value, "{0}", (s.value,), s.dtype, s.slot.dtype, line=s.line))
            now[s.slot] = value
            state = turns.changed.get(s.slot, s.slot)
            if state in turns.states:
                stored[state] = Store(state, s.index, value, s.slot.dtype, line=s.line)
        else:
            kept.append(s)
            if isinstance(s, Load) and s.slot in places:
                now[s.slot] = s.result
    kept += stored.values()
    return rewritten(Stage([], kept), lambda name: names.get(name, name), lambda index: index.renamed(lambda v: names.get(v, v))).body


def _blocked(kernels: list[Kernel], axes: list[Axis], body: list[Statement], turns: int) -> Kernel:
    """All turns of a block of the outermost loop, block after block."""
    outer, *inner = axes
    size = sum(s.slot.dtype.itemsize for s in body if isinstance(s, (Load, Store))) * prod(axis.extent for axis in inner)
    unit = 1 if inner else EVEN
    most = min(NEAR // size, -(-outer.extent // BLOCKS))
    block = min(max(-(-most // unit), 1) * unit, outer.extent)
    loops = [Axis(NUMBER, turns, "serial"), Axis(outer.name, outer.extent, "space", block), *inner]
    title = ", ".join(dict.fromkeys(kernel.title for kernel in kernels))
    constants = [(f"{name}_{n}" if n else name, dtype, value) for n, kernel in enumerate(kernels) for name, dtype, value in kernel.constants]
    return Kernel([Axis(outer.name, outer.extent, "block", block)], [Stage(loops, body, [], title)], constants)
