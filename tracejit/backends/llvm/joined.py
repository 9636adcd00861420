"""The steps of a block as one function: small kernels with their text in place, moves as instructions.

Walked, a step of one element takes some 30 ns, nearly all of it spent on finding its arguments and on handing them over in memory. In one
function a loop's scalars are registers, and its turns jumps.
"""

from __future__ import annotations

import ast
from typing import NamedTuple

from ..native import interrupts
from .assembly import Value, literal
from .expressions import Module
from .translate import Translator

OFTEN = 1024  # turns between two looks at the clock, a power of two: a look takes as long as some hundred turns


class Joined(NamedTuple):
    """What one function is made of; its text is the key that the machine code is kept by.

    registers: for each, its bytes, the argument that is the address of what it holds before ("" for nothing), and whether it is
      written back there. cells: how many words hold addresses. arguments: words that the function is called with.
    rows: a step each: "kernel" (a number in `kernels`, then its arguments), "call" (the same, of an address), a move, or "label".
    An operand is a number ("0"), an argument as a number ("a3") or as an address ("p3"), the address of a register ("r2") or of a cell
    ("c1"), what the cell holds ("*c1"), or an address that many bytes behind it ("*c1+a3").
    """

    registers: tuple[tuple[int, str, bool], ...]
    cells: int
    arguments: int
    rows: tuple[tuple[str, ...], ...]
    kernels: tuple[str, ...]

    @property
    def text(self) -> str:
        """All of it, to be read."""
        registers = [f"r{n}: {size} bytes{f' of {home}' if home else ''}{', written back' if back else ''}" for n, (size, home, back) in enumerate(self.registers)]
        rows = ["  ".join(row) for row in self.rows]
        kernels = [f"\nkernel {n}:\n{text}" for n, text in enumerate(self.kernels)]
        return "\n".join([f"joined: {self.arguments} arguments, {self.cells} cells", *registers, *rows, *kernels])


def translate_joined(joined: Joined) -> Module:
    """The module of joined steps: `define i64 @joined(ptr)`, called as a kernel is."""
    return _Rows().joined(joined)


