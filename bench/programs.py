"""`python -m bench programs`: NumPy programs as people write them, compiled as they are, beside NumPy, Numba by hand and torch.compile.

Each column has several processes, which rounds take in turns: where OpenBLAS's threads run, and where memory lies, is settled once in a
process, and some programs have two speeds by that, the same in all columns.
"""

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
Column = list[Member]  # its processes


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


def crew(skip: set[str], processes: int) -> list[Column]:
    """Plain Numba is the same loops on one thread: on small arrays that may be the better choice."""
    environments, names = {"Numba": thread_settings(1)}, installed(skip)
    return [[Member(name, environments.get(name), module="bench.program_worker") for _ in range(processes)] for name in COLUMNS if name in names]


def run(programs: Iterable[Any], columns: list[Column], rounds: int, seconds: float, limits: dict[str, float]) -> Iterator[Row]:
    """Measure programs one by one. `limits`: the seconds that a process of a column may take until it has settled."""
    members = [member for column in columns for member in column]
    try:
        for member in members:
            member.ask(120, do="begin")
        for program in programs:
            yield measure(program, columns, rounds, seconds, limits)
    finally:
        for member in members:
            member.end()


def measure(program: Any, columns: list[Column], rounds: int, seconds: float, limits: dict[str, float]) -> Row:
    row = Row(program.name, program.straight)
    results: dict[str, Any] = {}
    ready: list[tuple[Column, list[int]]] = []  # and how many calls are a turn of each process
    for column in columns:
        name = column[0].name
        try:
            answers = _prepared(column, limits[name], program.name)
        except Failed as failure:
            row.cells[name] = Cell(note=str(failure))
            continue
        if not answers:
            continue
        row.cells[name], row.mode = Cell(), _modes(answers) or row.mode
        row.first[name], results[name] = answers[0]["first"], answers[0]["results"]  # others find what the first has compiled
        ready.append((column, [max(3, min(10_000, round(seconds / answer["once"]))) for answer in answers]))
    for k in range(rounds):
        for column, counts in ready:
            time.sleep(PAUSE)
            member, count = column[k % len(column)], counts[k % len(column)]
            row.cells[member.name].rounds.append(member.ask(limits[member.name], do="turn", count=count))
    for column, _ in ready:
        for member in column:
            member.ask(limits[member.name], do="forget")
    for name, difference in disagreements(results).items():
        row.cells[name].note = difference
    return row


def _prepared(column: Column, limit: float, program: str) -> list[Any]:
    """What the processes answer; nothing where the column lacks the program."""
    answers = []
    for member in column:
        answers.append(member.ask(limit, do="prepare", program=program))
        if "absent" in answers[-1]:
            return []
    return answers


def _modes(answers: list[Any]) -> str:
    """That of the processes, or both where they chose differently."""
    return " or ".join(dict.fromkeys(answer["mode"] for answer in answers))


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
