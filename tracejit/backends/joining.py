"""Which steps of a plan are joined to one native function, and what it is called with.

A block (a loop, or branches) is joined where its steps are small: walked, finding their arguments would take longer than they do. It runs
on one thread. Temporaries of one element are then registers. A cell that is written once stands for the place that it names; two such
cells that are exchanged, of one element each, exchange what lies there instead.
"""

from __future__ import annotations

from collections import Counter
from math import prod
from typing import Any, Callable, Iterator, NamedTuple, Sequence

from ..lowering.kernel import Kernel, Slot
from ..lowering.plan import Plan
from ..lowering.steps import Call, Cell, Label, Move, Operand
from .llvm.joined import Joined
from .native.walker import VALUE
from .routine import Routine
from .schedule import grain, work
from .text.source import print_kernel
from .text.statements import Parameter

Word = tuple[int, int]  # where, value: see `native/walker.py`
SMALL = 2000  # additions of the average step of a block that is joined: some twenty times what it costs to walk to it
LARGE = 3000  # additions that are written into one function, of all its kernels: machine code takes time to make
WORD = 8  # bytes of a word


class Words(NamedTuple):
    """How an assembler finds the words of a program."""

    place: Callable[..., Word]  # of a slot, elements behind its first
    argument: Callable[[Parameter, Kernel], Word]
    operand: Callable[[Any], Word]  # of a routine's arguments
    routine: Callable[[Call], Routine | None]
    address: Callable[[str], int]  # of a kernel's machine code


def blocks_to_join(plan: Plan, routine: Callable[[Call], Routine | None]) -> Iterator[tuple[int, int]]:
    """The steps, from and to, of the outermost blocks that are joined."""
    begun: list[int] = []
    found: list[tuple[int, int]] = []
    for n, step in enumerate(plan.steps):
        if isinstance(step, Move) and step.form == "begin":
            begun.append(n)
        elif isinstance(step, Move) and step.form == "end":
            start = begun.pop()
            if _is_small(plan.steps[start : n + 1], routine):
                found = [*[b for b in found if b[0] < start], (start, n + 1)]
    return iter(found)


def _is_small(steps: Sequence[Any], routine: Callable[[Call], Routine | None]) -> bool:
    """Whether steps are worth joining: none is for several threads, or for Python, and they are short."""
    total = count = inside = 0
    for step in steps:
        if isinstance(step, Kernel):
            if grain(step):
                return False
            total += work(step)
            inside += work(step) if _is_inlined(step) else 0
        elif isinstance(step, Call):
            found = routine(step)
            if found is None or found.grain:
                return False
            total += found.work
        count += not isinstance(step, Move) or step.moves
    return inside <= LARGE and total <= SMALL * count


def _is_inlined(kernel: Kernel) -> bool:
    """Whether a kernel's text stands in the function: it has no loops."""
    return not kernel.axes and not any(stage.axes for stage in kernel.stages)


class At(NamedTuple):
    """An operand: the address of a slot's element, so many behind its first. direct: it is read or written there and then."""

    slot: Slot
    offset: int
    direct: bool


