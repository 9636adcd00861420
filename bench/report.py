"""Timing in interleaved rounds, and the table and the JSON file of what was found."""

from __future__ import annotations

import json
import os
import platform
import re
import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable

from rich.console import Console
from rich.table import Table


PAUSE = 0.02  # seconds before a turn: the threads of the library before stop spinning


@dataclass
class Timing:
    """Seconds of a call, one figure for each round."""

    rounds: list[float] = field(default_factory=list)

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


def measure(calls: dict[str, Callable[[], Any]], rounds: int, seconds: float, warm_up: int = 2) -> dict[str, Timing]:
    """Times of calls that do the same: each round takes all of them in turn, so that a noisy moment meets all.

    warm_up: calls of each before the clock starts, so that all have settled.
    """
    counts = {}
    for name, call in calls.items():
        for _ in range(warm_up - 1):
            call()
        began = time.perf_counter()
        call()
        once = time.perf_counter() - began
        counts[name] = max(1, min(100_000, round(seconds / max(once, 1e-8))))
    timings = {name: Timing() for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            count = counts[name]
            time.sleep(PAUSE)
            call()
            began = time.perf_counter()
            for _ in range(count):
                call()
            timings[name].rounds.append((time.perf_counter() - began) / count)
    return timings


def ratio(timings: dict[str, Timing], of: str, to: str) -> float | None:
    """How many times longer `of` takes than `to`: the median over rounds of the ratio within one round."""
    if of not in timings or to not in timings:
        return None
    return statistics.median(a / b for a, b in zip(timings[of].rounds, timings[to].rounds))


def duration(seconds: float) -> str:
    """`12.3 µs` and the like."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def show(results: dict[str, dict[str, Timing]], columns: list[str], console: Console) -> None:
    """One row a workload: medians with their spread, and how many times faster «compiled» is than the fastest other library."""
    table = Table(title="median of a call ± half the distance between quartiles", caption="ratios are taken within the same rounds")
    table.add_column("")
    for name in columns:
        table.add_column(name, justify="right")
    table.add_column("compiled is faster than", justify="right")
    for workload, timings in results.items():
        cells = [f"{duration(timings[c].median)} ±{timings[c].spread:.0%}" if c in timings else "" for c in columns]
        table.add_row(workload, *cells, _verdict(timings))
    console.print(table)


def _verdict(timings: dict[str, Timing]) -> str:
    ours = "compiled" if "compiled" in timings else "eager"
    others = [name for name in timings if name not in ("compiled", "eager")]
    if ours not in timings or not others:
        return ""
    best = min(others, key=lambda name: timings[name].median)
    note = "" if ours == "compiled" else " (eager)"
    return f"{best}: {ratio(timings, best, ours):.2f}×{note}"


def environment(versions: dict[str, str]) -> dict[str, Any]:
    """The machine and the versions."""
    return {
        "python": platform.python_version(), "machine": platform.machine(), "processor": _processor(), "cores": os.cpu_count(),
        "versions": versions, "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }  # fmt: skip


def results_path() -> Path:
    """Where the figures of this machine are kept, for git: named by processor and cores, so that a new run replaces the old one."""
    name = re.sub(r"[^a-z0-9]+", "-", f"{_processor()} {os.cpu_count()} cores".lower()).strip("-")
    return Path(__file__).parent / "results" / f"{name}.json"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def save(results: dict[str, dict[str, Timing]], versions: dict[str, str], path: Path) -> None:
    """Everything measured, round by round."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "environment": environment(versions),
        "workloads": {
            workload: {
                name: {"median": t.median, "spread": t.spread, "rounds": t.rounds, "over_compiled": ratio(timings, name, "compiled")}
                for name, t in timings.items()
            }
            for workload, timings in results.items()
        },
    }
    path.write_text(json.dumps(content, indent=1) + "\n")
