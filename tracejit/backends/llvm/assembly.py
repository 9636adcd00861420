"""Values and instructions of LLVM's assembly language, for one value at a time or for several side by side in vector lanes.

A `Value` is the same for all lanes, or has one element for each lane, or is an integer that grows evenly from lane to lane (an index):
then only lane 0's is computed. Operations take what they are given: a value is spread over the lanes where another has lanes.
"""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

import numpy as np

LLVM = {
    "boolean": "i1", "i8": "i8", "u8": "i8", "i16": "i16", "u16": "i16", "i32": "i32", "u32": "i32", "i64": "i64", "u64": "i64",
    "f32": "float", "f64": "double", "c64": "[2 x float]", "c128": "[2 x double]",  # in memory; for registers see `pairs.py`
}  # fmt: skip
BITS = {kind: int(kind[1:]) if kind != "boolean" else 1 for kind in LLVM}
FLOATS = ("f32", "f64")
WEAK = {"int": "i64", "float": "f64", "bool": "boolean"}  # literals: they take the kind of what they meet, or this one
BOOLEAN = {"+": "or", "*": "and", "&": "and", "|": "or", "^": "xor"}
INTEGER = {"+": "add", "-": "sub", "*": "mul", "&": "and", "|": "or", "^": "xor"}
FLOATING = {"+": "fadd", "-": "fsub", "*": "fmul", "/": "fdiv"}
COMPARISONS = {"==": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}


class Value(NamedTuple):
    """An operand: its text in LLVM's assembly, its kind ("f32", "boolean", "pointer f32", or weak: "int", "float"), its lanes.

    step: of an integer that grows from lane to lane, the difference; `text` is lane 0's. literal: the Python value of a weak one.
    imag: of a complex number, the imaginary part; `text` is the real part.
    """

    text: str
    kind: str
    lanes: int = 1
    step: str | None = None
    literal: Any = None
    imag: str = ""

    @property
    def registers(self) -> tuple[str, ...]:
        """The texts of what it consists of."""
        return (self.text, self.imag) if self.imag else (self.text,)


def literal(value: Any) -> Value:
    """A Python number, of a kind yet open."""
    kind = "bool" if isinstance(value, bool) else "int" if isinstance(value, int) else "float"
    return Value("", kind, literal=value)


def type_of(kind: str, lanes: int = 1) -> str:
    """LLVM's name of a type."""
    name = "ptr" if kind.startswith("pointer") else LLVM[kind]
    return name if lanes == 1 else f"<{lanes} x {name}>"


def constant(kind: str, value: Any) -> str:
    """A number as LLVM writes it."""
    if kind == "boolean":
        return "true" if value else "false"
    if kind == "f32":
        value = float(np.float32(value))
    if kind in FLOATS:
        return f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"
    return str(int(value))


