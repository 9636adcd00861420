"""A plan as programs of words, and what Python does between them."""

from __future__ import annotations

import ctypes
from functools import lru_cache
from typing import Any, Callable, Sequence

import numpy as np

from ..lowering.kernel import Kernel, Slot
from ..lowering.plan import Plan
from ..lowering.steps import Call, Cell, Label, Move, Operand
from ..runtime.executor import Executable, HostCall, HostMove, Program
from .joining import Joiner, Word, Words, blocks_to_join
from .llvm.joined import translate_joined
from .native.blocks import allocator
from .native.jit import address_of, program
from .native.threads import pool
from .native.walker import ARENA, MOVES, VALUE
from .routine import Routine
from .schedule import LONG, grain, work
from .text.pairwise import pairwise_table
from .text.source import print_kernel
from .text.statements import Parameter

HEAD = -3  # an offset in the arena's head, where the cells are; the others are offsets behind it
NOTHING = -1  # the number of a step that does nothing
Step = tuple[int, int, list[Word]]  # address or number, grain, arguments


class Assembler:
    """Makes the executable of a plan. `routine` finds the native routine of a call; `compile`: kernels that are not at hand may be compiled;
    apart: each step of the plan is one of the executable."""

    def __init__(self, plan: Plan, routine: Callable[[Call], Routine | None], compile: bool, apart: bool = False) -> None:
        self.plan, self.routine, self.compile, self.apart = plan, routine, compile, apart
        self.arrays = len(plan.inputs) + len(plan.outputs) + 1
        self.keep: list[Any] = []
        self.work = 0
        self.native: list[Step | None] = []
        blocks = {} if apart else dict(blocks_to_join(plan, routine))
        while (at := len(self.native)) < len(plan.steps):
            self.native += self._joined(at, blocks[at]) if at in blocks else [self._native(plan.steps[at])]
        longest = max((len(found[2]) for found in self.native if found is not None), default=0)
        self.scratch = -(-(self.arrays + plan.cells + longest + 8) * 8 // 64) * 64

    def run(self) -> Executable:
        """The executable."""
        by_hand = self._by_hand()
        steps: list[Program | HostCall | HostMove] = []
        at = 0
        places: dict[Label, int] = {}  # of labels among the executable's steps
        while at < len(self.plan.steps):
            if at in by_hand:
                step = self.plan.steps[at]
                if isinstance(step, Move) and step.form == "label" and step.label is not None:
                    places[step.label] = len(steps)
                if self.apart or not isinstance(step, Move) or step.moves:
                    steps.append(self._host(step) if isinstance(step, Call) else self._host_move(step, places))  # type: ignore[arg-type]
                at += 1
                continue
            end = at
            while end < len(self.plan.steps) and end not in by_hand and not (self.apart and end > at):
                end += 1
            words = self._words(at, end)
            if words:
                steps.append(program(np.array([len(words), self.arrays, pool(), self.plan.cells, *words], np.int64)))
            at = end
        return Executable(self.plan, steps, self.scratch, self.keep, allocator, self.work > LONG)

    def _by_hand(self) -> set[int]:
        """The steps that Python makes: calls with no native routine, and the jumps, with their labels, that lead past such a step."""
        labels: dict[Label, int] = {}
        jumps: list[tuple[int, Label]] = []
        for n, step in enumerate(self.plan.steps):
            if isinstance(step, Move) and step.label is not None:
                if step.form == "label":
                    labels[step.label] = n
                else:
                    jumps.append((n, step.label))
        own = {n for n, found in enumerate(self.native) if found is None}
        if self.apart:
            own |= {n for n, step in enumerate(self.plan.steps) if isinstance(step, Move) and (step.label is not None or not step.moves)}
        more = bool(own)
        while more:
            ways = [(n, labels[label]) for n, label in jumps if n not in own]
            more = False
            for way in ways:
                if any(k in own for k in range(min(way), max(way) + 1)):
                    own.update(way)
                    more = True
        return own

    def _words(self, start: int, end: int) -> list[int]:
        """The words of native steps in a row."""
        words: list[int] = []
        labels: dict[Label, int] = {}
        jumps: list[tuple[int, Label]] = []
        for step, found in zip(self.plan.steps[start:end], self.native[start:end]):
            assert found is not None
            address, turns, arguments = found
            if address == NOTHING:
                if isinstance(step, Move) and step.label is not None:
                    labels[step.label] = len(words)
                continue
            words += [address, len(arguments), turns]
            for where, value in arguments:
                words += [ARENA, value] if where == HEAD else [where, value + self.scratch if where == ARENA else value]
            if isinstance(step, Move) and step.label is not None:
                jumps.append((len(words), step.label))
        for behind, label in jumps:
            words[behind - 1] = 8 * (labels[label] - behind)
        return words

    # Steps

    def _native(self, step: Any) -> Step | None:
        """A step as the walker takes it; None if Python runs it."""
        if isinstance(step, Kernel):
            text, parameters = print_kernel(step, lines=False)
            self.work += work(step)
            return address_of(text, self.compile), grain(step), [self._argument(p, step) for p in parameters]
        if isinstance(step, Move):
            if step.label is not None:
                self.work = LONG + 1  # nobody knows how often it goes round
            return MOVES.index(step.form) if step.moves else NOTHING, 0, self._moved(step)
        routine = self.routine(step)
        if routine is None:
            return None
        self.work += routine.work
        return address_of(routine.text, self.compile), routine.grain, [self._word(a) for a in routine.arguments]

    def _joined(self, start: int, end: int) -> list[Step]:
        """The steps of a block, as one; the others do nothing."""
        steps = self.plan.steps[start:end]
        if any(isinstance(step, Move) and step.label is not None for step in steps):
            self.work = LONG + 1
        words = Words(self._place, self._argument, self._word, self.routine, lambda text: address_of(text, self.compile))
        form, arguments = Joiner(self.plan, start, end, words).run()
        address = address_of(form.text, self.compile, lambda _: translate_joined(form))
        return [(address, 0, arguments), *[(NOTHING, 0, [])] * (end - start - 1)]

    def _moved(self, step: Move) -> list[Word]:
        arguments = []
        for operand in (step.a, step.b):
            if isinstance(operand, Cell):
                arguments.append((HEAD, 8 * (self.arrays + operand.number)))
            elif operand is not None:
                arguments.append(self._word(operand))
        return arguments + [(VALUE, 0)] if step.label is not None else arguments

    def _word(self, argument: int | Operand | np.ndarray) -> Word:
        """An argument of a routine or a move."""
        if isinstance(argument, tuple):
            return self._place(argument[0], argument[3])
        if isinstance(argument, np.ndarray):
            self.keep.append(argument)
            return VALUE, argument.ctypes.data
        return VALUE, argument

    def _argument(self, parameter: Parameter, kernel: Kernel) -> Word:
        kind, value = parameter
        if kind == "begin":
            return VALUE, 0
        if kind == "end":
            return VALUE, kernel.axes[0].turns if kernel.axes else 1
        if kind == "slot":
            return self._place(value)
        if kind == "scalar":
            return VALUE, _bits(value)
        if kind == "table":
            table = _table(*value)
            self.keep.append(table)
            return VALUE, table.ctypes.data
        return VALUE, value

    def _place(self, slot: Slot, offset: int = 0) -> Word:
        offset *= slot.dtype.itemsize
        if slot.home is None:
            return ARENA, self.plan.places[slot] + offset
        return slot.home if slot.home >= 0 else self.arrays - 1 - slot.home, offset

    # What Python does

    def _host(self, step: Call) -> HostCall:
        operands = [self._seen(o) if isinstance(o, tuple) else (lambda arrays, _o=o: _o) for o in step.operands]
        results = [self._seen((r, r.shape, r.strides, 0)) for r in step.results]
        return HostCall(step, operands, results)

    def _host_move(self, step: Move, places: dict[Label, int]) -> HostMove:
        found = self._moved(step)
        words = [self._address(where, value) for where, value in (found[:-1] if step.label is not None else found)]
        return HostMove(step.form, words, step.label, places)

    def _address(self, where: int, value: int) -> Callable[[Sequence[np.ndarray]], int]:
        """What the walker would make of an argument."""
        if where == VALUE:
            return lambda arrays: value
        if where in (ARENA, HEAD):
            offset = value if where == HEAD else value + self.scratch
            return lambda arrays: arrays[-1].ctypes.data + offset
        if where >= self.arrays:
            return lambda arrays: int(arrays[-1][8 * where : 8 * where + 8].view(np.int64)[0]) + value
        return lambda arrays: arrays[where].ctypes.data + value

    def _seen(self, operand: Operand) -> Callable[[Sequence[np.ndarray]], np.ndarray]:
        slot, shape, strides, offset = operand
        where, start = self._place(slot, offset)
        size = slot.dtype.itemsize
        byte_strides = tuple(s * size for s in strides)
        if where == ARENA:
            start += self.scratch
            return lambda arrays: np.ndarray(shape, slot.dtype, arrays[-1], start, byte_strides)
        if (shape, strides, offset) == (slot.shape, slot.strides, 0) and where < self.arrays:
            return lambda arrays: arrays[where]
        address = self._address(where, start)
        return lambda arrays: np.lib.stride_tricks.as_strided(_from(address(arrays), slot.dtype), shape, byte_strides)


def _from(address: int, dtype: np.dtype) -> np.ndarray:
    """The elements from an address on, wherever an array's strides lead."""
    return np.frombuffer(memoryview((ctypes.c_char * dtype.itemsize).from_address(address)), dtype)


def _bits(value: Any) -> int:
    """A NumPy scalar's bits in a 64-bit word."""
    raw = np.asarray(value).tobytes()[:8]
    return int.from_bytes(raw + bytes(8 - len(raw)), "little", signed=True)


@lru_cache(maxsize=256)
def _table(count: int, parts: int, leaf: int) -> np.ndarray:
    return np.array(pairwise_table(count, parts, leaf), np.int64)
