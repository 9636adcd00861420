"""`Entry`: one trace, kept under its signature: when it holds, and how a call is replayed."""

from __future__ import annotations

from functools import lru_cache
from operator import is_
from types import CodeType
from typing import Any, Callable, Iterable, NamedTuple, Sequence

import numpy as np

from .application import edge_of, set_history
from .autograd.modes import GradMode
from .autograd.segment import Segment, SegmentApplication, Slot, Target
from .backend import LARGE
from .backends.choice import executable_of, parts_of
from .device import at_home, may_share_memory, on_host
from .dispatch import refresh_view, walk_chain
from .frontend import in_form
from .graph.flushed import MADE, Flushed, Source, view_of
from .history import History
from .runtime.executor import Executable, OutOfBounds
from .tensor import Storage, Tensor, storage_of, wrap
from .tree import Structure, is_leaf, unflatten


class Trace(NamedTuple):
    """What a traced call left: its results, and the gradients it wrote."""

    returned: list[Any]
    structure: Structure
    handles: list[Tensor]  # of the arguments
    grads: list[tuple[Tensor, Tensor | None]]
    grads_read: dict[int, tuple[Tensor, bool]]  # whether their .grad was None when first read
    forms: tuple[str, ...]  # of each result: see `in_form`
    tensors: list[bool]  # whether each argument is a tensor, or a NumPy array
    elsewhere: bool  # whether a list or a dict in the result is held elsewhere too
    device: str | None = None  # where graphs are to run; None: where their arrays lie


class Result(NamedTuple):
    """How one leaf of the results is made again."""

    kind: str  # "constant" and "object": what; "argument": its number; "input" and "output": a view of that array; "again": the number of a result that is the same object
    what: Any
    chain: tuple[Any, ...] = ()
    history: Slot | Target | None = None
    leaf: bool = False  # requires grad, with no history
    grad: bool = True  # a view of an input: the mode it was made in
    form: str = ""  # "array" or "scalar": NumPy's


_PLAIN = {"": "plain(outputs[{what}], history[{n}])", "array": "outputs[{what}]", "scalar": "outputs[{what}][()]", "number": "outputs[{what}].item()"}
_BROUGHT = {**_PLAIN, "array": "at_home(outputs[{what}])", "scalar": "at_home(outputs[{what}])[()]"}  # from a device


@lru_cache(maxsize=1024)
def _code(text: str) -> CodeType:
    return compile(text, "<tracejit run>", "exec")


class Misfit(Exception):
    """A tensor that was captured has another layout or dtype now: this is a call for another trace."""


def meet(arrays: list[np.ndarray], known: list[Any], layouts: Sequence[Any], writes: Sequence[int], outside: Sequence[int]) -> None:
    """Arrays from outside, if not known from the last call, must have the traced layout (Misfit), and share no memory that is written (OutOfBounds)."""
    for n in outside:
        array = arrays[n]
        if array is known[n]:
            continue
        if (array.shape, array.strides, array.dtype, array.device) != layouts[n]:
            raise Misfit
        others = outside if n in writes else writes
        if any(m != n and may_share_memory(array, arrays[m]) for m in others):
            raise OutOfBounds
    inside = set(range(len(arrays))).difference(outside)
    known[:] = [None if n in inside or a.nbytes >= LARGE else a for n, a in enumerate(arrays)]  # what is large is not kept alive


def outside_of(sources: Iterable[Source], leaves: list[Any]) -> list[Any]:
    """The tensors and arrays from outside that inputs stand for in a call."""
    found = [(kind, _tensor(what, leaves)) for kind, what in sources if kind not in MADE]
    return [value for value in (tensor._grad if kind == "grad" else tensor for kind, tensor in found) if value is not None]


