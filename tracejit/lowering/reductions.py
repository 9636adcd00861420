"""The loop nests of reductions, in NumPy's order: slice after slice over the leading reduced axes, pairwise over the trailing ones
(or, for an op that combines in sequence, element after element).

What is large and has few kept elements is cut at the joints of that order, by its size alone: the parts are reduced in parallel,
then joined as they would have been. Lanes, kept axes behind the reduced ones, are walked in blocks that stay in cache.

Where many threads share a row, all reduced axes are walked as one: "inner" if the last axis is among them, so that a row's elements are
neighbours, else "outer", so that neighbours are of different rows (columns).
"""

from __future__ import annotations

from math import prod

import numpy as np

from ..graph.ir import Node
from ..graph.text import place
from ..spec import category, contiguous_strides, is_complex, is_inexact
from .hardware import CPU, Hardware
from .index import ZERO, Position, linear, variable
from .kernel import CACHED, FEW, SHORT, Axis, Kernel, Load, Reduce, Slot, Store
from .lower import Builder, Slots, names_of

MANY = 64  # so many rows are parallel work enough
HALF = 64  # elements of a leaf of complex numbers, whose parts NumPy counts
BLOCKS = 128, 1024  # the fewest and the most lanes of a block


def lower_reduction(node: Node, slots: Slots, hardware: Hardware = CPU) -> list[Kernel]:
    """The kernels of one reduction: one, or one for its parts and one that joins them."""
    (source,) = node.inputs
    shape, reduced = source.shape, set(node.attr("axes"))
    wide = [d for d, n in enumerate(shape) if n != 1]
    if source.size == 0 or not any(d in reduced for d in wide):
        return [_trivial(node, slots)]
    last_kept = max((d for d in wide if d not in reduced), default=-1)
    nest = _Nest(node, slots, hardware)
    if hardware.in_turns:
        nest.inner = [] if node.op.in_sequence else [d for d in wide if d > last_kept]
        nest.outer = [d for d in wide if d in reduced and d not in nest.inner]
        nest.lane = [] if nest.inner else [d for d in wide if d not in reduced and d > max(nest.outer)]
    else:
        walked = [d for d in wide if d in reduced]
        nest.inner, nest.outer, nest.lane = (walked, [], []) if walked[-1] > last_kept else ([], walked, [])
    nest.space = [d for d in wide if d not in reduced and d not in nest.lane]
    return nest.kernels()


