"""`python -m bench compile`: how long a first result takes: of a new function, in a new process, of a new shape."""

from __future__ import annotations

import contextlib
import statistics
import tempfile
from dataclasses import dataclass
from typing import Any, Callable, Iterator

from .crew import Failed, Member
from .report import duration

COLUMNS = ("compiled", "torch.compile", "JAX")


@dataclass(frozen=True)
class Figure:
    """One row: seconds by peer (or a note), and the largest share of JAX's that is the target."""

    row: str
    seconds: dict[str, float | str]
    at_most: float
    kernels: int | None = None  # compiled by tracejit, where none should be

    @property
    def share(self) -> float | None:
        ours, theirs = self.seconds.get("compiled"), self.seconds.get("JAX")
        return ours / theirs if isinstance(ours, float) and isinstance(theirs, float) else None

    @property
    def met(self) -> bool:
        return self.share is not None and self.share <= self.at_most and not self.kernels

    def line(self) -> str:
        cells = [duration(s) if isinstance(s, float) else s[:14] for s in (self.seconds.get(c, "·") for c in COLUMNS)]
        share = "" if self.share is None else f"{self.share:.2f} of JAX's time"
        kernels = "" if self.kernels is None else f", {self.kernels} kernels compiled"
        return f"{self.row:44}{''.join(c.rjust(15) for c in cells)}  {share:>20}  {'met' if self.met else 'not'} (≤ {self.at_most:g}){kernels}"

    def as_json(self) -> dict[str, Any]:
        kernels = {} if self.kernels is None else {"kernels": self.kernels}
        return {"row": self.row, "seconds": self.seconds, "share": self.share, "at_most": self.at_most, "met": self.met, **kernels}


@contextlib.contextmanager
def stores() -> Iterator[dict[str, str]]:
    """Environment variables that give each library an empty store on disk: JAX too keeps what it compiles, if it is asked to."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        yield {
            "TRACEJIT_CACHE_DIR": f"{folder}/tracejit", "TORCHINDUCTOR_CACHE_DIR": f"{folder}/torch", "JAX_COMPILATION_CACHE_DIR": f"{folder}/jax",
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0", "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        }  # fmt: skip


def ask(name: str, environment: dict[str, str], limit: float, task: str, **arguments: Any) -> Any:
    """What a task gives in a fresh process."""
    member = Member(name, environment)
    try:
        return member.ask(limit, do="task", task=task, **arguments)
    finally:
        member.end()


def figures(names: list[str], rounds: int, limit: float) -> Iterator[Figure]:
    """All rows, the medians of so many rounds."""

    def gathered(once: Callable[[str, int], dict[str, float]]) -> tuple[dict[str, list[dict[str, float]]], dict[str, str]]:
        found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
        notes: dict[str, str] = {}
        for number in range(rounds):
            for name in names:
                if name not in notes:
                    try:
                        found[name].append(once(name, number))
                    except Failed as failure:
                        notes[name] = str(failure)
        return found, notes

    def new_functions(name: str, number: int) -> dict[str, float]:
        with stores() as environment:
            return ask(name, environment, limit, "first_results", seed=number)

    def warm_store(what: str) -> Callable[[str, int], dict[str, float]]:
        def once(name: str, number: int) -> dict[str, float]:
            with stores() as environment:
                cold = ask(name, environment, limit, "import_to_result", what=what)
                warm = ask(name, environment, limit, "import_to_result", what=what)
            return {"cold": cold["seconds"], "warm": warm["seconds"], "kernels": warm["compiled"]}

        return once

    def new_shape(name: str, number: int) -> dict[str, float]:
        with stores() as environment:
            return ask(name, environment, limit, "new_shape")

    def medians(found: dict[str, list[dict[str, float]]], notes: dict[str, str], what: str) -> dict[str, float | str]:
        return {name: notes.get(name) or statistics.median(f[what] for f in found[name]) for name in names}

    found, notes = gathered(new_functions)
    for what in next((found[name][0] for name in names if found[name]), {}):
        yield Figure(f"new function, {what}", medians(found, notes, what), 1.0)
    for what, label in (("chain", "50 operations"), ("step", "MLP training step")):
        found, notes = gathered(warm_store(what))
        kernels = max((int(f["kernels"]) for f in found.get("compiled", [])), default=None)
        yield Figure(f"import to result, {label}, store empty", medians(found, notes, "cold"), 1.0)
        yield Figure(f"import to result, {label}, store warm", medians(found, notes, "warm"), 1.0, kernels)
    found, notes = gathered(new_shape)
    kernels = max((int(f["compiled"]) for f in found.get("compiled", [])), default=None)
    yield Figure("new shape, 50 operations", medians(found, notes, "seconds"), 0.05, kernels)
