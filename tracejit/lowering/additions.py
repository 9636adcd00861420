"""Additions at computed indices as sums, where many threads run at once: each place of the result looks for the values that name it.

One thread that adds value after value waits for memory at each. As sums the additions have an order that follows from the shapes alone, whatever
the indices are; it is not that of the values.
"""

from __future__ import annotations

from math import prod
from typing import Any

from ..graph.ir import Interner, Node
from ..ops.casts import cast, where
from ..ops.create import iota
from ..ops.elementwise import add, multiply
from ..ops.logic import equal, less
from ..ops.reduce import reduce_sum
from ..ops.view import broadcast, reshape_view
from ..spec import Shape, contiguous_strides, int64
from .hardware import Hardware
from .index import Position
from .kernel import Kernel, Slot, Store
from .lower import Builder, Slots, lower_copy, strided
from .reductions import lower_reduction

MANY = 64  # values that one thread would add one after another


def are_sums(put: Node, hardware: Hardware) -> bool:
    """Whether a put's values are added up by its places: by the shapes alone, for bits depend on it."""
    base, _, *indices = put.inputs
    adds = indices and put.op.combine == "{0} + {1}" and base.dtype.kind != "b"
    return bool(adds) and indices[0].size >= MANY and base.size <= hardware.places


def lower_additions(put: Node, slots: Slots, hardware: Hardware) -> list[Kernel]:
    """The kernels that add a put's values into its slot, which already holds the base: those of the sums, and the loop that adds these. What is
    computed on the fly is computed once, before."""

    def new(node: Node) -> Slot:
        return Slot(node.dtype, node.shape, contiguous_strides(node.shape))

    held = {node: new(node) for node in put.inputs[1:] if strided(node, slots) is None}
    total = _sums(put)
    places = {**slots, **held, total: new(total)}
    return [*(lower_copy(node, slot, slots) for node, slot in held.items()), *lower_reduction(total, places, hardware), _additions(put, total, places)]


def _sums(put: Node) -> Node:
    """What a put adds at each place: of shape (places of the indexed axes, *axes behind them)."""
    base, value, *indices = put.inputs
    make, rank, count = Interner(), len(indices), indices[0].size
    behind, places = base.shape[rank:], prod(base.shape[:rank])

    def apply(op: Any, *inputs: Node, **attrs: Any) -> Node:
        return make.apply(op, inputs, attrs, put.line)

    def number(n: int) -> Node:
        return make.constant(n, int64)

    def seen(node: Node, shape: Shape) -> Node:
        """Broadcast: from axes of its own, which lie behind."""
        return node if node.shape == shape else apply(broadcast, node, shape=shape)

    def shaped(node: Node, shape: Shape) -> Node:
        return node if node.shape == shape else apply(reshape_view, node, shape=shape)

    named: Node | None = None  # of each value: the number of the place that it is added at
    for index, extent in zip(indices, base.shape):
        index = index if index.dtype == int64 else apply(cast, index, dtype=int64)
        index = apply(where, apply(less, index, number(0)), apply(add, index, number(extent)), index)
        named = index if named is None else apply(add, apply(multiply, named, number(extent)), index)
    assert named is not None
    pairs, each = (count, places), apply(iota, shape=(places,), dtype=int64)
    holds = apply(equal, seen(shaped(named, (count, 1)), pairs), seen(each, pairs))
    shape = (*pairs, *behind)
    values = seen(shaped(seen(value, (*indices[0].shape, *behind)), (count, 1, *behind)), shape)
    chosen = apply(where, seen(shaped(holds, (*pairs, *[1] * len(behind))), shape), values, make.constant(0, base.dtype))
    return apply(reduce_sum, chosen, axes=(0,), keepdims=False)


def _additions(put: Node, total: Node, slots: Slots) -> Kernel:
    """The loop that adds sums into the slot."""
    builder = Builder(slots, [put])
    at = builder.space(put.shape, "space")
    value = builder.read(total, Position(total.shape, flat=at.flat))
    builder.body.append(Store(slots[put], builder.at(slots[put], at), value, total.dtype, put.op.combine))
    return builder.kernel(put.op.name)