class _Nest:
    """The source's axes by the loops that walk them."""

    inner: list[int]
    outer: list[int]
    lane: list[int]
    space: list[int]

    def __init__(self, node: Node, slots: Slots, hardware: Hardware) -> None:
        self.node, self.slots, self.hardware = node, slots, hardware
        (self.source,) = node.inputs

    def kernels(self) -> list[Kernel]:
        hardware = self.hardware
        rows, count, slices = self._extent(self.space), self._extent(self.inner), self._extent(self.outer)
        if not hardware.in_turns:
            columns = 1 if self.inner else hardware.columns
            return self._parts(hardware.parts_of(-(-rows // columns), count * slices * columns))
        if self.inner and slices > 1 and rows < hardware.few and slices * count >= hardware.long:
            return self._slices()
        return self._parts(hardware.parts_of(rows, count) if self.inner and slices == 1 else 1)

    def _extent(self, axes: list[int]) -> int:
        return prod(self.source.shape[d] for d in axes)

    def _slices(self) -> list[Kernel]:
        """The slices in parallel, then joined one after the other."""
        outer, self.outer, self.space = self.outer, [], [*self.outer, *self.space]
        held = self._held([self.source.shape[d] for d in self.space])
        return [self._kernel(held, []), self._join(held, [Axis(f"i{n}", self.source.shape[d], "outer") for n, d in enumerate(outer)])]

    def _parts(self, parts: int) -> list[Kernel]:
        """The parts in parallel, then joined as a tree; all at once if there is but one."""
        if parts == 1:
            return [_in_blocks(self._kernel(self.slots[self.node], []))]
        held = self._held([parts, *[self.source.shape[d] for d in self.space]])
        part = Axis("i0", parts, "part")
        return [self._kernel(held, [part]), self._join(held, [Axis("i0", parts, "inner" if self.inner else "outer", leaf=1)])]

    def _held(self, shape: list[int]) -> Slot:
        return Slot(self.node.dtype, tuple(shape), contiguous_strides(tuple(shape)))

    def _join(self, held: Slot, reduced: list[Axis]) -> Kernel:
        """What reduces the leading axes of what is held to the node."""
        builder = Builder(self.slots, [self.node])
        builder.loops = list(reduced)
        kept = [builder.axis(n, "space") for n in held.shape[len(reduced) :]]
        at = linear((*[variable(axis.name) for axis in reduced], *kept), held.strides)
        value = builder.name("t")
        builder.body.append(Load(value, held, at))
        self._reduce(builder, value, self.slots[self.node], builder.loops[len(reduced) :])
        return builder.kernel(f"{self.node.op.name} of parts")

    def _kernel(self, target: Slot, parts: list[Axis]) -> Kernel:
        """The nest that stores to `target`; the loops of the inner axes are one: its indices are divided if they must be."""
        kernel = self._loops(target, parts, fold=False)
        if self.hardware.in_turns and sum(axis.role == "inner" for axis in kernel.stages[0].axes) > 1:
            kernel = self._loops(target, parts, fold=True)
        for axis in kernel.stages[0].axes if parts else ():
            axis.part = parts[0].name
        return kernel

    def _loops(self, target: Slot, parts: list[Axis], fold: bool) -> Kernel:
        shape = self.source.shape
        builder = Builder(self.slots, [self.node])
        builder.loops = list(parts)
        indices = [ZERO] * len(shape)
        for role, axes in (("space", self.space), ("outer", self.outer), ("lane", self.lane)):
            for d in axes:
                indices[d] = builder.axis(shape[d], role)
        inner_shape = tuple(shape[d] for d in self.inner)
        if fold:
            found = builder.axes(Position(inner_shape, flat=builder.axis(prod(inner_shape), "inner")))
        else:
            found = tuple(builder.axis(n, "inner") for n in inner_shape)
        for d, index in zip(self.inner, found):
            indices[d] = index
        for axis in builder.loops if is_complex(self.node.dtype) else ():
            axis.leaf = HALF if axis.role == "inner" else axis.leaf
        value = builder.read(self.source, Position(shape, tuple(indices)))
        kept = [*parts, *[axis for axis in builder.loops if axis.role == "space"], *[axis for axis in builder.loops if axis.role == "lane"]]
        self._reduce(builder, value, target, kept)
        names = [] if self.source in self.slots else names_of(self.source, self.slots)
        return builder.kernel(" → ".join([*names, self.node.op.name]))

    def _reduce(self, builder: Builder, value: str, target: Slot, kept: list[Axis]) -> None:
        """The reduction of a value, stored to where these loops stand in a slot of their extents."""
        op, dtype = self.node.op, self.node.dtype
        at = linear(tuple(variable(axis.name) for axis in kept), contiguous_strides(tuple(axis.extent for axis in kept)))
        result = builder.name("r")
        store = Store(target, at, result, dtype, None, place(self.node))
        builder.reductions.append(Reduce(value, op.combine, op.identity[category(self.source.dtype)], dtype, result, store))


def _in_blocks(kernel: Kernel) -> Kernel:
    """With a parallel loop over blocks of the innermost lanes, where there are few rows: the slices of a block stay in cache."""
    (stage,) = kernel.stages
    lane = stage.axes[-1]
    if lane.role != "lane" or prod(axis.extent for axis in kernel.axes) >= MANY:
        return kernel
    slices = prod(axis.extent for axis in stage.axes[:-1])
    fewest, most = BLOCKS
    wanted = min(CACHED // slices, lane.extent // FEW, most)
    block = max(wanted // fewest * fewest, fewest)
    if lane.extent > block and slices * lane.extent > SHORT:
        lane.block = block
        kernel.axes.insert(0, Axis(lane.name, lane.extent, "block", block))
    return kernel


def _trivial(node: Node, slots: Slots) -> Kernel:
    """A reduction of nothing (its identity), or over axes of one element (a copy in the result's dtype)."""
    (source,) = node.inputs
    builder = Builder(slots, [node])
    where = builder.space(node.shape, "space")
    if source.size == 0:
        empty = node.op.numpy(np.empty(0, source.dtype), axis=0)
        builder.store(slots[node], where, builder.constant(np.asarray(empty).item(), node.dtype), node)
    else:
        value = builder.read(source, Position(source.shape, flat=where.flat))
        if is_inexact(source.dtype):  # a sum of -0.0 alone is 0.0
            value = builder.let(node.op.combine.format(f"{{T}}({node.op.identity[category(source.dtype)]})", "{0}"), value, source)
        builder.store(slots[node], where, value, source)
    return builder.kernel(node.op.name)
