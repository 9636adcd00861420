"""A `Kernel` as Python text for a GPU: what every thread runs.

The parallel loops of a kernel are walked by all threads of a grid together: each begins at its own number and goes on in steps of as
many as there are (a grid-stride loop), so neighbouring threads touch neighbouring elements. Where the innermost axis walks memory
element by element, a thread takes a pack of neighbours at each turn, in one access of 16 bytes.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import NamedTuple

from ....lowering.index import Index
from ....lowering.kernel import Axis, Kernel, LetIndex, Load, Slot, Stage, Store, rewritten
from ...text.statements import Parameter, Writer, typed
from .schedule import PACK, THREADS, WARP, WIDE


class Printed(NamedTuple):
    """A kernel's text, the arguments it must be called with, and how it is launched: with so many threads a block, enough blocks for so
    many of its threads to have a turn. aligned: the slots whose first elements must lie at a multiple of so many bytes."""

    text: str
    parameters: list[Parameter]
    threads: int
    turns: int
    aligned: dict[Slot, int]


class Printer(Writer):
    """The text of one kernel. by_value: slots of one element whose value is an argument itself; packed: neighbours are taken together
    where they may be."""

    def __init__(self, kernel: Kernel, lines: bool, by_value: frozenset[Slot] = frozenset(), packed: bool = True) -> None:
        super().__init__(kernel, lines)
        self.by_value, self.packed = by_value, packed
        self.limits: dict[str, int] = {}  # what the variables of loops, and indices that are worked out, are less than
        for stage in kernel.stages:
            for name, limit in stage.bounds(kernel).items():
                self.limits[name] = max(limit, self.limits.get(name, 0))

    def map(self) -> Printed:
        """A kernel that computes each point of its parallel space by itself."""
        self._begin()
        pack = pack_of(self.kernel) if self.packed else 1
        count = prod(axis.extent for axis in self.kernel.axes) // pack
        self._turns(count, 1)
        self._walk(self.kernel.axes, pack, 2)
        return self._printed(min(THREADS, max(-(-count // WARP), 1) * WARP), count, pack)  # whole warps

    def _begin(self) -> None:
        self._name_slots()
        for constant, dtype, value in self.kernel.constants:
            self._scalar(constant, value, dtype)

    def _printed(self, threads: int, turns: int, pack: int = 1) -> Printed:
        title = [f"    # {self.kernel.title}"] if self.lines and self.kernel.title else []
        limit = [f"    threads_at_most({threads})"] if threads > THREADS else []
        text = "\n".join(["def kernel(args):", *title, *limit, *self.prologue, *self.text, ""])
        slots = {s.slot for s in packed_accesses(self.kernel)} if pack > 1 else set()
        return Printed(text, self.parameters, threads, turns, {slot: pack * slot.dtype.itemsize for slot in slots})

    # Loops

    def _turns(self, count: int, depth: int) -> None:
        """The loop of each thread over its turns."""
        self._line(depth, f"for turn in range(block() * threads() + thread(), {self._integer('n', count)}, blocks() * threads()):")

    def _walk(self, axes: list[Axis], pack: int, depth: int) -> None:
        """What a turn is: the variables of the axes, then the statements, side by side for the elements of a pack."""
        wide = prod(axis.extent for axis in axes) >= WIDE
        self._variables(axes, pack, wide, depth)
        (stage,) = self.kernel.stages
        if pack > 1:
            inner = axes[-1].name
            self._line(depth, f"for lane in lanes(0, {pack}):")
            self._line(depth + 1, f"{inner} = first + lane")
            depth += 1
        self._statements(stage, depth)

    def _variables(self, axes: list[Axis], pack: int, wide: bool, depth: int) -> None:
        """The place on each axis, of a turn that is a place in row-major order."""
        at = "turn"
        for d in range(len(axes) - 1, 0, -1):
            last = d == len(axes) - 1
            name, factor = ("first", f" * {pack}") if last and pack > 1 else (axes[d].name, "")
            divisor = self._integer("n", axes[d].extent // pack if last else axes[d].extent)
            rest = axes[0].name if d == 1 else f"rest{d}"
            remainder, quotient = (f"{at} % {divisor}", f"{at} // {divisor}") if wide else (f"left({at}, {divisor})", f"divided({at}, {divisor})")
            self._line(depth, f"{name} = {remainder}{factor}")
            self._line(depth, f"{rest} = {quotient}")
            at = rest
        if len(axes) == 1:
            self._line(depth, f"first = turn * {pack}" if pack > 1 else f"{axes[0].name} = turn")

    def _statements(self, stage: Stage, depth: int) -> None:
        """The statements of a stage, in loops of its own where its elements have an order."""
        for axis in stage.axes:
            self._line(depth, f"for {axis.name} in range({self._integer('n', axis.extent)}):")
            depth += 1
        for statement in stage.body:
            self._statement(statement, depth)

    # Arguments and statements

    def _name_slots(self) -> None:
        for s in self.kernel.accesses():
            if s.slot in self.by_value and s.slot not in self.slots:
                name = f"x{sum(n[0] == 'x' for n in self.slots.values())}"
                kind = typed(s.slot.dtype)
                self.slots[s.slot] = self._declare(name, f"{kind}_value(args, {{}})", Parameter("value", s.slot))
        super()._name_slots()

    def _place(self, s: Load | Store) -> str:
        return self.slots[s.slot] if s.slot in self.by_value else super()._place(s)

    def _from_memory(self, slot: Slot, place: str) -> str:
        return place if slot in self.by_value else super()._from_memory(slot, place)

    def _let_index(self, s: LetIndex, depth: int) -> None:
        if s.form == "check":
            index, divisor = self._index(s.index), self._integer("d", s.divisor)
            failed = self._failed()
            self._line(depth, f"if rarely(i64({index}) < -{divisor} or i64({index}) >= {divisor}):", s.line)
            self._line(depth + 1, f"{failed}[0] = i64(1)")
            return
        low, high = self._span(s.index)
        if s.form in ("quotient", "remainder") and 0 <= low and high < WIDE:
            word = "divided" if s.form == "quotient" else "left"
            self._line(depth, f"{s.result} = {word}({self._index(s.index)}, {self._integer('d', s.divisor)})", s.line)
        else:
            super()._let_index(s, depth)
        if s.form == "quotient" and high < WIDE:
            self.limits[s.result] = high // s.divisor + 1

    def _span(self, index: Index) -> tuple[int, int]:
        """The least and the greatest that an index may be."""
        spans = [step * (self.limits.get(name, WIDE) - 1) for name, step in index.terms]
        return index.offset + sum(min(0, span) for span in spans), index.offset + sum(max(0, span) for span in spans)

    def _failed(self) -> str:
        """The word that is set where an index is out of bounds."""
        if "failed" not in self.arrays:
            self.arrays["failed"] = "i64"
            self._declare("failed", "i64_pointer(args, {})", Parameter("failed", None))
        return "failed"


# Packs


def pack_of(kernel: Kernel) -> int:
    """How many neighbours a thread takes together: so many of the widest elements as fill an access; 1 where memory is walked otherwise."""
    if not kernel.axes or any(stage.axes for stage in kernel.stages) or kernel.stops:
        return 1
    inner, walked = kernel.axes[-1], packed_accesses(kernel)
    others = [s for s in kernel.accesses() if s.index.coefficient(inner.name) not in (0, 1)]
    if not walked or others or any(isinstance(s, LetIndex) for stage in kernel.stages for s in stage.body):
        return 1
    if any(s.slot.dtype.kind == "c" for s in walked):
        return 1
    pack = PACK // max(s.slot.dtype.itemsize for s in walked)
    while pack > 1 and (inner.extent % pack or any(_apart(s.index, inner.name, pack) for s in walked)):
        pack //= 2
    return pack


def packed_accesses(kernel: Kernel) -> list[Load | Store]:
    """The accesses that walk memory element by element along the innermost axis."""
    inner = kernel.axes[-1].name
    return [s for s in kernel.accesses() if s.index.coefficient(inner) == 1]


def _apart(index: Index, inner: str, pack: int) -> bool:
    """Whether an index, but for its innermost variable, is no multiple of a pack."""
    return index.offset % pack != 0 or any(c % pack for v, c in index.terms if v != inner)


def print_map(kernel: Kernel, lines: bool = True, by_value: frozenset[Slot] = frozenset(), packed: bool = True) -> Printed:
    """The text of a kernel without reductions."""
    return Printer(_numbered(_spread(kernel)), lines, by_value, packed).map()


def _numbered(kernel: Kernel) -> Kernel:
    """A kernel whose axes are named by their order: what does the same has the same text."""
    axes = [*kernel.axes, *[axis for stage in kernel.stages for axis in stage.axes]]
    names = {axis.name: f"i{number}" for number, axis in enumerate(axes)}

    def name(old: str) -> str:
        return names.get(old, old)

    stages = [rewritten(stage, name, lambda index: index.renamed(name)) for stage in kernel.stages]
    return replace(kernel, axes=[replace(axis, name=name(axis.name)) for axis in kernel.axes], stages=stages)


def _spread(kernel: Kernel) -> Kernel:
    """A kernel whose points were in blocks, which is for the sake of caches: here each is a thread's own, which makes all its turns."""
    if not any(axis.role == "block" for axis in kernel.axes):
        return kernel
    (stage,) = kernel.stages
    points = [replace(axis, block=0) for axis in stage.axes if axis.role == "space"]
    turns = [axis for axis in stage.axes if axis.role != "space"]
    return replace(kernel, axes=points, stages=[replace(stage, axes=turns)])

