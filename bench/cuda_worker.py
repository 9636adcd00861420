"""A column of `python -m bench cuda` in a process of its own: `python -m bench.cuda_worker NAME`."""

from __future__ import annotations

import functools
import gc
import importlib
import math
import statistics
import time
from typing import Any

import numpy as np

from . import cuda_peers
from .cuda_peers import Device, dtype_of
from .cuda_tasks import ROWS_BY_NAME
from .worker import SAMPLE, serve
from .workload import Call


class Session:
    """What a parent may ask for; each method answers with what JSON can hold."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.call: Call | None = None

    @functools.cached_property
    def device(self) -> Device:
        """Loaded when it is needed, so that what a library raises where there is no GPU is an answer."""
        return cuda_peers.load(self.name)

    def about(self) -> dict[str, Any]:
        """The GPU, and the version of the library."""
        device = self.device
        version = importlib.import_module(device.peer.library).__version__
        return {"gpu": device.name, "capacity": device.capacity, "package": device.peer.library, "version": version}

    def prepare(self, row: str, tiny: bool = False) -> dict[str, Any]:
        """Make a row's arguments and its call; the third call's results. `first`: the seconds of the first, compiling included."""
        workload, device = ROWS_BY_NAME[row], self.device
        make = workload.programs.get(device.peer.library)
        arrays = tuple(device.array(a) for a in workload.arguments(tiny)) if make else ()
        self.call = call = make(device.peer, arrays) if make else None
        if call is None:
            return {"absent": True}
        first, again = _seconds(device, call), _seconds(device, call)
        results, given = leaves(call()), leaves(arrays)
        return {
            "first": first, "once": min(again, _seconds(device, call)), "elements": max(math.prod(a.shape) for a in given),
            "bytes": sum(math.prod(a.shape) * dtype_of(a).itemsize for a in (*given, *results)),
            "results": [{"dtype": dtype_of(a).name, "shape": list(a.shape), "sample": device.sample(a, SAMPLE).tolist()} for a in results],
        }  # fmt: skip

    def turn(self, clock: str, count: int) -> float:
        """Seconds of a call, of `count`."""
        assert self.call is not None
        return timed(self.device, self.call, clock, count)

    def copy(self, size: int, count: int) -> float:
        """Seconds in which so many bytes are copied within the device."""
        copy = self.device.copier(size)
        copy(), copy()
        return timed(self.device, copy, "device", count)

    def forget(self) -> None:
        """Drop the row, and its memory."""
        self.call = None
        gc.collect()
        self.device.peer.forget()


def timed(device: Device, call: Call, clock: str, count: int) -> float:
    """Seconds of a call, by one of three clocks, if the device has it.

    "device": the median of what events tell, each call with an L2 cache that holds nothing of it. While that is emptied the host issues the
    call, so the host's own time counts only where it is longer. "wall": the mean, one call behind another, until the last is computed:
    what a device without events is timed by too. "host": the mean time in which the host issues a call, and waits for nothing.
    """
    if clock == "device" and device.mark is not None and device.between is not None:
        pairs = []
        for _ in range(count):
            device.flush()
            start, result = device.mark(), call()
            pairs.append((start, device.mark()))
        device.wait(result)
        return statistics.median(device.between(*pair) for pair in pairs)
    device.wait(call())
    began = time.perf_counter()
    for _ in range(count):
        result = call()
    issued = time.perf_counter()
    device.wait(result)
    return ((issued if clock == "host" else time.perf_counter()) - began) / count


def _seconds(device: Device, call: Call) -> float:
    began = time.perf_counter()
    device.wait(call())
    return time.perf_counter() - began


def leaves(result: Any) -> list[Any]:
    """The arrays of a result, which is an array or a number, or holds such in sequences."""
    if isinstance(result, (tuple, list)):
        return [leaf for part in result for leaf in leaves(part)]
    return [result if hasattr(result, "shape") else np.asarray(result)]


if __name__ == "__main__":
    serve(Session)
