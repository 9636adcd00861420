"""What runs between two decisions of the host, as Python text: launches, each with its words, and calls of routines.

Whatever is the same at each call is written into the text. What is not are places: `p[n]`, the address of the nth array (or the bits of
one that is passed by value), `m`, the arena's, and `c[n]`, an address that a loop moves on.
"""

from __future__ import annotations

from functools import lru_cache, partial, reduce
from operator import or_
from typing import Any, Callable, Iterable

import numpy as np

from ...device import DeviceArray
from ...lowering.kernel import Kernel, LetIndex, Slot
from ...lowering.plan import Plan
from ...lowering.steps import Call, Operand
from ...spec import DType, compute_dtype
from .libraries.table import row_of, whole
from .text.schedule import BLOCKS
from .text.source import Printed

ALIGNED = 16  # bytes: the arena, and all memory that the driver gives, begin at multiples of more


class Places:
    """Where the slots of a plan lie, as text."""

    def __init__(self, plan: Plan) -> None:
        self.offsets, self.given = plan.places, len(plan.inputs)

    def of(self, slot: Slot, offset: int = 0) -> str:
        """The address of a slot's element at this offset."""
        more = offset * slot.dtype.itemsize
        if slot.home is None:
            name, more = "m", more + self.offsets[slot]
        else:
            name = f"p{slot.home}" if slot.home >= 0 else f"c[{-1 - slot.home}]"
        return f"{name} + {more}" if more else name

    def may_be_anywhere(self, slot: Slot) -> bool:
        """Whether a slot may begin at any element: an input, or what a loop moves on."""
        return slot.home is not None and slot.home < self.given


