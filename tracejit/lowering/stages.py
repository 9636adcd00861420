"""Stages of one kernel: a new one goes into the loop of an earlier one where both have the same loops, else behind."""

from __future__ import annotations

from .index import Index, variable
from .kernel import Axis, Kernel, Slot, Stage, Store, rewritten


def placed(group: Kernel, kernel: Kernel) -> Kernel:
    """The group with the stage of a kernel of the same rows."""
    (stage,) = kernel.stages
    stages = list(group.stages)
    place, together = 0, None
    for d in reversed(range(len(stages))):
        fused = _fused(stages[d], stage)
        if fused is not None:
            place, together = d, fused
        if conflict(stages[d], stage):
            place = d if fused is not None else place if together is not None else d + 1
            break
    if together is not None:
        stages[place] = together
    else:
        stages.insert(place if not stage.axes else len(stages), stage)
    return Kernel(group.axes, stages, [*group.constants, *kernel.constants])


def conflict(first: Stage, second: Stage) -> bool:
    """Whether one of two stages writes what the other touches."""
    return bool(_in_conflict(first, second))


def _in_conflict(first: Stage, second: Stage) -> set[Slot]:
    touched = {s.slot for s in first.accesses()} & {s.slot for s in second.accesses()}
    return {s.slot for stage in (first, second) for s in stage.accesses() if isinstance(s, Store) and s.slot in touched}


def _fused(first: Stage, second: Stage) -> Stage | None:
    """One stage of both, or None where their loops differ, or an element needs more of the other than what is at its own place."""
    pair = _same_loops(first, second)
    if pair is None:
        return None
    first, second = pair
    touched = _in_conflict(first, second)
    if first.axes and not _aligned(first, second, touched):
        return None
    title = (" → " if touched else ", ").join(title for title in (first.title, second.title) if title)
    axes = second.axes if second.reductions else first.axes
    return Stage(axes, [*first.body, *second.body], [*first.reductions, *second.reductions], title)


def _aligned(first: Stage, second: Stage, touched: set[Slot]) -> bool:
    """Whether these slots are touched at one place only in each turn of the loops, and none is what a reduction is stored to."""
    places: dict[Slot, Index] = {}
    if any(r.store is not None and r.store.slot in touched for stage in (first, second) for r in stage.reductions):
        return False
    return all(places.setdefault(s.slot, s.index) == s.index for stage in (first, second) for s in stage.accesses() if s.slot in touched)


# Loops


def _same_loops(first: Stage, second: Stage) -> tuple[Stage, Stage] | None:
    """Both stages with the same loops, by the same names: those of a map are cut to be like the other's."""
    if first.reductions and second.reductions:
        if list(map(_shape, first.axes)) != list(map(_shape, second.axes)):
            return None
    elif second.reductions:
        cut_first = _cut_like(first, second.axes)
        return None if cut_first is None else (_renamed(cut_first, second.axes), second)
    else:
        like = _cut_like(second, first.axes)
        if like is None:
            cut_first = None if first.reductions else _cut_like(first, second.axes)
            return None if cut_first is None else (_renamed(cut_first, second.axes), second)
        second = like
    return first, _renamed(second, first.axes)


def _shape(axis: Axis) -> tuple[str, int, int, str, int]:
    return axis.role, axis.extent, axis.block, axis.part, axis.leaf


def _renamed(stage: Stage, axes: list[Axis]) -> Stage:
    names = {mine.name: theirs.name for mine, theirs in zip(stage.axes, axes)}

    def name(old: str) -> str:
        return names.get(old, old)

    return rewritten(stage, name, lambda index: index.renamed(name))


def _cut_like(stage: Stage, axes: list[Axis]) -> Stage | None:
    """A map with loops of these extents, or None."""
    d = len(stage.axes)
    for axis in reversed(axes):
        d -= 1
        if d < 0 or stage.axes[d].extent % axis.extent or stage.axes[d].block != axis.block:
            return None
        if stage.axes[d].extent != axis.extent:
            stage = _cut(stage, stage.axes[d], axis.extent)
            d += 1
    return stage if d == 0 else None


def _cut(stage: Stage, axis: Axis, extent: int) -> Stage:
    """One loop as two, the inner of this extent."""
    outer, inner, whole = halves(axis, extent)
    found = rewritten(stage, lambda name: name, lambda index: index.at(axis.name, whole))
    d = [a.name for a in stage.axes].index(axis.name)
    found.axes[d : d + 1] = [outer, inner]
    return found


def halves(axis: Axis, extent: int) -> tuple[Axis, Axis, Index]:
    """Two loops for one, the inner of this extent, and what its variable is in them."""
    outer = Axis(f"{axis.name}.0", axis.extent // extent, axis.role)
    inner = Axis(f"{axis.name}.1", extent, axis.role)
    return outer, inner, variable(outer.name).times(extent) + variable(inner.name)


def take(stage: Stage, row: Axis, place: Index, step: int) -> Stage | None:
    """A map without the loop that walks `place`, one of its indices, in as many steps of this size as `row`: that loop is the
    row's now. It may be part of a longer one. None if there is none."""
    for axis in stage.axes:
        own = place.coefficient(axis.name)
        if own == 0 or step % own or step // own < 1 or axis.extent % (step // own * row.extent):
            continue
        name = axis.name
        if step != own:
            stage, name = _cut(stage, axis, step // own), f"{name}.0"
        (axis,) = [a for a in stage.axes if a.name == name]
        if axis.extent != row.extent:
            stage, name = _cut(stage, axis, row.extent), f"{name}.1"
        taken = rewritten(stage, lambda n: n, lambda index: index.at(name, variable(row.name)))
        taken.axes = [a for a in taken.axes if a.name != name]
        return taken
    return None
