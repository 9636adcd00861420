"""`python -m bench cuda`: every row by every library on one GPU, in processes that take turns, within a given time.

What a machine can do is measured first: how fast the device copies memory, by the fastest of the libraries' own ways. A row's results are
compared before it is timed; a library that computes something else is not.
"""

from __future__ import annotations

import itertools
import re
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Callable, Iterable, Iterator, Sequence

import numpy as np

from tracejit.backends.cuda.devices import driver_of, simulated
from tracejit.errors import DeviceError

from . import cuda_peers, report
from .cpu import Cell, Row, disagreements
from .crew import Failed, Member
from .workload import Workload

COPIED = [1 << k for k in range(20, 33, 2)]  # bytes, each of which is read and written
REFERENCES = ("torch", "JAX", "CuPy", "eager", "compiled")  # whose results the others are compared with, the first there is
LIMIT = 100  # seconds in which a library must have its first results


@dataclass
class Crew:
    """The processes at work, what they said of themselves, and who is missing and why."""

    members: list[Member]
    about: dict[str, dict[str, Any]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    def all_at_once(self, action: Callable[[Member], Any]) -> dict[str, Any]:
        """What each gives, or the Failed that it raised."""

        def attempt(member: Member) -> Any:
            try:
                return action(member)
            except Failed as failure:
                return failure

        with ThreadPoolExecutor(max(1, len(self.members))) as pool:
            return dict(zip([m.name for m in self.members], pool.map(attempt, self.members)))

    def end(self) -> None:
        for member in self.members:
            member.end()


def what_is_missing() -> str:
    """Why there is no GPU to measure, in a line."""
    try:
        driver_of(0)
    except DeviceError as error:
        return str(error).partition("\n")[0]
    return "no GPU"


def gathered(skip: set[str]) -> Crew:
    """Those who have a library and find a GPU."""
    columns = cuda_peers.installed(skip | ({"torch", "jax", "cupy"} if simulated() else set()))
    crew = Crew([Member(name, cuda_peers.ENVIRONMENT, module="bench.cuda_worker") for name in columns])
    why = "has no simulated GPU" if simulated() else "not installed"
    crew.missing = {name: why for name, package in cuda_peers.COLUMNS.items() if name not in columns and not {name, package} & skip}
    for name, answer in crew.all_at_once(lambda member: member.ask(LIMIT, do="about")).items():
        (crew.missing if isinstance(answer, Failed) else crew.about)[name] = str(answer) if isinstance(answer, Failed) else answer
    for member in [member for member in crew.members if member.name in crew.missing]:
        member.end()
        crew.members.remove(member)
    return crew


# Copies


def copies(crew: Crew, sizes: Sequence[int], rounds: int) -> dict[int, float]:
    """Seconds in which the device copies so many bytes, by who does it fastest."""
    found: dict[int, list[float]] = {}
    for size in sizes:
        for member in crew.members:
            try:
                found.setdefault(size, []).append(statistics.median(member.ask(LIMIT, do="copy", size=size, count=10) for _ in range(rounds)))
                member.ask(LIMIT, do="forget")
            except Failed:  # there is no room for as much
                continue
    return {size: min(seconds) for size, seconds in found.items()}


def copying(moved: float, measured: dict[int, float]) -> float:
    """Seconds of a copy that reads and writes so many bytes in all, between those measured."""
    sizes = sorted(measured)
    if 2 * sizes[-1] < moved:
        return moved / (2 * sizes[-1]) * measured[sizes[-1]]
    return float(np.interp(moved, [2 * size for size in sizes], [measured[size] for size in sizes]))


# Rows


def in_turns(rows: Iterable[Workload]) -> list[Workload]:
    """A row of each group after another: so a run that is out of time has something of all."""
    groups: dict[str, list[Workload]] = {}
    for row in rows:
        groups.setdefault(row.group, []).append(row)
    return [row for turn in itertools.zip_longest(*groups.values()) for row in turn if row is not None]


def unlike(rows: Iterable[Workload]) -> list[Workload]:
    """One row of those that differ in their sizes alone, which tiny arrays leave out."""
    return list({(row.group, re.sub(r"[\d×⁶⁷⁸⁹]+(?=,| |$)", "", row.name)): row for row in reversed(rows)}.values())[::-1]


def run(rows: list[Workload], crew: Crew, rounds: int, seconds: float, tiny: bool = False) -> Iterator[Row]:
    """Measure rows one by one until the time is up; those behind are left out."""
    end = time.monotonic() + seconds
    capacity = min(about["capacity"] for about in crew.about.values())
    for n, row in enumerate(rows):
        left = end - time.monotonic()
        if left <= 0:
            break
        if 2 * len(crew.members) * sum(a.nbytes for a in row.arguments(tiny)) > capacity:  # everybody holds arguments and results
            yield Row(row, {name: Cell(note="no room on this GPU") for name in crew.about})
        else:
            yield measure(row, crew, rounds, time.monotonic() + left / (len(rows) - n), min(LIMIT, left + 1), tiny)


def measure(workload: Workload, crew: Crew, rounds: int, until: float, limit: float, tiny: bool) -> Row:
    """All prepare the row at once; then each has a turn in each of `rounds`, of which the last begin before `until`, but three at least."""
    row, results, counts = Row(workload, {}), dict[str, Any](), dict[str, int]()
    for name, answer in crew.all_at_once(lambda member: member.ask(limit, do="prepare", row=workload.name, tiny=tiny)).items():
        if isinstance(answer, Failed):
            row.cells[name] = Cell(note=str(answer))
        elif "absent" not in answer:
            row.cells[name] = Cell(first=answer["first"])
            row.elements, row.bytes, results[name] = answer["elements"], answer["bytes"], answer["results"]
            counts[name] = 1 if tiny else max(3, min(200, round(0.02 / answer["once"])))
    for name, difference in disagreements({name: results[name] for name in REFERENCES + tuple(results) if name in results}).items():
        row.cells[name].note = f"WRONG, {difference}"
        del counts[name]
    if results.get("compiled") != results.get("eager") and {"compiled", "eager"} <= set(counts):
        row.cells["compiled"].note = "WRONG, unlike eager: other bits"
        del counts["compiled"]
    for turn in range(rounds):
        if turn >= 3 and time.monotonic() > until:
            break
        for member in crew.members:
            if member.name in counts:
                try:
                    row.cells[member.name].rounds.append(member.ask(limit, do="turn", clock=workload.clock, count=counts[member.name]))
                except Failed as failure:
                    row.cells[member.name] = Cell(note=str(failure))
                    del counts[member.name]
    crew.all_at_once(lambda member: member.ask(limit, do="forget"))
    return row


# What is told


def entry(row: Row, measured: dict[int, float]) -> dict[str, Any]:
    """A row as it is kept in JSON. `share`, of one that is bound by memory: of the speed of a copy that moves as many bytes."""
    ours = row.timed().get("compiled")
    share = copying(row.bytes, measured) / ours.median if ours and row.workload.target.share and measured else None
    found = report.judged_by(row, share) | {"clock": row.workload.clock}
    for kind, reached in (("times", found["target"]["reached"]), ("share", share)):
        if reached is None and ours:
            found["target"][kind] = None  # nobody is here to judge by
    if row.workload.target.share:
        found["bandwidth"] = {name: row.bytes / cell.median for name, cell in row.timed().items()}
    return found


def line(entry: dict[str, Any]) -> str:
    """One row; of one that is bound by memory, the GB/s that ours reads and writes."""
    speed = entry.get("bandwidth", {}).get("compiled")
    return report.line(entry, list(cuda_peers.COLUMNS)) + (f"  {speed / 1e9:.0f} GB/s" if speed else "")


def first_calls(entries: list[dict[str, Any]]) -> list[str]:
    """Medians, by group, of how long a first call takes, compiling included."""
    lines = ["first calls, medians:"]
    for group in dict.fromkeys(e["group"] for e in entries):
        told = []
        for name in cuda_peers.COLUMNS:
            seconds = [e["cells"][name]["first"] for e in entries if e["group"] == group and "first" in e["cells"].get(name, {})]
            told.append(f"{name} {report.duration(statistics.median(seconds))}" if seconds else f"{name} ·")
        lines.append(f"  {group}: " + ", ".join(told))
    return lines


def summary(entries: list[dict[str, Any]], rows: int) -> list[str]:
    lines = [f"{sum(e['met'] for e in entries)} of {len(entries)} rows meet their target"]
    wrong = [f"{e['row']}, {name}" for e in entries for name, cell in e["cells"].items() if cell.get("note", "").startswith("WRONG")]
    ratios = [e["target"]["reached"] for e in entries if e["target"]["than"] == "torch.compile" and e["target"]["reached"]]
    if ratios:
        lines.append(f"geometric mean of the ratio to torch.compile, {len(ratios)} rows: {report.geometric_mean(ratios):.2f}")
    if len(entries) < rows:
        lines.append(f"the time was up before {rows - len(entries)} rows")
    return lines + ([f"WRONG: {'; '.join(wrong)}"] if wrong else [])


def versions(crew: Crew) -> dict[str, str]:
    return {about["package"]: about["version"] for about in crew.about.values()}


def file_name(crew: Crew) -> str:
    """`nvidia-h200-cuda`: a new run on such a GPU replaces the old one."""
    return re.sub(r"[^a-z0-9]+", "-", crew.about["compiled"]["gpu"].lower()).strip("-") + "-cuda"


def preface(crew: Crew, measured: dict[int, float]) -> list[str]:
    """The GPU, the libraries, the copies, and how rows are timed."""
    about = crew.about.values()
    return [
        " · ".join([next(iter(about))["gpu"], *dict.fromkeys(f"{a['package']} {a['version']}" for a in about)]),
        *(f"{name}: {why}" for name, why in crew.missing.items()),
        "copies: " + ", ".join(f"{size / 1e6:.0f} MB {2 * size / seconds / 1e9:.0f} GB/s" for size, seconds in measured.items()),
        "Elementwise, rows, reductions and products: by CUDA events, the L2 cache flushed before each call; JAX, which offers no events, by the "
        "clock on the wall, call behind call, the cache as the call before left it. Training steps and programs: by that clock for all.",
    ]  # fmt: skip
