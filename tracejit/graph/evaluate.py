"""What nodes mean: each computed by its op's eager function, one by one. Slow, and exact about errors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import standing_at
from ..interpreter import EAGER
from ..ops.view import reshape_view
from ..tensor import wrap
from .ir import CONSTANT, INPUT, OUTPUT, Graph, Node


def evaluate(nodes: Iterable[Node], inputs: dict[Node, np.ndarray], values: dict[Node, Any], lines: Mapping[Node, Any]) -> None:
    """Fill in the values of nodes that stand each after its own inputs: a tensor, or several, of each.

    An error tells the line of the user's that wrote the node (`lines`: where that is not its own); the values of those before it are there.
    """
    for node in nodes:
        if node in inputs:
            values[node] = wrap(inputs[node])
            continue
        operands = tuple([values[n] for n in node.inputs])
        if node.op is CONSTANT:
            values[node] = wrap(np.asarray(node.attr("value"), node.dtype))
        elif node.op is OUTPUT:
            values[node] = operands[0][node.attr("index")]
        else:
            with standing_at(lines.get(node, node.line)):
                values[node] = _applied(node, operands)


def known(node: Node, constants: Mapping[Node, np.ndarray]) -> np.ndarray | None:
    """The value of a node that is made of constants alone, the same at each call; None of any other."""
    pending, seen = [node], {node}
    while pending:
        current = pending.pop()
        if current.op is INPUT and current not in constants:
            return None
        fresh = [n for n in current.inputs if n not in seen]
        pending += fresh
        seen.update(fresh)
    values: dict[Node, Any] = {}
    evaluate(Graph((), (node,)).nodes(), dict(constants), values, {})
    return values[node]._value


def run_eagerly(graph: Graph, arrays: Sequence[np.ndarray], writes: tuple[int, ...], lines: Mapping[Node, Any]) -> list[np.ndarray]:
    """A graph's outputs as new arrays, the first of them written into the inputs that `writes` numbers: for what is too long to compile.

    A write into a whole that nobody reads any more is done in place, so that thousands of them take no time for copies.
    """
    nodes = graph.nodes()
    readers = Counter(source for node in nodes for source in node.inputs)
    readers.update(graph.outputs)
    inputs = dict(zip(graph.inputs, arrays))
    values: dict[Node, Any] = {}
    own: set[Node] = set()  # those whose memory no other value shows
    for node in nodes:
        base = node.inputs[0] if node.kind == "put" and dict(node.attrs).get("chain") else None
        if base in own and readers[base] == 1:
            _write(values[base]._value, node.attr("chain"), values[node.inputs[1]]._value)
            values[node] = values[base]
        else:
            evaluate((node,), inputs, values, lines)
            if node.kind == "view":
                values[node] = wrap(np.array(values[node]._value))
        if node.kind in ("put", "view"):
            own.add(node)
        for source in node.inputs:
            readers[source] -= 1
            if not readers[source]:
                del values[source]
    outputs = [np.array(values[node]._value, order="C") for node in graph.outputs]
    for number, output in zip(writes, outputs):
        arrays[number][...] = output
    return outputs[len(writes) :]


def _write(place: np.ndarray, chain: tuple[Any, ...], value: np.ndarray) -> None:
    for op, attrs in chain:
        place = op.numpy(place, **dict(attrs))
    place[...] = value


def _applied(node: Node, operands: tuple[Any, ...]) -> Any:
    try:
        return EAGER.apply(node.op, operands, dict(node.attrs))
    except ValueError:
        if node.op is not reshape_view:
            raise
        # it is a view of an array from outside whose axes lie in another order; what is computed lies in C order
        return wrap(operands[0]._value.reshape(node.shape))
