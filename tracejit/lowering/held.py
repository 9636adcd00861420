"""What stages of a row read again, or leave for one another at the same place, is kept at hand: memory is read once, and written once.

Where many threads share a row, all stages give an element to the same thread. So what a stage has read or written there, a later one
finds in the block's own memory (a private slot), as long as rows fit into it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import Sequence

from ..spec import contiguous_strides
from .hardware import Hardware
from .index import Index, linear, variable
from .kernel import Kernel, Load, Slot, Stage, Store

Key = tuple[Slot, Index, tuple[int, ...]]  # a place, as stages of so many elements walk it


@dataclass(eq=False)
class _Run:
    """A first access of a place in one stage, and reads of it in later ones."""

    stage: Stage
    first: Load | Store
    later: list[Load] = field(default_factory=list)


def hold_rows(kernel: Kernel, own: set[Slot], hardware: Hardware) -> Kernel:
    """The kernel, in which stages find at hand what earlier ones have read or written at the same place. `own`: slots that nothing outside
    reads; where all of one is found at hand, it needs no memory."""
    role = next((stage.axes[0].role for stage in kernel.stages if stage.reductions), "")
    room = hardware.held // (hardware.columns if role == "outer" else 1)
    if not role or len(kernel.stages) == 1 or any(axis.role == "part" for axis in kernel.axes):
        return kernel
    for slot in _only_within(kernel, own):
        size = _count(kernel, slot) * slot.dtype.itemsize
        if size <= room:
            room -= size
            _replaced(kernel, slot)
    for run in _runs(kernel):
        size = _walked(run.stage) * run.first.slot.dtype.itemsize
        if size <= room:
            room -= size
            _held(run)
    return kernel


def _walked(stage: Stage) -> int:
    return prod(axis.extent for axis in stage.axes)


def _key(kernel: Kernel, stage: Stage, s: Load | Store) -> Key | None:
    """The place of an access that is known from the loops alone; None of others."""
    known = {axis.name for axis in (*kernel.axes, *stage.axes)}
    plain = not s.guard if isinstance(s, Load) else not s.combine
    if not plain or not stage.axes or any(name not in known for name, _ in s.index.terms):
        return None
    return s.slot, s.index, tuple(axis.extent for axis in stage.axes)


def _only_within(kernel: Kernel, own: set[Slot]) -> list[Slot]:
    """The slots of the kernel's own that each element's thread writes, and then reads, at one place."""
    keys: dict[Slot, set[Key | None]] = {}
    first: dict[Slot, Load | Store] = {}
    for stage in kernel.stages:
        for s in stage.body:
            if isinstance(s, (Load, Store)) and s.slot in own:
                keys.setdefault(s.slot, set()).add(_key(kernel, stage, s))
                first.setdefault(s.slot, s)
        for r in stage.reductions:
            if r.store is not None:
                keys.setdefault(r.store.slot, set()).add(None)
    return [slot for slot, s in first.items() if len(keys[slot]) == 1 and None not in keys[slot] and isinstance(s, Store)]


def _count(kernel: Kernel, slot: Slot) -> int:
    return next(_walked(stage) for stage in kernel.stages for s in stage.body if isinstance(s, (Load, Store)) and s.slot is slot)


def _replaced(kernel: Kernel, slot: Slot) -> None:
    """Let what is in a slot be in the block's memory."""
    at_hand = Slot(slot.dtype, (_count(kernel, slot),), (1,), private=True)
    for stage in kernel.stages:
        for s in stage.body:
            if isinstance(s, (Load, Store)) and s.slot is slot:
                s.slot, s.index = at_hand, _place(stage)


def _place(stage: Stage) -> Index:
    """An element's place in row-major order."""
    return linear(tuple(variable(axis.name) for axis in stage.axes), contiguous_strides(tuple(axis.extent for axis in stage.axes)))


def _runs(kernel: Kernel) -> Sequence[_Run]:
    """The accesses that find what was read or written before."""
    found: list[_Run] = []
    known: dict[Key, _Run] = {}

    def forget(slot: Slot) -> None:
        for key in [key for key in known if key[0] is slot]:
            del known[key]

    for stage in kernel.stages:
        for s in stage.body:
            if isinstance(s, (Load, Store)) and not s.slot.private:
                key = _key(kernel, stage, s)
                if isinstance(s, Store):
                    forget(s.slot)
                elif key in known:
                    known[key].later.append(s)  # type: ignore[index]
                    continue
                if key is not None:
                    known[key] = _Run(stage, s)
                    found.append(known[key])
        for r in stage.reductions:
            if r.store is not None:
                forget(r.store.slot)
    return [run for run in found if run.later]


def _held(run: _Run) -> None:
    """Keep what the first access reads or writes, and let the later ones read it."""
    slot, stage = run.first.slot, run.stage
    at_hand = Slot(slot.dtype, (_walked(stage),), (1,), private=True)
    value, dtype = (run.first.result, slot.dtype) if isinstance(run.first, Load) else (run.first.value, run.first.dtype)
    stage.body.insert(1 + next(n for n, s in enumerate(stage.body) if s is run.first), Store(at_hand, _place(stage), value, dtype))
    for load in run.later:
        load.slot, load.index = at_hand, _place(stage)
