"""Loops and branches: the steps of their graphs, between words of memory that say where values lie and where to go on.

What a body reads is reached through cells: a carry's is the address of its present contents, so what cannot be computed in place is
exchanged, not copied; a scanned operand's goes from slice to slice.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, Callable, Sequence

from ..control.ops import branch, loop
from ..graph.ir import Graph, Interner, Node, inlined
from ..graph.rules import simplify
from ..ops.elementwise import add
from ..spec import Shape, TensorSpec, int64
from .kernel import Slot
from .lower import lower_copy
from .steps import Block, Cell, Label, Move, Operand

if TYPE_CHECKING:
    from .planner import Planner


def lower_control(planner: Planner, node: Node) -> list[Slot]:
    """Do what a node of kind "control" says; the slots of its outputs."""
    return _LOWERINGS[node.op](planner, node)


def _whole(slot: Slot) -> Operand:
    return slot, slot.shape, slot.strides, slot.offset


class _Lowering:
    """One node: the steps inside its block, and what they use of what is outside."""

    def __init__(self, planner: Planner, node: Node) -> None:
        self.planner, self.node, self.attrs = planner, node, dict(node.attrs)
        self.results = [planner.new(spec) for spec in node.spec]
        self.steps: list[Any] = []
        self.read: set[Slot] = set()
        self.written: set[Slot] = set(self.results)

    def move(self, form: str, a: Any = None, b: Any = None, label: Label | None = None) -> None:
        self.steps.append(Move(form, a, b, label))

    def cell(self, operand: Operand, shape: Shape, strides: tuple[int, ...], offset: int = 0) -> tuple[Cell, Slot]:
        """A cell that points `offset` elements behind the operand's first, and the slot that lives there."""
        slot, _, _, start = operand
        cell = self.planner.cells.new()
        self.read.add(slot)
        self.move("store", cell, (slot, (), (), start + offset))
        return cell, Slot(slot.dtype, shape, strides, home=cell.home)

    def captured(self, nodes: Sequence[Node]) -> list[Slot]:
        """What a body reads as it is."""
        found = []
        for node in nodes:
            operand = self.operand(node)
            found.append(self.cell(operand, operand[1], operand[2])[1])
        return found

    def operand(self, node: Node) -> Operand:
        found = self.planner.operand(node)
        if isinstance(found, tuple):
            return found
        held = self.planner.new(node.spec)
        self.planner.add(lower_copy(node, held, self.planner.slots))
        return _whole(held)

    def inner(self, graph: Graph, inputs: list[Slot], targets: list[Slot]) -> list[tuple[Slot, Slot, Slot]]:
        """The steps of a graph; and what is to be exchanged after them."""
        graph = simplify(graph, [slot.strides for slot in inputs])
        planner = type(self.planner)(graph, inputs, targets, self.planner.cells)
        self.steps += planner.run()
        return planner.swaps

    def settle(self, exchanged: Slot, result: Slot) -> None:
        """Copy what the last turn left to where it is expected, if that is elsewhere."""
        elsewhere, done = Label(), Label()
        self.move("unequal", _cell_of(exchanged), _whole(result), elsewhere)
        self.move("jump", label=done)
        self.move("label", label=elsewhere)
        self.steps.append(lower_copy(None, result, {}, exchanged))
        self.move("label", label=done)

    def finish(self, title: str) -> list[Slot]:
        self.planner.add(Block(self.steps, self.read, self.written, title))
        return self.results


