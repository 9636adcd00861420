"""`GraphReplay`: a pure function of tensors, traced once, and run as one executable on other tensors of the same layouts."""

from __future__ import annotations

from itertools import combinations
from operator import is_
from typing import Any, Callable, Sequence

import numpy as np

from ..backend import NotKept
from ..device import may_share_memory
from ..dispatch import EAGER, mode
from ..graph.ir import Graph
from ..graph.flushed import Flushed
from ..graph.trace import Tracer
from ..tensor import Tensor, storage_of, wrap
from .executor import OutOfBounds


class GraphReplay:
    """Runs an executable in a function's place: inputs are the tensors' arrays in order, the first outputs go into `writes`.

    places: for each result, the number of its output, or None; `single` if it is not in a sequence.
    """

    def __init__(self, executable: Any, writes: tuple[int, ...], places: list[int | None], single: bool) -> None:
        self.executable, self.writes, self.places, self.single = executable, writes, places, single
        self.reads = [n for n in range(len(executable.plan.inputs)) if n not in writes]
        self.checked: tuple[list[np.ndarray], bool] = [], False  # the arrays last written, and whether each owns its memory

    def fits(self, arrays: list[np.ndarray]) -> bool:
        """Whether the arrays that are written are writeable and share no memory with another."""
        if not self.writes:
            return True
        written = [arrays[n] for n in self.writes]
        known, own = self.checked
        if len(known) != len(written) or not all(map(is_, written, known)):
            if not all([a.flags.writeable for a in written]) or any([may_share_memory(a, b) for a, b in combinations(written, 2)]):
                return False
            own = all([a.flags.owndata for a in written])
            self.checked = written, own
        same = set(map(id, written))
        for array in [arrays[n] for n in self.reads]:
            if own and array.flags.owndata:
                if id(array) in same:
                    return False
            elif any([may_share_memory(array, w) for w in written]):
                return False
        return True

    def run(self, function: Callable[[], Any], tensors: Sequence[Tensor], arrays: list[np.ndarray]) -> Any:
        """The results, as the function would give them. `function` runs where the executable meets an index out of bounds."""
        try:
            outputs = self.executable(arrays)
        except OutOfBounds:
            return function()  # which raises the error that teaches
        for number in self.writes:
            tensor = tensors[number]
            storage = storage_of(tensor)
            storage.version += 1
            tensor._seen = storage.version
        if self.single:
            return wrap(outputs[0])
        return [None if place is None else wrap(outputs[place]) for place in self.places]


def trace_whole(
    function: Callable[[], Any], tensors: Sequence[Tensor], build: Callable[[Graph, Sequence[np.ndarray], tuple[int, ...]], Any]
) -> tuple[Any, GraphReplay | None]:
    """Run a function as a graph of these tensors: its result, and what replays it, or None if a graph cannot. NotKept, if raised, is handed on."""
    built: list[Any] = []

    def run(graph: Graph, arrays: list[np.ndarray], writes: tuple[int, ...]) -> list[np.ndarray]:
        built.append(build(graph, arrays, writes))
        return built[-1](arrays)

    tracer = Tracer(run, again=True)
    tracer.arguments(list(tensors))
    mode.interpreter = tracer
    try:
        result = function()
        tracer.settle()
    except NotKept:
        raise
    except Exception:
        mode.interpreter = EAGER
        return function(), None  # nothing is written before the end
    finally:
        mode.interpreter = EAGER
    flushed = tracer.flushed
    if flushed is None or len(built) != 1 or tracer.events or tracer.reasons or [s.what for s in flushed.sources] != list(range(len(tensors))):
        return result, None
    single = isinstance(result, Tensor)
    places = _outputs_of([result] if single else [] if result is None else result, flushed)
    return result, None if places is None else GraphReplay(built[0], flushed.writes, places, single)


def _outputs_of(results: Sequence[Any], flushed: Flushed) -> list[int | None] | None:
    """The number of the output that each result is; None if one is a view, an argument itself, or no tensor of the graph."""
    places = [None if value is None else flushed.places.get(id(value), ("none", 0, ())) for value in results]
    if any([place is not None and (place[0] != "output" or place[2]) for place in places]):
        return None
    return [None if place is None else place[1] for place in places]