class Entry:
    """One trace: when it holds, and how to run it."""

    def __init__(self, guard: Callable[[], Any], reasons: list[str], in_python: bool = False) -> None:
        """`in_python`: calls are left to the function itself."""
        self.guard, self.reasons, self.in_python = guard, reasons, in_python
        self.executable: Executable | None = None
        self.once_only: str | None = None  # why the function may not be run twice, if so
        self.verified = False
        self.seconds = 0.0  # that Python ran under the tracer
        self.asked = 0  # the calls that Python replayed
        self.pace: Any = None  # a Pace, where replays are measured beside the undecorated function

    def fill(self, flushed: Flushed, trace: Trace, history: History, compile_backward: Callable[[Segment], Callable], alone: bool = True) -> None:
        """Take what a trace found; the executable is the one that has just run. `alone`: no segment ran before."""
        self.structure = trace.structure
        self.single = is_leaf(trace.structure)
        positions = {id(h): i for i, h in enumerate(trace.handles)}
        self.sources = [s if s.kind in ("argument", *MADE) else Source(s.kind, positions.get(id(s.what), s.what)) for s in flushed.sources]
        self.writes = flushed.writes
        # arguments come first; what is captured, without exception in most traces, is read in one step
        self.given = sum(s.kind == "argument" for s in self.sources)
        self.captured = [s.what for s in self.sources[self.given :]] if all(s.kind == "capture" for s in self.sources[self.given :]) else None
        self.written = [what for kind, what in map(self.sources.__getitem__, self.writes) if kind == "capture"]
        self.written_else = [n for n in self.writes if self.sources[n].kind != "capture"]
        self.layouts = [(h._value.shape, h._value.strides, h._value.dtype, h._value.device) for h in flushed.handles]
        self.requires = [(h, h._requires_grad) for s, h in zip(flushed.sources, flushed.handles) if s.kind == "capture"]
        self.grads_read = [(positions.get(i, leaf), was_none) for i, (leaf, was_none) in trace.grads_read.items()]
        first: dict[int, int] = {}
        met = [first.setdefault(id(value), n) for n, value in enumerate(trace.returned)]
        again = [met[n] != n and isinstance(value, Tensor) for n, value in enumerate(trace.returned)]
        made = [Result("again", met[n]) if again[n] else _result(v, positions, history, flushed) for n, v in enumerate(trace.returned)]
        self.results = [result._replace(form=form) for result, form in zip(made, trace.forms)]
        self.grads = [(positions.get(id(leaf), leaf), None if g is None else flushed.places.get(id(g))) for leaf, g in trace.grads]
        self.known: list[Any] = [None] * len(flushed.handles)  # the small arrays of the last call, already checked
        self.plain = not history.segments and all(r.kind == "output" and not r.chain and not r.leaf for r in self.results)
        self.segments = [(s, compile_backward(s), _places(s.kept, flushed)) for s in history.segments]
        # memory that both the caller and a backward pass reach has versions
        seen = {r.what for r in self.results if r.kind == "output"}
        self.versioned = seen & {place[1] for _, _, places in self.segments for place in places if place[0] == "output"}
        for segment in history.segments:
            segment.release()
        self.executable = executable_of(flushed.graph, [h._value for h in flushed.handles], flushed.writes, trace.device)
        if alone and self.plain and not self.writes and not self.grads and self.captured is not None:
            self.run = self._direct(trace.tensors)  # type: ignore[method-assign, assignment]

    def _direct(self, tensors: list[bool]) -> Callable[[list[Any]], Any]:
        """`run`, written out for a trace that makes new arrays of its arguments and captures, and does no more."""
        assert self.captured is not None
        inputs = [f"leaves[{s.what}]" + "._value" * tensors[s.what] for s in self.sources[: self.given]]
        inputs += [f"captured[{n}]._value" for n in range(len(self.captured))]
        changed = " or ".join(f"arrays[{n}] is not known[{n}]" for n in range(len(inputs)))
        forms = _PLAIN if self.device == "cpu" else _BROUGHT
        results = [forms[r.form].format(what=r.what, n=n) for n, r in enumerate(self.results)]
        text = f"""def run(leaves):
            arrays = [{", ".join(inputs)}]
            if {changed or False}:
                check(arrays)
            outputs = executable(arrays)
            return {results[0] if self.single else f"unflatten(structure, [{', '.join(results)}])"}"""
        world: dict[str, Any] = {
            "captured": self.captured, "known": self.known, "check": self._meet, "executable": self.executable, "plain": self._plain,
            "history": [r.history for r in self.results], "structure": self.structure, "unflatten": unflatten,
            "at_home": at_home,
        }  # fmt: skip
        exec(_code(text), world)
        return world["run"]

    @property
    def device(self) -> str:
        """Where a call runs."""
        return "cpu" if self.executable is None else self.executable.device

    @property
    def mode(self) -> str:
        """How calls run: "graph" (replayed natively), "lazy" (Python runs, its ops compiled) or "python" (as it is)."""
        return "python" if self.in_python else "lazy" if self.executable is None else "graph"

    def executables(self) -> list[Executable]:
        """What is run."""
        return [] if self.executable is None else parts_of(self.executable)

    def holds(self, leaves: list[Any]) -> bool:
        """Whether this trace speaks of the present state of the world."""
        if self.guard() is not None:
            return False
        if self.executable is None or not (self.requires or self.grads_read):
            return True
        for tensor, flag in self.requires:
            if tensor._requires_grad is not flag:
                return False
        for leaf, absent in self.grads_read:
            if (_tensor(leaf, leaves)._grad is None) is not absent:
                return False
        return True

    def _arrays(self, leaves: list[Any]) -> list[np.ndarray]:
        """The inputs' arrays now. Raises Misfit or OutOfBounds if the graph does not speak of arrays like these."""
        arrays = []
        for _, what in self.sources[: self.given]:
            value = leaves[what]
            arrays.append(value._value if isinstance(value, Tensor) else np.asarray(value))
        if self.captured is not None:
            arrays += [tensor._value for tensor in self.captured]
        else:
            for kind, what in self.sources[self.given :]:
                arrays.append(what._value if kind == "capture" else _tensor(what, leaves)._grad._value)
        if not all(map(is_, arrays, self.known)):
            self._meet(arrays)
        for n in self.written_else:
            if not arrays[n].flags.writeable:  # a flag of an array that may be known already
                raise OutOfBounds
        return arrays

    def _meet(self, arrays: list[np.ndarray]) -> None:
        meet(arrays, self.known, self.layouts, self.writes, range(len(arrays)))

    def run(self, leaves: list[Any]) -> Any:
        """One call: gather arrays, run, hand back."""
        return self.give(leaves, self._arrays(leaves))

    def give(self, leaves: list[Any], arrays: list[np.ndarray]) -> Any:
        """Run on these arrays, and hand back."""
        outputs = self.executable(arrays)  # type: ignore[misc]
        for tensor in self.written:
            storage = tensor._storage or storage_of(tensor)
            storage.version = tensor._seen = storage.version + 1
        for number in self.written_else:
            tensor = self.source_of(number, leaves)
            if isinstance(tensor, Tensor):
                storage = tensor._storage or storage_of(tensor)
                storage.version = tensor._seen = storage.version + 1
        for leaf, place in self.grads:
            owner = _tensor(leaf, leaves)
            owner._grad = None if place is None else _beside(owner, _found(place, arrays, outputs))
        values: list[Any] = []
        if self.plain:
            values = [in_form(outputs[r.what], r.form) if r.form else self._plain(outputs[r.what], r.history) for r in self.results]
        else:
            call = _Call(self, leaves, arrays, outputs)
            for result in self.results:
                values.append(values[result.what] if result.kind == "again" else call.give(result))
        return values[0] if self.single else unflatten(self.structure, values)

    def _plain(self, array: np.ndarray, history: Slot | None) -> Any:
        tensor = wrap(array)
        if history is not None:
            set_history(tensor, *history)
        return tensor

    def reached(self, leaves: list[Any]) -> tuple[list[Any], list[Tensor]]:
        """What a replay reads or writes from outside: tensors and arrays, and the leaves whose .grad it sets."""
        if self.executable is None:
            return [], []
        return outside_of(self.sources, leaves), [_tensor(leaf, leaves) for leaf, _ in self.grads]

    def source_of(self, number: int, leaves: list[Any]) -> Any:
        """The tensor (or NumPy array) that an input's array belongs to, in this call."""
        source = self.sources[number]
        if source.kind in MADE:
            return None
        tensor = _tensor(source.what, leaves)
        return tensor._grad if source.kind == "grad" else tensor


