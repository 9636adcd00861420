"""`python -m bench scaling`: sizes of arrays, threads, sizes of graphs, memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Iterator, Sequence

from . import cpu, peers, report, roofline
from .compile_time import ask
from .crew import Failed, Member
from .phases import PHASES, PROGRAMS
from .roofline import Limits
from .workload import ARRAY_LIBRARIES
from .workloads import SWEEPS

GRAPHS = (10, 100, 1000, 10_000)
LINEAR = 2.0  # the cost of an operation in the largest graph is at most this many times that in one a tenth of its size


@dataclass(frozen=True)
class Extent:
    """How far a run goes."""

    elements: int
    operations: int
    calls: int
    shapes: int
    rounds: int
    seconds: float  # of a peer's turn in a round


WHOLE = Extent(10**8, 10_000, 10**6, 10**4, 7, 0.1)
QUICK = Extent(1 << 20, 1000, 10**5, 10**3, 3, 0.03)


def run(names: Sequence[str], extent: Extent, limit: float) -> dict[str, Any]:
    """Measure all of it, printed as it is found. `limit`: seconds after which a peer is cut off."""
    limits = roofline.measured()
    print(report.header(list(names)))
    swept = shown(sweeps(names, extent, limit, limits), lambda entry: f"{entry['threads']} · {report.line(entry, list(names))}")
    print("\ncost of an operation while compiling".ljust(45) + "".join(phase.rjust(15) for phase in PHASES))
    compiled = shown(graphs(extent, limit), graph_line)
    print(f"linear: {'yes' if is_linear(compiled) else 'no'}\n\nmost memory of a call of 20 operations, in sizes of its argument")
    memory = shown(peaks(names, limit), lambda found: f"{found['peer']:15}{found.get('note') or format(found['sizes'], '.2f')}")
    print()
    flat = shown(flatness(extent, limit), lambda f: f"{f['count']:,} {f['what']}: {f['before'] / 1e6:.1f} → {f['after'] / 1e6:.1f} MB in {f['seconds']:.1f} s")
    return {"limits": limits, "sweeps": swept, "graphs": compiled, "peak_memory": memory, "memory": flat}


def shown(entries: Iterator[dict[str, Any]], line: Callable[[dict[str, Any]], str]) -> list[dict[str, Any]]:
    """All entries, each printed when it comes."""
    kept = []
    for entry in entries:
        print(line(entry), flush=True)
        kept.append(entry)
    return kept


def sweeps(names: Sequence[str], extent: Extent, limit: float, limits: Limits) -> Iterator[dict[str, Any]]:
    """Chains at all sizes, on one thread and on two."""
    rows = [row for row in SWEEPS if row.shape[0] <= extent.elements]
    for threads in (1, 2):
        crew = [Member(name, peers.thread_settings(threads), threads) for name in names]
        for row in cpu.run(rows, crew, extent.rounds, extent.seconds, limit):
            yield report.entry(row, limits) | {"threads": threads}


def graphs(extent: Extent, limit: float) -> Iterator[dict[str, Any]]:
    """Seconds of each phase of compiling, for programs of more and more operations."""
    for program in PROGRAMS:
        for operations in GRAPHS:
            if operations <= extent.operations:
                what = {"program": program, "operations": operations}
                yield what | ask("compiled", {}, limit, "graph", **what, rounds=extent.rounds)


def graph_line(found: dict[str, Any]) -> str:
    """Microseconds an operation."""
    costs = "".join(f"{found[phase] / found['nodes'] * 1e6:.2f} µs".rjust(15) for phase in PHASES)
    return f"{found['program']} of {found['operations']:,} operations".ljust(44) + costs


def is_linear(found: Sequence[dict[str, Any]]) -> bool:
    """Whether the cost of an operation, all phases together, stays as it is from a thousand operations on."""

    def cost(entry: dict[str, Any]) -> float:
        return sum(entry[phase] for phase in PHASES) / entry["nodes"]

    pairs = [(a, b) for a in found for b in found if a["program"] == b["program"] and 1000 <= a["operations"] < b["operations"]]
    return all(cost(b) <= LINEAR * cost(a) for a, b in pairs)


def peaks(names: Sequence[str], limit: float, operations: int = 20, elements: int = 1 << 24) -> Iterator[dict[str, Any]]:
    """The most memory of one call of a chain, beside its argument, in sizes of the argument: 1 is the result alone."""
    for name in names:
        if peers.package(name) in ARRAY_LIBRARIES:
            try:
                yield {"peer": name, "sizes": ask(name, {}, limit, "peak_memory", operations=operations, elements=elements)}
            except Failed as failure:
                yield {"peer": name, "note": str(failure)}


def flatness(extent: Extent, limit: float) -> Iterator[dict[str, Any]]:
    """Memory before and after many calls, and after calls with many shapes."""
    tasks = (("many_calls", extent.calls, "calls"), ("many_shapes", extent.shapes, "calls, each of a new shape"))
    for task, count, what in tasks:
        found = ask("compiled", {}, 10 * limit, task, count=count)
        yield {"what": what, "count": count, "grown": found["after"] / found["before"] - 1, **found}
