"""One walk over a graph that puts simpler nodes in the place of others: by rules, by folding constants, by reading through.

A rule is two Python functions of the library's ops, called here once to see the shape of the pattern and then for each match
to make the replacement. Nodes are made bottom-up, each simplified when it is made, so one walk reaches the fixed point in
time proportional to the graph. What a node gives stays the same to the last bit, and so does the layout in which a library
op meets it: the result of a computation is contiguous, also where the rule says that it is merely what was read.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..dispatch import mode
from ..op import Op
from ..ops.casts import copy
from ..ops.create import fill
from ..ops.view import broadcast
from ..spec import DType, Shape, broadcast_shapes, category, contiguous_strides, is_complex
from ..tensor import Tensor, wrap
from .ir import CONSTANT, Graph, Interner, Node, exact

Strides = tuple[int, ...]


class Part(NamedTuple):
    """One application in a pattern. An input is a Part, a variable's name, or a Python number that is meant literally."""

    op: Op
    inputs: tuple[Any, ...]
    attrs: dict[str, Any]


class Unknown(NamedTuple):
    """An attribute, or a number, that a pattern leaves open."""

    name: str


class _Seen:
    """The interpreter under which a pattern shows its parts."""

    def apply(self, op: Op, args: tuple[Any, ...], attrs: dict[str, Any]) -> Tensor:
        return wrap(Part(op, tuple(a._value if isinstance(a, Tensor) else a for a in args), attrs))


class Rule:
    """Algebra: where a graph has `pattern`, it may as well have `replacement`.

    Both are functions of ops, of the same parameters. Positional parameters stand for any tensors; what a keyword-only one
    stands for is an attribute or a Python number, and its default is a sample of it, for tests. dtypes: the categories that
    the rule holds for, b(ool) i(nteger) f(loating) c(omplex), of its parameter `x`. A replacement that returns None says
    that the rule does not hold there, after all.
    """

    def __init__(self, dtypes: str, pattern: Callable[..., Any], replacement: Callable[..., Any]) -> None:
        self.dtypes, self.pattern, self.replacement = dtypes, pattern, replacement
        parameters = inspect.signature(pattern).parameters.values()
        self.variables = [p.name for p in parameters if p.kind is not p.KEYWORD_ONLY]
        self.samples = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
        self.part: Part = _under(_Seen(), pattern, [wrap(v) for v in self.variables], {n: Unknown(n) for n in self.samples})._value

    def match(self, node: Node, given: Container[Node]) -> dict[str, Any] | None:
        """What each parameter stands for, if the node is an instance of the pattern; `given` nodes are not looked into."""
        found: dict[str, Any] = {}
        if _matches(self.part, node, found, given) and category(found["x"].dtype)[0] in self.dtypes:
            return found
        return None


def _matches(part: Any, node: Node, found: dict[str, Any], given: Container[Node]) -> bool:
    if type(part) is str:
        return found.setdefault(part, node) is node
    if type(part) is Part:
        if node.op is not part.op or node in given or len(node.attrs) != len(part.attrs):
            return False
        for p, n in zip(part.inputs, node.inputs):
            if not _matches(p, n, found, given):
                return False
        return not part.attrs or all(name in part.attrs and _agrees(part.attrs[name], value, found) for name, value in node.attrs)
    number = number_of(node)
    if number is None:
        return False
    return _agrees(part if type(part) is Unknown else _as(part, node.dtype), number, found)


def _agrees(wanted: Any, value: Any, found: dict[str, Any]) -> bool:
    if isinstance(wanted, Unknown):
        return exact(found.setdefault(wanted.name, value)) == exact(value)
    return exact(wanted) == exact(value)


def _under(interpreter: Any, function: Callable[..., Any], args: Sequence[Tensor], attrs: dict[str, Any]) -> Any:
    outside, grad, autocast = mode.interpreter, mode.grad, mode.autocast
    mode.interpreter, mode.grad, mode.autocast = interpreter, False, None
    try:
        return function(*args, **attrs)
    finally:
        mode.interpreter, mode.grad, mode.autocast = outside, grad, autocast


def _as(number: Any, dtype: DType) -> Any:
    """A Python number as one of this dtype, again as a Python number; None if the dtype has no such number."""
    try:
        return np.asarray(number, dtype).item()
    except (OverflowError, TypeError):
        return None


def number_of(node: Node) -> Any | None:
    """The Python number that every element of a node is, or None if that is not known."""
    if node.op is CONSTANT:
        return node.attr("value")
    return _as(node.attr("value"), node.dtype) if node.op is fill else None


