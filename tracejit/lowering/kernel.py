"""`Kernel`: a loop nest that knows no target. Parallel space outside, then the loops of one stage, then statements.

The integers of a nest (extents, strides, offsets) and its scalar constants are parameters: a kernel's text belongs to a
structure, not to a shape or a value. Only 0 and 1 are written into the text, because a stride of one is what vectorises.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..spec import DType
from .index import Index


@dataclass(eq=False)
class Slot:
    """Memory of one value: an input's, an output's, or a temporary; how elements lie in it, in elements."""

    dtype: DType
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int = 0
    home: int | None = None  # the number of the input or output array; None for a temporary
    constant: Any = None  # an array that belongs to the program


@dataclass
class Axis:
    """One loop."""

    name: str
    extent: int
    role: str  # "space" (parallel), "outer" and "inner" (reduced), "lane" (kept, inside the reduced loops)


@dataclass
class Load:
    """`result = slot[index]`"""

    result: str
    slot: Slot
    index: Index
    line: str = ""


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
    """An integer worked out at run time: quotient and remainder of an index, or a bounded index read from memory."""

    result: str
    form: str  # "quotient", "remainder", "wrap" (a negative index counts from the end), "check"
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


@dataclass
class Kernel:
    """Axes in loop order, the statements of the innermost loop, and, for a reduction, what it combines into."""

    axes: list[Axis]
    body: list[Statement]
    constants: list[tuple[str, DType, Any]]  # name, dtype, value
    reduction: Reduce | None = None
    title: str = ""

    def indices(self) -> list[Index]:
        """Every index expression of the nest."""
        found: list[Index] = []
        for s in self.body + ([self.reduction.store] if self.reduction else []):
            if isinstance(s, Let):
                found.extend(s.indices.values())
            else:
                found.append(s.index)
        return found


@dataclass
class Reduce:
    """What a reduction's loops combine: the body's `value` into an accumulator, stored at the end."""

    value: str
    combine: str
    identity: str
    dtype: DType  # of the accumulator
    store: Store


def merge_axes(kernel: Kernel) -> Kernel:
    """Join neighbouring axes that every index walks as one: after it, the common kernel is one long loop."""
    axes = list(kernel.axes)
    d = len(axes) - 2
    while d >= 0:
        outer, inner = axes[d], axes[d + 1]
        if outer.role == inner.role and all(
            i.coefficient(outer.name) == i.coefficient(inner.name) * inner.extent for i in kernel.indices()
        ):
            axes[d : d + 2] = [Axis(inner.name, outer.extent * inner.extent, inner.role)]
            _drop(kernel, outer.name)
        d -= 1
    kernel.axes = axes
    return kernel


def _drop(kernel: Kernel, name: str) -> None:
    """Take a variable that was merged away out of every index."""

    def without(index: Index) -> Index:
        return Index(tuple(t for t in index.terms if t[0] != name), index.offset)

    for s in kernel.body + ([kernel.reduction.store] if kernel.reduction else []):
        if isinstance(s, Let):
            s.indices = {k: without(i) for k, i in s.indices.items()}
        else:
            s.index = without(s.index)

