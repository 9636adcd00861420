"""`python -m bench scaling`: sizes of arrays, threads, sizes of graphs, memory."""

from __future__ import annotations

from typing import Any, Iterator, Sequence

from . import cpu, peers, report
from .compile_time import ask
from .crew import Failed, Member
from .phases import PHASES, PROGRAMS
from .roofline import Limits
from .workloads import SWEEPS

GRAPHS = (10, 100, 1000, 10_000)
LINEAR = 2.0  # the cost of an operation in the largest graph is at most this many times that in one a tenth of its size


def sweeps(names: Sequence[str], largest: int, rounds: int, seconds: float, limit: float, limits: Limits) -> Iterator[dict[str, Any]]:
    """Chains at all sizes up to `largest`, on one thread and on two."""
    rows = [row for row in SWEEPS if row.shape[0] <= largest]
    for threads in (1, 2):
        crew = [Member(name, peers.thread_settings(threads)) for name in names]
        for row in cpu.run(rows, crew, rounds, seconds, limit):
            yield report.entry(row, limits) | {"threads": threads}


def graphs(largest: int, rounds: int, limit: float) -> Iterator[dict[str, Any]]:
    """Seconds of each phase of compiling, for programs of more and more operations."""
    for program in PROGRAMS:
        for operations in GRAPHS:
            if operations <= largest:
                yield {"program": program, "operations": operations} | ask("compiled", {}, limit, "graph", program=program, operations=operations, rounds=rounds)


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


def peaks(names: Sequence[str], limit: float, operations: int = 20, elements: int = 1 << 24) -> dict[str, float | str]:
    """The most memory of one call of a chain, beside its argument, in sizes of the argument: 1 is the result alone."""
    found: dict[str, float | str] = {}
    for name in names:
        try:
            found[name] = ask(name, {}, limit, "peak_memory", operations=operations, elements=elements)
        except Failed as failure:
            found[name] = str(failure)
    return found


def flatness(calls: int, shapes: int, limit: float) -> Iterator[dict[str, Any]]:
    """Memory before and after many calls, and after calls with many shapes."""
    for task, count in (("many_calls", calls), ("many_shapes", shapes)):
        found = ask("compiled", {}, limit, task, count=count)
        yield {"what": task.replace("_", " "), "count": count, "grown": found["after"] / found["before"] - 1, **found}
