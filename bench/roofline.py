"""What the machine can do at most, measured: the triad's bandwidth and the speed of large matmuls. `python -m bench.roofline`."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import Any, Callable

import numpy as np

Limits = dict[str, float]  # "triad": bytes a second; "float32", "float64": operations a second of a matmul
ROUNDS = 7


def measured() -> Limits:
    """The limits, found in a fresh process."""
    output = subprocess.run([sys.executable, "-m", "bench.roofline"], capture_output=True, text=True, check=True).stdout
    return json.loads(output.splitlines()[-1])


def merged(first: Limits, second: Limits) -> Limits:
    """The higher of each: what the machine could do at its better moment."""
    return {name: max(value, second[name]) for name, value in first.items()}


def share(seconds: float, bytes: int, flops: float, dtype: str, limits: Limits) -> float:
    """The least time that the memory traffic and the matmuls of a call take on this machine, as a share of its time."""
    return max(bytes / limits["triad"], flops / limits[dtype]) / seconds


def _least(call: Callable[[], Any]) -> float:
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return min(times[1:])


def _triad() -> float:
    """a = b + 3 c over arrays of 128 MB in memory already touched, on all cores; each counts once, as is the custom."""
    import numba

    @numba.njit(parallel=True)
    def triad(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> None:
        for i in numba.prange(a.size):
            a[i] = b[i] + 3.0 * c[i]

    a, b, c = (np.ones(1 << 24) for _ in range(3))
    return 3 * a.nbytes / _least(lambda: triad(a, b, c))


def _matmul(dtype: str, n: int = 2048) -> float:
    a, b, c = (np.ones((n, n), dtype) for _ in range(3))
    return 2 * n**3 / _least(lambda: np.matmul(a, b, out=c))


if __name__ == "__main__":
    print(json.dumps({"triad": _triad(), "float32": _matmul("float32"), "float64": _matmul("float64")}))
