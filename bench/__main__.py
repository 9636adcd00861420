"""tracejit beside NumPy, numexpr, Numba, PyTorch and JAX, in one run. Libraries that are not installed are left out."""

from __future__ import annotations

import argparse
import importlib.util
import json
import signal
import sys
from dataclasses import replace
from pathlib import Path

import tracejit as tj

from . import compile_time, cpu, cuda, cuda_peers, cuda_tasks, functions, lazy, peers, program_worker, programs, report, roofline, scaling, tables
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
    limits, found = roofline.measured(), []
    for row in cpu.run(rows, [Member(name) for name in names], rounds, seconds, options.limit):
        found.append(row.least() if options.least else row)
        print(report.line(report.entry(found[-1], limits), names), flush=True)
    limits = roofline.merged(limits, roofline.measured())
    entries = [report.entry(row, limits) for row in found]
    print(*report.notes(entries), *report.summary(entries, limits), sep="\n")
    whole = not (options.only or options.skip or options.quick or options.least)
    path = options.out or (report.RESULTS / f"{report.machine_name()}-cpu.json" if whole else None)
    if path:
        report.save(path, versions, limits=limits, rows=entries)
        print(f"figures: {path}")
        if importlib.util.find_spec("matplotlib"):
            tables.plot(entries, path.with_suffix(".png"))


def run_cuda(options: argparse.Namespace) -> None:
    """One NVIDIA GPU, beside torch.compile, PyTorch, JAX and CuPy, as far as they are installed, in less than eight minutes."""
    if not tj.cuda.is_available():
        sys.exit(cuda.what_is_missing())
    crew, simulated = cuda.gathered(set(filter(None, options.skip.split(",")))), cuda.simulated()
    try:
        rounds, sizes = (2, cuda.COPIED[:1]) if options.quick else (options.rounds, cuda.COPIED)
        measured = {} if simulated else cuda.copies(crew, sizes, rounds=3)
        print(*cuda.preface(crew, measured), report.header(list(cuda_peers.COLUMNS)), sep="\n", flush=True)
        rows = [w for w in cuda_tasks.WORKLOADS if any(part.lower() in f"{w.group}: {w.name}".lower() for part in options.only or [""])]
        rows, entries = cuda.in_turns(cuda.unlike(rows) if options.quick else rows), []
        for row in cuda.run(rows, crew, rounds, options.seconds, tiny=options.quick):
            entries.append(cuda.entry(row, measured))
            print(cuda.line(entries[-1]), flush=True)
    finally:
        crew.end()
    entries.sort(key=lambda e: list(cuda_tasks.ROWS_BY_NAME).index(e["row"]))
    print(*report.notes(entries), *cuda.first_calls(entries), sep="\n")
    if simulated:
        print("The GPU is simulated: these are no figures, and none is kept.")
        return
    print(*cuda.summary(entries, len(rows)), sep="\n")
    if path := options.out or (None if options.only or options.skip or options.quick else report.RESULTS / f"{cuda.file_name(crew)}.json"):
        report.save(path, cuda.versions(crew), gpu=crew.about["compiled"]["gpu"], copies=measured, rows=entries)
        print(f"figures: {path}")
        if importlib.util.find_spec("matplotlib"):
            tables.plot(entries, path.with_suffix(".png"))


def run_table(options: argparse.Namespace) -> None:
    """The figures of a run of `cpu`, or of `programs`, as a Markdown table."""
    rows = json.loads(options.file.read_text())["rows"]
    print("\n".join([programs.markdown(rows), "", *programs.summary(rows), *programs.notes(rows)]) if "program" in rows[0] else tables.markdown(rows))


def run_compile(options: argparse.Namespace) -> None:
    """How long a first result takes: of a new function, in a new process with a warm store on disk, of a new shape."""
    names = [name for name in peers.installed(set(filter(None, options.skip.split(",")))) if name in compile_time.COLUMNS]
    print(f"{'':44}" + "".join(name.rjust(15) for name in compile_time.COLUMNS))
    found = []
    for figure in compile_time.figures(names, 1 if options.quick else options.rounds, options.limit):
        found.append(figure)
        print(figure.line(), flush=True)
    path = options.out or (None if options.skip or options.quick else report.RESULTS / f"{report.machine_name()}-compile.json")
    if path:
        report.save(path, peers.versions(names), rows=[figure.as_json() for figure in found])
        print(f"figures: {path}")


def run_functions(options: argparse.Namespace) -> None:
    """Nanoseconds an element of each elementary function on one thread, beside NumPy's ufunc and libm in a loop."""
    print(functions.HEADER)
    found = []
    for figure in functions.figures(3 if options.quick else options.rounds, options.only or ()):
        found.append(figure)
        print(figure.line(), flush=True)
    print("", *functions.summary(found), sep="\n")
    path = options.out or (None if options.only or options.quick else report.RESULTS / f"{report.machine_name()}-functions.json")
    if path:
        report.save(path, peers.versions(["NumPy", "Numba"]), rows=[figure.as_json() for figure in found])
        print(f"figures: {path}")


def run_lazy(options: argparse.Namespace) -> None:
    """What an operation costs where Python runs at each call, beside np.add of two small arrays."""
    print(lazy.HEADER)
    for figure in lazy.figures(3 if options.quick else options.rounds):
        print(figure.line(), flush=True)


