"""tracejit beside NumPy, numexpr, Numba, PyTorch and JAX, in one run. Libraries that are not installed are left out."""

from __future__ import annotations

import argparse
from pathlib import Path

from . import cpu, peers, report, roofline
from .crew import Member
from .workloads import WORKLOADS


def run_cpu(options: argparse.Namespace) -> None:
    """Every row by every peer: how long a call takes once all is compiled."""
    rows = [w for w in WORKLOADS if any(part.lower() in f"{w.group}: {w.name}".lower() for part in options.only or [""])]
    names = peers.installed(set(filter(None, options.skip.split(","))))
    versions = peers.versions(names)
    rounds, seconds = (3, 0.05) if options.quick else (options.rounds, options.seconds)
    print(" · ".join([*map(str, report.machine().values()), *(f"{k} {v}" for k, v in versions.items())]))
    print(report.header(names))
    limits, entries = roofline.measured(), []
    for row in cpu.run(rows, [Member(name) for name in names], rounds, seconds, options.limit):
        entries.append(report.entry(row.least() if options.least else row, limits))
        print(report.line(entries[-1], names), flush=True)
    print(*report.notes(entries), *report.summary(entries, limits), sep="\n")
    whole = not (options.only or options.skip or options.quick or options.least)
    path = options.out or (report.RESULTS / f"{report.machine_name()}-cpu.json" if whole else None)
    if path:
        report.save(path, versions, limits=limits, rows=entries)
        print(f"figures: {path}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    commands = parser.add_subparsers(metavar="COMMAND")
    command = commands.add_parser("cpu", help=run_cpu.__doc__)
    command.add_argument("--only", nargs="+", metavar="PART", help="rows whose group or name contains one of these: memory \"GELU, 4 k\"")
    command.add_argument("--skip", default="", help="columns or packages to leave out, by commas: torch.compile,jax")
    command.add_argument("--rounds", type=int, default=9)
    command.add_argument("--seconds", type=float, default=0.1, help="a peer's turn in a round (a call at least)")
    command.add_argument("--quick", action="store_true", help="three short rounds")
    command.add_argument("--least", action="store_true", help="judge by each peer's fastest round: for a machine that others use too")
    command.add_argument("--limit", type=float, default=120, help="seconds in which a peer must have settled, else it is cut off")
    command.add_argument("--out", type=Path, help="the JSON file; of a whole run, by default, this machine's in bench/results")
    command.set_defaults(run=run_cpu)
    options = parser.parse_args()
    options.run(options) if "run" in options else parser.print_help()


if __name__ == "__main__":
    main()
