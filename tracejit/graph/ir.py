"""`Node`, one application in a graph, and `Graph`, a cut through the DAG of nodes.

Nodes are immutable and interned: writing an expression twice gives one node, so common subexpressions cannot arise. A
graph is what its outputs reach, so there is no dead code; and it may be cut anywhere, because any node can be an input.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Iterable, Iterator, NamedTuple, Sequence

from ..errors import user_line
from ..spec import DType, Shape, TensorSpec

Attrs = tuple[tuple[str, Any], ...]


class Marker:
    """What stands in the place of an op in a node that applies none."""

    def __init__(self, name: str, kind: str) -> None:
        self.name, self.kind = name, kind

    def __repr__(self) -> str:
        return f"<{self.kind}>"


INPUT = Marker("input", "input")  # a value from outside; attrs: its number
CONSTANT = Marker("constant", "constant")  # a Python scalar of a certain dtype; attrs: value
OUTPUT = Marker("output", "output")  # one output of a node that has several; attrs: index


class Node:
    """One application: op, inputs, attributes, and the spec of the result (a tuple of specs, if there are several)."""

    __slots__ = ("op", "inputs", "attrs", "spec", "line", "kind", "shape", "dtype", "device", "__weakref__")
    shape: Shape
    dtype: DType

    def __init__(self, op: Any, inputs: tuple[Node, ...], attrs: Attrs, spec: Any, line: tuple[str, int] | None) -> None:
        own = getattr(spec, "device", "cpu")  # of an op that names it: others compute where their inputs lie
        self.device: str = own if own != "cpu" else next((n.device for n in inputs if n.device != "cpu"), "cpu")
        if self.device != "cpu":
            spec = _on(spec, self.device)
        self.op, self.inputs, self.attrs, self.spec, self.line = op, inputs, attrs, spec, line
        self.kind: str = op.kind
        if type(spec) is not tuple:
            self.shape, self.dtype = spec.shape, spec.dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return self.spec.size

    def attr(self, name: str) -> Any:
        """The value of one attribute."""
        return dict(self.attrs)[name]

    def __repr__(self) -> str:
        return f"<node {self.op.name} {self.spec}>"


def _on(spec: Any, device: str) -> Any:
    """What is known of a result that a device computes."""
    return tuple([_on(s, device) for s in spec]) if type(spec) is tuple else spec._replace(device=device)


class Interner:
    """Makes nodes, each different one once."""

    def __init__(self) -> None:
        self.nodes: dict[Any, Node] = {}
        self.count = 0

    def node(self, op: Any, inputs: tuple[Node, ...], attrs: Attrs, spec: Any, line: Any = None) -> Node:
        """The node of this application; `spec` is taken at its word."""
        key = _key(op, inputs, attrs)
        found = self.nodes.get(key)
        if found is None:
            found = self.nodes.setdefault(key, Node(op, inputs, attrs, spec, line or user_line()))
        return found

    def keep(self, node: Node) -> Node:
        """A node that was made elsewhere, as the one of its application; the one there is, if it was made here before."""
        return self.nodes.setdefault(_key(node.op, node.inputs, node.attrs), node)

    def owns(self, node: Node) -> bool:
        """Whether a node was made here."""
        return self.nodes.get(_key(node.op, node.inputs, node.attrs)) is node

    def input(self, spec: TensorSpec, number: int | None = None) -> Node:
        """A new input; given a number, that of all graphs whose input of this number has this spec."""
        if number is None:
            number = self.count = self.count + 1
        return self.node(INPUT, (), (("number", number), ("spec", spec)), spec)

    def constant(self, value: Any, dtype: DType) -> Node:
        """A Python scalar, of this dtype."""
        return self.node(CONSTANT, (), (("value", value), ("dtype", dtype)), TensorSpec((), dtype))

    def apply(self, op: Any, inputs: tuple[Node, ...], attrs: dict[str, Any], line: Any = None) -> Node:
        """The node of an op, its spec worked out by the op's own rule."""
        spec = op.spec(*(n.spec for n in inputs), **attrs)
        return self.node(op, inputs, tuple(attrs.items()), spec, line)


def _key(op: Any, inputs: tuple[Node, ...], attrs: Attrs) -> Any:
    return op, inputs, tuple([(name, exact(value)) for name, value in attrs])


def exact(value: Any) -> Any:
    """A key that tells 0.0 from -0.0 and 1 from 1.0 and True."""
    kind = type(value)
    if kind is int or kind is bool:
        return kind, value
    if kind is float:
        return kind, value if value and value == value else repr(value)
    return (kind, repr(value)) if isinstance(value, (bool, int, float, complex)) else value


class Graph(NamedTuple):
    """A program: what flows in, and what must come out. Any nodes may be its inputs."""

    inputs: tuple[Node, ...]
    outputs: tuple[Node, ...]

    def nodes(self) -> list[Node]:
        """All nodes the outputs reach, inputs included, each after its own inputs."""
        return list(_nodes(self))


@lru_cache(maxsize=8)
def _nodes(graph: Graph) -> list[Node]:
    """Each step from a trace to a plan asks for the nodes of the same graph."""
    return topological(graph.outputs, graph.inputs)


def subgraphs(node: Node) -> list[Graph]:
    """The graphs among a node's attributes."""
    return list(_graphs_in([value for _, value in node.attrs])) if node.kind == "control" else []


def _graphs_in(values: Iterable[Any]) -> Iterator[Graph]:
    for value in values:
        if isinstance(value, Graph):
            yield value
        elif isinstance(value, tuple):
            yield from _graphs_in(value)


def inlined(graph: Graph, inputs: Sequence[Node], make: Interner) -> tuple[Node, ...]:
    """The outputs of a graph of other inputs."""
    new = dict(zip(graph.inputs, inputs))
    for node in graph.nodes():
        if node not in new:
            new[node] = make.node(node.op, tuple([new[n] for n in node.inputs]), node.attrs, node.spec, node.line)
    return tuple([new[n] for n in graph.outputs])


def topological(roots: Iterable[Node], cut: Iterable[Node] = ()) -> list[Node]:
    """The nodes that the roots reach without passing through `cut`, each after its inputs."""
    stop, order, done = set(cut), [], set()
    stack = [(node, False) for node in reversed(list(roots))]
    while stack:
        node, expanded = stack.pop()
        if expanded:
            order.append(node)
        elif node not in done:
            done.add(node)
            stack.append((node, True))
            if node not in stop:
                stack.extend((n, False) for n in reversed(node.inputs) if n not in done)
    return order
