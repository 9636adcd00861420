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


class Snapshot:
    """What was there before a call. It has to be told of each array and leaf before it is written; `with snapshot:` traces tell it.

    Of a view it keeps the array that owns the memory. An array that the call itself made is gone after it, so arrays are held weakly.
    """

    def __init__(self, arrays: Iterable[np.ndarray] = (), leaves: Iterable[Tensor] = ()) -> None:
        self._arrays: dict[int, tuple[weakref.ref[np.ndarray], np.ndarray]] = {}  # by identity: the array, and a copy of it
        self.leaves: dict[int, tuple[Tensor, Tensor | None]] = {}  # the leaf, and its .grad
        self.runs: list[Run] = []
        self._random = random.getstate(), np.random.get_state()
        self.take([default_generator.key._value, default_generator.counter._value, *arrays])
        self.take_leaves(leaves)

    def __enter__(self) -> Snapshot:
        self._before, witness.told = witness.told, self
        return self

    def __exit__(self, *_: Any) -> None:
        witness.told = self._before

    def take(self, arrays: Iterable[np.ndarray]) -> None:
        """Keep the contents of arrays that were not kept before."""
        for array in map(owner, arrays):
            known = self._arrays.get(id(array))
            if known is None or known[0]() is not array:
                self._arrays[id(array)] = weakref.ref(array), array.copy()

    def take_leaves(self, leaves: Iterable[Tensor]) -> None:
        """Keep the gradients of leaves."""
        for leaf in leaves:
            if id(leaf) not in self.leaves:
                self.leaves[id(leaf)] = leaf, leaf._grad
                if leaf._grad is not None:
                    self.take([leaf._grad._value])

    def take_run(self, graph: Graph, arrays: Sequence[np.ndarray]) -> None:
        """Keep what a graph is about to read and write."""
        self.take(arrays)
        self.runs.append(Run(graph, tuple([array.copy() for array in arrays])))

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
        random.setstate(self._random[0])
        np.random.set_state(self._random[1])


def owner(array: np.ndarray) -> np.ndarray:
    """The array whose memory a view shows."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def generators() -> list[tuple[str, Any]]:
    """Where the generators stand that everybody knows."""
    name, key, *rest = np.random.get_state()
    return [("the state of random", random.getstate()), ("the state of np.random", (name, np.asarray(key).tobytes(), *rest))]
