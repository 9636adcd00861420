"""Loops and branches: the steps of their graphs, between words of memory that say where values lie and where to go on.

What a body reads is reached through cells: a carry's is the address of its present contents, so what cannot be computed in place is
exchanged, not copied; a scanned operand's goes from slice to slice.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, Callable, Sequence

from ..control.ops import branch, loop
from ..graph.ir import OUTPUT, Graph, Interner, Node, inlined
from ..graph.rules import simplify
from ..ops.casts import copy
from ..ops.elementwise import add
from ..spec import Shape, TensorSpec, int64
from .kernel import Slot
from .lower import lower_copy
from .spans import span
from .steps import Block, Cell, Label, Move, Operand
from .turns import Turns, inside_out

if TYPE_CHECKING:
    from .planner import Planner

Swaps = list[tuple[Slot, Slot, Slot]]  # what is old, what a turn made instead, and the room where that began
MOST = 2**63 - 1  # turns that a loop can count


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

    def lie_in(self, n: int, slot: Slot) -> None:
        """Let a result lie in the memory of what it takes the place of."""
        self.written.discard(self.results[n])
        self.results[n] = slot
        self.written.add(slot)

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
            found[-1].span = span(node, self.planner.slots) if node.dtype.kind in "biu" else None
        return found

    def operand(self, node: Node) -> Operand:
        found = self.planner.operand(node)
        if isinstance(found, tuple):
            return found
        held = self.planner.new(node.spec)
        self.planner.add(lower_copy(node, held, self.planner.slots))
        return _whole(held)

    def inner(self, graph: Graph, inputs: list[Slot], targets: list[Slot], turns: bool = False) -> tuple[Swaps, dict[Slot, Slot]]:
        """The steps of a graph; and what is to be exchanged after them and handed on, if they are those of a turn."""
        graph = simplify(graph, [slot.strides for slot in inputs])
        planner = type(self.planner)(graph, inputs, targets, self.planner.cells, turns, self.planner.hardware)
        self.steps += planner.run()
        return planner.swaps, planner.heirs

    def settle(self, exchanged: Slot, result: Slot) -> None:
        """Copy what the last turn left to where it is expected, if that is elsewhere."""
        elsewhere, done = Label(), Label()
        self.move("unequal", _cell_of(exchanged), _whole(result), elsewhere)
        self.move("jump", label=done)
        self.move("label", label=elsewhere)
        self.steps.append(lower_copy(None, result, {}, exchanged))
        self.move("label", label=done)

    def settle_both(self, exchanged: tuple[Slot, Slot], results: tuple[Slot, Slot]) -> None:
        """The same of two among three places: an heir, and what it takes the memory of. The one that lies in the other's place goes first."""
        other, done = Label(), Label()
        self.move("unequal", _cell_of(exchanged[0]), _whole(results[1]), other)
        for n in (0, 1):
            self.steps.append(lower_copy(None, results[n], {}, exchanged[n]))
        self.move("jump", label=done)
        self.move("label", label=other)
        for n in (1, 0):
            self.settle(exchanged[n], results[n])
        self.move("label", label=done)

    def exchange(self, swaps: Swaps, heirs: dict[Slot, Slot]) -> None:
        """A turn's end: what is new takes the place of what is old, and what was old the place of its heir."""
        for old, new, room in swaps:
            self.written.add(room)
            self.steps.insert(0, Move("store", _cell_of(new), _whole(room)))
            if old in heirs:
                self.move("swap", _cell_of(heirs[old]), _cell_of(old))
            self.move("swap", _cell_of(old), _cell_of(new))

    def settle_exchanged(self, swaps: Swaps, heirs: dict[Slot, Slot], places: dict[Slot, Slot]) -> None:
        """The loop's end: what was exchanged is where the results lie."""
        for old, _, _ in swaps:
            if old in heirs:
                self.settle_both((heirs[old], old), (places[heirs[old]], places[old]))
            else:
                self.settle(old, places[old])

    def finish(self, title: str) -> list[Slot]:
        self.planner.add(Block(self.steps, self.read, self.written, title))
        return self.results


