"""`Entry`: one trace, kept under its signature: when it holds, and how a call is replayed."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np

from .backends.cpu import backend, element_strides
from .graph.trace import Flushed, view_of
from .runtime.executor import Executable, OutOfBounds
from .tensor import Tensor, storage_of, wrap
from .tree import Structure, unflatten


class Entry:
    """One trace: when it holds, and how to run it."""

    def __init__(self, guard: Callable[[], Any], reasons: list[str]) -> None:
        self.guard, self.reasons = guard, reasons
        self.executable: Executable | None = None
        self.flushed: Flushed | None = None
        self.known: list[Any] = []  # the arrays of the last call, already checked

    def fill(
        self, flushed: Flushed, returned: list[Any], structure: Structure, grads: list[Any], handles: list[Tensor],
        numpy_in: bool, grads_read: dict[int, Tensor],
    ) -> None:  # fmt: skip
        """Take what a trace found; the executable is the one that has just run."""
        self.flushed, self.structure, self.numpy_in = flushed, structure, numpy_in
        self.sources, self.writes = flushed.sources, flushed.writes
        self.layouts = [(h._value.shape, h._value.strides, h._value.dtype) for h in flushed.handles]
        self.requires = [(h, h._requires_grad) for s, h in zip(flushed.sources, flushed.handles) if s.kind == "capture"]
        self.grads_read = [(leaf, leaf._grad is None) for leaf in grads_read.values() if id(leaf) not in {id(x) for x, _ in grads}]
        positions = {id(h): i for i, h in enumerate(handles)}
        self.results = [self._result(value, positions) for value in returned]
        self.grads = [(leaf, None if g is None else flushed.places.get(id(g))) for leaf, g in grads]
        self.known = [None] * len(flushed.handles)
        strides = [element_strides(h._value) for h in flushed.handles]
        self.executable = backend.executable(flushed.graph, strides, flushed.writes)

    def _result(self, value: Any, positions: dict[int, int]) -> tuple[str, Any, Any]:
        if not isinstance(value, Tensor):
            return "constant", value, None
        if id(value) in positions:
            return "argument", positions[id(value)], None
        place = self.flushed.places.get(id(value))  # type: ignore[union-attr]
        if place is None:
            return "object", value, None
        history = (value._application, value._index) if value._application is not None else None
        return place[0], place[1], (place[2], history)

    def holds(self, leaves: list[Any]) -> bool:
        """Whether this trace speaks of the present state of the world."""
        if self.guard() is not None:
            return False
        if self.executable is None:
            return True
        return all(h._requires_grad is flag for h, flag in self.requires) and all((x._grad is None) is f for x, f in self.grads_read)

    def _arrays(self, leaves: list[Any]) -> list[np.ndarray] | None:
        arrays = []
        for source in self.sources:
            if source.kind == "argument":
                value = leaves[source.what]
                arrays.append(value._value if isinstance(value, Tensor) else np.asarray(value))
            else:
                arrays.append(source.what._value if source.kind == "capture" else source.what._grad._value)
        new = [n for n, (array, known) in enumerate(zip(arrays, self.known)) if array is not known]
        if new and not self._fits(arrays, new):
            return None
        self.known = arrays
        return arrays

    def _fits(self, arrays: list[np.ndarray], new: list[int]) -> bool:
        """Whether arrays not met at the last call have the traced layout and share no memory that is written."""
        for n in new:
            array = arrays[n]
            if (array.shape, array.strides, array.dtype) != self.layouts[n]:
                return False
            others = range(len(arrays)) if n in self.writes else self.writes
            if any(m != n and np.may_share_memory(array, arrays[m]) for m in others):
                return False
        return True

    def run(self, leaves: list[Any]) -> Any:
        """One call: gather arrays, run, hand back."""
        arrays = self._arrays(leaves)
        if arrays is None:
            raise OutOfBounds
        assert self.executable is not None
        outputs = self.executable(arrays)
        for number in self.writes:
            self._changed(number, leaves)
        for leaf, place in self.grads:
            leaf._grad = None if place is None else wrap(_found(place, arrays, outputs))
        return unflatten(self.structure, [self._give(r, leaves, arrays, outputs) for r in self.results])

    def _changed(self, number: int, leaves: list[Any]) -> None:
        source = self.sources[number]
        tensor = leaves[source.what] if source.kind == "argument" else source.what if source.kind == "capture" else source.what._grad
        if isinstance(tensor, Tensor):
            storage_of(tensor).version += 1
            tensor._seen = tensor._version

    def _give(self, result: Any, leaves: list[Any], arrays: list[np.ndarray], outputs: list[np.ndarray]) -> Any:
        kind, what, chain = result
        if kind == "argument":
            return leaves[what]
        if kind in ("constant", "object"):
            return what
        steps, history = chain
        array = _found((kind, what, steps), arrays, outputs)
        if self.numpy_in:
            return array if array.ndim else array[()]
        tensor = wrap(array)
        if history is not None:
            tensor._application, tensor._index = history
            tensor._requires_grad = True
        return tensor


def _found(place: Any, arrays: list[np.ndarray], outputs: list[np.ndarray]) -> np.ndarray:
    kind, number, chain = place
    return view_of(arrays[number] if kind == "input" else outputs[number], chain)
