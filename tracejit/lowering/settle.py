"""A kernel whose stages came from several kernels, settled: what one stage leaves for another is passed by name where it can be,
what depends on the row alone is computed once a row, nothing is computed twice, and names are short again."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace
from math import prod
from typing import Any, Sequence

from .hardware import CPU, Hardware
from .index import Index, tells
from .kernel import Axis, Kernel, Let, LetIndex, Load, Reduce, Slot, Stage, Statement, Store, merge_axes, names_read

Key = tuple[Any, ...]


def own_slots(steps: Sequence[Any]) -> set[Slot]:
    """The temporaries that only one of the steps touches."""
    users: dict[Slot, int] = {}
    for step in steps:
        for slot in step.reads() | step.writes():
            users[slot] = users.get(slot, 0) + 1
    return {slot for slot, number in users.items() if number == 1 and slot.home is None and slot.constant is None}


def settled(kernel: Kernel, own: set[Slot], hardware: Hardware = CPU) -> Kernel:
    """The kernel, settled. `own`: slots that nothing outside reads; those that nothing is left to read are not stored."""
    found = _Settler(kernel, own).run()
    if hardware.in_turns:
        _Rows(found).share(own)
    return merge_axes(found)


class _Rows:
    """Where a kernel's statements read and write, in order."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.accesses = [(stage, s) for stage in kernel.stages for s in stage.accesses()]
        self.places: dict[Slot, list[int]] = {}  # of each slot
        self.stores: dict[tuple[Any, ...], list[int]] = {}  # by what slots are alike in: of stores that take no part in what is there
        for n, (_, s) in enumerate(self.accesses):
            self.places.setdefault(s.slot, []).append(n)
            if isinstance(s, Store) and not s.combine:
                self.stores.setdefault(_like(s.slot), []).append(n)

    def share(self, own: set[Slot]) -> None:
        """Let temporaries' rows lie where the rows of a slot like them are written once they are not needed any more."""
        for slot in own:
            mine = self.places.get(slot)
            if mine:
                stores = self.stores.get(_like(slot), [])
                later = next((n for n in stores[bisect_right(stores, mine[-1]) :] if self._may_lie_at(slot, mine, n)), None)
                if later is not None:
                    self._move(slot, mine, self.accesses[later][1].slot)

    def _may_lie_at(self, slot: Slot, mine: list[int], later: int) -> bool:
        stage, store = self.accesses[later]
        if len(self.places[store.slot]) != 1:
            return False
        known = self.accesses[mine[0]][1].index
        whole = stage.turns(self.kernel) == prod(slot.shape) and any(s is store for s in stage.body)
        same_row = all(tells(store.index, row.name, known.coefficient(row.name), stage.bounds(self.kernel)) for row in self.kernel.axes)
        return whole and same_row and all(self.accesses[n][0] is not stage or self.accesses[n][1].index == store.index for n in mine)

    def _move(self, slot: Slot, mine: list[int], to: Slot) -> None:
        for n in mine:
            self.accesses[n][1].slot = to
        self.places[to] = [*self.places.pop(slot), *self.places[to]]


def _like(slot: Slot) -> tuple[Any, ...]:
    return slot.dtype, slot.shape, slot.strides