class RealAssembly:
    """The instructions of one function, as they are appended, on values of one register. `width`: the lanes in force; those count for which all `masks` hold."""

    in_vectors = True  # whether the processor has registers for lanes; where it has none, LLVM takes vectors apart

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.first: list[str] = []  # what stands before all else: room for local arrays
        self.taken: list[str] = []  # memory that is given back where the function returns
        self.declarations: dict[str, str] = {}
        self.width = 1
        self.masks: list[Value] = []
        self.block = "entry"
        self.held = 0  # how many lines there were when the registers of a value were last held abreast
        self.selected: set[str] = set()  # the values that are one of two, lane by lane
        self.count = 0

    # Text

    def name(self) -> str:
        self.count += 1
        return f"%v{self.count}"

    def emit(self, text: str) -> str:
        """Append an instruction that gives a value, and name it."""
        name = self.name()
        self.lines.append(f"  {name} = {text}")
        return name

    def do(self, text: str) -> None:
        """Append an instruction that gives none."""
        self.lines.append(f"  {text}")

    def leave(self, value: str) -> None:
        """Return from a kernel."""
        for room in self.taken:
            self.do(f"call void @free(ptr {room})")
        self.do(f"ret i64 {value}")

    def label(self, hint: str) -> str:
        self.count += 1
        return f"{hint}{self.count}"

    def begin(self, block: str) -> None:
        """What follows stands in this block."""
        self.lines.append(f"{block}:")
        self.block = block

    def jump(self, block: str) -> None:
        self.do(f"br label %{block}")

    def branch(self, condition: Value, yes: str, no: str) -> None:
        self.do(f"br i1 {condition.text}, label %{yes}, label %{no}")

    def phi(self, like: Value, edges: list[tuple[Value, str]]) -> Value:
        """The value that came along the edge that was taken."""
        incoming = ", ".join(f"[ {value.text}, %{block} ]" for value, block in edges)
        return like._replace(text=self.emit(f"phi {type_of(like.kind, like.lanes)} {incoming}"))

    def alignment(self, kind: str, lanes: int = 1) -> int:
        """What the address of lanes side by side in memory is a multiple of, in bytes."""
        return max(BITS[kind] // 8, 1)

    # Kinds and lanes

    def typed(self, value: Value, kind: str | None = None) -> Value:
        """A literal as a number of a kind; any other value as it is, which must be of that kind."""
        if value.kind not in WEAK:
            if kind not in (None, value.kind):
                raise TypeError(f"{value.kind} where {kind} is wanted")
            return value
        kind = kind or WEAK[value.kind]
        return Value(constant(kind, value.literal), kind)

    def spread(self, value: Value) -> Value:
        """With an element for each lane."""
        if value.lanes > 1 or self.width == 1:
            return value
        if value.step is not None:
            steps = self.binary("*", Value(self._lane_numbers("i64"), "i64", self.width), Value(value.step, "i64"))
            return self.binary("+", value._replace(step=None), steps)
        kind = type_of(value.kind, self.width)
        if value.text[0] != "%":
            return Value(f"splat ({type_of(value.kind)} {value.text})", value.kind, self.width)
        first = self.emit(f"insertelement {kind} poison, {type_of(value.kind)} {value.text}, i64 0")
        all_ = self.emit(f"shufflevector {kind} {first}, {kind} poison, <{self.width} x i32> zeroinitializer")
        return Value(all_, value.kind, self.width)

    def _lane_numbers(self, kind: str) -> str:
        return "<" + ", ".join(f"{LLVM[kind]} {lane}" for lane in range(self.width)) + ">"

    def alike(self, *values: Value) -> tuple[Value, ...]:
        """Values of one kind and as many lanes."""
        kinds = {v.kind for v in values if v.kind not in WEAK}
        if len(kinds) > 1:
            raise TypeError(f"operands of different kinds: {', '.join(sorted(kinds))}")
        if kinds:
            (kind,) = kinds
            values = tuple(self.typed(v, kind) for v in values)
        else:
            kind = "float" if any(v.kind == "float" for v in values) else values[0].kind
            values = tuple(self.typed(v, WEAK[kind]) for v in values)
        if any(v.lanes > 1 or v.step is not None for v in values):
            values = tuple(self.spread(v) for v in values)
        return values

    def instruction(self, name: str, *values: Value, kind: str | None = None) -> Value:
        """`name type a, b` on values that are alike."""
        first = values[0]
        text = f"{name} {type_of(first.kind, first.lanes)} {', '.join(v.text for v in values)}"
        return Value(self.emit(text), kind or first.kind, first.lanes)

    # Arithmetic

    def binary(self, symbol: str, a: Value, b: Value) -> Value:
        """An arithmetic or bitwise operation of Python's, on numbers of one kind. Integers wrap."""
        if a.step is not None or b.step is not None:
            found = self._even(symbol, a, b)
            if found is not None:
                return found
        a, b = self.alike(a, b)
        if a.kind in FLOATS:
            return self.instruction(FLOATING[symbol], a, b)
        if a.kind == "boolean":
            return self.instruction(BOOLEAN[symbol], a, b)
        if symbol in INTEGER:
            return self.instruction(INTEGER[symbol], a, b)
        return self._shift(symbol, a, b) if symbol in ("<<", ">>") else self._floor_division(symbol, a, b)

    def _even(self, symbol: str, a: Value, b: Value) -> Value | None:
        """Sums and multiples of integers that grow from lane to lane do so too."""
        a, b = (self.typed(v, "i64") if v.kind == "int" else v for v in (a, b))
        if a.lanes > 1 or b.lanes > 1 or symbol not in ("+", "-", "*") or a.kind != "i64" or b.kind != "i64":
            return None
        if symbol == "*":
            if a.step is not None and b.step is not None:
                return None
            even, factor = (a, b) if a.step is not None else (b, a)
            step = factor if even.step == "1" else self.instruction("mul", Value(str(even.step), "i64"), factor)
            return self.instruction("mul", even, factor)._replace(step=step.text)
        name = INTEGER[symbol]
        lanes0 = self.instruction(name, a, b)
        if b.step is None:
            return lanes0._replace(step=a.step)
        if a.step is None and symbol == "+":
            return lanes0._replace(step=b.step)
        return lanes0._replace(step=self.instruction(name, Value(a.step or "0", "i64"), Value(b.step, "i64")).text)

    def _shift(self, symbol: str, a: Value, b: Value) -> Value:
        """Shifts by the number of bits or more leave nothing, or the sign."""
        signed, size = a.kind[0] == "i", BITS[a.kind]
        if b.text.isdigit() or b.text.startswith("splat"):
            return self.instruction("shl" if symbol == "<<" else "ashr" if signed else "lshr", a, b)
        most = self.spread(Value(str(size - 1), a.kind)) if a.lanes > 1 else Value(str(size - 1), a.kind)
        within = self.instruction("icmp ule", b, most, kind="boolean")
        count = self.select(within, b, most)
        if symbol == ">>" and signed:
            return self.instruction("ashr", a, count)
        return self.select(within, self.instruction("shl" if symbol == "<<" else "lshr", a, count), literal(0))

    def _floor_division(self, symbol: str, a: Value, b: Value) -> Value:
        """Python's // and % of integers. Division by 0 gives what division by 1 does: it is computed where it is not wanted."""
        nothing, one = literal(0), literal(1)
        if a.kind[0] == "u":
            return self.instruction("udiv" if symbol == "//" else "urem", a, self.select(self.compare("==", b, nothing), one, b))
        minus = self.compare("==", b, literal(-1))
        safe = self.select(self.binary("|", minus, self.compare("==", b, nothing)), one, b)
        quotient = self.instruction("sdiv", a, safe)
        left = self.binary("-", a, self.binary("*", quotient, safe))
        below = self.binary("&", self.compare("!=", left, nothing), self.compare("<", self.binary("^", left, safe), nothing))
        if symbol == "//":
            floor = self.select(below, self.binary("-", quotient, one), quotient)
            return self.select(minus, self.negative(a), floor)
        return self.select(minus, nothing, self.select(below, self.binary("+", left, safe), left))

    def negative(self, a: Value) -> Value:
        if a.kind in FLOATS:
            return self.instruction("fneg", a)
        return self.binary("-", literal(0), a)

    def inverted(self, a: Value) -> Value:
        """~ of an integer, not of a bool."""
        return self.binary("^", a, literal(a.kind == "boolean" or -1))

    def compare(self, symbol: str, a: Value, b: Value) -> Value:
        """A comparison of numbers; integers of two kinds are compared exactly, as in Python."""
        if a.kind != b.kind and a.kind[0] in "iub" and b.kind[0] in "iub" and not {a.kind, b.kind} & WEAK.keys():
            return self._compare_exactly(symbol, a, b)
        a, b = self.alike(a, b)
        name = COMPARISONS[symbol]
        if a.kind in FLOATS:  # NaN equals nothing
            return self.instruction(f"fcmp {'u' if symbol == '!=' else 'o'}{name}", a, b, kind="boolean")
        sign = "" if symbol in ("==", "!=") else "s" if a.kind[0] == "i" else "u"
        return self.instruction(f"icmp {sign}{name}", a, b, kind="boolean")

    def _compare_exactly(self, symbol: str, a: Value, b: Value) -> Value:
        """Integers of two kinds: as int64, or as uint64 where one is that; then a negative number is less than the other."""
        wide = "u64" if "u64" in (a.kind, b.kind) else "i64"
        found = self.compare(symbol, self.cast(a, wide), self.cast(b, wide))
        for value, less in ((a, ("<", "<=", "!=")), (b, (">", ">=", "!="))):
            if wide == "u64" and value.kind[0] == "i":
                found = self.select(self.compare("<", value, literal(0)), literal(symbol in less), found)
        return found

    def truth(self, a: Value) -> Value:
        """Whether Python would take it for true."""
        return self.typed(a) if a.kind in ("boolean", "bool") else self.compare("!=", a, literal(0))

    def select(self, condition: Value, yes: Value, no: Value) -> Value:
        """`yes if condition else no`, both computed."""
        if condition.lanes > 1:
            yes, no = (self.spread(v) if v.kind not in WEAK else v for v in (yes, no))
        yes, no = self.alike(yes, no)
        if condition.lanes > 1:
            yes, no = self.spread(yes), self.spread(no)
        kind = type_of(yes.kind, yes.lanes)
        text = f"select {type_of('boolean', condition.lanes)} {condition.text}, {kind} {yes.text}, {kind} {no.text}"
        value = Value(self.emit(text), yes.kind, yes.lanes)
        self.selected.add(value.text)
        return value

    # Casts

    def cast(self, a: Value, kind: str) -> Value:
        """A number in another kind, as C casts it; what does not fit is undefined."""
        if a.kind in WEAK:
            return self.typed(literal(bool(a.literal)) if kind == "boolean" else a, kind)
        if a.kind == kind:
            return a
        if kind == "boolean":
            return self.truth(a)
        if a.step is not None:
            if (a.kind, kind) == ("i64", "u64"):
                return a._replace(kind=kind) if self.width == 1 else self.spread(a)._replace(kind=kind)
            a = self.spread(a)
        source, target, size, wanted = a.kind, kind, BITS[a.kind], BITS[kind]
        if source[0] == "f" and target[0] == "f":
            name = "fpext" if wanted > size else "fptrunc"
        elif source[0] == "f":
            name = "fptosi" if target[0] == "i" else "fptoui"
        elif target[0] == "f":
            name = "sitofp" if source[0] == "i" else "uitofp"
        elif wanted == size:
            return a._replace(kind=kind)
        else:
            name = "trunc" if wanted < size else "sext" if source[0] == "i" else "zext"
        text = f"{name} {type_of(source, a.lanes)} {a.text} to {type_of(target, a.lanes)}"
        return Value(self.emit(text), target, a.lanes)

    def reinterpret(self, a: Value, kind: str) -> Value:
        """The same bits as another kind of that size."""
        text = f"bitcast {type_of(a.kind, a.lanes)} {a.text} to {type_of(kind, a.lanes)}"
        return Value(self.emit(text), kind, a.lanes)

    # Calls

    def declare(self, name: str, result: str, kinds: list[str]) -> None:
        self.declarations[name] = f"declare {result} @{name}({', '.join(kinds)})"

    def intrinsic(self, name: str, *values: Value, kind: str | None = None) -> Value:
        """`llvm.name` of values that are alike."""
        first = values[0]
        type_, result = type_of(first.kind, first.lanes), type_of(kind or first.kind, first.lanes)
        suffix = f"{'f' if first.kind[0] == 'f' else 'i'}{BITS[first.kind]}"
        full = f"llvm.{name}.{suffix}" if first.lanes == 1 else f"llvm.{name}.v{first.lanes}{suffix}"
        self.declare(full, result, [type_] * len(values))
        return Value(self.emit(f"call {result} @{full}({', '.join(f'{type_} {v.text}' for v in values)})"), kind or first.kind, first.lanes)

    def mask(self) -> Value:
        """The lanes that count."""
        found = Value("splat (i1 true)", "boolean", self.width)
        for mask in self.masks:
            found = mask if found.text[0] != "%" else self.binary("&", found, mask)
        return found

    def any_lane(self, condition: Value) -> Value:
        """Whether it holds in a lane that counts."""
        if condition.lanes == 1:
            return condition
        if self.masks:
            condition = self.binary("&", condition, self.mask())
        name = f"llvm.vector.reduce.or.v{condition.lanes}i1"
        kind = type_of("boolean", condition.lanes)
        self.declare(name, "i1", [kind])
        return Value(self.emit(f"call i1 @{name}({kind} {condition.text})"), "boolean")
