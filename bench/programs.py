"""`python -m bench programs`: NumPy programs as people write them, compiled as they are, beside NumPy, Numba by hand and torch.compile."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, field
from typing import Any, Iterable, Iterator

from .cpu import PAUSE, Cell, disagreements
from .crew import Failed, Member
from .peers import installed, thread_settings
from .report import duration, geometric_mean

COLUMNS = ("NumPy", "compiled", "Numba", "Numba ∥", "torch.compile")
SLOWER = 1.05  # how many times as long as NumPy's a call may take
Entry = dict[str, Any]


@dataclass
class Row:
    """What was found for a program: how it runs, seconds of the first call and of later ones."""

    program: str
    straight: bool
    mode: str = ""
    first: dict[str, float] = field(default_factory=dict)
    cells: dict[str, Cell] = field(default_factory=dict)

    def times(self, *columns: str) -> float | None:
        """How many times as fast as the fastest of these columns: the median over rounds of the ratio within one round."""
        timed = {name: cell for name, cell in self.cells.items() if cell.rounds and name in (*columns, "compiled")}
        ours = timed.pop("compiled", None)
        if not timed or ours is None:
            return None
        fastest = min(timed.values(), key=lambda cell: cell.median)
        return statistics.median(a / b for a, b in zip(fastest.rounds, ours.rounds))

    def entry(self) -> Entry:
        """The row with all that follows from its figures, as it is kept in JSON."""
        numpy, numba, torch = self.times("NumPy"), self.times("Numba", "Numba ∥"), self.times("torch.compile")
        met = numpy is not None and numpy * SLOWER >= 1 and (numba is None or not self.straight or numba >= 1)
        cells = {
            name: ({"median": cell.median, "spread": cell.spread} if cell.rounds else {}) | ({"note": cell.note} if cell.note else {})
            for name, cell in self.cells.items()
        }
        return {
            "program": self.program, "straight": self.straight, "mode": self.mode, "first": self.first, "cells": cells,
            "times": {"NumPy": numpy, "Numba": numba, "torch.compile": torch}, "met": met,
        }  # fmt: skip


def crew(skip: set[str]) -> list[Member]:
    """A process for each column. Plain Numba is the same loops on one thread: on small arrays that may be the better choice."""
    environments = {"Numba": thread_settings(1)}
    return [Member(name, environments.get(name), module="bench.program_worker") for name in COLUMNS if name in installed(skip)]


def run(programs: Iterable[Any], members: list[Member], rounds: int, seconds: float, limits: dict[str, float]) -> Iterator[Row]:
    """Measure programs one by one. `limits`: the seconds that a column may take until it has settled."""
    try:
        for member in members:
            member.ask(120, do="begin")
        for program in programs:
            yield measure(program, members, rounds, seconds, limits)
    finally:
        for member in members:
            member.end()


def measure(program: Any, members: list[Member], rounds: int, seconds: float, limits: dict[str, float]) -> Row:
    row = Row(program.name, program.straight)
    results: dict[str, Any] = {}
    counts: dict[str, int] = {}
    for member in members:
        try:
            answer = member.ask(limits[member.name], do="prepare", program=program.name)
        except Failed as failure:
            row.cells[member.name] = Cell(note=str(failure))
            continue
        if "absent" in answer:
            continue
        row.cells[member.name], row.mode = Cell(), answer["mode"] or row.mode
        row.first[member.name], results[member.name] = answer["first"], answer["results"]
        counts[member.name] = max(3, min(10_000, round(seconds / answer["once"])))
    for _ in range(rounds):
        for member in members:
            if member.name in counts:
                time.sleep(PAUSE)
                row.cells[member.name].rounds.append(member.ask(limits[member.name], do="turn", count=counts[member.name]))
    for member in members:
        if member.name in row.cells and row.cells[member.name].rounds:
            member.ask(limits[member.name], do="forget")
    for name, difference in disagreements(results).items():
        row.cells[name].note = difference
    return row


# What is printed

HEADINGS = ("program", "mode", "first call", "compiled", "NumPy", "Numba", "torch.compile", "× NumPy", "× Numba", "× torch.compile", "target")
WIDTHS = (22, 10, 10, 14, 14, 14, 14, 8, 8, 15, 7)


def header() -> str:
    return "".join(heading.ljust(WIDTHS[0]) if k == 0 else heading.rjust(width + 1) for k, (heading, width) in enumerate(zip(HEADINGS, WIDTHS)))


def values(entry: Entry) -> list[str]:
    """A row's cells, as the headings name them. A star: straight-line, so that Numba is to be matched."""
    cells, times = entry["cells"], entry["times"]
    numba = min(("Numba", "Numba ∥"), key=lambda name: cells.get(name, {}).get("median", float("inf")))
    return [
        entry["program"] + ("*" if entry["straight"] else ""), entry["mode"], duration(entry["first"]["compiled"]) if "compiled" in entry["first"] else "",
        *(_figure(cells.get(name)) for name in ("compiled", "NumPy", numba, "torch.compile")),
        *(f"{times[name]:.2f}" if times[name] else "" for name in ("NumPy", "Numba", "torch.compile")), "met" if entry["met"] else "missed",
    ]  # fmt: skip


def _figure(cell: Entry | None) -> str:
    if cell is None:
        return "·"
    if "median" not in cell:
        return "slow" if cell["note"].startswith("over ") else "fails"
    return f"{'?' if 'note' in cell else ''}{duration(cell['median'])} ±{cell['spread']:.0%}"


def line(entry: Entry) -> str:
    return "".join(text.ljust(WIDTHS[0]) if k == 0 else text.rjust(width + 1) for k, (text, width) in enumerate(zip(values(entry), WIDTHS)))


def markdown(entries: list[Entry]) -> str:
    """The table for a README."""
    rows = [values(entry) for entry in entries]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [list(HEADINGS), ["---"] * len(HEADINGS), *rows])


def merged(earlier: list[Entry], later: list[Entry]) -> list[Entry]:
    """The rows of an earlier run, those that were measured again as they are now."""
    again = {entry["program"]: entry for entry in later}
    return [again.pop(entry["program"], entry) for entry in earlier] + list(again.values())


def notes(entries: list[Entry]) -> list[str]:
    return [f"{e['program']}, {name}: {cell['note']}" for e in entries for name, cell in e["cells"].items() if "note" in cell]


def summary(entries: list[Entry]) -> list[str]:
    """How many rows meet their target, and means of the ratios."""
    lines = [f"{sum(e['met'] for e in entries)} of {len(entries)} programs meet their target: at most {SLOWER - 1:.0%} slower than NumPy, straight ones (*) as fast as Numba"]
    for name in ("NumPy", "Numba", "torch.compile"):
        ratios = [e["times"][name] for e in entries if e["times"][name]]
        if ratios:
            lines.append(f"geometric mean of the ratio to {name}, {len(ratios)} programs: {geometric_mean(ratios):.2f}")
    return lines