def _lower_loop(planner: Planner, node: Node) -> list[Slot]:
    """Carries begin as copies of their operands, in the memory of the results; or in that of operands which nobody needs any more."""
    low = _Lowering(planner, node)
    body, cond, carries, scanned = (low.attrs[name] for name in ("body", "cond", "carries", "scanned"))
    body, cond = (graph and _with_created(graph, node.inputs[carries + scanned :]) for graph in (body, cond))
    start, length, step = low.attrs["start"], low.attrs["length"], -1 if low.attrs["reverse"] else 1
    for n, (source, result) in enumerate(zip(node.inputs, low.results[:carries])):
        own = planner.claimed(node, n)
        if own is not None:
            low.lie_in(n, own)
        elif source.size:
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
    number = low.cell(_whole(index), (), ())[1]
    number.span = start, start + length - 1 if cond is None else MOST
    inputs = [number, *states, *[slot for _, slot, _ in cells[:scanned]], *low.captured(node.inputs[carries + scanned :])]
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
    before = len(low.steps)
    low.move("label", label=top)
    swaps, heirs = low.inner(body, inputs, targets, turns=True)
    if cond is None and not cells:
        turns = Turns(length, inputs[0], start + last, step, states, {new: old for old, new, _ in swaps})
        kernel = inside_out([*low.steps[before + 1 :], *(lower_copy(None, heir, {}, old) for old, heir in heirs.items())], turns)
        if kernel is not None:
            low.steps[before:] = [kernel]
            return low.finish(f"{length} times")
    low.exchange(swaps, heirs)
    for cell, slot, stride in cells:
        low.move("add", cell, step * stride * slot.dtype.itemsize)
    low.move("add", _whole(index), step)
    if cond is None:
        low.move("unequal", _whole(index), start + (-1 if step < 0 else length), top)
    else:
        low.move("unless", _whole(holds), label=out)
        low.move("jump", label=top)
    low.move("label", label=out)
    low.settle_exchanged(swaps, heirs, dict(zip(states, low.results)))
    return low.finish("while" if cond is not None else f"{length} times")


def _cell_of(slot: Slot) -> Cell:
    assert slot.home is not None
    return Cell(-1 - slot.home)


def _with_created(graph: Graph, captured: Sequence[Node]) -> Graph:
    """A turn's graph in which what is created outside (a range, a constant array) is created, not read: then its values are known."""
    make = Interner()
    for node in graph.inputs:
        make.keep(node)
    own = len(graph.inputs) - len(captured)
    created = [make.node(n.op, (), n.attrs, n.spec, n.line) if n.kind == "create" and not n.inputs else old for old, n in zip(graph.inputs[own:], captured)]
    return Graph(graph.inputs, inlined(graph, (*graph.inputs[:own], *created), make))


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
    over = {n: _branch_over(node, n) for n in range(len(low.results))}
    claims = {n: slot for n, operand in over.items() if operand is not None and (slot := planner.claimed(node, operand)) is not None}
    for n, slot in claims.items():
        low.lie_in(n, slot)
    inputs = low.captured(captured)
    targets = [low.cell(_whole(result), result.shape, result.strides)[1] for result in low.results]
    for n in claims:
        inputs[over[n] - 1] = targets[n]  # type: ignore[operator]
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


def written_over(node: Node) -> Node | None:
    """The operand in whose memory a node may lie, as it is that with something written into it; None for other nodes."""
    if node.kind == "put":
        return node.inputs[0]
    if node.op is not OUTPUT or node.inputs[0].kind != "control":
        return None
    source, number = node.inputs[0], node.attr("index")
    operand = _branch_over(source, number) if source.op is branch else number if number < source.attr("carries") else None
    return None if operand is None else source.inputs[operand]


def _branch_over(node: Node, number: int) -> int | None:
    """The operand that a result of a branch is in every arm, as it was or written into."""
    found = {_root(graph, graph.outputs[number]) for graph in node.attr("branches")}
    (root, *others) = found
    return None if others or root is None else 1 + root


def _root(graph: Graph, node: Node | None) -> int | None:
    """The number of the input that a node is, as it was or written into."""
    while node is not None and node not in graph.inputs:
        node = node.inputs[0] if node.op is copy else written_over(node)
    return None if node is None else graph.inputs.index(node)


_LOWERINGS: dict[Any, Callable[[Planner, Node], list[Slot]]] = {loop: _lower_loop, branch: _lower_branch}
