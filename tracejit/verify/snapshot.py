"""`Snapshot`: arrays, gradients and generators as they were, so that what a call did to them can be seen and undone."""

from __future__ import annotations

import random
import weakref
from typing import Any, Iterable, NamedTuple, Sequence

import numpy as np

from ..backend import get_backend
from ..device import DeviceArray, is_array
from ..graph.ir import Graph
from ..graph.witness import witness
from ..ops.random import default_generator
from ..spec import uint8
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
        self._generators: dict[int, tuple[Any, Any]] = {}  # by identity: the generator, and its state
        for generator in (random._inst, np.random.mtrand._rand):  # type: ignore[attr-defined]
            self.take_generator(generator)
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

    def take_generator(self, value: Any) -> None:
        """Keep the state of a generator of random numbers; anything else is none."""
        if isinstance(value, (random.Random, np.random.Generator, np.random.RandomState)) and id(value) not in self._generators:
            self._generators[id(value)] = value, _state(value)

    def take_leaves(self, leaves: Iterable[Tensor]) -> None:
        """Keep the gradients of leaves."""
        for leaf in leaves:
            if id(leaf) not in self.leaves:
                self.leaves[id(leaf)] = leaf, leaf._grad
                if leaf._grad is not None:
                    self.take([leaf._grad])

    def take_run(self, graph: Graph, arrays: Sequence[np.ndarray], writes: tuple[int, ...], handles: Sequence[Tensor]) -> None:
        """Keep what a graph is about to read and write: arrays, and the tensors that show them."""
        self.take([*arrays, *[handle for handle in handles if is_array(handle._value)]])
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
        for generator, state in self._generators.values():
            _set_state(generator, state)

    def generators(self) -> list[tuple[str, str]]:
        """Where generators stand now."""
        return [(f"the state of a {type(generator).__name__}", repr(_state(generator))) for generator, _ in self._generators.values()]


def like(array: Any) -> Any:
    """A copy that lies in memory as the array does."""
    if array.flags.c_contiguous:
        return array.copy()
    extent = [(n - 1) * s for n, s in zip(array.shape, array.strides)]
    low, high = sum(min(e, 0) for e in extent), sum(max(e, 0) for e in extent) + array.itemsize
    if type(array) is DeviceArray:
        room = get_backend(array.device).empty((high - low,), uint8)
        copy: Any = DeviceArray(room.memory, array.shape, array.dtype, array.strides, -low)
    else:
        copy = np.ndarray(array.shape, array.dtype, np.empty(high - low, np.uint8), -low, array.strides)
    copy[...] = array
    return copy


def owner(array: np.ndarray) -> np.ndarray:
    """The array whose memory a view shows."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def _state(generator: Any) -> Any:
    if isinstance(generator, random.Random):
        return generator.getstate()
    if isinstance(generator, np.random.RandomState):
        name, key, *rest = generator.get_state()
        return name, np.asarray(key).tolist(), *rest
    return generator.bit_generator.state


def _set_state(generator: Any, state: Any) -> None:
    if isinstance(generator, random.Random):
        generator.setstate(state)
    elif isinstance(generator, np.random.RandomState):
        generator.set_state(state)
    else:
        generator.bit_generator.state = state
