"""Pads: a value amid copies of one number, read on the fly. Gradients of slices and of sliding windows are sums of them; what is rolled
round is two views side by side, amid nothing."""

from __future__ import annotations

from ..graph.ir import Node
from .index import Box


def padded_region(node: Node) -> Box | None:
    """Where the value of a put lies in its result, if that is a box, and one number or another pad everywhere else; None for other nodes.

    Where pads overlap or join, all of them are views: a value that is computed would be so under each guard.
    """
    if node.kind != "put" or len(node.inputs) != 2 or node.op.combine != "{1}":
        return None
    base, value = node.inputs
    number = base.kind == "create" and base.op.scalar == "{value}"
    beside = base.kind == "put" and value.kind == base.inputs[1].kind == "view" and base.inputs[0].kind == "create" and padded_region(base)
    if not (number or beside) or value.dtype != node.dtype or value.ndim > node.ndim:
        return None
    chain = node.attr("chain")
    if len(chain) != 1 or chain[0][0].name != "basic_index":
        return None
    key = dict(chain[0][1])["key"]
    if len(key) != node.ndim or not all(isinstance(k, tuple) and k[2] == 1 for k in key):
        return None
    return tuple((start, stop) for start, stop, _ in key)
