"""What a peer's process does for `compile` and `scaling`, once, timed by itself: one function for each figure."""

from __future__ import annotations

import importlib
import os
import re
import time
from pathlib import Path
from typing import Any, Callable

import numpy as np

from . import peers
from .peers import Peer
from .workloads import ROWS_BY_NAME

STEP = "training step: MLP 100→128→10, batch 32"
SIZES = (1, 10, 50, 200)  # operations of the functions that are compiled
ELEMENTS = 1000


def chain(peer: Peer, operations: int, seed: int) -> Callable[[Any], Any]:
    """A function of so many elementwise operations, drawn by the seed: another seed, another program."""
    xp = peer.xp
    forms: list[Callable[[Any, Any], Any]] = [
        lambda x, y: xp.tanh(y), lambda x, y: xp.exp(-y * y), lambda x, y: xp.sqrt(abs(y)), lambda x, y: xp.sin(y), lambda x, y: xp.cos(y),
        lambda x, y: x + y, lambda x, y: y - 0.5 * x, lambda x, y: x * y, lambda x, y: xp.where(y > x, x, y), lambda x, y: y / (1.0 + x * x),
    ]  # fmt: skip
    chosen = [forms[k] for k in np.random.default_rng([operations, seed]).permutation(np.arange(operations) % len(forms))]

    def function(x: Any) -> Any:
        y = x
        for form in chosen:
            y = form(x, y)
        return y

    return function


def _first_result(peer: Peer, operations: int, seed: int, elements: int = ELEMENTS) -> tuple[float, Callable[[Any], Any]]:
    """Seconds from decorating a new function to its first result; and the function."""
    x = peer.array(np.linspace(-1, 1, elements, dtype=np.float32))
    began = time.perf_counter()
    ready = peer.compile(chain(peer, operations, seed))
    result = ready(x)
    if peer.wait:
        peer.wait(result)
    return time.perf_counter() - began, ready


def _step(peer: Peer) -> float:
    """Seconds of a training step's first call: the model is there, nothing is compiled."""
    row = ROWS_BY_NAME[STEP]
    call = row.programs[peer.library](peer, row.arguments())
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def first_results(name: str, seed: int) -> dict[str, float]:
    """First results of new functions, in a process whose compiler has already compiled something."""
    peer = peers.load(name)
    _first_result(peer, 7, seed)
    found = {}
    for operations in SIZES:
        found[f"{operations} operations"] = _first_result(peer, operations, seed)[0]
        peer.forget()
    found["MLP training step"] = _step(peer)
    return found


def import_to_result(name: str, what: str) -> dict[str, float]:
    """From before the library is imported to the first result, and how many kernels were compiled for it."""
    before, began = _stored(), time.perf_counter()
    peer = peers.load(name)
    _step(peer) if what == "step" else _first_result(peer, 50, seed=0)
    return {"seconds": time.perf_counter() - began, "compiled": _stored() - before}


def new_shape(name: str) -> dict[str, float]:
    """The first call with another size of a function of 50 operations, and how many kernels were compiled for it."""
    peer = peers.load(name)
    _, ready = _first_result(peer, 50, seed=1)
    x = peer.array(np.linspace(-1, 1, ELEMENTS + 234, dtype=np.float32))
    before, began = _stored(), time.perf_counter()
    result = ready(x)
    if peer.wait:
        peer.wait(result)
    return {"seconds": time.perf_counter() - began, "compiled": _stored() - before}


def _stored() -> int:
    """Kernels in tracejit's store: each one that is compiled is kept there."""
    directory = Path(os.environ.get("TRACEJIT_CACHE_DIR", "/nowhere"))
    return len(list(directory.rglob("*.bin")))


def graph(name: str, **arguments: Any) -> dict[str, float]:
    """The phases of compiling, for tracejit's process alone."""
    return importlib.import_module("bench.phases").phases(**arguments)


# Memory


def peak_memory(name: str, operations: int, elements: int) -> float:
    """The most memory that a call of a chain takes beside its argument, in sizes of that argument."""
    peer = peers.load(name)
    x = peer.array(np.linspace(-1, 1, elements, dtype=np.float32))
    ready = peer.compile(chain(peer, operations, seed=2))
    small = peer.array(np.linspace(-1, 1, 1000, dtype=np.float32))
    for _ in range(2):  # compiled, so that only the call's memory is seen
        np.asarray(ready(small))
    before = _memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    for _ in range(3):
        result = ready(x)
        if peer.wait:
            peer.wait(result)
        del result
    return (_memory("VmHWM") - before) / (4 * elements)


def many_calls(name: str, count: int) -> dict[str, float]:
    """Memory before and after so many calls of one function, in bytes, and the seconds that they took."""
    peer = peers.load(name)
    _, ready = _first_result(peer, 10, seed=3, elements=16)
    x = peer.array(np.linspace(-1, 1, 16, dtype=np.float32))

    def call(size: int) -> None:
        ready(x)

    return _repeated(call, count)


def many_shapes(name: str, count: int) -> dict[str, float]:
    """The same of calls with so many different sizes: twice as many as a cache may hold have gone before."""
    peer = peers.load(name)
    _, ready = _first_result(peer, 10, seed=3, elements=16)
    base = np.linspace(-1, 1, 2 * count, dtype=np.float32)

    def call(size: int) -> None:
        ready(peer.array(base[: size + 1]))

    return _repeated(call, count)


def _repeated(call: Callable[[int], None], count: int) -> dict[str, float]:
    warm = min(1000, count)
    for size in range(warm):
        call(size)
    before, began = _memory("VmRSS"), time.perf_counter()
    for size in range(warm, warm + count):
        call(size)
    return {"before": before, "after": _memory("VmRSS"), "seconds": time.perf_counter() - began}


def _memory(what: str) -> int:
    """A figure of this process in /proc, in bytes."""
    found = re.search(rf"{what}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return 1024 * int(found.group(1))
