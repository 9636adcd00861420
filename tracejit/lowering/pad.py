"""Pads: a value amid copies of one number, read on the fly. Gradients of slices and of sliding windows are sums of them."""

from __future__ import annotations

from ..graph.ir import Node
from .index import Box


def padded_region(node: Node) -> Box | None:
    """Where the value of a put lies in its result, if that is a box, and one number everywhere else; None for other nodes."""
    if node.kind != "put" or len(node.inputs) != 2 or node.op.combine != "{1}":
        return None
    base, value = node.inputs
    if base.kind != "create" or base.op.scalar != "{value}" or value.dtype != node.dtype or value.ndim > node.ndim:
        return None
    chain = node.attr("chain")
    if len(chain) != 1 or chain[0][0].name != "basic_index":
        return None
    key = dict(chain[0][1])["key"]
    if len(key) != node.ndim or not all(isinstance(k, tuple) and k[2] == 1 for k in key):
        return None
    return tuple((start, stop) for start, stop, _ in key)