class _Rows(Translator):
    def joined(self, joined: Joined) -> Module:
        self.known: dict[str, Value] = {}  # arguments by operand
        self.bodies = [_body(text) for text in joined.kernels]
        self.behind: set[str] = set()  # the labels that are reached by jumping back
        self._rooms(joined)
        for row in joined.rows:
            getattr(self, f"_{row[0]}")(*row[1:])
        for n, (size, home, back) in enumerate(joined.registers):
            if back:
                self._move(f"%r{n}", self._address(home), size)
        self.out.leave("0")
        module = self.module_of("joined", Value("", "i64"), [Value("%args", "pointer i64")])
        return module._replace(text=module.text + interrupts.native_text())

    def _rooms(self, joined: Joined) -> None:
        """Memory of the function's own, which becomes registers."""
        first = self.out.first
        first += [f"  %r{n} = alloca i{8 * size}, align 16" for n, (size, _, _) in enumerate(joined.registers)]
        first += [f"  %c{n} = alloca ptr" for n in range(joined.cells)]
        first += ["  %turns = alloca i64", "  %asked = alloca i64"]
        longest = max((len(row) - 2 for row in joined.rows if row[0] == "call"), default=0)
        first += [f"  %row = alloca [{longest} x i64]"] if longest else []
        self.out.do("store i64 0, ptr %turns")
        self.out.do("store i64 0, ptr %asked")
        for n, (size, home, _) in enumerate(joined.registers):
            if home:
                self._move(self._address(home), f"%r{n}", size)

    def _move(self, source: str, target: str, size: int) -> None:
        kind = f"i{8 * size}"
        self.out.do(f"store {kind} {self.out.emit(f'load {kind}, ptr {source}')}, ptr {target}")

    # Operands

    def _operand(self, text: str) -> Value:
        """An operand's value: a number, or an address."""
        if text[0] in "ap":
            if text not in self.known:
                self.known[text] = self._argument(text)
            return self.known[text]
        if text[0] in "rc":
            return Value(f"%{text}", "pointer i64")
        if text[0] != "*":
            return Value(text, "i64")
        cell, _, offset = text[1:].partition("+")
        held = self.out.emit(f"load ptr, ptr %{cell}")
        return Value(self.out.emit(f"getelementptr i8, ptr {held}, i64 {self._operand(offset).text}") if offset else held, "pointer i64")

    def _argument(self, text: str) -> Value:
        """An argument, read where the function begins."""
        number, first = text[1:], self.out.first
        if text[0] == "p":
            first.append(f"  %{text} = inttoptr i64 {self._operand('a' + number).text} to ptr")
            return Value(f"%{text}", "pointer i64")
        first += [f"  %{text}.at = getelementptr i64, ptr %args, i64 {number}", f"  %{text} = load i64, ptr %{text}.at"]
        return Value(f"%{text}", "i64")

    def _address(self, text: str) -> str:
        return self._operand(text).text

    def _word(self, text: str) -> str:
        """An operand as 64 bits."""
        value = self._operand(text)
        return value.text if value.kind == "i64" else self.out.emit(f"ptrtoint ptr {value.text} to i64")

    # Kernels

    def _kernel(self, number: str, *operands: str) -> None:
        name, body = self.bodies[int(number)]
        self.statements(body, {name: tuple(map(self._operand, operands))})

    def _call(self, address: str, *operands: str) -> None:
        out = self.out
        for n, operand in enumerate(operands):
            out.do(f"store i64 {self._word(operand)}, ptr {out.emit(f'getelementptr i64, ptr %row, i64 {n}')}")
        self._unless_zero(out.emit(f"call i64 {self._address('p' + address[1:])}(ptr %row)"))

    def _unless_zero(self, status: str) -> None:
        """Leave with what a step gives where it fails."""
        out, fails, after = self.out, self.out.label("fails"), self.out.label("after")
        out.branch(out.compare("!=", Value(status, "i64"), literal(0)), fails, after)
        out.begin(fails)
        out.leave("1")
        out.begin(after)

    # Moves

    def _store(self, place: str, value: str) -> None:
        if place[0] == "c":
            self.out.do(f"store ptr {self._address(value)}, ptr {self._address(place)}")
        else:
            self.out.do(f"store i64 {self._word(value)}, ptr {self._address(place)}")

    def _add(self, place: str, value: str) -> None:
        out, at, by = self.out, self._address(place), self._word(value)
        if place[0] == "c":
            held = out.emit(f"load ptr, ptr {at}")
            out.do(f"store ptr {out.emit(f'getelementptr i8, ptr {held}, i64 {by}')}, ptr {at}")
        else:
            held = out.emit(f"load i64, ptr {at}")
            out.do(f"store i64 {out.emit(f'add i64 {held}, {by}')}, ptr {at}")

    def _swap(self, a: str, b: str, size: str) -> None:
        """What lies at two addresses, of so many bytes."""
        out, kind, places = self.out, "ptr" if a[0] == "c" else f"i{8 * int(size)}", [self._address(a), self._address(b)]
        values = [out.emit(f"load {kind}, ptr {place}") for place in places]
        for place, value in zip(places, reversed(values)):
            out.do(f"store {kind} {value}, ptr {place}")

    def _label(self, label: str) -> None:
        self.out.jump(label)
        self.out.begin(label)
        self.behind.add(label)

    def _jump(self, label: str) -> None:
        self._go(None, label)

    def _unless(self, byte: str, label: str) -> None:
        self._go(self.out.compare("==", Value(self.out.emit(f"load i8, ptr {self._address(byte)}"), "u8"), literal(0)), label)

    def _unequal(self, place: str, other: str, label: str) -> None:
        held = self.out.emit(f"load i64, ptr {self._address(place)}")
        self._go(self.out.compare("!=", Value(held, "i64"), Value(self._word(other), "i64")), label)

    def _go(self, condition: Value | None, label: str) -> None:
        """Go on at a label, where a condition holds. Who turns back is asked now and then whether the user interrupts."""
        out, after = self.out, self.out.label("after")
        turns_back = label in self.behind
        there = out.label("turn") if turns_back else label
        if condition is None:
            out.jump(there)
        else:
            out.branch(condition, there, after)
        if turns_back:
            out.begin(there)
            turns = out.emit(f"add i64 {out.emit('load i64, ptr %turns')}, 1")
            out.do(f"store i64 {turns}, ptr %turns")
            look = out.label("look")
            out.branch(out.compare("==", Value(out.emit(f"and i64 {turns}, {OFTEN - 1}"), "i64"), literal(0)), look, label)
            out.begin(look)
            self._unless_zero(out.emit("call i64 @interrupted(ptr %asked)"))
            out.jump(label)
        out.begin(after)


def _body(text: str) -> tuple[str, list[ast.stmt]]:
    """The name of a kernel's arguments, and its statements, without that which returns at its end."""
    (function,) = ast.parse(text).body
    assert isinstance(function, ast.FunctionDef)
    (argument,) = function.args.args
    return argument.arg, function.body[:-1]
