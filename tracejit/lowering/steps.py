"""What a plan is made of beside kernels: calls on whole arrays, and what is done between them with single words of memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Sequence

from ..graph.ir import Node, subgraphs
from ..spec import Shape
from .fuse import lowers
from .kernel import Kernel, Slot

Operand = tuple[Slot, Shape, tuple[int, ...], int]  # a slot seen with shape, strides and offset, in elements


@dataclass
class Call:
    """A whole-array step: a library op, or an op that kernels cannot compute. where: what the backend says of where it is computed."""

    node: Node
    operands: list[Any]  # Operands; Python scalars for constants
    results: list[Slot]
    where: str = ""

    @property
    def stops(self) -> bool:
        """Whether it may stop the program: a routine that refuses values."""
        return may_stop(self.node)

    @property
    def title(self) -> str:
        return f"{self.node.op.name}: whole arrays{self.where}"

    def reads(self) -> set[Slot]:
        """The slots of the operands."""
        return {o[0] for o in self.operands if isinstance(o, tuple)}

    def writes(self) -> set[Slot]:
        """The slots of the results."""
        return set(self.results)


class Label:
    """A place among the steps that moves go to."""


@dataclass
class Cell:
    """A word that holds an address: a slot whose home it is lies where the word says, now."""

    number: int

    @property
    def home(self) -> int:
        """What tells slots that live here: less than zero."""
        return -1 - self.number


@dataclass
class Move:
    """What is done between kernels: a word of memory changes, or the program goes on elsewhere.

    "store" (a = b), "add" (a += b), "swap" (a and b), "jump" (to c), "unless" (to c if the byte a is 0), "unequal" (to c if a is not b);
    "label" does nothing, nor do "begin" and "end" of a block. a: a Cell (the word itself) or an Operand (its first element's word); b: the same, an Operand (its address)
    or a number. spans: the slots that a block uses, at its beginning and at its end: they are in use in between. title: what the block is.
    """

    form: str
    a: Any = None
    b: Any = None
    label: Label | None = None
    spans: frozenset[Slot] = frozenset()
    title: str = ""
    stops = False

    @property
    def moves(self) -> bool:
        """Whether it does anything at all."""
        return self.form not in ("label", "begin", "end")

    def redirect(self, slot: Slot, target: Slot) -> None:
        """Take one slot for another."""
        self.a, self.b = (((target, *x[1:]) if isinstance(x, tuple) and x[0] is slot else x) for x in (self.a, self.b))

    def reads(self) -> set[Slot]:
        """The slots whose words or addresses it takes, and those it keeps in use."""
        return {x[0] for x in (self.a, self.b) if isinstance(x, tuple)} | self.spans

    def writes(self) -> set[Slot]:
        """As `reads`: no step is moved past it."""
        return self.reads()


@dataclass
class Block:
    """The steps of a loop, or of branches: one step to those around it."""

    steps: list[Any]
    read: set[Slot]
    written: set[Slot]
    title: str

    @property
    def stops(self) -> bool:
        """Whether a step inside may stop the program."""
        return any(step.stops for step in self.steps)

    def reads(self) -> set[Slot]:
        """The slots outside whose values are used."""
        return self.read

    def writes(self) -> set[Slot]:
        """The slots outside that get values."""
        return self.written

    def redirect(self, slot: Slot, target: Slot) -> None:
        """Take one slot outside for another: only moves, and the kernels that settle an exchange, know it."""
        for step in self.steps:
            if isinstance(step, (Block, Move)):
                step.redirect(slot, target)
            elif isinstance(step, Kernel):
                for access in step.accesses():
                    access.slot = target if access.slot is slot else access.slot
        self.read, self.written = ({target if s is slot else s for s in slots} for slots in (self.read, self.written))

    def spread(self) -> list[Any]:
        """The steps, those of inner blocks among them, in one row. What is neither read nor written outside lives for a turn at most."""
        spans = frozenset(self.read | self.written)
        return [Move("begin", spans=spans, title=self.title), *spread(self.steps), Move("end", spans=spans)]


Step = Kernel | Call | Move | Block


def spread(steps: Sequence[Any]) -> list[Any]:
    """The steps in one row, as they lie in a program."""
    return [inner for step in steps for inner in (step.spread() if isinstance(step, Block) else [step])]


def may_stop(node: Node) -> bool:
    """Whether a step that computes a node may stop the program half-way."""
    if node.kind == "control":
        return any(may_stop(n) or n.kind == "gather" or n.kind == "put" and len(n.inputs) > 2 for graph in subgraphs(node) for n in graph.nodes())
    return not node.op.native if node.kind == "library" else node.kind == "elementwise" and node.op.raises and not lowers(node)
