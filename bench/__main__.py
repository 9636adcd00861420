"""`python -m bench`: every workload in every library that is installed, side by side in one run."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Callable

from rich.console import Console

from .peers import Peer, installed
from .report import Timing, environment, measure, results_path, save, show
from .workloads import WORKLOADS, Workload


def calls_of(workload: Workload, peers: list[Peer]) -> dict[str, Callable[[], Any]]:
    """The ready calls of a workload, by column."""
    calls: dict[str, Callable[[], Any]] = {}
    for peer in peers:
        make = workload.programs.get(peer.library)
        if make is None or (workload.eager_only and peer.compiles):
            continue
        if workload.raw:
            call = make(peer.compile if peer.compiles else None)
            calls[peer.name] = lambda call=call, wait=peer.wait: wait(call())
            continue
        function, arguments = make()
        ready, own = peer.compile(function), tuple(peer.array(a) for a in arguments)
        calls[peer.name] = lambda ready=ready, own=own, wait=peer.wait: wait(ready(*own))
    return calls


def main() -> None:
    """Parse the command line, measure, print the table and write the JSON file."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", default="", help="run the workloads whose name contains this")
    parser.add_argument("--skip", default="", help="columns or packages to leave out, by commas: torch.compile,jax")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.1, help="time of one column's turn in a round")
    parser.add_argument("--out", type=Path, help="the JSON file; of a whole run, by default, this machine's in bench/results")
    options = parser.parse_args()
    console = Console()
    if not console.is_terminal:
        console = Console(width=160)
    peers = installed(set(filter(None, options.skip.split(","))))
    versions = {peer.library: peer.version for peer in peers}
    machine = environment(versions)
    console.print(f"{machine['processor']}, {machine['cores']} cores · " + ", ".join(f"{k} {v}" for k, v in versions.items()))
    results: dict[str, dict[str, Timing]] = {}
    for workload in WORKLOADS:
        if options.only.lower() in workload.name.lower():
            with console.status(workload.name):
                results[workload.name] = measure(calls_of(workload, peers), options.rounds, options.seconds, workload.warm_up)
    columns = [peer.name for peer in peers if any(peer.name in timings for timings in results.values())]
    show(results, columns, console)
    path = options.out or (None if options.only or options.skip else results_path())
    if path is not None:
        save(results, versions, path)
        console.print(f"figures: {path}")


if __name__ == "__main__":
    main()
