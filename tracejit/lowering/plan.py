"""The plan: kernels and whole-array calls in order, and where every value lives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Container, Sequence

from ..graph.ir import CONSTANT, OUTPUT, Graph, Node
from ..spec import Shape, contiguous_strides
from .edges import cut_at_edges
from .fuse import Group, fuse, lowers
from .index import Box, box_of, without
from .kernel import Kernel, Load, Slot, Store
from .lower import Slots, indexed, lower_check, lower_copy, lower_map, lower_put, strided
from .reductions import lower_reduction
from .rooms import place_temporaries
from .rows import share_rows
from .side_by_side import rows_side_by_side
from .waves import in_waves

MOST_BOXES = 8  # that what is left of an array is copied in

Operand = tuple[Slot, Shape, tuple[int, ...], int]  # a slot seen with shape, strides and offset, in elements


@dataclass
class Call:
    """A whole-array step: a library op, or an op that kernels cannot compute."""

    node: Node
    operands: list[Any]  # Operands; Python scalars for constants
    results: list[Slot]

    @property
    def stops(self) -> bool:
        """Whether it may stop the program: a routine that refuses values."""
        return _may_stop(self.node)

    def reads(self) -> set[Slot]:
        """The slots of the operands."""
        return {o[0] for o in self.operands if isinstance(o, tuple)}

    def writes(self) -> set[Slot]:
        """The slots of the results."""
        return set(self.results)


@dataclass
class Plan:
    """What runs, in order. Arrays are numbered: the inputs, then the outputs that are not written into inputs."""

    graph: Graph  # what it computes
    steps: list[Kernel | Call]
    inputs: list[Slot]
    outputs: list[Slot]  # the new arrays, one for each output that is not a write
    arena: int = 0  # bytes of the temporaries
    places: dict[Slot, int] = field(default_factory=dict)  # byte offset of each temporary

    def text(self) -> str:
        """The steps, one a line."""
        kinds = [("kernel", s.title) if isinstance(s, Kernel) else ("call", f"{s.node.op.name}: whole arrays") for s in self.steps]
        lines = [f"{number:3}  {kind:<6}  {title}" for number, (kind, title) in enumerate(kinds)]
        return "\n".join([*lines, f"temporaries: {self.arena} bytes", ""])


def make_plan(graph: Graph, layouts: Sequence[tuple[int, ...] | None], writes: Sequence[int] = ()) -> Plan:
    """Plan a graph. `layouts` gives each input's strides in elements (None: contiguous); the first outputs are written into
    the inputs that `writes` numbers."""
    return _Planner(graph, layouts, writes).run()


class _Planner:
    def __init__(self, graph: Graph, layouts: Sequence[tuple[int, ...] | None], writes: Sequence[int]) -> None:
        self.graph, self.writes = graph, writes
        self.groups = fuse(graph, layouts)
        self.slots: Slots = {}
        self.steps: list[Kernel | Call] = []
        self.touching: dict[Slot, list[int]] = {}  # the numbers of the steps that read or write a slot
        self.inputs = []
        for number, (node, strides) in enumerate(zip(graph.inputs, layouts)):
            slot = Slot(node.dtype, node.shape, strides or contiguous_strides(node.shape), home=number)
            self.slots[node] = slot
            self.inputs.append(slot)
        self.results: dict[Node, list[Slot]] = {}
        self.given_out = set(graph.outputs)
        self.readers: dict[Node, list[Node]] = {}
        self.nodes = graph.nodes()
        for node in self.nodes:
            for source in node.inputs:
                self.readers.setdefault(source, []).append(node)
        self.last_reader = self._last_readers()
        # whether a step may stop the program half-way: a routine that refuses values, an index that is computed
        self.may_stop = any(map(_may_stop, self.nodes))

    def run(self) -> Plan:
        self._check_bounds_first()
        for number, group in enumerate(self.groups):
            self._lower(number, group)
        outputs = self._outputs()
        self._write_inputs()
        steps = in_waves(cut_at_edges(rows_side_by_side(share_rows(self.steps))))
        places, arena = place_temporaries(steps)
        return Plan(self.graph, steps, self.inputs, outputs, arena, places)

    def _last_readers(self) -> dict[Node, int]:
        """The number of the last group that reads each node with memory, directly or through what is computed on the fly."""
        last: dict[Node, int] = {}
        buffered = {n for g in self.groups for n in g.nodes} | set(self.graph.inputs)
        for number, group in enumerate(self.groups):
            stack = [source for node in group.nodes for source in node.inputs]
            seen: set[Node] = set()
            while stack:
                node = stack.pop()
                if node in seen:
                    continue
                seen.add(node)
                if node in buffered:
                    last[node] = number
                else:
                    stack.extend(node.inputs)
        for node in self.graph.outputs:
            last[node] = len(self.groups)
        return last

    # Steps

    def _check_bounds_first(self) -> None:
        """Bounds of indices that come from inputs are checked before anything is written."""
        computed = {node: number for number, group in enumerate(self.groups) for node in group.nodes}
        self.checks_at: dict[int, list[Node]] = {}
        for node in self.nodes:
            if node.kind == "gather" or (node.kind == "put" and len(node.inputs) > 2):
                needed = _memory_read(indexed(node)[0], computed)
                if not needed:
                    if indexed(node)[0][0].size:
                        self._check(node)
                else:
                    at = 1 + max(computed[n] for n in needed)
                    self.checks_at.setdefault(at, []).append(node)
                    self.may_stop = True

    def _check(self, node: Node) -> None:
        """That a node's indices are in bounds, unless that is known."""
        kernel = lower_check(node, self.slots)
        if kernel.stops:
            self._add(kernel)

    def _add(self, step: Kernel | Call) -> None:
        for slot in step.reads() | step.writes():
            self.touching.setdefault(slot, []).append(len(self.steps))
        self.steps.append(step)

    def _lower(self, number: int, group: Group) -> None:
        for node in self.checks_at.get(number, ()):
            self._check(node)
        if group.kind == "library":
            self._call(group.nodes[0])
            return
        if group.kind == "put":
            self._put(number, group.nodes[0])
            return
        for node in group.nodes:
            self.slots[node] = self._new(node.spec)
        if not group.nodes[0].size:
            return
        kernels = [lower_map(group.nodes, self.slots)] if group.kind == "map" else lower_reduction(group.nodes[0], self.slots)
        for kernel in kernels:
            self._add(kernel)

    def _new(self, spec: Any) -> Slot:
        return Slot(spec.dtype, spec.shape, contiguous_strides(spec.shape))

    def _put(self, number: int, node: Node) -> None:
        """In place if nobody else needs the base, else into a copy of it."""
        base, value = node.inputs[:2]
        slot = self.slots.get(base)
        free = self.last_reader.get(base, -1) <= number and slot is not None
        if slot is None or not free or (slot.home is not None and not self._leads_to_write(node, slot.home)):
            new = self._new(node.spec)
            for box in self._not_overwritten(node):
                self._add(lower_copy(base, new, self.slots, box=box))
            slot = new
        self.slots[node] = slot
        if not node.size or not value.size:
            return
        kernel = lower_put(node, self.slots)
        if any(isinstance(s, Load) and s.slot is slot for s in kernel.accesses()):
            held = {n: self._new(n.spec) for n in node.inputs[1:]}  # the value and the indices, as they are before the loop writes
            for operand, place in held.items():
                self._add(lower_copy(operand, place, self.slots))
            kernel = lower_put(node, {**self.slots, **held})
        self._add(kernel)

    def _not_overwritten(self, node: Node) -> list[Box]:
        """What a put, and the puts that alone read what it gives, leave of their base: boxes."""
        if not node.size:
            return []
        whole: Box = tuple((0, n) for n in node.shape)
        boxes = [whole]
        while True:
            taken = _box_written(node)
            boxes = without(boxes, taken) if taken is not None else boxes
            readers = self.readers.get(node, [])
            if len(readers) != 1 or readers[0].kind != "put" or readers[0].inputs[0] is not node or node in self.given_out:
                return boxes if len(boxes) <= MOST_BOXES else [whole]
            (node,) = readers

    def _leads_to_write(self, node: Node, home: int) -> bool:
        """Whether this put is on the way from an input to what is finally written into that input."""
        if self.may_stop or home >= len(self.inputs) or home not in self.writes:
            return False
        final = self.graph.outputs[list(self.writes).index(home)]
        while final.kind == "put" and final is not node:
            final = final.inputs[0]
        return final is node

    def _call(self, node: Node) -> None:
        if node.op is OUTPUT:
            self.slots[node] = self.results[node.inputs[0]][node.attr("index")]
            return
        specs = node.spec if node.op.outputs > 1 else (node.spec,)
        results = [self._new(spec) for spec in specs]
        self.results[node] = results
        if node.op.outputs == 1:
            self.slots[node] = results[0]
        self._add(Call(node, [self._operand(n, k in node.op.contiguous) for k, n in enumerate(node.inputs)], results))

    def _operand(self, node: Node, contiguous: bool) -> Any:
        if node.op is CONSTANT:
            return node.attr("value")
        found = strided(node, self.slots)
        if found is None or contiguous and found[2] != contiguous_strides(node.shape):
            held = self._new(node.spec)
            if node.size:
                self._add(lower_copy(node, held, self.slots))
            found = (held, held.shape, held.strides, 0)
        return found

    # Where results go

    def _outputs(self) -> list[Slot]:
        """Give each new output array its slot: the node's own buffer if nobody else claims it, else a copy."""
        outputs: list[Slot] = []
        claimed: set[Slot] = set(self.inputs)
        for node in self.graph.outputs[len(self.writes) :]:
            slot = self.slots.get(node)
            if slot is None or slot in claimed or node in self.graph.outputs[: len(self.writes)]:
                new = self._new(node.spec)
                if node.size:
                    self._add(lower_copy(node, new, self.slots))
                slot = new
            slot.home = len(self.inputs) + len(outputs)
            claimed.add(slot)
            outputs.append(slot)
        return outputs

    def _write_inputs(self) -> None:
        """Outputs that are inputs' new contents: in place where no reader of the old contents is left, else copied at the end."""
        pending = []
        for node, number in zip(self.graph.outputs, self.writes):
            slot, target = self.slots.get(node), self.inputs[number]
            if slot is target:
                continue
            if slot is not None and slot.home is None and self._replace(slot, target):
                self.slots[node] = target
                continue
            if slot is None or slot.home is not None and slot.home < len(self.inputs):
                held = self._new(node.spec)  # what it is read from may be written below
                self._add(lower_copy(node, held, self.slots))
                slot = held
            pending.append((slot, target))
        for slot, target in pending:
            if slot.shape and 0 in slot.shape:
                continue
            self._add(lower_copy(None, target, self.slots, slot))

    def _replace(self, slot: Slot, target: Slot) -> bool:
        """Let the kernel that stores `slot` store to `target` instead, if no old contents of it are needed then or later."""
        if self.may_stop or target.strides != slot.strides or target.dtype != slot.dtype:
            return False
        touching = self.touching.get(slot)
        if not touching or any(position > touching[0] for position in self.touching.get(target, ())):
            return False
        writer = self.steps[touching[0]]
        if not isinstance(writer, Kernel) or writer.reduces:
            return False
        at = [s.index for s in writer.accesses() if isinstance(s, Store) and s.slot is slot]
        if len(at) != 1 or any(s.slot is target and s.index != at[0] for s in writer.accesses()):
            return False
        if any(isinstance(s, Store) and s.combine for s in writer.accesses()):
            return False
        for position in touching:
            _redirect(self.steps[position], slot, target)
        self.touching[target] = self.touching.get(target, []) + touching
        return True


def _redirect(step: Kernel | Call, slot: Slot, target: Slot) -> None:
    """Let a step read and write one slot instead of another."""
    if isinstance(step, Kernel):
        for s in step.accesses():
            if s.slot is slot:
                s.slot = target
    else:
        step.operands = [(target, *o[1:]) if isinstance(o, tuple) and o[0] is slot else o for o in step.operands]


def _box_written(put: Node) -> Box | None:
    """The part of its base that a put certainly overwrites, if it is a box."""
    if len(put.inputs) > 2 or "{0}" in put.op.combine or not put.inputs[1].size:
        return None
    shape, strides, offset = put.shape, contiguous_strides(put.shape), 0
    for op, attrs in put.attr("chain"):
        shape, strides, step = op.layout(shape, strides, **dict(attrs))
        offset += step
    return box_of(shape, strides, offset, put.shape)


def _may_stop(node: Node) -> bool:
    return not node.op.native if node.kind == "library" else node.kind == "elementwise" and node.op.raises and not lowers(node)


def _memory_read(nodes: Sequence[Node], computed: Container[Node]) -> set[Node]:
    found, stack, seen = set(), list(nodes), set()
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        if node in computed:
            found.add(node)
        else:
            stack.extend(node.inputs)
    return found
