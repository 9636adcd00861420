"""Threads: a kernel whose outermost loop is parallel is cut into chunks, which the caller and a pool's workers claim one by one.

Cuts are between elements that do not know of each other, so results never depend on the number of threads. The child of a fork starts
with an empty pool; see `crew.py`.
"""

from __future__ import annotations

import ctypes
import os
from functools import lru_cache

from ...errors import ArgumentError, fail
from ...forks import after_fork
from .crew import FIELDS, SIZE

SETTING = "TRACEJIT_NUM_THREADS"


def pool() -> int:
    """The address of the pool's words."""
    return ctypes.addressof(_pool())


def get_num_threads() -> int:
    """How many threads a kernel may use, the calling one included."""
    return _pool()[0]


def set_num_threads(number: int) -> None:
    """Let kernels use this many threads, the calling one included; 1 keeps all work on the calling thread.

    The default is $TRACEJIT_NUM_THREADS, else the number of processors this process may run on. Results do not depend on it. Matrix
    products follow the BLAS library's own setting. Raises ArgumentError for less than 1.
    """
    if type(number) is not int or number < 1:
        fail(ArgumentError, f"set_num_threads({number!r})", "Give the number of threads, 1 or more.")
    _pool()[0] = number


def started() -> int:
    """How many workers this process has started."""
    return _pool()[FIELDS["workers"] // 8]


@lru_cache(maxsize=None)
def _pool() -> ctypes.Array:
    words = (ctypes.c_int64 * (SIZE // 8 + 8))()
    aligned = (ctypes.c_int64 * (SIZE // 8)).from_buffer(words, -ctypes.addressof(words) % 64)
    aligned[0] = _default()
    after_fork(_empty)
    return aligned


def _empty() -> None:
    """Threads do not survive a fork: the child's pool has none, and nobody is inside."""
    words = _pool()
    threads = words[0]
    ctypes.memset(words, 0, SIZE)
    words[0] = threads


def _default() -> int:
    given = os.environ.get(SETTING)
    if given is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not given.isdecimal() or int(given) < 1:
        fail(ArgumentError, f"{SETTING}={given!r}", "Give the number of threads, 1 or more, or leave it unset.")
    return int(given)
