"""The statements of a kernel as Python text: what they read and write, and the arguments that the text must be called with."""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

import numpy as np

from ...lowering.index import Index
from ...lowering.kernel import Kernel, Let, LetIndex, Load, Slot, Statement, Store
from ...spec import SHORT_NAMES, SMALL_FLOATS, DType, compute_dtype, float16, float64, real_dtype

EVERY_OTHER = 2  # the stride that lanes can read without gathering


class Parameter(NamedTuple):
    """One argument of a kernel: kind "begin", "end", "slot", "scalar" (a NumPy scalar), "int" or "table" (the arguments of
    `pairwise_table`)."""

    kind: str
    value: Any


def typed(dtype: DType) -> str:
    """The name of a dtype's constructor in kernel text: of the dtype that arithmetic is done in."""
    return "boolean" if dtype.kind == "b" else SHORT_NAMES[compute_dtype(dtype)]


class Writer:
    """Collects the lines of one kernel, its arguments and its names."""

    def __init__(self, kernel: Kernel, lines: bool) -> None:
        self.kernel, self.lines = kernel, lines
        self.parameters: list[Parameter] = []
        self.prologue: list[str] = []
        self.text: list[str] = []
        self.slots: dict[Slot, str] = {}
        self.index_texts: dict[Any, str] = {}
        self.arrays: dict[str, str] = {}  # local arrays, and the kind of their elements
        self.side_by_side: set[str] = set()  # the axes whose turns run in lanes
        self.integers = 0

    # Arguments

    def _parameter(self, parameter: Parameter) -> int:
        self.parameters.append(parameter)
        return len(self.parameters) - 1

    def _declare(self, name: str, form: str, parameter: Parameter) -> str:
        self.prologue.append(f"    {name} = " + form.format(self._parameter(parameter)))
        return name

    def _scalar(self, name: str, value: Any, dtype: DType) -> None:
        """Declare a scalar constant; a complex one is two."""
        value, kind = rounded(value, dtype), typed(dtype)
        if dtype.kind != "c":
            self._declare(name, f"{kind}_value(args, {{}})", Parameter("scalar", value))
            return
        part = typed(real_dtype(dtype))
        first, second = (self._parameter(Parameter("scalar", number)) for number in (value.real, value.imag))
        self.prologue.append(f"    {name} = of_parts({part}_value(args, {first}), {part}_value(args, {second}))")

    def _integer(self, letter: str, value: int) -> str:
        self.integers += 1
        return self._declare(f"{letter}{self.integers - 1}", "args[{}]", Parameter("int", value))

    def _name_slots(self) -> None:
        stored = {s.slot for s in self.kernel.accesses() if isinstance(s, Store)}
        for s in self.kernel.accesses():
            if s.slot.private and s.slot not in self.slots:
                size = self._integer("n", prod(s.slot.shape))
                self.slots[s.slot] = f"ring{sum(n[0] == 'r' for n in self.slots.values())}"
                self.prologue.append(f"    {self.slots[s.slot]} = lanes_{stored_as(s.slot.dtype)}({size})")
            elif s.slot not in self.slots:
                letter = "y" if s.slot in stored else "x"
                name = f"{letter}{sum(n[0] == letter for n in self.slots.values())}"
                pointer = f"{stored_as(s.slot.dtype)}_pointer(args, {{}})"
                self.slots[s.slot] = self._declare(name, pointer, Parameter("slot", s.slot))

    def _line(self, depth: int, text: str, comment: str = "") -> None:
        text = "    " * depth + text
        self.text.append(f"{text:<60}  # {comment}" if self.lines and comment else text)

    # Statements

    def _statement(self, s: Statement, depth: int) -> None:
        if isinstance(s, Load):
            value = self._from_memory(s.slot, self._place(s))
            guarded = f" if {s.guard} else {typed(s.slot.dtype)}(0)" if s.guard else ""
            self._line(depth, f"{s.result} = {value}{guarded}", s.line)
        elif isinstance(s, Let):
            self._line(depth, f"{s.result} = {self._let(s)}", s.line)
        elif isinstance(s, LetIndex):
            self._let_index(s, depth)
        else:
            place = self._place(s)
            value = self._cast(s.value, s.dtype, s.slot.dtype)
            if s.combine:
                kind = typed(s.slot.dtype)
                value = f"{kind}({s.combine.format(self._from_memory(s.slot, place), value, T=kind)})"
            self._line(depth, f"{place} = {self._to_memory(s.slot, value)}", s.line)

    def _let(self, s: Let) -> str:
        indices = {name: self._index(index) for name, index in s.indices.items()}
        if s.text == "{0}":
            return self._cast(s.operands[0], s.operand_dtype, s.dtype)
        text = s.text.format(*s.operands, T=typed(s.operand_dtype), **indices, **dict(s.named))
        value = f"{typed(s.dtype)}({text})"
        return f"{SHORT_NAMES[s.dtype]}_round({value})" if s.dtype in SMALL_FLOATS else value

    def _let_index(self, s: LetIndex, depth: int) -> None:
        index, divisor = self._index(s.index), self._integer("d", s.divisor) if s.form != "inside" else ""
        if s.form == "check":
            self._line(depth, f"if rarely(i64({index}) < -{divisor} or i64({index}) >= {divisor}):", s.line)
            self._line(depth + 1, "return 1")
            return
        text = {
            "quotient": f"({index}) // {divisor}",
            "remainder": f"({index}) % {divisor}",
            "around": f"{index} & {divisor} - 1",
            "wrap": f"wrap(i64({index}), {divisor})",
            "inside": f"i64({index})",
            "within": f"within({index}, {divisor})",
        }[s.form]
        self._line(depth, f"{s.result} = {text}", s.line)

    def _cast(self, value: str, source: DType, target: DType) -> str:
        if source == target:
            return value
        if source.kind == "c" and target.kind not in "cb":
            value, source = f"{value}.real", real_dtype(source)
        if source.kind not in "iub" and target.kind in "iu":
            return f"{typed(target)}_from_float({value})"
        if source == float64 and target == float16:
            value = f"odd_f32({value})"  # so that rounding twice is rounding once
        value = f"{typed(target)}({value})"
        return f"{SHORT_NAMES[target]}_round({value})" if target in SMALL_FLOATS else value

    def _place(self, s: Load | Store) -> str:
        """The element that a statement reads or writes."""
        return f"{self.slots[s.slot]}[{self._index(s.index, s.slot)}]"

    def _stride(self, slot: Slot | None, variable: str, step: int) -> str:
        """The name of a coefficient: one for all places of a slot that walk it alike."""
        key = ("stride", slot, variable, step)
        if slot is None or key not in self.index_texts:
            every_other = step == EVERY_OTHER and variable in self.side_by_side
            self.index_texts[key] = str(step) if every_other else self._integer("s", step)
        return self.index_texts[key]

    def _index(self, index: Index, slot: Slot | None = None) -> str:
        """An index as text; coefficients other than 1, and 2 from lane to lane, and offsets other than 0 are arguments."""
        if index not in self.index_texts:
            terms = [v if c == 1 else f"{v} * {self._stride(slot, v, c)}" for v, c in index.terms]
            if index.offset or not terms:
                terms.append(self._integer("o", index.offset) if index.offset else "0")
            self.index_texts[index] = " + ".join(terms)
        return self.index_texts[index]

    # Memory

    def _from_memory(self, slot: Slot, place: str) -> str:
        if slot.dtype.kind == "b":
            return f"({place} != 0)"
        return f"{SHORT_NAMES[slot.dtype]}_load({place})" if slot.dtype in SMALL_FLOATS else place

    def _to_memory(self, slot: Slot, value: str) -> str:
        if slot.dtype.kind == "b":
            return f"u8({value})"
        return f"{SHORT_NAMES[slot.dtype]}_store({value})" if slot.dtype in SMALL_FLOATS else value


def stored_as(dtype: DType) -> str:
    """The name of the elements in memory: bool is a byte, a small float its 16 bits."""
    if dtype.kind == "b":
        return "u8"
    return "u16" if dtype in SMALL_FLOATS else SHORT_NAMES[dtype]


def rounded(value: Any, dtype: DType) -> Any:
    """A constant in the dtype that arithmetic is done in, rounded to its own first."""
    return np.asarray(value).astype(dtype).astype(compute_dtype(dtype))[()]
