"""A peer in a process of its own, for as long as a run lasts: `python -m bench.worker NAME [CORES]`.

Requests and answers are lines of JSON on stdin and stdout. Between its turns the process sleeps.
"""

from __future__ import annotations

import functools
import gc
import json
import math
import os
import sys
import time
from typing import Any, Callable

import numpy as np

from . import peers, tasks
from .peers import Peer
from .workload import Call
from .workloads import ROWS_BY_NAME

WARM = 0.2  # seconds that a row runs before the clock starts, beyond its number of calls
SAMPLE = 500  # elements of each result that are compared among peers


class Session:
    """What a parent may ask for; each method answers with what JSON can hold."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.call: Call | None = None

    @functools.cached_property
    def peer(self) -> Peer:
        """Imported when it is needed, so that a task can time that too."""
        return peers.load(self.name)

    def task(self, task: str, **arguments: Any) -> Any:
        """A function of `bench.tasks`."""
        return getattr(tasks, task)(self.name, **arguments)

    def prepare(self, workload: str) -> dict[str, Any]:
        """Make a row's arguments and call, and call it until it has settled."""
        row = ROWS_BY_NAME[workload]
        make = row.programs.get(self.peer.library)
        if make is None:
            return {"absent": True}
        arrays = row.arguments()
        self.call = call = make(self.peer, arrays)
        call(), call()
        results = leaves(call())
        answer = {
            "elements": max(a.size for a in arrays),
            "bytes": sum(a.nbytes for a in arrays) + sum(a.nbytes for a in results),
            "results": [{"dtype": str(a.dtype), "shape": a.shape, "sample": sample(a).tolist()} for a in results],
        }
        del results
        count, once, began = 3, math.inf, time.perf_counter()
        while count < row.warm_up or time.perf_counter() - began < WARM:
            before = time.perf_counter()
            call()
            once, count = min(once, time.perf_counter() - before), count + 1
        return answer | {"once": once}

    def turn(self, count: int) -> float:
        """Seconds of a call, the mean of `count`; one more goes before short ones, to wake threads and caches."""
        call = self.call
        assert call is not None
        if count > 1:
            call()
        began = time.perf_counter()
        for _ in range(count):
            call()
        return (time.perf_counter() - began) / count

    def forget(self) -> None:
        """Drop the row."""
        self.call = None
        self.peer.forget()
        gc.collect()


def leaves(result: Any) -> list[np.ndarray]:
    """The arrays of a result, which is an array or holds such, in sequences or dictionaries."""
    if isinstance(result, dict):
        result = list(result.values())
    if isinstance(result, (tuple, list)):
        return [leaf for part in result for leaf in leaves(part)]
    return [np.asarray(result.detach() if hasattr(result, "detach") else result)]


def sample(array: np.ndarray) -> np.ndarray:
    """Some elements of an array, evenly spread over it, as float64."""
    flat = array.reshape(-1)
    return flat[:: max(1, flat.size // SAMPLE)].astype(np.float64)


def serve(make: Callable[[str], Any]) -> None:
    """Answer by the methods of the session that `make` gives for this peer until stdin ends. Whatever a library prints goes to stderr."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    session = make(sys.argv[1])
    if len(sys.argv) > 2:  # some libraries ask the system how many cores they may use, and nothing else
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(sys.argv[2])])
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = {"value": getattr(session, request.pop("do"))(**request)}
        except Exception as error:  # of whatever library: it becomes the cell's note
            answer = {"error": f"{type(error).__name__}: {error}".partition("\n")[0][:200]}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    serve(Session)
