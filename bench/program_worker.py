"""A peer in a process of its own for `python -m bench programs`: `python -m bench.program_worker NAME`.

Each call gets arguments of its own, made before the clock starts: programs change them. Their values are other ones from call to call.

The C library takes arrays below the largest that a process has freed from memory it keeps, where each fresh page would be a fault. Which
arrays those are must not depend on the programs that came before in this process, nor on who freed: so each begins with the largest freed.
"""

from __future__ import annotations

import copy
import gc
import importlib
import itertools
import math
import sys
import time
import warnings
from pathlib import Path
from typing import Any, Callable

import numpy as np

from . import peers
from .worker import WARM, leaves, sample, serve

SEEDS = (0, 1, 2)
FREED = 31 << 20  # bytes: glibc learns from up to 32 MiB
SETTLED = 3  # calls of each seed before the clock starts


def catalogue() -> dict[str, Any]:
    """The programs by name: those that the tests run."""
    folder = str(Path(__file__).parent.parent / "tests")
    if folder not in sys.path:
        sys.path.append(folder)
    return importlib.import_module("programs").PROGRAMS


class Session:
    """What a parent may ask for; each method answers with what JSON can hold."""

    def __init__(self, name: str) -> None:
        self.peer = peers.load(name)
        self.function: Callable[..., Any] | None = None
        self.arguments: list[tuple[Any, ...]] = []
        warnings.simplefilter("ignore")

    def begin(self) -> None:
        """Compile something: what a process does once is not told as a program's compile time. And free a large array, see above."""
        np.empty(FREED, np.uint8)
        self.peer.compile(lambda x: x + 1.0)(np.ones(3))

    def prepare(self, program: str) -> dict[str, Any]:
        """The first call's time, then calls until the program has settled; what the first call gave and did to its arguments."""
        entry = catalogue()[program]
        self.arguments = [entry.arguments("bench", seed) for seed in SEEDS]
        if self.peer.library == "numba":
            self.function = getattr(importlib.import_module("bench.program_loops"), program, None)
            if self.function is None:
                return {"absent": True}
        else:
            self.function = self.peer.compile(entry.function)
        arguments = self.take(0)
        first, result = self.timed(arguments)
        results = leaves([part for part in (result, *arguments) if part is not None])
        once, calls, began = math.inf, 0, time.perf_counter()
        while calls < SETTLED * len(SEEDS) or time.perf_counter() - began < WARM:
            once, calls = min(once, self.timed(self.take(calls))[0]), calls + 1
        return {
            "first": first, "once": once, "mode": self.mode(),
            "results": [{"dtype": str(a.dtype), "shape": a.shape, "sample": _finite(sample(np.abs(a))).tolist()} for a in results],
        }  # fmt: skip

    def turn(self, count: int) -> float:
        """Seconds of a call, the mean of `count`."""
        return sum(self.timed(self.take(call))[0] for call in range(count)) / count

    def forget(self) -> None:
        """Drop the program."""
        self.function, self.arguments = None, []
        self.peer.forget()
        gc.collect()

    def take(self, call: int) -> tuple[Any, ...]:
        """Arguments for one call; np.random's generator stands where it stood at that call in every library."""
        np.random.seed(call % len(SEEDS))
        return copy.deepcopy(self.arguments[call % len(SEEDS)])

    def timed(self, arguments: tuple[Any, ...]) -> tuple[float, Any]:
        assert self.function is not None
        began = time.perf_counter()
        result = self.function(*arguments)
        return time.perf_counter() - began, result

    def mode(self) -> str:
        """How tracejit runs the program: what `cache_info` says of its traces."""
        if self.peer.library != "tracejit":
            return ""
        return " ".join(f"{kind}×{n}" if n > 1 else kind for kind, n in _counted(self.function.cache_info().modes)) or "python"  # type: ignore[union-attr]


def _finite(values: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(values), values, -1.0)


def _counted(values: tuple[str, ...]) -> list[tuple[str, int]]:
    return [(value, len(list(run))) for value, run in itertools.groupby(sorted(values))]


if __name__ == "__main__":
    serve(Session)
