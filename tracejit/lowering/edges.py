"""Loops cut at the edges of pads: amid them, where each guard is known to hold or not to hold, the loop asks for none.

What is read under a guard is read under a mask, which takes several times as long. The largest box of a loop in which no guard changes
gets a loop of its own, without guards; what is left around it keeps them.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from math import prod
from typing import Sequence, TypeVar

from .index import Box, Index, without
from .kernel import Axis, Kernel, Let, LetIndex, Load, Stage, Statement, merge_axes, rewritten, used
from .lower import BOTH, CHOICE
from .rows import Step

LARGE = 2**14  # turns from which on another kernel is worth its compilation
SHARE = 2 / 3  # of them that the largest box must have
ROW = 32  # elements of its rows, at least

S = TypeVar("S", bound=Step)


def cut_at_edges(steps: Sequence[S | Kernel]) -> list[S | Kernel]:
    """The steps; large maps with guards as one without them, and those around it."""
    found: list[S | Kernel] = []
    for step in steps:
        found += _pieces(step) if isinstance(step, Kernel) and step.is_map else [step]
    return found


def _pieces(kernel: Kernel) -> list[Kernel]:
    (stage,) = kernel.stages
    guards = [s for s in stage.body if isinstance(s, LetIndex) and s.form == "within"]
    if not guards:
        return [kernel]
    middle = tuple(_longest(axis, guards) for axis in kernel.axes)
    around = without([tuple((0, axis.extent) for axis in kernel.axes)], middle)
    part, whole = prod(stop - start for start, stop in middle), prod(axis.extent for axis in kernel.axes)
    if around and (whole < LARGE or part < SHARE * whole or middle[-1][1] - middle[-1][0] < ROW):
        return [kernel]
    return [merge_axes(_without_guards(_part(kernel, middle))), *[_part(kernel, box) for box in around]]


def _longest(axis: Axis, guards: list[LetIndex]) -> tuple[int, int]:
    """The longest part of a loop in which no guard of its variable changes."""
    edges = {0, axis.extent}
    for guard in guards:
        step = guard.index.coefficient(axis.name)
        if step > 0 and len(guard.index.terms) == 1:
            edges |= {-((guard.index.offset - bound) // step) for bound in (0, guard.divisor)}
    inside = sorted(edge for edge in edges if 0 <= edge <= axis.extent)
    return max(pairwise(inside), key=lambda part: part[1] - part[0])


def _part(kernel: Kernel, box: Box) -> Kernel:
    """The loops over a box."""
    (stage,) = kernel.stages
    starts = {axis.name: start for axis, (start, _) in zip(kernel.axes, box)}

    def moved(index: Index) -> Index:
        return index + sum(step * starts.get(name, 0) for name, step in index.terms)

    axes = [replace(axis, extent=stop - start) for axis, (start, stop) in zip(kernel.axes, box)]
    return Kernel(axes, [rewritten(stage, lambda name: name, moved)], kernel.constants)


def _without_guards(kernel: Kernel) -> Kernel:
    """The map, without the guards that hold everywhere in it or nowhere, and without what they do not choose."""
    (stage,) = kernel.stages
    bounds = stage.bounds(kernel)
    holds: dict[str, bool] = {}
    names: dict[str, str] = {}  # of what is chosen everywhere, by that of the choice

    body: list[Statement] = []
    for s in stage.body:
        (s,) = rewritten(Stage([], [s]), lambda name: names.get(name, name), lambda index: index).body
        if isinstance(s, LetIndex) and s.form == "within" and (known := _always(s, bounds)) is not None:
            holds[s.result] = known
        elif isinstance(s, Let) and s.text == BOTH and holds.keys() & set(s.operands):
            if all(holds.get(g) for g in s.operands) or not all(holds.get(g, True) for g in s.operands):
                holds[s.result] = all(holds[g] for g in s.operands if g in holds)
            else:
                (names[s.result],) = [g for g in s.operands if g not in holds]
        elif isinstance(s, Let) and s.text == CHOICE and dict(s.named)["guard"] in holds:
            names[s.result] = s.operands[0 if holds[dict(s.named)["guard"]] else 1]
        elif isinstance(s, Load) and s.guard in holds:
            if holds[s.guard]:
                body.append(replace(s, guard=""))
        else:
            body.append(s)
    return Kernel(kernel.axes, [Stage(stage.axes, used(body), [], stage.title)], kernel.constants)


def _always(s: LetIndex, bounds: dict[str, int]) -> bool | None:
    """Whether an index is within its bounds for all values of its variables (True) or for none (False)."""
    if any(name not in bounds for name, _ in s.index.terms):
        return None
    spans = [step * (bounds[name] - 1) for name, step in s.index.terms]
    low, high = s.index.offset + sum(min(0, span) for span in spans), s.index.offset + sum(max(0, span) for span in spans)
    return True if low >= 0 and high < s.divisor else False if high < 0 or low >= s.divisor else None