class Joiner:
    """Joins the steps of a block."""

    def __init__(self, plan: Plan, start: int, end: int, words: Words) -> None:
        self.words, steps = words, plan.steps[start:end]
        self.cells = _Cells([step for step in steps if isinstance(step, Move)])
        self.written: set[Slot] = set()
        self.rows: list[tuple[str, list[Any]]] = [row for step in steps for row in self._rows_of(step)]
        self.outside = {slot for step in (*plan.steps[:start], *plan.steps[end:]) for slot in step.reads() | step.writes()}
        self.arguments: list[Word] = []
        self.known: dict[Any, str] = {}  # operands that are the same wherever they stand
        self.kernels: dict[str, str] = {}  # numbers by text

    def run(self) -> tuple[Joined, list[Word]]:
        """The function, and the words that it is called with."""
        registers = self._registers()
        for number, slot in enumerate(registers):
            self.known[slot, 0] = f"r{number}"
        rows = tuple((what, *map(self._operand, operands)) for what, operands in self.rows)
        homes = [self._address(slot, 0) if slot.home is not None or slot in self.outside else "" for slot in registers]
        rooms = tuple((slot.dtype.itemsize, home, bool(home) and slot in self.written) for slot, home in zip(registers, homes))
        return Joined(rooms, len(self.cells.own), len(self.arguments), rows, tuple(self.kernels)), self.arguments

    # Steps as rows of operands

    def _rows_of(self, step: Any) -> Iterator[tuple[str, list[Any]]]:
        if isinstance(step, Move):
            yield from self._moved(step)
            return
        self.written |= {self.cells.place(slot)[0] for slot in step.writes()}
        if isinstance(step, Call):
            routine = self.words.routine(step)
            assert routine is not None
            operands = [self._at(a[0], a[3], False) if isinstance(a, tuple) else self.words.operand(a) for a in routine.arguments]
            yield "call", [(VALUE, self.words.address(routine.text)), *operands]
            return
        text, parameters = print_kernel(step, lines=False)
        inlined = _is_inlined(step)
        given = [self._at(p.value, 0, inlined) if p.kind == "slot" else self.words.argument(p, step) for p in parameters]
        yield ("kernel", [text, *given]) if inlined else ("call", [(VALUE, self.words.address(text)), *given])

    def _moved(self, move: Move) -> Iterator[tuple[str, list[Any]]]:
        form, a, b = move.form, move.a, move.b
        if form == "swap":
            places = self.cells.exchanged(a, b)
            self.written |= {place.slot for place in places}
            yield (form, [*places, places[0].slot.dtype.itemsize]) if places else (form, [a, b, WORD])
        elif isinstance(a, Cell) and a.number in self.cells.fixed:
            if form == "unequal" and self.cells.place(*_start(self.cells.fixed[a.number])) != self.cells.place(*_start(b)):
                yield "jump", [move.label]
        elif form in ("store", "add", "unless", "unequal"):
            operands: list[Any] = [a if isinstance(a, Cell) else self._at(*_start(a), True)]
            operands += [] if b is None else [self._at(*_start(b), False) if isinstance(b, tuple) else (VALUE, b)]
            self.written |= {operands[0].slot} if form in ("store", "add") and isinstance(operands[0], At) else set()
            yield form, [*operands, *([move.label] if move.label is not None else [])]
        elif move.label is not None:
            yield form, [move.label]

    def _at(self, slot: Slot, offset: int, direct: bool) -> At:
        return At(*self.cells.place(slot, offset), direct)

    # Rows as text

    def _registers(self) -> list[Slot]:
        """The slots of one element whose address nobody keeps or hands on."""
        may: dict[Slot, bool] = {}
        for at in (operand for _, operands in self.rows for operand in operands if isinstance(operand, At)):
            own = at.slot.home is None or at.slot.home >= 0
            may[at.slot] = may.get(at.slot, True) and at.direct and own and not at.offset and prod(at.slot.shape) == 1
        return [slot for slot, true in may.items() if true]

    def _operand(self, operand: Any) -> str:
        if isinstance(operand, At):
            return self.known.get(operand[:2]) or self._address(operand.slot, operand.offset)
        if isinstance(operand, Label):
            return self.known.setdefault(operand, f"L{len(self.known)}")
        if isinstance(operand, Cell):
            return f"c{self.cells.own[operand.number]}"
        if isinstance(operand, str):
            return self.kernels.setdefault(operand, str(len(self.kernels)))
        return str(operand) if isinstance(operand, int) else self._argument(operand)

    def _address(self, slot: Slot, offset: int) -> str:
        """Of a place in memory: in what one of the function's own cells holds, or an argument."""
        own = self.cells.own.get(-1 - slot.home) if slot.home is not None and slot.home < 0 else None
        if own is not None:
            return f"*c{own}" + (f"+{self._argument((VALUE, offset * slot.dtype.itemsize))}" if offset else "")
        key = "memory", slot, offset
        if key not in self.known:
            self.known[key] = f"p{self._argument(self.words.place(slot, offset))[1:]}"
        return self.known[key]

    def _argument(self, word: Word) -> str:
        if word == (VALUE, 0):
            return "0"
        self.arguments.append(word)
        return f"a{len(self.arguments) - 1}"


class _Cells:
    """The cells of a block: `fixed` ones stand for one place, by what is stored there; `own` are words of the function, by number."""

    def __init__(self, moves: Sequence[Move]) -> None:
        stores = [(m.a.number, m.b) for m in moves if m.form == "store" and isinstance(m.a, Cell)]
        pairs = [(m.a.number, m.b.number) for m in moves if m.form == "swap"]
        times, swapped = Counter(number for number, _ in stores), Counter(number for pair in pairs for number in pair)
        added = {m.a.number for m in moves if m.form == "add" and isinstance(m.a, Cell)}
        self.fixed = {n: operand for n, operand in stores if times[n] == 1 and swapped[n] < 2 and n not in added}
        while loose := self._loose({n for n, _ in stores}, pairs):
            for number in loose:
                del self.fixed[number]
        self.own = {number: k for k, number in enumerate(n for n in times if n not in self.fixed)}

    def _loose(self, stored: set[int], pairs: list[tuple[int, int]]) -> set[int]:
        """Fixed cells that lie in one that is not; or that are exchanged, and not of one element each, both."""
        places = {n: self.place(*_start(operand)) for n, operand in self.fixed.items()}
        loose = {n for n, (slot, _) in places.items() if slot.home is not None and -1 - slot.home in stored}
        for pair in pairs:
            found = [places[n] for n in pair if n in places]
            if len(found) < 2 or any(prod(slot.shape) != 1 for slot, _ in found):
                loose |= set(pair) & places.keys()
        return loose

    def place(self, slot: Slot, offset: int = 0) -> tuple[Slot, int]:
        """What a slot lies in, so many elements behind its first: itself, unless it is in a fixed cell."""
        while slot.home is not None and -1 - slot.home in self.fixed:
            slot, further = _start(self.fixed[-1 - slot.home])
            offset += further
        return slot, offset

    def exchanged(self, a: Cell, b: Cell) -> list[At]:
        """The places that two fixed cells stand for; nothing, if the cells themselves are to be exchanged."""
        return [At(*self.place(*_start(self.fixed[c.number])), True) for c in (a, b) if c.number in self.fixed]


def _start(operand: Operand) -> tuple[Slot, int]:
    """The slot, and the first element, that an operand is."""
    return operand[0], operand[3]
