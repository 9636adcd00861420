"""`Body`: the interpreter under which a function that a control op is given becomes a graph of its own.

What the function reaches for outside is captured: it becomes an input, and until the trace is over it is a leaf to autograd.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any, Callable, Sequence
from weakref import ref

import numpy as np

from ..dispatch import bind, mode, refresh_view
from ..graph.ir import CONSTANT, OUTPUT, Graph, Node, subgraphs
from ..graph.trace import Tracer
from ..op import Op
from ..ops.casts import copy
from ..ops.create import fill
from ..ops.view import alias
from ..precision import without_autocast
from ..spec import TensorSpec, is_inexact
from ..tensor import Storage, Tensor, wrap


class Refusals(threading.local):
    """How often this thread was told that something is Untraceable: a handler of the user's may have swallowed it."""

    made = 0


refusals = Refusals()


class Untraceable(BaseException):
    """A function does what a graph of its own cannot do. No `except Exception` of the user's sees it. effect: it does more than compute."""

    def __init__(self, what: str, effect: bool = False) -> None:
        super().__init__(what)
        refusals.made += 1
        self.effect = effect


_HISTORY = ("_application", "_index", "_base", "_aside", "_hooks", "_post_hooks", "_retains_grad")


@dataclass(eq=False)
class Shown:
    """A copy that stands for a view of a tensor, because its place depends on values. holder: what lives as long as somebody knows it."""

    of: Tensor
    storage: ref[Storage]
    holder: ref[Any]
    writable: bool = False  # whoever reads it writes it back

    def forbids(self, target: Tensor) -> bool:
        """Whether a write would make two of what is one: to what is shown while the copy is known, or to the copy."""
        memory = target._storage
        if target is self.of or (memory is not None and memory is self.of._storage):
            return self.holder() is not None
        return memory is not None and memory is self.storage() and not self.writable


