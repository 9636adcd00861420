"""From the groups of a graph to steps, each value in a slot."""

from __future__ import annotations

from math import prod
from typing import Any, Container, Sequence

from ..graph.ir import CONSTANT, OUTPUT, Graph, Node
from ..spec import Shape, TensorSpec, contiguous_strides
from .additions import are_sums, lower_additions
from .control import lower_control, written_over
from .distinct import names_each_place_once
from .edges import cut_at_edges
from .fuse import Group, fuse, lowers
from .hardware import CPU, Hardware
from .index import Box, box_of, without
from .kernel import Kernel, Load, Slot, Store
from .lower import Check, Slots, checks_of, extents_of, indexed, lower_checks, lower_copy, lower_map, lower_put, strided
from .reductions import lower_reduction
from .points import share_points
from .rows import share_rows
from .side_by_side import rows_side_by_side
from .steps import Block, Call, Cell, Move, Step, may_stop
from .waves import in_waves

MOST_BOXES = 8  # that what is left of an array is copied in
HANDED_ON = 64  # elements that are sooner exchanged than copied


class Cells:
    """The cells that a plan has, in all its graphs."""

    def __init__(self) -> None:
        self.count = 0

    def new(self) -> Cell:
        self.count += 1
        return Cell(self.count - 1)


