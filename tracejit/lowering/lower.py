"""From fused nodes to kernels, by one recursive `read(node, position)`: a buffer is a load, a view asks its input at another
position, an elementwise op formats its text."""

from __future__ import annotations

from typing import Any, Container, Iterable, Sequence

from ..graph.ir import CONSTANT, Node
from ..graph.text import place
from ..spec import Shape, bool_, contiguous_strides
from .divide import without_divisions
from .distinct import names_each_place_once
from .hardware import CPU, Hardware
from .index import ZERO, Box, Index, Position, linear, through, variable
from .kernel import Axis, Kernel, Let, LetIndex, Load, Reduce, Slot, Stage, Statement, Store, merge_axes, used
from .pad import padded_region
from .spans import stays_within

Slots = dict[Node, Slot]
CHOICE, BOTH = "{0} if {guard} else {1}", "{0} & {1}"  # what is read under a guard or else what is around it; two guards


def lower_map(nodes: list[Node], slots: Slots) -> Kernel:
    """One loop nest that computes and stores these nodes, all of one shape."""
    builder = Builder(slots, nodes)
    where = builder.space(nodes[0].shape, "space")
    values = [builder.read(node, where) for node in nodes]
    for node, value in zip(nodes, values):  # after all loads: a store may be to memory that is loaded from
        builder.store(slots[node], where, value, node)
    return builder.kernel(", ".join(" → ".join(names_of(node, slots)) for node in nodes[:4]))


def lower_put(node: Node, slots: Slots, hardware: Hardware = CPU) -> Kernel:
    """The loop that writes a put's value into the slot, which already holds the base."""
    base, value, *indices = node.inputs
    slot = slots[node]
    builder = Builder(slots, [node])
    if not indices:
        shape, strides, offset = slot.shape, slot.strides, 0
        for op, attrs in node.attr("chain"):
            shape, strides, step = op.layout(shape, strides, **dict(attrs))
            offset += step
        where = builder.space(shape, "space")
        at = linear(builder.axes(where), strides, offset)
    else:
        shape = indices[0].shape + node.shape[len(indices) :]
        ordered = "space" if names_each_place_once(node) else "serial"
        behind = ordered if hardware.in_turns else "space"  # what lies behind the indexed axes is of places of its own
        axes = tuple(builder.axis(n, ordered if d < indices[0].ndim else behind) if n != 1 else ZERO for d, n in enumerate(shape))
        where = Position(shape, axes)
        places = builder.places(indices, Position(indices[0].shape, axes[: indices[0].ndim]), node.shape)
        at = linear(places + axes[indices[0].ndim :], slot.strides)
    read = builder.read(value, builder.broadcast(where, value.shape))
    combine = node.op.combine if "{0}" in node.op.combine else None
    builder.body.append(Store(slot, at + slot.offset, read, value.dtype, combine, place(node)))
    return builder.kernel(node.op.name)


def lower_copy(node: Node | None, target: Slot, slots: Slots, source: Slot | None = None, box: Box | None = None) -> Kernel:
    """The loop that stores a node, or the contents of a slot, into a slot: all of it, or a box."""
    builder = Builder(slots, [])
    where = builder.space(target.shape if box is None else tuple(stop - start for start, stop in box), "space")
    if box is not None:
        where = Position(target.shape, tuple(i + start for i, (start, _) in zip(builder.axes(where), box)))
    if node is not None:
        value, dtype = builder.read(node, where), node.dtype
    else:
        assert source is not None
        value, dtype = builder.load(source, builder.at(source, where)), source.dtype
    builder.body.append(Store(target, builder.at(target, where), value, dtype))
    return builder.kernel("copy")


Check = tuple[Node, int, Node]  # an index, the extent that it must stay within, and the gather or put that it is an index of


def lower_checks(checks: Sequence[Check], slots: Slots) -> Kernel:
    """A loop that stops the program if one of these indices, which have one shape but for axes of length 1, is out of bounds;
    it runs before anything is written."""
    builder = Builder(slots, [])
    axes = builder.space(extents_of(checks[0][0].shape), "space").axes(builder.extent, builder.divide)
    for index, extent, node in checks:
        left = iter(axes)
        value = builder.read(index, Position(index.shape, tuple(ZERO if n == 1 else next(left) for n in index.shape)))
        if not builder.within(value, extent):
            builder.body.append(LetIndex("", "check", variable(value), extent, place(node)))
    return builder.kernel("bounds of " + ", ".join(dict.fromkeys(node.op.name for _, _, node in checks)))