def _lower_loop(planner: Planner, node: Node) -> list[Slot]:
    """Carries begin as copies of their operands, in the memory of the results."""
    low = _Lowering(planner, node)
    body, cond, carries, scanned = (low.attrs[name] for name in ("body", "cond", "carries", "scanned"))
    start, length, step = low.attrs["start"], low.attrs["length"], -1 if low.attrs["reverse"] else 1
    for source, result in zip(node.inputs, low.results[:carries]):
        if source.size:
            planner.add(lower_copy(source, result, planner.slots))
    if cond is None and not length:
        return low.results
    last = length - 1 if step < 0 else 0
    index = planner.new(TensorSpec((), int64)) if cond is None else low.results[-1]
    low.written.add(index)
    states = [low.cell(_whole(result), result.shape, result.strides)[1] for result in low.results[:carries]]
    windows = [(low.operand(n), n) for n in node.inputs[carries : carries + scanned]]
    stacks = low.results[carries : len(low.results) - (cond is not None)]
    steps = [(o, o[1][1:], o[2][1:], o[2][0]) for o, _ in windows]
    steps += [(_whole(s), s.shape[1:], s.strides[1:], prod(s.shape[1:])) for s in stacks]
    cells = [(*low.cell(o, shape, strides, last * stride), stride) for o, shape, strides, stride in steps]
    inputs = [index, *states, *[slot for _, slot, _ in cells[:scanned]], *low.captured(node.inputs[carries + scanned :])]
    if low.attrs["keep"]:
        body = Graph(body.inputs, (*body.outputs, *body.inputs[1 : 1 + carries]))
    low.move("store", _whole(index), start + last)
    top, out = Label(), Label()
    targets = [*states, *[slot for _, slot, _ in cells[scanned:]]]
    if cond is not None:
        holds = planner.new(cond.outputs[0].spec)
        low.written.add(holds)
        answer = low.cell(_whole(holds), (), ())[1]
        low.inner(cond, inputs, [answer])
        low.move("unless", _whole(holds), label=out)
        body = _with_condition(body, cond, carries)
        targets.append(answer)
    low.move("label", label=top)
    swaps = low.inner(body, inputs, targets)
    for old, new, room in swaps:
        low.written.add(room)
        low.steps.insert(0, Move("store", _cell_of(new), _whole(room)))
        low.move("swap", _cell_of(old), _cell_of(new))
    for cell, slot, stride in cells:
        low.move("add", cell, step * stride * slot.dtype.itemsize)
    low.move("add", _whole(index), step)
    if cond is None:
        low.move("unequal", _whole(index), start + (-1 if step < 0 else length), top)
    else:
        low.move("unless", _whole(holds), label=out)
        low.move("jump", label=top)
    low.move("label", label=out)
    for old, _, _ in swaps:
        low.settle(old, low.results[states.index(old)])
    return low.finish("while" if cond is not None else f"{length} times")


def _cell_of(slot: Slot) -> Cell:
    assert slot.home is not None
    return Cell(-1 - slot.home)


def _with_condition(body: Graph, cond: Graph, carries: int) -> Graph:
    """One graph of a turn, and of whether there is another: loops of both may be one."""
    make = Interner()
    for node in body.nodes():
        make.keep(node)
    number = make.apply(add, (body.inputs[0], make.constant(1, int64)), {})  # of the next turn
    inputs = number, *body.outputs[:carries], *body.inputs[1 + carries :]
    return Graph(body.inputs, (*body.outputs, *inlined(cond, inputs, make)))


def _lower_branch(planner: Planner, node: Node) -> list[Slot]:
    """The branches one after another, each behind the question whether it is the one."""
    low = _Lowering(planner, node)
    number, *captured = node.inputs
    which = low.operand(number)
    low.read.add(which[0])
    inputs = low.captured(captured)
    targets = [low.cell(_whole(result), result.shape, result.strides)[1] for result in low.results]
    *first, last = low.attrs["branches"]
    out = Label()
    for value, graph in enumerate(first):
        other = Label()
        low.move("unequal", which, value, other)
        low.inner(graph, inputs, targets)
        low.move("jump", label=out)
        low.move("label", label=other)
    low.inner(last, inputs, targets)
    low.move("label", label=out)
    return low.finish(f"one of {len(first) + 1}")


_LOWERINGS: dict[Any, Callable[[Planner, Node], list[Slot]]] = {loop: _lower_loop, branch: _lower_branch}
