"""`Flushed`, a segment of a trace that has run; and `Leftovers`, what it left in tensors that later segments may read."""

from __future__ import annotations

import weakref
from typing import Any, NamedTuple

import numpy as np

from ..device import DeviceArray
from ..tensor import Tensor, wrap
from .ir import Graph, Node
from .past import Event

MADE = ("segment", "call")  # the sources that are made in the trace
Place = tuple[str, int, tuple[Any, ...]]  # of a value in a segment: ("input" or "output", number, view chain)


class Source(NamedTuple):
    """Where an input's array comes from at each call: an argument, a tensor captured by reference, a leaf's `.grad`, or an earlier segment."""

    kind: str  # "argument", "capture", "grad"; "segment" for what it computed, "call" for what the call at its end gave
    what: Any  # the argument's position, the Tensor, the leaf, or (the segment's number, the array's)


CAPTURED = Source("capture", None)  # as `enter` is told: the tensor itself


class Flushed(NamedTuple):
    """A graph that was run, and where each tensor that was held then found its value."""

    graph: Graph
    sources: tuple[Source, ...]
    handles: tuple[Tensor, ...]
    writes: tuple[int, ...]  # the inputs that the first outputs are written into
    places: dict[int, Place]  # by the id of a tensor
    event: Event | None = None  # None: the trace went on for another reason, or is over

    def captures(self) -> list[Tensor]:
        """The tensors that inputs are captured from: an entry that replays the graph keeps them."""
        return [source.what for source in self.sources if source.kind == "capture"]


class Contents:
    """What a storage, or the part of it that an outside tensor shows, holds now."""

    __slots__ = ("node", "chain", "start", "home", "shape", "changed")

    def __init__(self, node: Node, chain: tuple[Any, ...], home: int | None) -> None:
        self.node = node
        self.chain, self.start = chain, len(chain)  # the view chain at which this whole stands
        self.home = home  # the input it is the memory of; None for a storage born in the trace
        self.shape = node.shape
        self.changed = False


class Left(NamedTuple):
    """What an earlier segment left in a tensor: a view of a whole, which is an input of this segment if it is read here."""

    tensor: weakref.ref[Tensor]
    whole: Tensor | None  # None: the tensor itself
    chain: tuple[Any, ...]
    source: Source | None  # of a whole


class Leftovers:
    """What earlier segments of a trace left in tensors that are still there."""

    def __init__(self) -> None:
        self.found: dict[int, Left] = {}  # by the ids of tensors

    def of(self, tensor: Tensor) -> Left | None:
        """What a tensor shows; None if it was not there in earlier segments, or captured from outside."""
        left = self.found.get(id(tensor))
        return left if left is not None and left.tensor() is tensor else None

    def leave(self, tensor: Tensor, whole: Tensor, chain: tuple[Any, ...]) -> None:
        """Note that a tensor is a view of a whole (or another handle on it)."""
        if whole is not tensor:
            self._note(tensor, whole, chain, None)

    def leave_whole(self, tensor: Tensor, source: Source) -> None:
        """Note where the array of a tensor comes from."""
        self._note(tensor, None, (), source)

    def _note(self, tensor: Tensor, whole: Tensor | None, chain: tuple[Any, ...], source: Source | None) -> None:
        key, mine = id(tensor), weakref.ref(self)

        def forget(_: Any) -> None:
            leftovers = mine()
            if leftovers is not None:
                leftovers.found.pop(key, None)

        self.found[key] = Left(weakref.ref(tensor, forget), whole, chain, source)

    def result(self, tensor: Tensor, chain: tuple[Any, ...], array: np.ndarray, source: Source) -> Tensor:
        """The tensor that shows a whole result, of which a tensor is a view: itself, if it shows all of it."""
        whole = tensor
        if chain:
            whole = wrap(array)
            whole._storage, whole._chain = tensor._storage, tensor._chain[: len(tensor._chain) - len(chain)]
        self.leave_whole(whole, source)
        return whole

    def tensors(self) -> list[Tensor]:
        """The tensors that somebody holds, and the wholes that they show."""
        return [t for left in list(self.found.values()) for t in (left.tensor(), left.whole) if t is not None]

    def survivors(self) -> list[Tensor]:
        """The tensors, made in segments that have run, that somebody holds."""
        found = [(left.tensor(), left) for left in list(self.found.values())]
        wholes = [left.whole for _, left in found if left.whole is not None]
        return [t for t, left in found if t is not None and (left.source is None or left.source.kind in MADE) and all(t is not w for w in wholes)]


def view_of(array: Any, chain: tuple[Any, ...]) -> Any:
    """The view that the steps of a chain show of an array."""
    for op, attrs in chain:
        array = array.under(op, dict(attrs)) if type(array) is DeviceArray else op.numpy(array, **dict(attrs))
    return array


def history_of(tensor: Tensor) -> tuple[Any, int, bool]:
    """Where a tensor comes from, and whether it requires grad."""
    return tensor._application, tensor._index, tensor._requires_grad