class Rewriter:
    """Makes the simplest nodes it can; an interpreter under which a function of tensors on nodes gives such nodes.

    given: what stands for itself, and its strides in elements, if they are not those of a contiguous array.
    """

    def __init__(self, rules: Iterable[Rule], given: dict[Node, Strides | None]) -> None:
        self.given = given
        self.make = Interner()
        self.rules: dict[Op, list[Rule]] = {}
        for rule in rules:
            self.rules.setdefault(rule.part.op, []).append(rule)
        self.done: dict[Node, Node] = {}  # the simplest of each node made here
        self.line: Any = None  # of the node that is being replaced

    # The interpreter's answer

    def call(self, function: Callable[..., Any], args: Iterable[Node], attrs: dict[str, Any]) -> Any:
        """A function of tensors, of nodes."""
        result = _under(self, function, [wrap(n) for n in args], attrs)
        return result._value if isinstance(result, Tensor) else result

    def apply(self, op: Op, args: tuple[Any, ...], attrs: dict[str, Any]) -> Tensor:
        dtype = next((a.dtype for a in args if isinstance(a, Tensor)), None)
        inputs = tuple(a._value if isinstance(a, Tensor) else self.make.constant(_as(a, dtype), dtype) for a in args)  # type: ignore[arg-type]
        return wrap(self.simplest(self.make.apply(op, inputs, attrs, self.line)))

    # Simplification

    def again(self, node: Node, inputs: tuple[Node, ...]) -> Node:
        """The simplest node that does to these inputs what `node` does to its own."""
        if inputs == node.inputs:
            return self.simplest(self.make.keep(node))
        return self.simplest(self.make.node(node.op, inputs, node.attrs, node.spec, node.line))

    def simplest(self, node: Node) -> Node:
        """What a node is best replaced by: itself, or a node made here."""
        found = self.done.get(node)
        if found is None:
            self.done[node] = node  # for a rule that leads back here
            better = self._read_through(node) or self._folded(node) or self._by_rule(node)
            found = self.done[node] = node if better is None else self.simplest(better)
        return found

    def _by_rule(self, node: Node) -> Node | None:
        for rule in self.rules.get(node.op, ()):
            found = rule.match(node, self.given)
            if found is None:
                continue
            self.line = node.line
            args = [found.pop(name) for name in rule.variables]
            result = self.call(rule.replacement, args, found)
            if result is None or result.spec != node.spec:
                continue
            if node.kind != "view" and not self.contiguous(result):
                result = self.call(copy, [result], {})
            if result is not node:
                return result
        return None

    def _folded(self, node: Node) -> Node | None:
        """An op whose operands are all numbers is its eager function of them, once, if that takes no kernel."""
        if node.kind != "elementwise" or not node.op.exact or is_complex(node.dtype) or node in self.given:
            return None
        numbers = []
        for source in node.inputs:
            numbers.append(number_of(source))
            if numbers[-1] is None or is_complex(source.dtype):
                return None
        operands = [np.asarray(n, i.dtype) for n, i in zip(numbers, node.inputs)]
        with np.errstate(all="ignore"):
            value = np.asarray(node.op.eager(*operands, **dict(node.attrs))).item()
        return self.make.node(fill, (), (("shape", node.shape), ("dtype", node.dtype), ("value", value)), node.spec, node.line)

    def _read_through(self, node: Node) -> Node | None:
        """What a loop reads element by element may as well be what was copied or broadcast: no layout is seen there."""
        if node.kind not in ("elementwise", "reduction") or not any([n.op is copy or n.op is broadcast for n in node.inputs]):
            return None
        if node in self.given or not _reads_elements(node):
            return None
        inputs = tuple(n.inputs[0] if n.op is copy and n not in self.given else n for n in node.inputs)
        if node.kind == "elementwise":
            for position, source in enumerate(inputs):
                if source.op is broadcast and source not in self.given:
                    wider = (*inputs[:position], source.inputs[0], *inputs[position + 1 :])
                    if broadcast_shapes(*(n.shape for n in wider)) == node.shape:
                        inputs = wider
        return None if inputs == node.inputs else self.make.node(node.op, inputs, node.attrs, node.spec, node.line)

    # Layout

    def contiguous(self, node: Node) -> bool:
        """Whether a library op would meet this node's elements in row-major order, without gaps."""
        wanted = contiguous_strides(node.shape)
        strides = self.strides(node)
        return node.size <= 1 or all(n == 1 or s == w for n, s, w in zip(node.shape, strides, wanted))

    def strides(self, node: Node) -> Strides:
        return strides_of(node, self.given)


def strides_of(node: Node, given: Mapping[Node, Strides | None]) -> Strides:
    """The strides, in elements, of a node as the operand of a library op. `given`: those of nodes whose memory is given, None contiguous."""
    steps = []
    while node.kind == "view" and node not in given:
        steps.append(node)
        (node,) = node.inputs
    shape: Shape = node.shape
    strides = given.get(node) or contiguous_strides(shape)
    for step in reversed(steps):
        try:
            shape, strides, _ = step.op.layout(shape, strides, **dict(step.attrs))
        except ValueError:  # a reshape that copies
            shape, strides = step.shape, contiguous_strides(step.shape)
    return strides


def _reads_elements(node: Node) -> bool:
    """Whether a kernel computes this node, so that only the values of its operands matter."""
    if node.kind == "elementwise":
        lowers = node.op.text(node.inputs[-1].dtype) is not None
    else:
        lowers = node.op.lowers(node.inputs[0].dtype)
    return lowers and not (node.kind == "elementwise" and node.op.directed and is_complex(node.inputs[-1].dtype))


def rewrite(graph: Graph, rules: Iterable[Rule], layouts: Sequence[Strides | None]) -> Graph:
    """The graph with each node as simple as the rules make it. `layouts`: the inputs' strides in elements, None contiguous."""
    rewriter = Rewriter(rules, dict(zip(graph.inputs, layouts)))
    new = {node: node for node in graph.inputs}
    for node in graph.nodes():
        if node not in new:
            new[node] = rewriter.again(node, tuple(new[n] for n in node.inputs))
    return Graph(graph.inputs, tuple(new[n] for n in graph.outputs))