class _Call:
    """One replay, whose results are made from what ran."""

    def __init__(self, entry: Entry, leaves: list[Any], arrays: list[np.ndarray], outputs: list[np.ndarray]) -> None:
        self.entry, self.leaves, self.arrays, self.outputs = entry, leaves, arrays, outputs
        self.storages = {number: Storage() for number in entry.versioned} if entry.segments else {}
        self.applications: list[SegmentApplication] = []
        for segment, backward, places in entry.segments:
            edges = [self._edge(target) for target in segment.targets]
            self.applications.append(SegmentApplication(segment, backward, edges, [self._tensor(*place) for place in places]))

    def _edge(self, target: Target) -> Slot:
        if target.segment is not None:
            return self.applications[target.segment], target.number
        tensor = self.entry.source_of(target.number, self.leaves)
        refresh_view(tensor)
        return edge_of(tensor)

    def _tensor(self, kind: str, number: int, chain: tuple[Any, ...]) -> Tensor:
        """A value as a tensor that shares the version of its memory."""
        if kind == "output":
            tensor = wrap(view_of(self.outputs[number], chain))
            if number in self.storages:
                tensor._storage, tensor._chain = self.storages[number], chain
            return tensor
        source = self.entry.source_of(number, self.leaves)
        if not isinstance(source, Tensor):
            return wrap(view_of(self.arrays[number], chain))
        if not chain:
            return source
        tensor = wrap(view_of(source._value, chain))
        tensor._storage, tensor._chain, tensor._seen = storage_of(source), (*source._chain, *chain), source._version
        return tensor

    def give(self, result: Result) -> Any:
        """One leaf of the results."""
        kind, what = result.kind, result.what
        if kind == "argument":
            return in_form(self.leaves[what], result.form)
        if kind == "constant":
            return what
        if kind == "object":
            return in_form(what, result.form)
        history = result.history
        if result.form:
            return in_form(_found((kind, what, result.chain), self.arrays, self.outputs), result.form)
        source = self.entry.source_of(what, self.leaves) if kind == "input" else None
        if isinstance(source, Tensor) and (source._requires_grad or source._base is not None):
            return _view(source, result)
        tensor = self._tensor(kind, what, result.chain) if what in self.storages and kind == "output" else wrap(_found(result[:3], self.arrays, self.outputs))
        if isinstance(history, Target):
            assert history.segment is not None
            self.applications[history.segment].give(tensor, history.number)
        elif history is not None:
            set_history(tensor, *history)
        elif result.leaf:
            tensor._requires_grad = True
        return tensor