class Body:
    """Use it as a context: inside, what is computed of `input`s and captured tensors becomes nodes; `graph` makes a graph of them.

    record: what is done to inputs is recorded for autograd, in grad mode.
    """

    def __init__(self, record: bool = True) -> None:
        self.outer, self.outer_grad, self.grad = mode.interpreter, mode.grad, mode.grad and record
        self.records = self.grad  # whether what is computed in no_grad mode is marked as that: a gradient of the graph stops there
        self.tracer = Tracer(_refuse, again=True)
        self.make = self.tracer.make.make
        self.given: list[Node] = []
        self.leaves: list[Tensor] = []  # of the inputs, for autograd
        self.captured: list[Tensor] = []
        self.stand_ins: dict[int, Tensor] = {}
        self.constants: dict[int, Tensor] = {}  # whose values are known here
        self.histories: list[tuple[Tensor, list[Any]]] = []
        self.shown: list[Shown] = []

    def __enter__(self) -> Body:
        mode.interpreter = self
        return self

    def __exit__(self, *_: Any) -> None:
        mode.interpreter, mode.grad = self.outer, self.outer_grad
        for tensor, values in reversed(self.histories):
            for name, value in zip(_HISTORY, values):
                setattr(tensor, name, value)

    def input(self, spec: TensorSpec) -> Tensor:
        """A new input, as the function sees it: it may be changed in place, which nobody outside sees."""
        leaf = wrap(self.make.input(spec))
        leaf._requires_grad = self.grad and is_inexact(spec.dtype)
        self.given.append(leaf._value)
        self.leaves.append(leaf)
        return bind(copy, leaf)

    def graph(self, outputs: Sequence[Tensor], cotangents: Sequence[Tensor] = ()) -> Graph:
        """The graph of these outputs: of the inputs, then of what was captured, then of cotangents."""
        nodes = tuple([self.tracer.read(self.inside(t)) for t in outputs])
        captured = [self.stand_ins[id(t)]._value for t in self.captured]
        return Graph((*self.given, *captured, *[g._value for g in cotangents]), nodes)

    def show(self, tensor: Tensor, item: Tensor, holder: Any = None) -> None:
        """Note that a copy stands for a view whose place depends on values. holder: what its views keep, if not its storage."""
        item._storage = item._storage or Storage()
        self.shown.append(Shown(tensor, ref(item._storage), ref(item._storage if holder is None else holder)))

    def shows(self, item: Tensor) -> Shown | None:
        """How a tensor is such a copy, or a view of one."""
        return None if item._storage is None else next((s for s in self.shown if s.storage() is item._storage), None)

    def raising(self) -> list[Node]:
        """What was computed, since this was asked last, that may raise."""
        found = [node for node in map(_computed, self.tracer.may_raise) if _may_raise(node)]
        self.tracer.may_raise.clear()
        return found

    def keep(self, raising: Sequence[Node], outputs: Sequence[Tensor]) -> None:
        """Raise Untraceable if a graph of these outputs leaves out what may raise."""
        if not set(raising) <= set(self.graph(outputs).nodes()):
            raise Untraceable("may raise where it computes what nobody reads")

    def inside(self, value: Any) -> Any:
        """An operand as it is known here."""
        if isinstance(value, Tensor):
            own = isinstance(value._value, Node) and self.make.owns(value._value)
            return value if own else self._capture(value)
        return self._capture(wrap(np.asarray(value))) if isinstance(value, (np.ndarray, np.generic)) else value

    def _capture(self, tensor: Tensor) -> Tensor:
        found = self.stand_ins.get(id(tensor))
        if found is None:
            found = self.stand_ins[id(tensor)] = wrap(self.make.input(tensor.spec))
            self.captured.append(tensor)
            if id(tensor) in self.constants:
                self.tracer.constants[found._value] = tensor._value
            if tensor._requires_grad or tensor._base is not None:
                mode.interpreter = self.outer
                refresh_view(tensor)
                mode.interpreter = self
                self.histories.append((tensor, [getattr(tensor, name) for name in _HISTORY]))
                for name in _HISTORY:
                    setattr(tensor, name, getattr(Tensor, name))
        return found

    # The interpreter's answers

    def apply(self, op: Op, args: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
        if op.dynamic:
            raise Untraceable(f"has {op.name} in it, whose shape depends on values")
        given = tuple([self.inside(a) for a in args])
        result = self.tracer.apply(op, given, attrs)
        if self.records and not mode.grad and not op.is_view and any(isinstance(a, Tensor) and a._requires_grad for a in args):
            apart = [self.tracer.apply(alias, (r,), {}) for r in (result if type(result) is tuple else (result,))]
            return tuple(apart) if type(result) is tuple else apart[0]
        return result

    def assign(self, target: Tensor, value: Tensor) -> None:
        if self.inside(target) is not target or any(t._storage is not None and t._storage is target._storage for t in self.captured):
            raise Untraceable("changes a tensor from outside in place")
        if any(s.forbids(target) for s in self.shown):
            raise Untraceable("changes an array of which a row is still known, whose place depends on values, or such a row")
        self.tracer.assign(target, self.inside(value))

    def observe(self, tensor: Tensor) -> np.ndarray:
        raise Untraceable("asks for the value of a tensor")

    array = observe

    def at_hand(self, tensor: Tensor) -> np.ndarray | None:
        own = self.inside(tensor)
        return self.tracer.at_hand(own) if own is tensor else self.outer.at_hand(tensor)

    def value(self, tensor: Tensor) -> np.ndarray:
        constant = self.tracer.at_hand(self.inside(tensor))  # all here are nodes: of constants alone, or not at hand
        return self.observe(tensor) if constant is None else constant

    def truth(self, tensor: Tensor) -> bool:
        return bool(self.value(tensor).item())

    def constant(self, array: np.ndarray) -> Tensor:
        made = wrap(array)
        self.constants[id(made)] = made
        return made

    def handle(self, tensor: Tensor) -> Tensor:
        return self.tracer.handle(self.inside(tensor))

    def strides(self, tensor: Tensor) -> tuple[int, ...]:
        own = self.inside(tensor)
        return self.tracer.strides(own) if own is tensor else self.outer.strides(tensor)

    def read_grad(self, leaf: Tensor) -> Tensor | None:
        raise Untraceable("reads the .grad of a tensor")

    def write_grad(self, leaf: Tensor, grad: Tensor | None) -> None:
        raise Untraceable("changes the .grad of a tensor")

    def run_whole(self, whole: Any, function: Callable[[], Any], tensors: Sequence[Tensor], key: Any) -> Any:
        return function()


def _computed(node: Node) -> Node:
    """The node that computes one of several results."""
    return node.inputs[0] if node.op is OUTPUT else node


def _may_raise(node: Node) -> bool:
    """Whether values can make a node raise, or run forever."""
    if node.kind != "control":
        return isinstance(node.op, Op) and node.op.raises and (node.kind != "put" or len(node.inputs) > 2)
    endless = node.op.name == "loop" and node.attr("cond") is not None
    return endless or any(_may_raise(inner) for graph in subgraphs(node) for inner in graph.nodes())


def _refuse(*_: Any) -> Any:
    raise Untraceable("asks for the value of a tensor")


def refuse(effect: object) -> None:
    """End the trace of a function that is about to do more than compute."""
    if isinstance(mode.interpreter, Body):
        raise Untraceable(str(effect), effect=True)


@without_autocast
def replay(graph: Graph, tensors: Sequence[Tensor]) -> list[Tensor]:
    """The outputs of a graph of these tensors, each node applied by `bind`."""
    values: dict[Node, Any] = dict(zip(graph.inputs, tensors))
    for node in graph.nodes():
        if node in values:
            continue
        if node.op is CONSTANT:
            values[node] = bind(fill, shape=(), dtype=node.dtype, value=node.attr("value"))
        elif node.op is OUTPUT:
            values[node] = values[node.inputs[0]][node.attr("index")]
        else:
            values[node] = bind(node.op, *[values[n] for n in node.inputs], **dict(node.attrs))
    return [values[node] for node in graph.outputs]
