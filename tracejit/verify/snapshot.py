"""`Snapshot`: arrays, gradients and generators as they were, so that what a call did to them can be seen and undone."""

from __future__ import annotations

import random
import weakref
from typing import Any, Iterable, NamedTuple, Sequence

import numpy as np

from ..graph.ir import Graph
from ..graph.witness import witness
from ..ops.random import default_generator
from ..tensor import Tensor


class Run(NamedTuple):
    """A graph that was run while a snapshot was kept, and the contents of its inputs before."""

    graph: Graph
    arrays: tuple[np.ndarray, ...]
    writes: tuple[int, ...] = ()  # the inputs that the first outputs are written into


class Snapshot:
    """What was there before a call. It has to be told of each array and leaf before it is written; `with snapshot:` traces tell it.

    Of a view it keeps the array that owns the memory. What the call itself makes is no part of what was there.
    """

    def __init__(self, given: Sequence[Tensor | np.ndarray] = ()) -> None:
        """`given`: the call's arguments."""
        self._arrays: dict[int, tuple[weakref.ref[np.ndarray], np.ndarray]] = {}  # by identity: the array, and a copy of it
        self.leaves: dict[int, tuple[Tensor, Tensor | None]] = {}  # the leaf, and its .grad
        self.runs: list[Run] = []
        self._made: dict[int, np.ndarray] = {}  # by the call
        self._versions: list[tuple[weakref.ref[Tensor], int, int]] = []  # the tensor, its memory's version, and the one it shows
        self._random = random.getstate(), np.random.get_state()
        self.take([default_generator.key, default_generator.counter, *given])
        self.take_leaves([value for value in given if isinstance(value, Tensor)])

    def __enter__(self) -> Snapshot:
        self._before, witness.told = witness.told, self
        return self

    def __exit__(self, *_: Any) -> None:
        witness.told = self._before

    def take(self, values: Iterable[Tensor | np.ndarray]) -> None:
        """Keep the contents of arrays that were not kept before, and the versions of tensors."""
        for value in values:
            if isinstance(value, Tensor):
                self._versions.append((weakref.ref(value), value._version, value._seen))
            array = owner(value._value if isinstance(value, Tensor) else value)
            known = self._arrays.get(id(array))
            if id(array) not in self._made and (known is None or known[0]() is not array):
                self._arrays[id(array)] = weakref.ref(array), array.copy()

    def take_leaves(self, leaves: Iterable[Tensor]) -> None:
        """Keep the gradients of leaves."""
        for leaf in leaves:
            if id(leaf) not in self.leaves:
                self.leaves[id(leaf)] = leaf, leaf._grad
                if leaf._grad is not None:
                    self.take([leaf._grad])

    def take_run(self, graph: Graph, arrays: Sequence[np.ndarray], writes: tuple[int, ...], handles: Sequence[Tensor]) -> None:
        """Keep what a graph is about to read and write: arrays, and the tensors that show them."""
        self.take([*arrays, *[handle for handle in handles if isinstance(handle._value, np.ndarray)]])
        if graph.outputs:
            self.runs.append(Run(graph, tuple([like(array) for array in arrays]), writes))

    def take_made(self, arrays: Iterable[np.ndarray]) -> None:
        """Know what the call has made."""
        self._made.update((id(array), array) for array in map(owner, arrays) if id(array) not in self._arrays)

    def arrays(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Each array that is still there, and its contents before."""
        return [(array, contents) for reference, contents in self._arrays.values() if (array := reference()) is not None]

    def put_back(self) -> None:
        """Make everything as it was."""
        for array, contents in self.arrays():
            if array.flags.writeable:
                array[...] = contents
        for leaf, grad in self.leaves.values():
            leaf._grad = grad
        for reference, version, seen in reversed(self._versions):
            tensor = reference()
            if tensor is not None and tensor._storage is not None:
                tensor._storage.version, tensor._seen = version, seen
        random.setstate(self._random[0])
        np.random.set_state(self._random[1])


def like(array: np.ndarray) -> np.ndarray:
    """A copy that lies in memory as the array does."""
    if array.flags.c_contiguous:
        return array.copy()
    extent = [(n - 1) * s for n, s in zip(array.shape, array.strides)]
    low, high = sum(min(e, 0) for e in extent), sum(max(e, 0) for e in extent) + array.itemsize
    copy = np.ndarray(array.shape, array.dtype, np.empty(high - low, np.uint8), -low, array.strides)
    copy[...] = array
    return copy


def owner(array: np.ndarray) -> np.ndarray:
    """The array whose memory a view shows."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def generators() -> list[tuple[str, Any]]:
    """Where the generators stand that everybody knows."""
    name, key, *rest = np.random.get_state()
    return [("the state of random", random.getstate()), ("the state of np.random", (name, np.asarray(key).tobytes(), *rest))]