class Launch:
    """One kernel of a plan: its text twice, for arrays that lie at multiples of a pack and for others."""

    def __init__(self, device: Any, kernel: Kernel, places: Places, print_: Callable[[bool], Printed]) -> None:
        self.device, self.kernel, self.places, self.print = device, kernel, places, print_
        self.printed = print_(True)
        self.lines = sorted({s.line for stage in kernel.stages for s in stage.body if isinstance(s, LetIndex) and s.form == "check"})
        self.checks = kernel.stops
        self.aligned = [(slot, size) for slot, size in self.printed.aligned.items() if places.may_be_anywhere(slot)]

    def text(self, name: str) -> str:
        """The statement that launches it, where `name` is its function."""
        return f"launch({name}, {self._statement(self.printed)})"

    def misaligned(self) -> str:
        """The condition under which it is launched otherwise; "" if there is none."""
        by_size: dict[int, list[str]] = {}
        for slot, size in self.aligned:
            by_size.setdefault(size, []).append(self.places.of(slot))
        return " or ".join(f"({' | '.join(f'({a})' for a in addresses)}) & {size - 1}" for size, addresses in by_size.items())

    def otherwise(self) -> list[tuple[Any, str]]:
        """What is launched for arrays that lie anywhere: functions, and the rest of the statements that launch them."""
        printed = self.print(False)
        return [(self.device.function_of(printed.text), self._statement(printed))]

    def function(self) -> Any:
        """What is launched."""
        return self.device.function_of(self.printed.text)

    def _statement(self, printed: Printed) -> str:
        return f"{self.blocks(printed.turns, printed.threads)}, {printed.threads}, ({self.words(printed)})"

    def blocks(self, turns: int, threads: int) -> int:
        """How many blocks of so many threads have so many turns."""
        return max(1, min(-(-turns // threads), BLOCKS * self.device.driver.processors))

    def words(self, printed: Printed) -> str:
        """The arguments, comma after comma."""
        return "".join(f"{self._word(parameter.kind, parameter.value)}, " for parameter in printed.parameters)

    def _word(self, kind: str, value: Any) -> str:
        if kind == "slot":
            return self.places.of(value)
        if kind == "value":
            return f"p{value.home}"
        if kind == "failed":
            return str(self.device.failed.address)
        return str(bits_of(value) if kind == "scalar" else int(value))


class Whole:
    """A step on whole arrays, as `libraries/table.py` says what computes it."""

    def __init__(self, device: Any, plan: Plan, call: Call) -> None:
        self.device, self.plan, self.call = device, plan, call
        self.attrs = dict(call.node.attrs)
        call.where = "" if row_of(call.node.op, [n.dtype for n in call.node.inputs]).computes else ", on the host"

    def __call__(self, arrays: Any, p: Any, m: int, c: Any) -> None:
        """arrays: of the call, for those that are passed by value."""
        node = self.call.node
        values = [self._seen(o, arrays, p, m, c) if isinstance(o, tuple) else np.asarray(o, n.dtype) for o, n in zip(self.call.operands, node.inputs)]
        results = [self._seen((slot, slot.shape, slot.strides, 0), arrays, p, m, c) for slot in self.call.results]
        self.device.driver.issue(partial(whole, self.device, node.op, values, self.attrs, results))

    def slots(self) -> set[Slot]:
        """Those that it reads or writes."""
        return self.call.reads() | self.call.writes()

    def _seen(self, operand: Operand, arrays: Any, p: Any, m: int, c: Any) -> Any:
        slot, shape, strides, offset = operand
        home = slot.home
        if home is not None and home >= 0 and type(arrays[home]) is not DeviceArray:
            return arrays[home]
        start = m + self.plan.places[slot] if home is None else p[home] if home >= 0 else c[-1 - home]
        return self.device.at(start + offset * slot.dtype.itemsize, shape, slot.dtype, strides)


class Segment:
    """Steps that follow one another without a decision: the lines of text that make them, and what the lines name.

    count: how many arrays there are. told: it tells the device which lines' indices were checked.
    """

    def __init__(self, device: Any, count: int, told: bool) -> None:
        self.device, self.count, self.told = device, count, told
        self.steps: list[Launch | Whole] = []

    @property
    def arrays(self) -> str:
        """Of the call, as the text names them."""
        return "".join(f"a{n}, " for n in range(self.count))

    @property
    def places(self) -> str:
        """Their addresses."""
        return "".join(f"p{n}, " for n in range(self.count))

    def lines(self, world: dict[str, Any]) -> list[str]:
        """The statements; what they name is put into the world, but for `launch`."""
        found = []
        for number, step in enumerate(self.steps):
            if isinstance(step, Whole):
                world[f"whole{number}"] = step
                found.append(f"whole{number}(({self.arrays}), ({self.places}), m, c)")
                continue
            world[f"kernel{number}"] = step.function()
            launched = step.text(f"kernel{number}")
            condition = step.misaligned()
            if condition:
                world[f"other{number}"] = lru_cache(maxsize=1)(lambda step=step: self._other(step))
                found += [f"if {condition}: other{number}()(({self.places}), m, c, launch)", f"else: {launched}"]
            else:
                found.append(launched)
            if step.checks and self.told:
                world[f"checks{number}"] = step.lines
                found.append(f"checked(checks{number})")
                world["checked"] = self.device.checked
        return found

    def _other(self, step: Launch) -> Callable[..., None]:
        others = step.otherwise()
        lines = [f"launch(function{n}, {rest})" for n, (_, rest) in enumerate(others)]
        world = {f"function{n}": function for n, (function, _) in enumerate(others)}
        return written("other", "places, m, c, launch", [f"({self.places}) = places", *lines], world)

    def function(self) -> Callable[..., None]:
        """The steps as a function of the call's arrays, their addresses, the arena's, the cells, and what launches."""
        world: dict[str, Any] = {}
        return written("segment", "arrays, places, m, c, launch", [f"({self.arrays}) = arrays", f"({self.places}) = places", *self.lines(world)], world)


def written(name: str, arguments: str, lines: Iterable[str], world: dict[str, Any]) -> Callable[..., Any]:
    """The function with this body."""
    exec(_code("\n    ".join([f"def {name}({arguments}):", *lines])), world)
    return world[name]


@lru_cache(maxsize=1024)
def _code(text: str) -> Any:
    return compile(text, "<tracejit launches>", "exec")


def bits_of(value: Any) -> int:
    """A NumPy scalar's bits in a 64-bit word."""
    raw = np.asarray(value).tobytes()
    return int.from_bytes(raw + bytes(8 - len(raw)), "little", signed=True)


@lru_cache(maxsize=None)
def bits_as(dtype: DType) -> Callable[[Any], int]:
    """What gives the word of an array of one element of this dtype, in the dtype that arithmetic is done in."""
    kind = compute_dtype(dtype)
    if kind != dtype:
        return lambda array: bits_of(np.asarray(array).astype(kind))
    signed = kind.itemsize == 8
    return lambda array: int.from_bytes(array.tobytes(), "little", signed=signed)


def misplaced(addresses: Iterable[int]) -> int:
    """The low bits in which any of these addresses is no multiple of the widest pack."""
    return reduce(or_, addresses, 0) & (ALIGNED - 1)
