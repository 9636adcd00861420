"""What the host does between launches: it counts turns, moves addresses on, and chooses where to go on.

Words of memory that no kernel writes are the host's own: it knows what they hold without asking, and stores them on the device only if a
kernel reads them, by a launch of its own, so that nothing is waited for. A move that reads a word which a kernel writes is a decision:
the host waits until it is computed.
"""

from __future__ import annotations

from typing import Any, Callable, Iterable, Sequence

import numpy as np

from ...lowering.kernel import Kernel, Slot
from ...lowering.plan import Plan
from ...lowering.steps import Call, Cell, Label, Move, Operand
from .launches import Places, written

STORE = """def kernel(args):
    y0 = i64_pointer(args, 0)
    y0[0] = args[1]
"""  # one word
Word = tuple[Slot, int]  # the element of a slot, and its number


class Words:
    """The words that a plan's moves read and write, and who else does. brought: the inputs whose values are the host's."""

    def __init__(self, plan: Plan, brought: Iterable[int] = ()) -> None:
        self.moves = [step for step in plan.steps if isinstance(step, Move) and step.moves]
        self.reach = self._reach(plan.cells)
        computed = [step for step in plan.steps if isinstance(step, (Kernel, Call))]
        self.read = self.behind(slot for step in computed for slot in step.reads())
        self.written = self.behind(slot for step in computed for slot in step.writes())
        stored = {move.a[0] for move in self.moves if move.form in ("store", "add", "swap") and isinstance(move.a, tuple)}
        self.known = stored - self.written
        self.given = {slot for n, slot in enumerate(plan.inputs) if n in set(brought)} - self.written - stored

    def _reach(self, cells: int) -> list[set[Slot]]:
        """For each cell, the slots that it may point to."""
        reach = [set[Slot]() for _ in range(cells)]
        count = -1
        while count != sum(map(len, reach)):
            count = sum(map(len, reach))
            for move in self.moves:
                if not isinstance(move.a, Cell) or move.form not in ("store", "swap"):
                    continue
                found = reach[move.a.number]
                if isinstance(move.b, Cell):
                    found |= reach[move.b.number]
                    if move.form == "swap":
                        reach[move.b.number] |= found
                elif isinstance(move.b, tuple):
                    slot = move.b[0]
                    found |= {slot} if slot.home is None or slot.home >= 0 else reach[-1 - slot.home]
        return reach

    def behind(self, slots: Iterable[Slot]) -> set[Slot]:
        """Slots, and those that cells among them point to."""
        found = set(slots)
        return found.union(*[self.reach[-1 - slot.home] for slot in found if slot.home is not None and slot.home < 0])

    def decides(self, move: Move) -> bool:
        """Whether the host waits for a word to make a move."""
        if move.form not in ("unless", "unequal", "swap", "add"):
            return False
        read = (move.a, move.b) if move.form == "swap" else (move.a,)
        return any(isinstance(x, tuple) and x[0] not in self.known and x[0] not in self.given for x in read)


class Run:
    """One run of a plan: its arrays, their addresses, the arena's, what launches, the cells, and the words that the host knows."""

    __slots__ = ("arrays", "places", "m", "launch", "cells", "words")

    def __init__(self, arrays: Sequence[Any], places: Sequence[int], m: int, launch: Callable[..., None], cells: int) -> None:
        self.arrays, self.places, self.m, self.launch = arrays, places, m, launch
        self.cells, self.words = [0] * cells, dict[Word, int]()


class HostMove:
    """A move. Called with a run, it gives the number of the step to go on with, or None for the next."""

    def __init__(self, device: Any, plan: Plan, places: Places, words: Words, move: Move, labels: dict[Label, int]) -> None:
        self.device, self.words, self.move, self.labels, self.places = device, words, move, labels, places
        self.inputs = len(plan.inputs)
        self.count = len(plan.inputs) + len(plan.outputs)
        self.addresses: dict[str, Callable[..., int]] = {}
        self.make: Callable[[Run], Any] = getattr(self, f"_{move.form}")

    def __call__(self, run: Run) -> int | None:
        return self.labels[self.move.label] if self.make(run) else None  # type: ignore[index]

    def _jump(self, run: Run) -> bool:
        return True

    def _unless(self, run: Run) -> bool:
        return not self._read(self.move.a, run, np.int8)

    def _unequal(self, run: Run) -> bool:
        return self._read(self.move.a, run) != self._value(self.move.b, run)

    def _store(self, run: Run) -> None:
        self._put(self.move.a, self._value(self.move.b, run), run)

    def _add(self, run: Run) -> None:
        self._put(self.move.a, self._read(self.move.a, run) + self._value(self.move.b, run), run)

    def _swap(self, run: Run) -> None:
        first, second = self._read(self.move.a, run), self._read(self.move.b, run)
        self._put(self.move.a, second, run)
        self._put(self.move.b, first, run)

    # Words

    def _read(self, what: Any, run: Run, kind: Any = np.int64) -> int:
        if isinstance(what, Cell):
            return run.cells[what.number]
        slot, offset = what[0], what[3]
        if slot in self.words.known:
            return run.words[slot, offset]
        if slot in self.words.given:
            return int(np.asarray(run.arrays[slot.home]).reshape(-1)[offset])
        found = np.empty(1, kind)
        self.device.driver.download(self._address(what, run), found)
        return int(found[0])

    def _value(self, what: Any, run: Run) -> int:
        if isinstance(what, tuple):
            return self._address(what, run)
        return run.cells[what.number] if isinstance(what, Cell) else what

    def _put(self, what: Any, value: int, run: Run) -> None:
        if isinstance(what, Cell):
            run.cells[what.number] = value
            return
        slot, offset = what[0], what[3]
        if slot in self.words.known:
            run.words[slot, offset] = value
        if slot not in self.words.known or slot in self.words.read or slot.home is not None:
            run.launch(self.device.function_of(STORE), 1, 1, (self._address(what, run), value))

    def _address(self, operand: Operand, run: Run) -> int:
        text = self.places.of(operand[0], operand[3])
        function = self.addresses.get(text)
        if function is None:
            given = "".join(f"p{n}, " for n in range(self.count))
            function = self.addresses[text] = written("address", "places, m, c", [f"({given}) = places", f"return {text}"], {})
        return function(run.places, run.m, run.cells)
