"""`Event`, where a segment of a trace ends; and `Past`, what a replay has done of a call before a trace of the same call goes on from there.

A function that asks for values is a sequence of segments: graphs, each ending where Python asks (an event), the last one in
the results. A replay that meets an answer it has not seen before cannot go on; Python then runs the function under the
tracer, which catches up: what was computed is not computed again, what was written is not written again, and
what Python asks for is answered as it was, until the replay's last event is reached.
"""

from __future__ import annotations

from typing import Any, Callable, Iterable, NamedTuple, Sequence

import numpy as np

from ..device import DeviceArray, may_share_memory, on_host
from ..interpreter import EAGER, mode
from ..spec import DTYPES
from ..tensor import Tensor, wrap
from ..tree import flatten, unflatten
from .ir import Graph
from .text import print_graph
from .witness import witness

ANSWER_BYTES = 64  # values that Python sees are outcomes by their bits; what is larger is never the same twice
_CONSTANTS = (bool, int, float, complex, str, bytes, type(None), np.dtype, type)


class Event(NamedTuple):
    """Where a segment ends: Python asks for the truth of a value, or for its bits; or it calls a function on real arrays."""

    kind: str  # "truth", "value" or "call"; "check": nothing is asked, but what may raise is computed before the function goes on
    places: tuple[tuple[str, int, tuple[Any, ...]], ...]  # of the values in the segment: ("input" or "output", number, view chain)
    line: tuple[str, int] | None
    function: Callable[..., Any] | None = None  # of a call


class Applied:
    """A function of arrays: an op that eager mode applies to them, and to the other operands that it was given."""

    def __init__(self, op: Any, args: tuple[Any, ...], attrs: dict[str, Any]) -> None:
        self.op, self.attrs = op, attrs
        self.args = [None if isinstance(a, (Tensor, np.ndarray, np.generic)) else a for a in args]  # None: an array

    def __call__(self, *arrays: np.ndarray) -> Any:
        given = map(wrap, arrays)
        result = EAGER.apply(self.op, tuple([next(given) if a is None else a for a in self.args]), self.attrs)
        return tuple([r._value for r in result]) if isinstance(result, tuple) else result._value


class Answer(NamedTuple):
    """What comes of an event."""

    key: Any  # by this, ways to go on are told apart
    told: Any  # what Python gets: True or False, an array, what a call returned or raised
    arrays: list[np.ndarray] = []  # those among what a call returned
    forms: tuple[str, ...] | None = None  # of each leaf of that: "array", "scalar" (NumPy's), "" for a constant; None: it raised

    def followable(self) -> bool:
        """Whether what a call returned can be told at other calls: arrays of its own, and constants."""
        values = [v for v, form in zip(flatten(self.told)[0], self.forms or ()) if not form]
        return all(isinstance(v, _CONSTANTS) for v in values) and not self.key[2]

    def filled(self, arrays: Iterable[Any]) -> Any:
        """What a call returned, with these in the places of its arrays."""
        given = iter(arrays)
        leaves, structure = flatten(self.told)
        return unflatten(structure, [next(given) if form else v for v, form in zip(leaves, self.forms or ())])


def answer_to(kind: str, arrays: Sequence[np.ndarray], function: Callable[..., Any] | None = None) -> Answer:
    """What comes of an event, given the arrays at its places."""
    if kind == "call":
        assert function is not None
        return _call(function, arrays)
    if kind == "check":
        return Answer(None, None)
    if kind == "truth":
        truth = bool(arrays[0].item())
        return Answer(truth, truth)
    values = on_host(arrays[0])
    return Answer(values.tobytes() if values.nbytes <= ANSWER_BYTES else object(), values)


def _call(function: Callable[..., Any], arrays: Sequence[np.ndarray]) -> Answer:
    if witness.told is not None:
        witness.told.take_generator(getattr(getattr(function, "function", function), "__self__", None))
    before, mode.interpreter = mode.interpreter, EAGER
    try:
        result = function(*arrays)
    except Exception as error:
        return Answer(object(), error)  # never the same twice
    finally:
        mode.interpreter = before
    leaves, structure = flatten(result)
    forms = tuple(map(_form_of, leaves))
    given: list[Any] = [v if type(v) is DeviceArray else np.asarray(v) for v, form in zip(leaves, forms) if form]
    if witness.told is not None:
        witness.told.take_made(given)
    return Answer((structure, tuple(map(_described, leaves)), _shares(given, arrays)), result, given, forms)


def _form_of(value: Any) -> str:
    if type(value) is DeviceArray:
        return "array"
    if not isinstance(value, (np.ndarray, np.generic)) or value.dtype not in DTYPES:
        return ""
    return "scalar" if isinstance(value, np.generic) else "array" if type(value) is np.ndarray else ""


def _described(value: Any) -> Any:
    """What must be the same of a value that a call returns, for the same graphs to go on with it."""
    if isinstance(value, (np.ndarray, np.generic, DeviceArray)):
        return (type(value), value.device), value.shape, value.strides, value.dtype, value.flags.writeable
    return type(value), repr(value) if isinstance(value, _CONSTANTS) else object()


def _shares(given: Sequence[np.ndarray], arrays: Sequence[np.ndarray]) -> bool:
    """Whether an array that a call gave shares memory with what it was given, or with another."""
    return any(may_share_memory(a, b) for n, a in enumerate(given) for b in [*arrays, *given[:n]])


class Step(NamedTuple):
    """One segment that a replay has run, and the event at its end."""

    kind: str  # of the event
    graph: Graph
    writes: tuple[int, ...]
    arrays: list[np.ndarray]
    outputs: list[np.ndarray]
    before: list[np.ndarray]  # copies of what was written
    answer: Answer


class Past:
    """The steps of a replay, taken one by one by a trace that does the same."""

    def __init__(self, steps: list[Step]) -> None:
        self.steps = steps
        self.taken = 0
        self.parted = False  # the trace did something else, so that the rest was undone

    @property
    def ahead(self) -> bool:
        """Whether there are steps that were not taken."""
        return self.taken < len(self.steps)

    def outputs(self, graph: Graph, arrays: list[np.ndarray], writes: tuple[int, ...], kind: str) -> list[np.ndarray] | None:
        """What the replay computed in place of this graph; None if it computed another one: then its further steps are undone."""
        step = self.steps[self.taken]
        same = kind == step.kind and writes == step.writes and _same_arrays(arrays, step.arrays, writes)
        if same and print_graph(graph, False) == print_graph(step.graph, False):
            return step.outputs
        for step in reversed(self.steps[self.taken :]):
            for number, before in zip(step.writes, step.before):
                step.arrays[number][...] = before
        self.steps, self.parted = self.steps[: self.taken], True
        return None

    def answer(self) -> Answer:
        """What came of the event at the end of the step whose outputs were taken."""
        self.taken += 1
        answer = self.steps[self.taken - 1].answer
        if witness.told is not None:
            witness.told.take_made(answer.arrays)
        return answer


def _same_arrays(new: list[np.ndarray], old: list[np.ndarray], writes: tuple[int, ...]) -> bool:
    """Whether arrays are the same memory, or (data that the function makes) have the same contents and are not written."""
    return len(new) == len(old) and all(a is b or _alike(a, b, n in writes) for n, (a, b) in enumerate(zip(new, old)))


def _alike(a: np.ndarray, b: np.ndarray, written: bool) -> bool:
    if (a.shape, a.dtype) != (b.shape, b.dtype):
        return False
    return (a.strides == b.strides and a.ctypes.data == b.ctypes.data) or (not written and a.tobytes() == b.tobytes())
