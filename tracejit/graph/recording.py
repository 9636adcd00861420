"""`Recording`: the graph that a tracer makes now: its inputs, what was made of them, and what memory holds.

Mutation is followed by contents: each storage has one node that is its present whole, writing through a view makes a new
whole, and a stale view is derived again when it is next read.
"""

from __future__ import annotations

import weakref
from typing import Any, Iterator

import numpy as np

from ..spec import contiguous_strides, element_strides
from ..tensor import Storage, Tensor, storage_of, wrap
from .applications import Applications
from .flushed import CAPTURED, Contents, Leftovers, Place, Source, history_of
from .ir import Node
from .limits import Limits
from .regions import Regions

NOTHING = Leftovers()  # to which nothing is added


class Recording:
    """One graph after another. What each application reads is in slots.

    shared: what makes the nodes of all graphs, where traces have much in common. follows: what a graph leaves to later ones is known.
    """

    __slots__ = (
        "shared", "follows", "sourced", "left", "limits", "make", "known", "room", "inputs", "sources", "handles", "histories", "numbers", "arrays", "memory",
        "aliases", "constants", "brought", "contents", "changed", "live", "made", "may_raise", "written",
    )  # fmt: skip

    def __init__(self, shared: Applications | None, follows: bool, limits: Limits) -> None:
        self.shared, self.follows, self.limits = shared, follows, limits
        self.sourced = shared is None or follows  # a graph that is not done again needs no sources
        self.left = Leftovers() if follows else NOTHING
        self.start()

    def start(self) -> None:
        """Begin a new graph."""
        self.make = Applications() if self.shared is None else self.shared
        self.known = self.make.known
        self.room = self.limits.segment
        self.inputs: list[Node] = []
        self.sources: list[Source] = []
        self.handles: list[Tensor] = []  # kept alive: `numbers` goes by identity
        self.histories: list[tuple[Any, int, bool]] = []  # of the handles, when they were first met
        self.numbers: dict[int, int] = {}
        self.arrays: list[np.ndarray] = []
        self.memory: Regions | None = None  # of the arrays, once it is asked for
        self.aliases: list[Tensor] = []  # further handles on inputs, made in the trace
        self.constants: dict[Node, np.ndarray] = {}  # the inputs that are the same at each call
        self.brought: dict[int, Place] = {}  # where tensors that earlier segments left are found
        self.contents: dict[Storage, list[Contents]] = {}  # several, where outside tensors share memory that is not changed
        self.changed: set[Storage] = set()  # those of `contents` that were written
        self.live: list[weakref.ref[Tensor]] = []
        self.made: list[Any] = []  # of each application, in the program's order
        self.may_raise: dict[Node, Any] = {}  # what is computed though nobody may read it, and the line that wrote it
        self.written: list[tuple[int, Node, int]] = []  # the wholes of inputs after each write, in order, and after how many applications
    # Nodes of tensors

    def arguments(self, handles: list[Tensor]) -> None:
        """Make the arguments the first inputs; one given twice is one input."""
        for position, handle in enumerate(handles):
            self.enter(handle, Source("argument", position) if self.sourced else CAPTURED)

    def enter(self, tensor: Tensor, source: Source) -> Node:
        """Make a tensor that holds an array an input of the graph."""
        number = self.numbers.get(id(tensor))
        if number is not None:
            return self.inputs[number]
        array = tensor._value
        node = self.make.input(len(self.inputs), array.shape, array.dtype, array.device)
        self.numbers[id(tensor)] = len(self.inputs)
        self.inputs.append(node)
        self.handles.append(tensor)
        if self.sourced:
            self.sources.append(source if source is not CAPTURED else Source("capture", tensor))
            self.histories.append(history_of(tensor))
        self.arrays.append(array)
        return node

    def read(self, tensor: Tensor) -> Node:
        """The node of a tensor's present value."""
        value = tensor._value
        entry = self.contents_of(tensor) if tensor._storage in self.changed else None
        if entry is not None and entry.changed and (not isinstance(value, Node) or tensor._traced_at != tensor._version):
            node = entry.node
            for op, attrs in tensor._chain[entry.start :]:
                node = self.make.apply(op, (node,), dict(attrs))
            if isinstance(value, Node):
                tensor._value, tensor._traced_at = node, tensor._version
            return node
        return value if isinstance(value, Node) else self._meet(tensor)

    def _meet(self, tensor: Tensor) -> Node:
        """The node of a tensor that holds an array: an input, or a view of one if it is a view of what an earlier segment left."""
        left = self.left.of(tensor)
        if left is None:
            return self.enter(tensor, CAPTURED)
        if left.whole is None:
            assert left.source is not None
            return self.enter(tensor, left.source)
        node = self.enroll(left.whole).node
        for op, attrs in left.chain:
            node = self.make.apply(op, (node,), dict(attrs))
        return node

    def enroll(self, tensor: Tensor) -> Contents:
        """Begin to follow the contents of a tensor's storage."""
        value = tensor._value
        if tensor._storage is None and type(value) is Node:  # nobody has viewed it
            tensor._storage, new = Storage(), Contents(value, (), None)
            self.contents[tensor._storage] = [new]
            return new
        entry = self.contents_of(tensor)
        if entry is None:
            node = self.read(tensor)
            entry = None if type(tensor._value) is Node else self.contents_of(tensor)
        if entry is None:
            storage = storage_of(tensor)
            entry = Contents(node, tensor._chain, self.numbers.get(id(tensor)))
            self.contents.setdefault(storage, []).append(entry)
            tensor._traced_at = storage.version
        return entry

    def contents_of(self, tensor: Tensor) -> Contents | None:
        """What is followed of the memory that a tensor shows: of the tensors it may be a view of, the nearest."""
        entries = self.contents.get(tensor._storage)  # type: ignore[arg-type]
        if entries is None:
            return None
        if len(entries) == 1 and not entries[0].start:
            return entries[0]
        near = [e for e in entries if e.chain == tensor._chain[: e.start]]
        return max(near, key=lambda e: e.start) if near else None

    def followed(self) -> Iterator[Contents]:
        return (entry for entries in self.contents.values() for entry in entries)

    def strides(self, tensor: Tensor) -> tuple[int, ...]:
        """The strides, in elements, that this tensor has in eager mode."""
        entry = self.contents_of(tensor)
        if entry is None:
            return contiguous_strides(tensor.shape)
        shape = entry.shape
        strides = contiguous_strides(shape) if entry.home is None else element_strides(self.arrays[entry.home])
        for op, attrs in tensor._chain[entry.start :]:
            shape, strides, _ = op.layout(shape, strides, **dict(attrs))
        return strides

    def _tensor(self, node: Node) -> Tensor:
        tensor = wrap(node)
        self.live.append(weakref.ref(tensor))
        return tensor

    def tensors(self) -> list[Tensor]:
        """The traced tensors that somebody still holds."""
        return [t for ref in self.live if (t := ref()) is not None and isinstance(t._value, Node)]
