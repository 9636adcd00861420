"""`python -m bench cpu`: every row, by every peer in a fresh process, in rounds that all take turns in."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, field, replace
from typing import Any, Callable, Iterable

import numpy as np

from . import peers
from .crew import Failed, Member
from .workload import Workload

PAUSE = 0.02  # seconds before a turn: the threads of the peer before stop spinning
TOLERANCE = {"bfloat16": 2e-2, "float32": 2e-4, "float64": 1e-7}  # of the largest magnitude; the normal distribution's formula has 7.5e-8


@dataclass
class Cell:
    """One peer's figures in a row: seconds of a call, one for each round; or a note that says why there are none. first: of the first call."""

    rounds: list[float] = field(default_factory=list)
    note: str = ""
    first: float | None = None

    @property
    def median(self) -> float:
        return statistics.median(self.rounds)

    @property
    def spread(self) -> float:
        """Half of the distance between the quartiles, as a share of the median."""
        if len(self.rounds) < 2:
            return 0.0
        low, _, high = statistics.quantiles(self.rounds, n=4)
        return (high - low) / 2 / self.median


@dataclass
class Row:
    """What was found for a workload. `elements` of its largest argument; `bytes` of all its arguments and results."""

    workload: Workload
    cells: dict[str, Cell]
    elements: int = 0
    bytes: int = 0

    def least(self) -> Row:
        """The row of each peer's fastest round alone."""
        return replace(self, cells={name: replace(cell, rounds=cell.rounds and [min(cell.rounds)]) for name, cell in self.cells.items()})

    def timed(self) -> dict[str, Cell]:
        return {name: cell for name, cell in self.cells.items() if cell.rounds}

    def best(self) -> str | None:
        """The fastest of the other libraries."""
        others = {name: cell.median for name, cell in self.timed().items() if name not in peers.OURS}
        return min(others, key=others.__getitem__) if others else None

    def times(self, than: str | None) -> float | None:
        """How many times faster `compiled` is than a peer: the median over rounds of the ratio within one round."""
        timed = self.timed()
        if than not in timed or "compiled" not in timed:
            return None
        return statistics.median(a / b for a, b in zip(timed[than].rounds, timed["compiled"].rounds))


def run(rows: Iterable[Workload], crew: list[Member], rounds: int, seconds: float, limit: float) -> Iterable[Row]:
    """Measure rows one by one. `seconds`: a peer's turn in a round; `limit`: the longest that a peer may take until it has settled."""
    try:
        for workload in rows:
            yield measure(workload, crew, rounds, seconds, limit)
    finally:
        for member in crew:
            member.end()


def measure(workload: Workload, crew: list[Member], rounds: int, seconds: float, limit: float) -> Row:
    row = Row(workload, {})
    results: dict[str, list[dict[str, Any]]] = {}
    counts: dict[str, int] = {}

    def attempt(member: Member, action: Callable[[], None]) -> None:
        try:
            action()
        except Failed as failure:
            row.cells[member.name] = Cell(note=str(failure))
            counts.pop(member.name, None)

    def prepare(member: Member) -> None:
        answer = member.ask(limit, do="prepare", workload=workload.name)
        if "absent" in answer:
            return
        row.cells[member.name] = Cell()
        row.elements, row.bytes = answer["elements"], answer["bytes"]
        results[member.name] = answer["results"]
        counts[member.name] = max(1, min(100_000, round(seconds / answer["once"])))

    def turn(member: Member) -> None:
        time.sleep(PAUSE)
        row.cells[member.name].rounds.append(member.ask(limit, do="turn", count=counts[member.name]))

    for member in crew:
        attempt(member, lambda: prepare(member))
    for _ in range(rounds):
        for member in crew:
            if member.name in counts:
                attempt(member, lambda: turn(member))
    for member in crew:
        attempt(member, lambda: member.ask(limit, do="forget"))
    for name, difference in disagreements(results).items():
        if row.cells[name].rounds:
            row.cells[name].note = difference
    return row


def disagreements(results: dict[str, list[dict[str, Any]]]) -> dict[str, str]:
    """Who gives another result than NumPy (or the first there is), and in what."""
    reference = next((name for name in ("NumPy", *results) if name in results), None)
    return {
        name: f"unlike {reference}: {difference}"
        for name, result in results.items()
        if (difference := _difference(result, results[reference or name]))
    }


def _difference(result: list[dict[str, Any]], expected: list[dict[str, Any]]) -> str:
    if len(result) != len(expected):
        return f"{len(result)} results instead of {len(expected)}"
    for a, b in zip(result, expected):
        if a["shape"] != b["shape"] or (a["shape"] and a["dtype"] != b["dtype"]):  # Numba gives scalars as Python's floats
            return f"{a['dtype']}{a['shape']} instead of {b['dtype']}{b['shape']}"
        x, y = np.array(a["sample"]), np.array(b["sample"])
        scale = max(np.abs(y).max(), 1e-30)
        error = np.abs(x - y).max() / scale
        if not error <= TOLERANCE.get(b["dtype"], 0.0):
            return f"off by {error:.1e} of the largest magnitude"
    return ""
