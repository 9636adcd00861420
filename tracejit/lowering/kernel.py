"""`Kernel`: a loop nest that knows no target. Parallel space outside, then stages one after another, each with loops of its own.

The integers of a nest (extents, strides, offsets) and its scalar constants are parameters: a kernel's text belongs to a
structure, not to a shape or a value. Only 0 and 1 are written into the text, because a stride of one is what vectorises, and a
stride of 2 from lane to lane, which vectorises too.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import prod
from typing import Any, Callable, Iterator, Sequence

from ..spec import DType
from .index import Index

FEW = 8  # fewer rows than this keep few threads busy
CACHED = 2**15  # elements of a block of columns, all slices, that stay in a processor's own cache
SHORT = 2**14  # elements that one thread has walked before others would have begun


Span = tuple[int, int]  # the least and the greatest value of an integer


@dataclass(eq=False)
class Slot:
    """Memory of one value: an input's, an output's, or a temporary; how elements lie in it, in elements."""

    dtype: DType
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int = 0
    home: int | None = None  # the number of the input or output array; None for a temporary
    constant: Any = None  # an array that belongs to the program
    private: bool = False  # whether each thread has its own, for the time of a kernel
    span: Span | None = None  # of integers: the least and the greatest, where that is known from outside the graph


@dataclass
class Axis:
    """One loop.

    role, of a kernel's loop: "space", "block" (over blocks of the values of a variable, which a loop of each stage walks), or "part"
    (over the parts of a pairwise order); of a stage's: "space" or "serial" (in this order), "outer" and "inner" (reduced), "lane"
    (kept, inside the reduced ones), "wave" (the outermost of every stage, and all of them in turn: see `waves.py`).
    """

    name: str
    extent: int
    role: str
    block: int = 0  # values in a block; 0 where all are walked at once
    part: str = ""  # the loop that tells which part of a pairwise order is walked
    leaf: int = 128  # elements that a pairwise order no longer cuts; of complex numbers half as many
    lag: int = 0  # of a wave: the rows that it is behind,
    low: int = 0  # the first row that a block needs, after the block's own first,
    high: int = 0  # as many rows after the block's last,
    at_once: int = 1  # and the rows of a turn

    @property
    def strands(self) -> int:
        """The accumulators of a pairwise order: eight, or four of complex numbers."""
        return self.leaf // 16 or 8

    @property
    def turns(self) -> int:
        """How often a kernel's loop runs."""
        return -(-self.extent // self.block) if self.block else self.extent


@dataclass
class Load:
    """`result = slot[index]`, or 0 where a guard does not hold: the place may then be none of the slot's."""

    result: str
    slot: Slot
    index: Index
    line: str = ""
    guard: str = ""


@dataclass
class Let:
    """`result = dtype(text)`, of operands that are results before it."""

    result: str
    text: str
    operands: tuple[str, ...]
    operand_dtype: DType
    dtype: DType
    indices: dict[str, Index] = field(default_factory=dict)
    named: tuple[tuple[str, str], ...] = ()  # further operands, by name
    line: str = ""
    cost: int = 1  # in additions


@dataclass
class LetIndex:
    """What is worked out at run time of an index: quotient and remainder, its place in a ring, a bounded index read from memory, or
    whether it is in bounds."""

    result: str
    form: str  # "quotient", "remainder", "around" (the remainder by a power of two), "wrap" (a negative index counts from the end), "inside" (an index that is in bounds), "within" (a bool), "check"
    index: Index
    divisor: int
    line: str = ""


@dataclass
class Store:
    """`slot[index] = value`, or `slot[index] = combine(slot[index], value)`."""

    slot: Slot
    index: Index
    value: str
    dtype: DType  # of the value; it is cast to the slot's
    combine: str | None = None
    line: str = ""


Statement = Load | Let | LetIndex | Store


def names_read(s: Statement) -> set[str]:
    """The values that a statement reads, and the variables and integers of its indices."""
    if isinstance(s, Let):
        return {*s.operands, *[v for _, v in s.named], *[v for i in s.indices.values() for v, _ in i.terms]}
    names = {v for v, _ in s.index.terms}
    if isinstance(s, Store):
        names.add(s.value)
    elif isinstance(s, Load) and s.guard:
        names.add(s.guard)
    return names


@dataclass
class Reduce:
    """What a stage's loops combine: the body's `value` into an accumulator, from its identity on.

    The result has a name that later stages of the same row read; it is stored too where something else reads it.
    """

    value: str
    combine: str
    identity: str
    dtype: DType  # of the accumulator
    result: str
    store: Store | None


@dataclass
class Stage:
    """One pass over a row: its own loops, the statements of the innermost, and what they are reduced to.

    A stage without loops computes values of the row itself.
    """

    axes: list[Axis]
    body: list[Statement]
    reductions: list[Reduce] = field(default_factory=list)
    title: str = ""

    def accesses(self) -> Iterator[Load | Store]:
        """Every read and write of memory."""
        for s in self.body:
            if isinstance(s, (Load, Store)):
                yield s
        for reduction in self.reductions:
            if reduction.store is not None:
                yield reduction.store

    def names_read(self) -> set[str]:
        """The names that its statements read, its own among them."""
        stores = [r.store for r in self.reductions if r.store is not None]
        return set[str]().union(*[names_read(s) for s in (*self.body, *stores)], [r.value for r in self.reductions])

    def turns(self, kernel: Kernel) -> int:
        """How often the body runs."""
        return prod(axis.extent for axis in (*[a for a in kernel.axes if not a.block], *self.axes))

    def bounds(self, kernel: Kernel) -> dict[str, int]:
        """What the loops' variables, and the integers worked out at run time, are less than, in a kernel with this stage."""
        found = {axis.name: axis.extent for axis in (*kernel.axes, *self.axes)}
        found.update((s.result, s.divisor) for s in self.body if isinstance(s, LetIndex) and s.form in ("remainder", "wrap", "inside"))
        return found

    def indices(self) -> Iterator[Index]:
        """Every index expression."""
        for s in self.body:
            if isinstance(s, Let):
                yield from s.indices.values()
            else:
                yield s.index
        for reduction in self.reductions:
            if reduction.store is not None:
                yield reduction.store.index


@dataclass
class Kernel:
    """Parallel space, outermost first, then the stages that each of its points goes through in order.

    A map is one stage without loops of its own; a reduction's stage has the loops that it combines over.
    """

    axes: list[Axis]
    stages: list[Stage]
    constants: list[tuple[str, DType, Any]]  # name, dtype, value
    side_by_side: bool = False  # whether the points of the innermost parallel loop are walked in lanes, though stages have loops

    @property
    def title(self) -> str:
        return "; ".join(stage.title for stage in self.stages if stage.title)

    @property
    def is_map(self) -> bool:
        """Whether the parallel loops are all there are."""
        return len(self.stages) == 1 and not self.stages[0].axes and not self.reduces

    @property
    def reduces(self) -> bool:
        """Whether any stage is a reduction."""
        return any(stage.reductions for stage in self.stages)

    @property
    def stops(self) -> bool:
        """Whether it may stop the program: a check of indices."""
        return any(isinstance(s, LetIndex) and s.form == "check" for stage in self.stages for s in stage.body)

    def accesses(self) -> Iterator[Load | Store]:
        """Every read and write of memory."""
        return (access for stage in self.stages for access in stage.accesses())

    def reads(self) -> set[Slot]:
        """The slots that statements read."""
        return {s.slot for s in self.accesses() if (isinstance(s, Load) or s.combine) and not s.slot.private}

    def writes(self) -> set[Slot]:
        """The slots that statements write."""
        return {s.slot for s in self.accesses() if isinstance(s, Store) and not s.slot.private}


def merge_axes(kernel: Kernel) -> Kernel:
    """Join neighbouring axes that every index walks as one: after it, the common kernel is one long loop."""
    for stage in kernel.stages:
        _merge(stage.axes, [stage])
    _merge(kernel.axes, kernel.stages)
    return kernel


def _merge(axes: list[Axis], stages: list[Stage]) -> None:
    indices = [index for stage in stages for index in stage.indices()]
    for d in reversed(range(len(axes) - 1)):
        outer, inner = axes[d], axes[d + 1]
        if outer.role == inner.role and not inner.block and all(i.coefficient(outer.name) == i.coefficient(inner.name) * inner.extent for i in indices):
            axes[d : d + 2] = [replace(inner, extent=outer.extent * inner.extent)]
            for stage in stages:
                _drop(stage, outer.name)


def _drop(stage: Stage, name: str) -> None:
    """Take a variable that was merged away out of every index."""
    for s in (*stage.body, *[r.store for r in stage.reductions if r.store is not None]):
        if isinstance(s, Let):
            s.indices = {k: i.without(name) for k, i in s.indices.items()}
        else:
            s.index = s.index.without(name)


def used(body: list[Statement], reductions: Sequence[Reduce] = ()) -> list[Statement]:
    """The statements without values that are read nowhere."""
    names = {s.value for s in body if isinstance(s, Store)} | {r.value for r in reductions}
    kept: list[Statement] = []
    for s in reversed(body):
        if isinstance(s, Store) or s.result in names or isinstance(s, LetIndex) and s.form == "check":
            kept.append(s)
            names |= names_read(s)
    return kept[::-1]


def rewritten(stage: Stage, name: Callable[[str], str], index: Callable[[Index], Index]) -> Stage:
    """A copy of a stage with other names and indices."""

    def stored(s: Store) -> Store:
        return replace(s, value=name(s.value), index=index(s.index))

    def statement(s: Statement) -> Statement:
        if isinstance(s, Let):
            indices = {k: index(i) for k, i in s.indices.items()}
            named = tuple((k, name(v)) for k, v in s.named)
            return replace(s, result=name(s.result), operands=tuple(map(name, s.operands)), indices=indices, named=named)
        if isinstance(s, Load):
            return replace(s, result=name(s.result), index=index(s.index), guard=s.guard and name(s.guard))
        return stored(s) if isinstance(s, Store) else replace(s, result=name(s.result), index=index(s.index))

    reductions = [replace(r, value=name(r.value), result=name(r.result), store=r.store and stored(r.store)) for r in stage.reductions]
    axes = [replace(axis, name=name(axis.name), part=axis.part and name(axis.part)) for axis in stage.axes]
    return Stage(axes, [statement(s) for s in stage.body], reductions, stage.title)
