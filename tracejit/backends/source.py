"""A `Kernel` as Python text: what Numba compiles, and what a person can read, run and step through.

The function takes one argument, `args`: the range of the outermost parallel loop, then addresses, scalar constants,
integers and tables. It returns 0, or 1 where an index is out of bounds. The text holds no shape and no value, so kernels of
equal structure have equal text; extents, strides and constants are arguments.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..lowering.index import Index
from ..lowering.kernel import Axis, Kernel, Let, LetIndex, Load, Slot, Statement, Store
from ..spec import SHORT_NAMES, SMALL_FLOATS, DType, compute_dtype, float16, float64


class Parameter(NamedTuple):
    """One argument of a kernel: kind "begin", "end", "slot", "scalar" (a NumPy scalar), "int" or "table"."""

    kind: str
    value: Any


def print_kernel(kernel: Kernel, name: str = "kernel", lines: bool = True) -> tuple[str, list[Parameter]]:
    """The text, and the arguments it must be called with. `lines` adds the user's file and line to each statement."""
    return _Printer(kernel, lines).run(name)


def typed(dtype: DType) -> str:
    """The name of a dtype's constructor in kernel text: of the dtype that arithmetic is done in."""
    return "boolean" if dtype.kind == "b" else SHORT_NAMES[compute_dtype(dtype)]