class _Settler:
    def __init__(self, kernel: Kernel, own: set[Slot]) -> None:
        self.kernel, self.own = kernel, own
        self.names: dict[str, str] = {}  # old names to new ones
        self.row: set[str] = set()  # new names of what belongs to the row as a whole
        self.row_known: dict[Key, str] = {}  # what has been computed, of the row and in this turn of a stage's loops
        self.known: dict[Key, str] = {}
        self.stages: list[Stage] = []
        self.count = 0

    def run(self) -> Kernel:
        axes = self._axes(self.kernel.axes, 0)
        constants = self._constants()
        self.row.update(axis.name for axis in axes if not axis.block)
        for stage in self.kernel.stages:
            self._stage(stage, len(axes))
        self._drop_stores()
        return Kernel(axes, self.stages, constants)

    def _axes(self, axes: list[Axis], first: int) -> list[Axis]:
        self.names.update((axis.name, f"i{first + d}") for d, axis in enumerate(axes) if not (first and axis.block))
        return [replace(axis, name=self.names[axis.name], part=axis.part and self.names[axis.part]) for axis in axes]

    def _constants(self) -> list[tuple[str, Any, Any]]:
        found: dict[Key, tuple[str, Any, Any]] = {}
        for name, dtype, value in self.kernel.constants:
            constant = found.setdefault((type(value), repr(value), dtype), (f"v{len(found)}", dtype, value))
            self.names[name] = constant[0]
            self.row.add(constant[0])
        return list(found.values())

    def _stage(self, stage: Stage, depth: int) -> None:
        axes = self._axes(stage.axes, depth)
        self.known = {} if axes else self.row_known
        written = {s.slot for s in stage.accesses() if isinstance(s, Store)}
        ahead: list[Statement] = []
        body: list[Statement] = [] if axes else ahead
        for s in stage.body:
            self._statement(s, ahead, body, written)
        reductions = [self._reduction(r) for r in stage.reductions]
        if axes and ahead:
            self._append(Stage([], ahead))
        if axes:
            for slot in written:
                self._forget(self.row_known, slot)
        for r in reductions:
            if r.store is not None and not any(axis.role == "lane" for axis in axes) and r.store.slot.dtype == r.dtype:
                self.row_known["memory", r.store.slot, r.store.index] = r.result
        self._append(Stage(axes, body, reductions, stage.title))

    def _append(self, stage: Stage) -> None:
        before = self.stages[-1] if self.stages else None
        if before is not None and not stage.axes and not before.axes:
            before.body += stage.body
            before.title = ", ".join(title for title in (before.title, stage.title) if title)
        else:
            self.stages.append(stage)

    # Statements

    def _statement(self, s: Statement, ahead: list[Statement], body: list[Statement], written: set[Slot]) -> None:
        if isinstance(s, Store):
            self._store(s, body)
            return
        key, new = self._described(s)
        found = self.known.get(key) or self.row_known.get(key)
        if found is not None:
            self.names[s.result] = found
            return
        of_row = names_read(new) <= self.row and not (isinstance(new, Load) and new.slot in written and body is not ahead)
        new.result = self.names[s.result] = self._name(s)
        if of_row:
            self.row.add(new.result)
        (self.row_known if of_row else self.known)[key] = new.result
        (ahead if of_row else body).append(new)

    def _described(self, s: Load | Let | LetIndex) -> tuple[Key, Load | Let | LetIndex]:
        """What a statement computes, and the statement with new names."""
        if isinstance(s, Load):
            index = self._index(s.index)
            if not s.guard:
                return ("memory", s.slot, index), replace(s, index=index)
            guard = self.names[s.guard]
            return ("memory", s.slot, index, guard), replace(s, index=index, guard=guard)
        if isinstance(s, LetIndex):
            index = self._index(s.index)
            return (s.form, index, s.divisor), replace(s, index=index)
        operands = tuple(self.names[o] for o in s.operands)
        indices = {k: self._index(i) for k, i in s.indices.items()}
        named = tuple((k, self.names[v]) for k, v in s.named)
        key = (s.text, operands, s.operand_dtype, s.dtype, tuple(indices.items()), named)
        return key, replace(s, operands=operands, indices=indices, named=named)

    def _store(self, s: Store, body: list[Statement]) -> None:
        new = replace(s, value=self.names[s.value], index=self._index(s.index))
        self._forget(self.known, s.slot)
        if s.dtype == s.slot.dtype and s.combine is None:
            self.known["memory", s.slot, new.index] = new.value
        body.append(new)

    def _forget(self, known: dict[Key, str], slot: Slot) -> None:
        for key in [key for key in known if key[:2] == ("memory", slot)]:
            del known[key]

    def _reduction(self, r: Reduce) -> Reduce:
        value, result = self.names[r.value], self._name(r)
        self.names[r.result] = result
        self.row.add(result)
        store = r.store and replace(r.store, value=result, index=self._index(r.store.index))
        return replace(r, value=value, result=result, store=store)

    def _index(self, index: Index) -> Index:
        return index.renamed(lambda name: self.names[name])

    def _name(self, s: Load | Let | LetIndex | Reduce) -> str:
        self.count += 1
        return f"{'k' if isinstance(s, LetIndex) else 'r' if isinstance(s, Reduce) else 't'}{self.count - 1}"

    # What is not read any more

    def _drop_stores(self) -> None:
        """Leave out stores to slots of the kernel's own that no load and no loop over lanes is left to read."""
        read = {s.slot for stage in self.stages for s in stage.body if isinstance(s, Load) or isinstance(s, Store) and s.combine}
        read |= {r.store.slot for stage in self.stages for r in stage.reductions if r.store and any(a.role == "lane" for a in stage.axes)}
        gone = self.own - read
        for stage in self.stages:
            stage.body = [s for s in stage.body if not (isinstance(s, Store) and s.slot in gone)]
            for r in stage.reductions:
                if r.store is not None and r.store.slot in gone:
                    r.store = None
        self.stages = [stage for stage in self.stages if stage.body or stage.reductions]