def checks_of(node: Node, slots: Slots) -> list[Check]:
    """What must hold for a gather or a put to be done, and may not: of each index before it is broadcast to the shape of the others."""
    indices, extents = indexed(node)
    if 0 in indices[0].shape:
        return []
    return [(unbroadcast(index), extent, node) for index, extent in zip(indices, extents) if not stays_within(index, extent, slots)]


def unbroadcast(node: Node) -> Node:
    """What a broadcast repeats."""
    while node.op.name == "broadcast":
        node = node.inputs[0]
    return node


def extents_of(shape: Shape) -> Shape:
    """The axes that are longer than 1."""
    return tuple(n for n in shape if n != 1)


def indexed(node: Node) -> tuple[tuple[Node, ...], Shape]:
    """The index operands of a gather or a put, and the extents they must stay within."""
    indices = node.inputs[1:] if node.kind == "gather" else node.inputs[2:]
    return indices, node.inputs[0].shape[: len(indices)]


class Builder:
    """Collects the axes and statements of one kernel."""

    def __init__(self, slots: Slots, storing: Iterable[Node]) -> None:
        self.slots = slots
        self.storing = set(storing)
        self.loops: list[Axis] = []
        self.body: list[Statement] = []
        self.constants: list[tuple[str, Any, Any]] = []
        self.constant_names: dict[Any, str] = {}
        self.reductions: list[Reduce] = []
        self.known: dict[Any, str] = {}
        self.guard = ""  # the name of what must hold for the place at hand to be one
        self.counted: dict[str, tuple[Index, int]] = {}  # values that are an index themselves, and less than an integer
        self.count = 0

    def kernel(self, title: str) -> Kernel:
        space = [axis for axis in self.loops if axis.role in ("space", "part")]
        own = [axis for axis in self.loops if axis.role not in ("space", "part")]
        if self.counted:  # indices that became places are read nowhere
            self.body = used(self.body, self.reductions)
        return merge_axes(without_divisions(Kernel(space, [Stage(own, self.body, self.reductions, title)], self.constants)))

    # Axes and positions

    def axis(self, extent: int, role: str) -> Index:
        name = f"i{len(self.loops)}"
        self.loops.append(Axis(name, extent, role))
        return variable(name)

    def space(self, shape: Shape, role: str) -> Position:
        """A loop for each axis of a shape."""
        return Position(shape, tuple(self.axis(n, role) if n != 1 else ZERO for n in shape))

    def extent(self, name: str) -> int | None:
        return next((a.extent for a in self.loops if a.name == name), None)

    def axes(self, where: Position) -> tuple[Index, ...]:
        return where.axes(self.extent, self.divide)

    def divide(self, index: Index, divisor: int) -> tuple[Index, Index]:
        names = []
        for form in ("quotient", "remainder"):
            key = (form, index, divisor)
            if key not in self.known:
                self.known[key] = self.name("k")
                self.body.append(LetIndex(self.known[key], form, index, divisor))
            names.append(variable(self.known[key]))
        return names[0], names[1]

    def broadcast(self, where: Position, shape: Shape) -> Position:
        """The position in an operand of this shape that broadcasts to where we are."""
        if shape == where.shape:
            return where
        if all(n == 1 for n in shape):
            return Position(shape, (ZERO,) * len(shape))
        axes = self.axes(where)[len(where.shape) - len(shape) :]
        return Position(shape, tuple(ZERO if n == 1 else i for i, n in zip(axes, shape)))

    def name(self, letter: str) -> str:
        self.count += 1
        return f"{letter}{self.count - 1}"

    # Values

    def constant(self, value: Any, dtype: Any) -> str:
        key = (type(value), repr(value), dtype)
        if key not in self.constant_names:
            name = self.constant_names[key] = f"v{len(self.constants)}"
            self.constants.append((name, dtype, value))
        return self.constant_names[key]

    def read(self, node: Node, where: Position) -> str:
        """The name of the value of a node at a position; statements that compute it are added if it is new."""
        if node.op is CONSTANT:
            return self.constant(node.attr("value"), node.dtype)
        found = self.known.get((node, where.key, self.guard))
        if found is not None:
            return found
        for ahead in self._same_place(node, where):
            self._read_once(ahead, Position(ahead.shape, where._axes, where._flat))
        return self._read_once(node, where)

    def _same_place(self, node: Node, where: Position) -> list[Node]:
        """What an elementwise node reads at its own position and is new, deepest first: long chains need no deep recursion."""
        order: list[Node] = []
        done: set[Node] = set()
        stack = [(node, False)]
        while stack:
            n, expanded = stack.pop()
            if expanded:
                order.append(n)
            elif n not in done and n.kind == "elementwise" and n.shape == node.shape and (n, where.key, self.guard) not in self.known:
                done.add(n)
                if n not in self.slots or n in self.storing:
                    stack.append((n, True))
                    stack.extend((i, False) for i in n.inputs)
        return order

    def _read_once(self, node: Node, where: Position) -> str:
        key = (node, where.key, self.guard)
        if key not in self.known:
            self.known[key] = self._read(node, where)
        return self.known[key]

    def _read(self, node: Node, where: Position) -> str:
        slot = self.slots.get(node)
        if slot is not None and (node not in self.storing or node.kind in ("reduction", "put")):
            return self.load(slot, self.at(slot, where))
        region = padded_region(node)
        if region is not None:
            return self._read_pad(node, region, where)
        if node.kind == "view":
            return self._read_view(node, where)
        if node.kind == "elementwise":
            return self._read_elementwise(node, where)
        if node.kind == "create":
            return self._read_create(node, where)
        if node.kind == "gather":
            return self._read_gather(node, where)
        raise AssertionError(f"{node} has no buffer")

    def load(self, slot: Slot, index: Index) -> str:
        result = self.name("t")
        self.body.append(Load(result, slot, index, guard=self.guard))
        return result

    def at(self, slot: Slot, where: Position) -> Index:
        """The place of a position in a slot's memory."""
        if slot.strides == contiguous_strides(slot.shape):
            return where.flat + slot.offset
        return linear(self.axes(where), slot.strides, slot.offset)

    def _read_view(self, node: Node, where: Position) -> str:
        found = strided(node, self.slots, self.storing)
        if found is not None:
            slot, shape, strides, offset = found
            return self.load(slot, linear(self.axes(where), strides, offset))
        (source,) = node.inputs
        _, strides, offset = node.op.layout(source.shape, contiguous_strides(source.shape), **dict(node.attrs))
        if strides == contiguous_strides(node.shape) and not offset and node.size == source.size:
            return self.read(source, Position(source.shape, flat=where.flat))
        axes = through(self.axes(where), node.shape, strides, offset, source.shape)
        if axes is not None:
            return self.read(source, Position(source.shape, axes))
        return self.read(source, Position(source.shape, flat=linear(self.axes(where), strides, offset)))

    def _read_elementwise(self, node: Node, where: Position) -> str:
        operands = tuple(self.read(n, self.broadcast(where, n.shape)) for n in node.inputs)
        if node.op.text(node.inputs[-1].dtype) == "{0}" and node.inputs[0].dtype == node.dtype:
            return operands[0]
        result = self.name("t")
        operand_dtype = node.inputs[-1].dtype
        self.body.append(Let(result, node.op.text(operand_dtype), operands, operand_dtype, node.dtype, line=place(node), cost=node.op.cost))
        return result

    def _read_create(self, node: Node, where: Position) -> str:
        op, attrs = node.op, dict(node.attrs)
        names = {p: self.constant(attrs[p], node.dtype) for p in op.parameters_of_kernel}
        if op.scalar == "{value}":
            return names["value"]
        operands = tuple(self.read(n, Position(n.shape, (ZERO,) * n.ndim)) for n in node.inputs)
        result = self.name("t")
        self.body.append(Let(result, op.scalar, operands, node.dtype, node.dtype, {"i": where.flat}, tuple(names.items()), place(node)))
        if op.scalar == "{i}" and node.dtype.kind in "iu" and node.dtype.itemsize == 8:
            self.counted[result] = where.flat, node.size
        return result

    def _read_pad(self, node: Node, region: Box, where: Position) -> str:
        """The value, within its region: read under a guard, for elsewhere there is none."""
        base, value = node.inputs
        around, outside = self.read(base, where if base.kind == "put" else Position(base.shape, flat=ZERO)), self.guard
        inner = tuple(index + -start for index, (start, _) in zip(self.axes(where), region))
        for index, (start, stop), extent in zip(inner, region, node.shape):
            if (start, stop) != (0, extent):
                self.guard = self._both(self.guard, self._within(index, stop - start))
        shape = tuple(stop - start for start, stop in region)
        found = self.read(value, self.broadcast(Position(shape, inner), value.shape))
        guard, self.guard = self.guard, outside
        if guard == outside:
            return found
        result = self.name("t")
        self.body.append(Let(result, CHOICE, (found, around), node.dtype, node.dtype, {}, (("guard", guard),), place(node)))
        return result

    def _within(self, index: Index, extent: int) -> str:
        """The name of whether an index is one of an axis."""
        key = ("within", index, extent)
        if key not in self.known:
            self.known[key] = self.name("k")
            self.body.append(LetIndex(self.known[key], "within", index, extent))
        return self.known[key]

    def _both(self, a: str, b: str) -> str:
        """The name of whether two conditions hold; the first may be none."""
        key = ("both", a, b)
        if a and key not in self.known:
            self.known[key] = self.name("t")
            self.body.append(Let(self.known[key], BOTH, (a, b), bool_, bool_))
        return self.known[key] if a else b

    def _read_gather(self, node: Node, where: Position) -> str:
        source, *indices = node.inputs
        axes = self.axes(where)
        rank = indices[0].ndim
        places = self.places(indices, Position(indices[0].shape, axes[:rank]), source.shape)
        return self.read(source, Position(source.shape, places + axes[rank:]))

    def places(self, indices: Iterable[Node], where: Position, shape: Shape) -> tuple[Index, ...]:
        """The indices read at a position, negative ones counted from the end."""
        found = []
        for node, extent in zip(indices, shape):
            value = self.read(node, where)
            if self.within(value, extent):
                found.append(self.counted[value][0])
                continue
            key = ("inside" if stays_within(node, extent, self.slots, first=0) else "wrap", value, extent)
            if key not in self.known:
                self.known[key] = self.name("k")
                self.body.append(LetIndex(self.known[key], key[0], variable(value), extent, place(node)))
            found.append(variable(self.known[key]))
        return tuple(found)

    def within(self, value: str, extent: int) -> bool:
        """Whether a value is an index that is never out of bounds."""
        return value in self.counted and self.counted[value][1] <= extent

    def let(self, text: str, value: str, node: Node) -> str:
        """The name of what a text of one value of a node's dtype gives."""
        result = self.name("t")
        self.body.append(Let(result, text, (value,), node.dtype, node.dtype, line=place(node)))
        return result

    def store(self, slot: Slot, where: Position, value: str, node: Node) -> None:
        self.body.append(Store(slot, self.at(slot, where), value, node.dtype, None, place(node)))


def strided(node: Node, slots: Slots, storing: Iterable[Node] = ()) -> tuple[Slot, Shape, tuple[int, ...], int] | None:
    """(slot, shape, strides, offset) of a node that is a chain of views of a slot; None if it is not, or needs a copy."""
    steps = []
    source = node
    while source.kind == "view" and source not in slots:
        steps.append(source)
        (source,) = source.inputs
    slot = slots.get(source)
    if slot is None or source in storing:
        return None
    shape, strides, offset = slot.shape, slot.strides, slot.offset
    for step in reversed(steps):
        try:
            shape, strides, moved = step.op.layout(shape, strides, **dict(step.attrs))
        except ValueError:
            return None
        offset += moved
    return slot, shape, strides, offset


def names_of(node: Node, slots: Container[Node]) -> list[str]:
    """The last few ops that are computed on the way to a node, for a kernel's title."""
    found: list[str] = []
    stack, done = [node], set()
    while stack and len(found) < 4:
        n = stack.pop()
        if n not in done and (n not in slots or n is node):
            done.add(n)
            if n.kind in ("elementwise", "gather", "create", "put"):
                found.append(n.op.name)
            stack.extend(reversed(n.inputs))
    return found[::-1]