class _Printer:
    def __init__(self, kernel: Kernel, lines: bool) -> None:
        self.kernel, self.lines = kernel, lines
        self.parameters: list[Parameter] = []
        self.prologue: list[str] = []
        self.text: list[str] = []
        self.slots: dict[Slot, str] = {}
        self.index_texts: dict[Any, str] = {}
        self.integers = 0

    def run(self, name: str) -> tuple[str, list[Parameter]]:
        kernel = self.kernel
        self._parameter(Parameter("begin", None))
        self._parameter(Parameter("end", None))
        self._name_slots()
        for constant, dtype, value in kernel.constants:
            self._declare(constant, f"{typed(dtype)}_value(args, {{}})", Parameter("scalar", _rounded(value, dtype)))
        if kernel.reduction is None:
            self._loops(kernel.axes, 1, self._body, together=bool(kernel.axes) and kernel.axes[-1].role == "space")
        else:
            self._reduction()
        title = [f"    # {kernel.title}"] if self.lines and kernel.title else []
        text = [f"def {name}(args):", *title, *self.prologue, *self.text, "    return 0", ""]
        return "\n".join(text), self.parameters

    # Arguments

    def _parameter(self, parameter: Parameter) -> int:
        self.parameters.append(parameter)
        return len(self.parameters) - 1

    def _declare(self, name: str, form: str, parameter: Parameter) -> str:
        self.prologue.append(f"    {name} = " + form.format(self._parameter(parameter)))
        return name

    def _integer(self, letter: str, value: int) -> str:
        self.integers += 1
        return self._declare(f"{letter}{self.integers - 1}", "args[{}]", Parameter("int", value))

    def _name_slots(self) -> None:
        statements: list[Any] = [*self.kernel.body]
        if self.kernel.reduction:
            statements.append(self.kernel.reduction.store)
        stored = {s.slot for s in statements if isinstance(s, Store)}
        for s in statements:
            if isinstance(s, (Load, Store)) and s.slot not in self.slots:
                letter = "y" if s.slot in stored else "x"
                name = f"{letter}{sum(n[0] == letter for n in self.slots.values())}"
                pointer = f"{_stored(s.slot.dtype)}_pointer(args, {{}})"
                self.slots[s.slot] = self._declare(name, pointer, Parameter("slot", s.slot))

    # Loops

    def _line(self, depth: int, text: str, comment: str = "") -> None:
        text = "    " * depth + text
        self.text.append(f"{text:<60}  # {comment}" if self.lines and comment else text)

    def _loops(self, axes: list[Axis], depth: int, inside: Any, together: bool = False) -> None:
        """Loops over axes around a body; the iterations of the innermost one are independent if `together`."""
        for axis in axes:
            word = "lanes" if together and axis is axes[-1] else "range"
            if axis.role == "space" and axis is self.kernel.axes[0]:
                self._line(depth, f"for {axis.name} in {word}(args[0], args[1]):")
            else:
                self._line(depth, f"for {axis.name} in {word}(0, {self._extent(axis)}):")
            depth += 1
        inside(depth)

    def _extent(self, axis: Axis) -> str:
        key = ("extent", axis.name)
        if key not in self.index_texts:
            self.index_texts[key] = self._integer("n", axis.extent)
        return self.index_texts[key]

    def _body(self, depth: int) -> None:
        for statement in self.kernel.body:
            self._statement(statement, depth)

    def _reduction(self) -> None:
        axes = {role: [a for a in self.kernel.axes if a.role == role] for role in ("space", "outer", "inner", "lane")}
        inside = self._pairwise_stage if axes["inner"] else self._lane_stage if axes["lane"] else self._sequence_stage
        self._loops(axes["space"], 1, lambda depth: inside(depth, axes))

    def _lane_stage(self, depth: int, axes: dict[str, list[Axis]]) -> None:
        """Slice after slice: the result's row is the accumulator."""
        reduction = self.kernel.reduction
        assert reduction is not None
        slot, store = self.slots[reduction.store.slot], reduction.store
        at = self._index(store.index)
        kind = typed(reduction.dtype)
        first = f"{slot}[{at}] = {self._to_memory(store.slot, self._identity())}"
        self._loops(axes["lane"], depth, lambda d: self._line(d, first), together=True)

        def accumulate(d: int) -> None:
            self._body(d)
            so_far = self._from_memory(store.slot, f"{slot}[{at}]")
            joined = f"{kind}({reduction.combine.format(so_far, f'{kind}({reduction.value})', T=kind)})"
            self._line(d, f"{slot}[{at}] = {self._to_memory(store.slot, joined)}", store.line)

        self._loops(axes["outer"] + axes["lane"], depth, accumulate, together=True)

    def _sequence_stage(self, depth: int, axes: dict[str, list[Axis]]) -> None:
        """Element after element."""
        reduction = self.kernel.reduction
        assert reduction is not None
        kind, store = typed(reduction.dtype), reduction.store
        self._line(depth, f"total = {self._identity()}")

        def accumulate(d: int) -> None:
            self._body(d)
            self._line(d, f"total = {kind}({reduction.combine.format('total', f'{kind}({reduction.value})', T=kind)})")

        self._loops(axes["outer"], depth, accumulate)
        self._line(depth, f"{self.slots[store.slot]}[{self._index(store.index)}] = {self._to_memory(store.slot, 'total')}", store.line)

    def _pairwise_stage(self, depth: int, axes: dict[str, list[Axis]]) -> None:
        """NumPy's pairwise order over the inner axis: leaves of at most 128 elements in eight lanes, joined as a tree."""
        reduction = self.kernel.reduction
        assert reduction is not None
        (inner,) = axes["inner"]
        kind, join = typed(reduction.dtype), reduction.combine
        lanes, stack = f"lanes_{kind}(8)", f"lanes_{kind}(64)"
        self.prologue.append(f"    lane = {lanes}")
        self.prologue.append(f"    stack = {stack}")
        leaves = self._declare("leaves", "i64_pointer(args, {})", Parameter("table", inner.extent))
        if axes["outer"]:
            self._line(depth, f"total = {self._identity()}")
        outer_depth = depth
        for axis in axes["outer"]:
            self._line(outer_depth, f"for {axis.name} in range({self._extent(axis)}):")
            outer_depth += 1
        d = outer_depth
        self._line(d, "depth = 0")
        self._line(d, f"for leaf in range({leaves}[0]):")
        self._line(d + 1, f"first = {leaves}[1 + 3 * leaf]")
        self._line(d + 1, f"last = {leaves}[2 + 3 * leaf]")
        self._line(d + 1, "whole = first + (last - first) // 8 * 8")
        self._line(d + 1, f"part = {self._identity()}")
        self._line(d + 1, "if whole > first:")
        self._line(d + 2, "for j in lanes(0, 8):")
        self._line(d + 3, f"lane[j] = {self._identity()}")
        self._line(d + 2, "for k in range(first, whole, 8):")
        self._line(d + 3, "for j in lanes(0, 8):")
        self._line(d + 4, f"{inner.name} = k + j")
        self._body(d + 4)
        self._line(d + 4, f"lane[j] = {kind}({join.format('lane[j]', f'{kind}({reduction.value})', T=kind)})")
        pairs = [f"lane[{j}]" for j in range(8)]
        while len(pairs) > 1:
            pairs = [f"{kind}({join.format(a, b, T=kind)})" for a, b in zip(pairs[::2], pairs[1::2])]
        self._line(d + 2, f"part = {pairs[0]}")
        self._line(d + 1, f"for {inner.name} in range(whole, last):")
        self._body(d + 2)
        self._line(d + 2, f"part = {kind}({join.format('part', f'{kind}({reduction.value})', T=kind)})")
        self._line(d + 1, f"for _ in range({leaves}[3 + 3 * leaf]):")
        self._line(d + 2, "depth -= 1")
        self._line(d + 2, f"part = {kind}({join.format('stack[depth]', 'part', T=kind)})")
        self._line(d + 1, "stack[depth] = part")
        self._line(d + 1, "depth += 1")
        result = "stack[0]"
        if axes["outer"]:
            self._line(d, f"total = {kind}({join.format('total', 'stack[0]', T=kind)})")
            result = "total"
        store = reduction.store
        self._line(
            depth, f"{self.slots[store.slot]}[{self._index(store.index)}] = {self._to_memory(store.slot, result)}", store.line
        )

    def _identity(self) -> str:
        reduction = self.kernel.reduction
        assert reduction is not None
        kind = typed(reduction.dtype)
        return f"{kind}({reduction.identity.format(T=kind)})"

    # Statements

    def _statement(self, s: Statement, depth: int) -> None:
        if isinstance(s, Load):
            self._line(depth, f"{s.result} = {self._from_memory(s.slot, f'{self.slots[s.slot]}[{self._index(s.index)}]')}", s.line)
        elif isinstance(s, Let):
            self._line(depth, f"{s.result} = {self._let(s)}", s.line)
        elif isinstance(s, LetIndex):
            self._let_index(s, depth)
        else:
            place = f"{self.slots[s.slot]}[{self._index(s.index)}]"
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
        index, divisor = self._index(s.index), self._integer("d", s.divisor)
        if s.form == "check":
            self._line(depth, f"if i64({index}) < -{divisor} or i64({index}) >= {divisor}:", s.line)
            self._line(depth + 1, "return 1")
            return
        text = {
            "quotient": f"({index}) // {divisor}",
            "remainder": f"({index}) % {divisor}",
            "wrap": f"wrap(i64({index}), {divisor})",
        }[s.form]
        self._line(depth, f"{s.result} = {text}", s.line)

    def _cast(self, value: str, source: DType, target: DType) -> str:
        if source == target:
            return value
        if source.kind not in "iub" and target.kind in "iu":
            return f"{typed(target)}_from_float({value})"
        if source == float64 and target == float16:
            value = f"odd_f32({value})"  # so that rounding twice is rounding once
        value = f"{typed(target)}({value})"
        return f"{SHORT_NAMES[target]}_round({value})" if target in SMALL_FLOATS else value

    def _index(self, index: Index) -> str:
        """An index as text; coefficients other than 1 and offsets other than 0 are arguments."""
        if index not in self.index_texts:
            terms = [v if c == 1 else f"{v} * {self._integer('s', c)}" for v, c in index.terms]
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


def _stored(dtype: DType) -> str:
    """The name of the elements in memory: bool is a byte, a small float its 16 bits."""
    if dtype.kind == "b":
        return "u8"
    return "u16" if dtype in SMALL_FLOATS else SHORT_NAMES[dtype]


def pairwise_leaves(count: int) -> list[int]:
    """How NumPy cuts a sum of `count` elements: [number of leaves, then first, last and joins after it, for each leaf].

    A run of more than 128 elements is cut at half its length rounded down to a multiple of 8, recursively.
    """
    table: list[int] = []

    def cut(first: int, last: int, joins: int) -> None:
        n = last - first
        if n <= 128:
            table.extend((first, last, joins))
            return
        half = n // 2 - n // 2 % 8
        cut(first, first + half, 0)
        cut(first + half, last, joins + 1)

    cut(0, count, 0)
    return [len(table) // 3, *table]


def _rounded(value: Any, dtype: DType) -> Any:
    """A constant in the dtype that arithmetic is done in, rounded to its own first."""
    return np.asarray(value).astype(dtype).astype(compute_dtype(dtype))[()]
