"""Bundles: maps of equal text that do not depend on one another, launched as one.

An optimiser's update is the same few operations on each of many parameters, most of them small: what a launch costs would be most of it.
A bundle's words are rows, one for each of its kernels: the number of its first block, how many blocks it has, then its own words. A thread
finds its row by the number of its block, and goes on as it would have alone; so no bit depends on what is bundled.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass
from itertools import accumulate
from math import prod
from typing import Any, Iterable, Sequence

from ...lowering.kernel import Kernel, Slot
from ...lowering.plan import Plan
from .driver.arguments import MOST
from .launches import Launch, Whole

OWN = 2  # words of a row before those of its kernel


class Bundle(Launch):
    """Launches of equal text as one."""

    def __init__(self, launches: Sequence[Launch]) -> None:
        self.launches, self.device, self.places = launches, launches[0].device, launches[0].places
        self.lines, self.checks = [], False
        self.aligned = [known for launch in launches for known in launch.aligned]
        printed = launches[0].printed
        text = _in_rows(printed.text, len(launches), OWN + len(printed.parameters))
        self.printed = printed._replace(text=text, threads=max(launch.printed.threads for launch in launches))

    def text(self, name: str) -> str:
        threads = self.printed.threads
        blocks = [launch.blocks(launch.printed.turns, threads) for launch in self.launches]
        rows = zip(accumulate(blocks, initial=0), blocks, self.launches)
        words = "".join(f"{first}, {count}, {launch.words(launch.printed)}" for first, count, launch in rows)
        return f"launch({name}, {sum(blocks)}, {threads}, ({words}))"

    def otherwise(self) -> list[tuple[Any, str]]:
        return [other for launch in self.launches for other in launch.otherwise()]


def _in_rows(text: str, rows: int, length: int) -> str:
    """The text of a kernel that finds its words in one of several rows."""
    title, *body = text.splitlines(keepends=True)
    found = re.sub(r"\bargs\[(\d+)\]|\bargs, (\d+)\)", _in_row, "".join(body))
    found = re.sub(r"\bblock\(\)", "here", re.sub(r"\bblocks\(\)", "count", found))
    return f"""{title}    words_at_most({rows * length})
    row = 0
    for later in range({length}, {rows * length}, {length}):
        row = later if args[later] <= block() else row
    here = block() - args[row]
    count = args[row + 1]
{found}"""


def _in_row(word: re.Match[str]) -> str:
    place = f"row + {OWN + int(word[1] or word[2])}"
    return f"args[{place}]" if word[1] else f"args, {place})"


# Which launches


@dataclass(eq=False)
class _Entry:
    """Launches of equal text, or one step; the memory that they read or write, and that they write."""

    steps: list[Launch | Whole]
    touched: set[Any]
    written: set[Any]

    def meets(self, other: _Entry) -> bool:
        """Whether the order of the two counts."""
        return not (self.written.isdisjoint(other.touched) and self.touched.isdisjoint(other.written))

    def add(self, other: _Entry) -> None:
        self.steps += other.steps
        self.touched |= other.touched
        self.written |= other.written


def bundled(steps: Sequence[Launch | Whole], plan: Plan) -> list[Launch | Whole]:
    """The steps of a segment, those in bundles that may be, in an order in which they can run.

    A launch joins the last one of its text: that is where both then run, or where the later one stood, whichever no step between them
    forbids. Nothing passes a step on memory whose place a loop moves on: it may be any.
    """
    order: list[_Entry] = []
    latest: dict[str, _Entry] = {}
    memory = _Memory(plan)
    for step in steps:
        of = step.kernel if isinstance(step, Launch) else step.call
        reads, writes = of.reads(), of.writes()
        entry = _Entry([step], memory.of(reads | writes), memory.of(writes))
        if any(slot.home is not None and slot.home < 0 for slot in reads | writes):
            latest.clear()
        elif isinstance(step, Launch) and _is_map(step.kernel):
            text = step.printed.text
            if text in latest and _joins(latest[text], entry, order):
                continue
            latest[text] = entry
        order.append(entry)
    return [entry.steps[0] if len(entry.steps) == 1 else Bundle(entry.steps) for entry in order]  # type: ignore[arg-type]


def _is_map(kernel: Kernel) -> bool:
    return not kernel.reduces and not kernel.stops


def _joins(group: _Entry, entry: _Entry, order: list[_Entry]) -> bool:
    """Whether a launch has become one of a group, which may have been moved to the end for it."""
    length = OWN + len(group.steps[0].printed.parameters)  # type: ignore[union-attr]
    if length * (len(group.steps) + 1) > MOST or group.meets(entry):
        return False
    between = order[order.index(group) + 1 :]
    if any(entry.meets(other) for other in between):
        if any(group.meets(other) for other in between):
            return False
        order.remove(group)
        order.append(group)
    group.add(entry)
    return True


class _Memory:
    """What slots lie in: arrays, and the arena, whose rooms temporaries use one after another."""

    def __init__(self, plan: Plan) -> None:
        self.places, self.edges = plan.places, sorted(set(plan.places.values()))

    def of(self, slots: Iterable[Slot]) -> set[Any]:
        """What slots have in common that have memory in common: the number of an array, or of a piece of the arena from where one begins to where the next does."""
        return set[Any]().union(*map(self._pieces, slots))

    def _pieces(self, slot: Slot) -> Iterable[Any]:
        if slot.home is not None:
            return (("array", slot.home),)
        first = self.places[slot]
        return range(bisect_left(self.edges, first), bisect_left(self.edges, first + slot.dtype.itemsize * prod(slot.shape)))
