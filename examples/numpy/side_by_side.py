"""What the examples share: a NumPy function run as it is and under `@tj.compile`, results compared, and both timed."""

from __future__ import annotations

import copy
import statistics
import time
from typing import Any, Callable

import numpy as np

import tracejit as tj


def side_by_side(function: Callable[..., Any], *arguments: Any, calls: int = 7) -> Any:
    """The compiled function's result. Prints how far it and the changed arguments are from the undecorated function's, and the times."""
    compiled = tj.compile(function)
    ours, theirs = copy.deepcopy(arguments), copy.deepcopy(arguments)
    first, result = timed(compiled, ours)
    expected = timed(function, theirs)[1]
    difference = apart((result, ours), (expected, theirs))
    print("identical to the last bit: yes" if difference == 0 else f"largest relative difference: {difference:.1e}")
    numpy_time, compiled_time = (statistics.median(timed(f, copy.deepcopy(arguments))[0] for _ in range(calls)) for f in (function, compiled))
    print(f"NumPy {1e3 * numpy_time:.2f} ms · compiled {1e3 * compiled_time:.2f} ms, {numpy_time / compiled_time:.1f}× · first call {first:.2f} s")
    return result


def timed(function: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[float, Any]:
    began = time.perf_counter()
    result = function(*arguments)
    return time.perf_counter() - began, result


def apart(found: Any, expected: Any) -> float:
    """The largest difference anywhere in two nested results, relative to the largest magnitude of its array."""
    if isinstance(expected, (tuple, list)):
        return max(map(apart, found, expected), default=0.0)
    found, expected = np.asarray(found), np.asarray(expected)
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    if expected.dtype.kind not in "fc":
        return 0.0 if (found == expected).all() else np.inf
    return float(np.abs(found - expected).max(initial=0.0) / (np.abs(expected).max(initial=0.0) or 1.0))
