"""The least and the greatest value that an integer node can have, as its operations tell: an index known to be in bounds is not checked."""

from __future__ import annotations

from typing import Callable, Mapping

import numpy as np

from ..graph.ir import CONSTANT, Node
from ..ops.create import fill
from ..spec import DType, bool_
from .kernel import Slot, Span

DEPTH = 8  # operations looked through: masks, clamps and casts stand near the gather

RULES: dict[str, Callable[..., Span | None]] = {  # of an operation's result, from the spans of its operands; None: whatever the dtype holds
    "cast": lambda a: a,
    "negative": lambda a: (-a[1], -a[0]),
    "copy": lambda a: a,
    "add": lambda a, b: (a[0] + b[0], a[1] + b[1]),
    "subtract": lambda a, b: (a[0] - b[1], a[1] - b[0]),
    "multiply": lambda a, b: (min(x * y for x in a for y in b), max(x * y for x in a for y in b)),
    "floor_divide": lambda a, b: (min(a[0] // n for n in b), max(a[1] // n for n in b)) if b[0] > 0 else None,
    "minimum": lambda a, b: (min(a[0], b[0]), min(a[1], b[1])),
    "maximum": lambda a, b: (max(a[0], b[0]), max(a[1], b[1])),
    "bitwise_and": lambda a, b: (0, min(high for low, high in (a, b) if low >= 0)) if max(a[0], b[0]) >= 0 else None,
    "bitwise_right_shift": lambda a, b: (a[0] >> b[0], a[1] >> b[0]) if 0 <= b[0] == b[1] else None,
    "remainder": lambda a, b: (0, b[1] - 1) if b[0] > 0 else None,
    "where": lambda _condition, a, b: (min(a[0], b[0]), max(a[1], b[1])),
}


def span(node: Node, slots: Mapping[Node, Slot], depth: int = DEPTH) -> Span:
    """What an integer or bool node's elements are between, both ends included. `slots`: where values lie that are computed already."""
    whole = _holds(node.dtype)
    slot = slots.get(node)
    if slot is not None and slot.span is not None:
        return slot.span
    if node.op in (CONSTANT, fill):
        value = int(node.attr("value"))
        return value, value
    found: Span | None = None
    if node.kind == "create" and node.op.scalar == "{i}":
        found = 0, max(node.size - 1, 0)
    elif depth and node.kind in ("view", "gather"):
        found = span(node.inputs[0], slots, depth - 1)
    elif depth and node.kind == "elementwise" and node.op.name in RULES and all(n.dtype.kind in "biu" for n in node.inputs):
        found = RULES[node.op.name](*(span(n, slots, depth - 1) for n in node.inputs))
    return found if found is not None and whole[0] <= found[0] and found[1] <= whole[1] else whole  # what overflows may be anything


def _holds(dtype: DType) -> Span:
    if dtype == bool_:
        return 0, 1
    return int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)


def stays_within(index: Node, extent: int, slots: Mapping[Node, Slot], first: int | None = None) -> bool:
    """Whether an index is in bounds of an axis whatever the values are: not less than `first`, by default the extent counted from the end."""
    low, high = span(index, slots)
    return (-extent if first is None else first) <= low and high < extent