def _places(tensors: list[Tensor], flushed: Flushed) -> list[tuple[str, int, tuple[Any, ...]]]:
    """Where each tensor is found at a replay: ("input" or "output", number, view chain)."""
    numbers = {id(h): n for n, h in enumerate(flushed.handles)}
    return [("input", numbers[id(t)], ()) if id(t) in numbers else flushed.places[id(t)] for t in tensors]


def _result(value: Any, positions: dict[int, int], history: History, flushed: Flushed) -> Result:
    if not isinstance(value, Tensor):
        return Result("constant", value)
    if id(value) in positions:
        return Result("argument", positions[id(value)])
    place = flushed.places.get(id(value))
    if place is None:
        return Result("object", value)
    slot = (value._application, value._index) if value._application is not None else None
    found = None if slot is None else history.places.get(slot, slot)
    return Result(*place, found, value._requires_grad and slot is None, value._aside is None)


def _view(source: Tensor, result: Result) -> Tensor:
    """A result that shows an input which has a history: the view is taken anew, and recorded as it was."""
    with GradMode(result.grad):
        return walk_chain(source, result.chain)


def _tensor(what: Any, leaves: list[Any]) -> Any:
    """An argument of this call, given its position; or the outer tensor itself."""
    return leaves[what] if type(what) is int else what


def _beside(owner: Tensor, grad: Any) -> Tensor:
    """A gradient, where the tensor lies that it belongs to."""
    return wrap(on_host(grad) if owner.device == "cpu" else grad)


def _found(place: Any, arrays: list[np.ndarray], outputs: list[np.ndarray]) -> np.ndarray:
    kind, number, chain = place
    return view_of(arrays[number] if kind == "input" else outputs[number], chain)
