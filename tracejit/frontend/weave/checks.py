"""Whether a loop that is one op may raise midway, when what its turns wrote before has to stay written."""

from __future__ import annotations

from typing import Any, Iterator

from ...graph.ir import Graph, Node, subgraphs
from ...lowering.kernel import Slot
from ...lowering.lower import checks_of
from ...lowering.spans import span
from ...op import OPS, Op

Spans = dict[Node, Slot]  # of a graph's inputs, where they are known


def may_raise(node: Node, given: Spans) -> bool:
    """Whether values can make a node raise, as far as the spans of its indices tell."""
    if node.kind != "control":
        if not isinstance(node.op, Op) or not node.op.raises or (node.kind == "put" and len(node.inputs) == 2):
            return False
        return node.kind not in ("gather", "put") or bool(checks_of(node, given))
    if node.op is OPS["loop"]:
        return _loop_may_raise(node, given)
    return any(graph_may_raise(graph, _spans_in(graph, node.inputs[1:], given)) for graph in subgraphs(node))


def graph_may_raise(graph: Graph, given: Spans) -> bool:
    return any(may_raise(node, given) for node in graph.nodes())


def turns_may_raise(body: Graph, length: int) -> bool:
    """The same of a loop's body, of which nothing but the number of turns is known."""
    return graph_may_raise(body, {body.inputs[0]: _slot(body.inputs[0], 0, length - 1)})


def _loop_may_raise(node: Node, given: Spans) -> bool:
    attrs = dict(node.attrs)
    body, cond, carries, start = attrs["body"], attrs["cond"], attrs["carries"], attrs["start"]
    count = carries + attrs["scanned"]
    operands = (None,) * (1 + count) + node.inputs[count:]
    known = dict(_spans_in(body, operands, given))
    if cond is None:
        known[body.inputs[0]] = _slot(body.inputs[0], start, start + max(attrs["length"], 1) - 1)
    else:
        outer = _spans_in(cond, operands, given)
        known.update(_counted(body, cond, node.inputs[:carries], given, outer))
        if graph_may_raise(cond, outer):
            return True
    return graph_may_raise(body, known)


def _counted(body: Graph, cond: Graph, first: tuple[Node, ...], given: Spans, outer: Spans) -> Iterator[tuple[Node, Slot]]:
    """The carries that turns count up as long as they are less than something."""
    for n, begin in enumerate(first, 1):
        inner, after = body.inputs[n], body.outputs[n - 1]
        if inner.dtype.kind != "i" or not _counts(after, inner):
            continue
        for condition in _conjuncts(cond.outputs[0]):
            if condition.op is OPS["less"] and _source(condition.inputs[0]) is cond.inputs[n]:
                low, high = span(begin, given)[0], span(condition.inputs[1], outer)[1] - 1
                yield inner, _slot(inner, low, max(low, high))


def _counts(after: Node, inner: Node) -> bool:
    """Whether a value is another one and a constant more."""
    if _source(after).op is not OPS["add"]:
        return False
    one, two = _source(after).inputs
    return (_source(one) is inner and span(two, {})[0] > 0) or (_source(two) is inner and span(one, {})[0] > 0)


def _source(node: Node) -> Node:
    """What a node is a copy of."""
    return _source(node.inputs[0]) if node.op is OPS["copy"] else node


def _conjuncts(node: Node) -> Iterator[Node]:
    """The conditions that all hold where one does."""
    if _source(node).op is OPS["logical_and"]:
        for part in _source(node).inputs:
            yield from _conjuncts(part)
    yield _source(node)


def _spans_in(graph: Graph, operands: tuple[Any, ...], given: Spans) -> Spans:
    """The spans of a graph's inputs, which are these operands (None: not known)."""
    pairs = [(inner, outer) for inner, outer in zip(graph.inputs, operands) if outer is not None and inner.dtype.kind in "biu"]
    return {inner: _slot(inner, *span(outer, given)) for inner, outer in pairs}


def _slot(node: Node, low: int, high: int) -> Slot:
    return Slot(node.dtype, node.shape, (), span=(low, high))
