"""What nodes mean: each computed by its op's eager function, one by one. Slow, and exact about errors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ..errors import standing_at
from ..interpreter import EAGER
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
                values[node] = EAGER.apply(node.op, operands, dict(node.attrs))


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