def run_scaling(options: argparse.Namespace) -> None:
    """Sizes of arrays from 16 to 10⁸ elements, on one thread and two; sizes of graphs; memory."""
    names = peers.installed(set(filter(None, options.skip.split(","))))
    extent = scaling.QUICK if options.quick else scaling.WHOLE
    asked = {field: value for field in ("elements", "rounds") if (value := getattr(options, field)) is not None}
    found = scaling.run(names, replace(extent, **asked), options.limit)
    path = options.out or (None if options.skip or options.quick or asked else report.RESULTS / f"{report.machine_name()}-scaling.json")
    if path:
        report.save(path, peers.versions(names), **found)
        print(f"figures: {path}")


def run_programs(options: argparse.Namespace) -> None:
    """NumPy programs as people write them, compiled as they are, beside NumPy, hand-written Numba and torch.compile of the same code."""
    chosen = [p for name, p in program_worker.catalogue().items() if any(part in name for part in options.only or [""])]
    limits = dict.fromkeys(programs.COLUMNS, options.limit) | {"torch.compile": options.torch_limit}
    print(programs.header())
    found = []
    columns = programs.crew(set(filter(None, options.skip.split(","))), options.processes)
    for row in programs.run(chosen, columns, 3 if options.quick else options.rounds, options.seconds, limits):
        found.append(row.entry())
        print(programs.line(found[-1]), flush=True)
    print("", *programs.notes(found), "", *programs.summary(found), sep="\n")
    path = options.out or options.into or (None if options.only or options.skip or options.quick else report.RESULTS / f"{report.machine_name()}-programs.json")
    if path:
        if options.into:
            found = programs.merged(json.loads(options.into.read_text())["rows"], found)
        report.save(path, peers.versions(peers.installed(set())), rows=found)
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
    command = commands.add_parser("cuda", help=run_cuda.__doc__)
    command.add_argument("--only", nargs="+", metavar="PART", help="rows whose group or name contains one of these: elementwise \"softmax, 4096\"")
    command.add_argument("--skip", default="", help="columns or packages to leave out, by commas: torch.compile,jax")
    command.add_argument("--rounds", type=int, default=9, help="at most; three at least, as time allows")
    command.add_argument("--seconds", type=float, default=420, help="when no further row is begun")
    command.add_argument("--quick", action="store_true", help="tiny arrays, two rounds: to see that it runs, on a simulated GPU too (TRACEJIT_CUDA=simulator)")
    command.add_argument("--out", type=Path, help="the JSON file; of a whole run, by default, this GPU's in bench/results")
    command.set_defaults(run=run_cuda)
    command = commands.add_parser("compile", help=run_compile.__doc__)
    command.add_argument("--skip", default="", help="columns to leave out, by commas: torch.compile,JAX")
    command.add_argument("--rounds", type=int, default=5)
    command.add_argument("--quick", action="store_true", help="one round")
    command.add_argument("--limit", type=float, default=300, help="seconds after which a peer is cut off")
    command.add_argument("--out", type=Path, help="the JSON file; by default, this machine's in bench/results")
    command.set_defaults(run=run_compile)
    command = commands.add_parser("functions", help=run_functions.__doc__)
    command.add_argument("--only", nargs="+", metavar="FUNCTION", help="functions by name: exp log")
    command.add_argument("--rounds", type=int, default=25)
    command.add_argument("--quick", action="store_true", help="three rounds")
    command.add_argument("--out", type=Path, help="the JSON file; by default, this machine's in bench/results")
    command.set_defaults(run=run_functions)
    command = commands.add_parser("lazy", help=run_lazy.__doc__)
    command.add_argument("--rounds", type=int, default=25)
    command.add_argument("--quick", action="store_true", help="three rounds")
    command.set_defaults(run=run_lazy)
    command = commands.add_parser("scaling", help=run_scaling.__doc__)
    command.add_argument("--skip", default="", help="columns or packages to leave out, by commas: torch.compile,jax")
    command.add_argument("--quick", action="store_true", help="fewer rounds, to 10⁶ elements, 10³ operations, 10⁵ calls, 10³ shapes")
    command.add_argument("--elements", type=int, help="the largest arrays, else of 10⁸ elements")
    command.add_argument("--rounds", type=int)
    command.add_argument("--limit", type=float, default=300, help="seconds after which a peer is cut off")
    command.add_argument("--out", type=Path, help="the JSON file; by default, this machine's in bench/results")
    command.set_defaults(run=run_scaling)
    command = commands.add_parser("programs", help=run_programs.__doc__)
    command.add_argument("--only", nargs="+", metavar="PART", help="programs whose name contains one of these")
    command.add_argument("--skip", default="", help="columns or packages to leave out, by commas: torch.compile,numba")
    command.add_argument("--rounds", type=int, default=9)
    command.add_argument("--processes", type=int, default=3, help="of each column, which rounds take in turns")
    command.add_argument("--seconds", type=float, default=0.05, help="a column's turn in a round (three calls at least)")
    command.add_argument("--quick", action="store_true", help="three rounds")
    command.add_argument("--limit", type=float, default=60, help="seconds in which a column must have settled, else it is cut off")
    command.add_argument("--torch-limit", type=float, default=20, help="the same for torch.compile, which takes minutes where loops unroll")
    command.add_argument("--out", type=Path, help="the JSON file; of a whole run, by default, this machine's in bench/results")
    command.add_argument("--into", type=Path, help="a JSON file of an earlier run on this machine: rows measured now take the place of its rows")
    command.set_defaults(run=run_programs)
    command = commands.add_parser("table", help=run_table.__doc__)
    command.add_argument("file", type=Path, nargs="?", default=report.RESULTS / f"{report.machine_name()}-cpu.json")
    command.set_defaults(run=run_table)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the peers' processes end too
    options = parser.parse_args()
    options.run(options) if "run" in options else parser.print_help()


if __name__ == "__main__":
    main()