class Planner:
    """Plans a graph whose inputs lie in slots.

    targets: the slots that the first outputs go to; those that are inputs' are written where no old contents are needed any more.
    cells: of the plan around, where the graph is inside another's node.
    turns: it is run again and again: a target may be exchanged for the memory of its new contents (`swaps`: the cells to exchange after
      each turn, and what the second one holds at first).
    hardware: the machine that is planned for.
    """

    def __init__(
        self, graph: Graph, inputs: Sequence[Slot], targets: Sequence[Slot], cells: Cells | None = None, turns: bool = False, hardware: Hardware = CPU
    ) -> None:
        self.graph, self.inputs, self.targets, self.hardware = graph, list(inputs), list(targets), hardware
        self.inside, self.cells, self.turns = cells is not None, cells or Cells(), turns
        self.swaps: list[tuple[Slot, Slot, Slot]] = []
        self.heirs: dict[Slot, Slot] = {}  # of inputs that are exchanged: the one whose new contents are what they were
        self.given_on: set[Slot] = set()  # inputs whose old contents are themselves what is written elsewhere, at the end
        self.groups = fuse(graph, [slot.strides for slot in inputs])
        self.slots: Slots = dict(zip(graph.inputs, inputs))
        self.steps: list[Step] = []
        self.touching: dict[Slot, list[int]] = {}  # the numbers of the steps that read or write a slot
        self.results: dict[Node, list[Slot]] = {}
        self.given_out = set(graph.outputs)
        self.readers: dict[Node, list[Node]] = {}
        self.nodes = graph.nodes()
        for node in self.nodes:
            for source in node.inputs:
                self.readers.setdefault(source, []).append(node)
        self.last_reader = self._last_readers()
        # whether a step may stop the program half-way: a routine that refuses values, an index that is computed
        self.may_stop = any(map(may_stop, self.nodes))

    def run(self) -> list[Step]:
        """The steps; `outputs` are then the slots of the outputs that have no target."""
        self._check_bounds_first()
        for number, group in enumerate(self.groups):
            self._lower(number, group)
        self.outputs = self._outputs()
        self._write_targets()
        steps = share_rows(share_points(self.steps), self.hardware)
        return in_waves(cut_at_edges(rows_side_by_side(steps))) if self.hardware.in_turns else steps  # type: ignore[return-value]

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
        first: list[Node] = []
        for node in self.nodes:
            if node.kind == "gather" or (node.kind == "put" and len(node.inputs) > 2):
                needed = _memory_read(indexed(node)[0], computed)
                if not needed:
                    first.append(node)
                else:
                    at = 1 + max(computed[n] for n in needed)
                    self.checks_at.setdefault(at, []).append(node)
                    self.may_stop = True
        self._check(first)

    def _check(self, nodes: Sequence[Node]) -> None:
        """That nodes' indices are in bounds, unless that is known."""
        by_shape: dict[Shape, dict[Any, Check]] = {}
        for check in (check for node in nodes for check in checks_of(node, self.slots)):
            by_shape.setdefault(extents_of(check[0].shape), {}).setdefault(check[:2], check)
        for checks in by_shape.values():
            kernel = lower_checks(list(checks.values()), self.slots)
            if kernel.stops:
                self.add(kernel)

    def add(self, step: Step) -> None:
        """Do this next."""
        for slot in step.reads() | step.writes():
            self.touching.setdefault(slot, []).append(len(self.steps))
        self.steps.append(step)

    def _lower(self, number: int, group: Group) -> None:
        self._check(self.checks_at.get(number, ()))
        if group.kind == "library":
            node = group.nodes[0]
            self._control(number, node) if node.kind == "control" else self._call(node)
            return
        if group.kind == "put":
            self._put(number, group.nodes[0])
            return
        for node in group.nodes:
            self.slots[node] = self.new(node.spec)
        if not group.nodes[0].size:
            return
        kernels = [lower_map(group.nodes, self.slots)] if group.kind == "map" else lower_reduction(group.nodes[0], self.slots, self.hardware)
        for kernel in kernels:
            self.add(kernel)

    def new(self, spec: TensorSpec | Node) -> Slot:
        """A new temporary."""
        return Slot(spec.dtype, spec.shape, contiguous_strides(spec.shape))

    def _put(self, number: int, node: Node) -> None:
        """In place if nobody else needs the base, else into a copy of it."""
        base, value = node.inputs[:2]
        slot = self.slots.get(base)
        free = self.last_reader.get(base, -1) <= number and slot is not None
        if slot is None or not free or (slot in self.inputs and not self._leads_to_write(node, slot)):
            self._into_new(node)
            slot = self.slots[node]
        else:
            self.slots[node] = slot
        if not node.size or not value.size:
            return
        if are_sums(node, self.hardware):
            for kernel in lower_additions(node, self.slots, self.hardware):
                self.add(kernel)
            return
        kernel = lower_put(node, self.slots, self.hardware)
        if value.size > 1 and _loads_elsewhere(kernel, slot, names_each_place_once(node)):
            if self._may_change_places(node, slot):
                self._into_new(node)
                kernel = lower_put(node, self.slots, self.hardware)
            else:  # the value, and indices read there, as they are before the loop writes
                held = {n: self.new(n.spec) for n in node.inputs[1:] if slot in {self.slots[m] for m in _memory_read([n], self.slots)}}
                for operand, place in held.items():
                    self.add(lower_copy(operand, place, self.slots))
                kernel = lower_put(node, {**self.slots, **held}, self.hardware)
        self.add(kernel)

    def _into_new(self, node: Node) -> None:
        """Let a put write into new memory, in which the rest of its base lies already."""
        new = self.new(node.spec)
        for box in self._not_overwritten(node):
            self.add(lower_copy(node.inputs[0], new, self.slots, box=box))
        self.slots[node] = new

    def _may_change_places(self, node: Node, slot: Slot) -> bool:
        """Whether a put that reads the memory of its base does better to write most of a turn's new contents into another, and the
        two to change places, than to hold its value first and to copy it then."""
        exchanged = self.turns and slot in self.inputs and slot in self.targets and slot.strides == contiguous_strides(slot.shape)
        return exchanged and len(node.inputs) == 2 and 2 * node.inputs[1].size > node.size

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
            if len(readers) != 1 or readers[0].kind != "put" or readers[0].inputs[0] is not node or node in self.given_out or not lowers(readers[0]):
                return boxes if len(boxes) <= MOST_BOXES else [whole]
            (node,) = readers

    def _leads_to_write(self, node: Node, slot: Slot) -> bool:
        """Whether this put is on the way from an input to what is finally written into that input."""
        if self._half_written() or slot not in self.targets:
            return False
        final: Node | None = self.graph.outputs[self.targets.index(slot)]
        while final is not None and final is not node and not (final.op is OUTPUT and final.inputs[0] is node):
            final = written_over(final)
        return final is not None

    def _half_written(self) -> bool:
        """Whether what is written early might be seen: the program may stop, and leave it so."""
        return self.may_stop and not self.inside

    def _control(self, number: int, node: Node) -> None:
        self.ending = number
        self.results[node] = lower_control(self, node)

    def claimed(self, node: Node, operand: int) -> Slot | None:
        """The memory of an operand of a control node that is being lowered, if what takes the operand's place may lie there."""
        source = node.inputs[operand]
        slot = self.slots.get(source)
        if slot is None or slot.strides != contiguous_strides(slot.shape) or slot.offset or self.last_reader.get(source, -1) > self.ending:
            return None
        if any(_memory(other, self.slots) is slot for n, other in enumerate(node.inputs) if n != operand):
            return None
        return None if slot in self.inputs and not self._leads_to_write(node, slot) else slot

    def _call(self, node: Node) -> None:
        if node.op is OUTPUT:
            self.slots[node] = self.results[node.inputs[0]][node.attr("index")]
            return
        specs = node.spec if type(node.spec) is tuple else (node.spec,)
        results = [self.new(spec) for spec in specs]
        self.results[node] = results
        if node.op.outputs == 1:
            self.slots[node] = results[0]
        self.add(Call(node, [self.operand(n, k in node.op.contiguous) for k, n in enumerate(node.inputs)], results))

    def operand(self, node: Node, contiguous: bool = False) -> Any:
        """A value as whole-array steps take it: a slot seen by strides, or a constant's number."""
        if node.op is CONSTANT:
            return node.attr("value")
        found = strided(node, self.slots)
        if found is None or contiguous and found[2] != contiguous_strides(node.shape):
            held = self.new(node.spec)
            if node.size:
                self.add(lower_copy(node, held, self.slots))
            found = (held, held.shape, held.strides, 0)
        return found

    # Where results go

    def _outputs(self) -> list[Slot]:
        """Give each new output array its slot: the node's own buffer if nobody else claims it, else a copy."""
        outputs: list[Slot] = []
        claimed: set[Slot] = set(self.inputs)
        for node in self.graph.outputs[len(self.targets) :]:
            slot = self.slots.get(node)
            if slot is None or slot in claimed or node in self.graph.outputs[: len(self.targets)]:
                new = self.new(node.spec)
                if node.size:
                    self.add(lower_copy(node, new, self.slots))
                slot = new
            slot.home = len(self.inputs) + len(outputs)
            claimed.add(slot)
            outputs.append(slot)
        return outputs

    def _write_targets(self) -> None:
        """Outputs that have a target: in place where no reader of the old contents is left, else exchanged or copied at the end."""
        pending = []
        pairs = list(zip(self.graph.outputs, self.targets))
        self.given_on = {m for node, target in pairs if (m := _memory(node, self.slots)) is not None and m is not target}
        carried = [pair for pair in pairs if self.turns and self.slots.get(pair[0]) in self.inputs]  # known when what they held is exchanged
        for node, target in [*sorted((pair for pair in pairs if pair not in carried), key=lambda pair: pair[1] in self.inputs), *carried]:
            slot = self.slots.get(node)
            if slot is target or slot is not None and self._inherit(slot, target):
                continue
            if slot is not None and slot.home is None and (self._replace(slot, target) or self._exchange(slot, target)):
                self.slots[node] = target if slot.home is None else slot
                continue
            if slot is None or slot in self.inputs:
                held = self.new(node.spec)  # what it is read from may be written below
                self.add(lower_copy(node, held, self.slots))
                slot = held
            pending.append((slot, target))
        for slot, target in pending:
            if slot.shape and 0 in slot.shape:
                continue
            self.add(lower_copy(None, target, self.slots, slot))

    def _replace(self, slot: Slot, target: Slot) -> bool:
        """Let the kernel that stores `slot` store to `target` instead, if no old contents of it are needed then or later."""
        if self._half_written() or target.strides != slot.strides or target.dtype != slot.dtype:
            return False
        touching = self.touching.get(slot)
        if not touching or any(position > touching[0] for position in self.touching.get(target, ())) or target in self.given_on:
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

    def _exchange(self, slot: Slot, target: Slot) -> bool:
        """Let an input's new contents be what the next turn finds as the old ones: the two change places."""
        if not self.turns or target not in self.inputs or (target.shape, target.strides) != (slot.shape, slot.strides):
            return False
        if slot not in self.touching or target.dtype != slot.dtype:
            return False
        slot.home = self.cells.new().home
        self.swaps.append((target, slot, self.new(TensorSpec(slot.shape, slot.dtype))))
        return True

    def _inherit(self, slot: Slot, target: Slot) -> bool:
        """Let an input's new contents be what another input held that is exchanged: its memory is handed on."""
        exchanged = {old for old, _, _ in self.swaps}
        alike = (slot.shape, slot.strides, slot.dtype) == (target.shape, target.strides, target.dtype)
        if slot not in exchanged or slot in self.heirs or target not in self.inputs or target in exchanged or not alike or prod(slot.shape) < HANDED_ON:
            return False
        self.heirs[slot] = target
        return True


def _memory(node: Node, slots: Slots) -> Slot | None:
    """The slot that a node is a view of."""
    while node.kind == "view" and node not in slots:
        (node,) = node.inputs
    return slots.get(node)


def _loads_elsewhere(kernel: Kernel, slot: Slot, once: bool) -> bool:
    """Whether a loop that stores into a slot reads there what another turn stores; `once`: each turn stores to a place of its own."""
    stored = {s.index for s in kernel.accesses() if isinstance(s, Store) and s.slot is slot} if once else set()
    return any(isinstance(s, Load) and s.slot is slot and {s.index} != stored for s in kernel.accesses())


def _redirect(step: Any, slot: Slot, target: Slot) -> None:
    """Let a step read and write one slot instead of another."""
    if isinstance(step, Kernel):
        for s in step.accesses():
            if s.slot is slot:
                s.slot = target
    elif isinstance(step, (Block, Move)):
        step.redirect(slot, target)
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
