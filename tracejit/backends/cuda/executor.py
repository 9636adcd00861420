"""`DeviceExecutable`: a plan made ready to run on a GPU. Its kernels are launched one after another; the host waits for none of them."""

from __future__ import annotations

from functools import lru_cache, partial
from math import prod
from time import perf_counter
from typing import Any, Callable, Sequence

import numpy as np

from ...device import DeviceArray, on_host
from ...lowering.kernel import Kernel, Slot
from ...lowering.plan import Plan
from ...lowering.steps import Call, Cell, Label, Move, Operand
from ...spec import compute_dtype
from ..text.statements import Parameter
from .libraries import whole
from .schedule import BLOCKS
from .source import Printed

Arrays = list[Any]  # of one call: its inputs, its outputs, its arena


class Kept:
    """The arrays of one call, and the words that stand for addresses."""

    def __init__(self, arrays: list[Any], cells: list[int]) -> None:
        self.arrays, self.cells = arrays, cells

    def address(self, slot: Slot, places: dict[Slot, int], offset: int = 0) -> int:
        """Where a slot's element at this offset lies, in this call."""
        offset *= slot.dtype.itemsize
        if slot.home is None:
            return self.arrays[-1].address + places[slot] + offset
        return (self.arrays[slot.home].address if slot.home >= 0 else self.cells[-1 - slot.home]) + offset


class Launch:
    """One kernel of a plan: its text twice, for arrays that lie at multiples of a pack and for others; compiled when first needed."""

    stops = False

    def __init__(self, device: Any, plan: Plan, kernel: Kernel, print_: Callable[[bool], Printed]) -> None:
        self.device, self.plan, self.kernel = device, plan, kernel
        self.printed = print_(True)
        self.otherwise: Callable[[], Printed] = lru_cache(maxsize=1)(lambda: print_(False))
        self.words, self.changing = _template(self.printed)
        self.aligned = [(slot, size) for slot, size in self.printed.aligned.items()]

    def __call__(self, call: Kept) -> None:
        printed, words, changing = self.printed, self.words, self.changing
        if any([call.address(slot, self.plan.places) % size for slot, size in self.aligned]):
            printed = self.otherwise()
            words, changing = _template(printed)
        words = words.copy()
        for place, parameter in changing:
            words[place] = self._word(parameter, call)
        blocks = max(1, min(-(-printed.turns // printed.threads), BLOCKS * self.device.driver.processors))
        self.device.launch(printed.text, blocks, printed.threads, words)

    def _word(self, parameter: Parameter, call: Kept) -> int:
        if parameter.kind == "slot":
            return call.address(parameter.value, self.plan.places)
        if parameter.kind == "failed":
            return self.device.failed.address
        slot = parameter.value
        return _bits(np.asarray(call.arrays[slot.home]).astype(compute_dtype(slot.dtype))[()])


def _template(printed: Printed) -> tuple[list[int], list[tuple[int, Parameter]]]:
    """The words of a launch that are the same at each call, and the parameters of the others."""
    words, changing = [], []
    for place, parameter in enumerate(printed.parameters):
        if parameter.kind in ("slot", "value", "failed"):
            changing.append((place, parameter))
            words.append(0)
        else:
            words.append(_bits(parameter.value) if parameter.kind == "scalar" else int(parameter.value))
    return words, changing


def _bits(value: Any) -> int:
    """A NumPy scalar's bits in a 64-bit word."""
    raw = np.asarray(value).tobytes()[:8]
    return int.from_bytes(raw + bytes(8 - len(raw)), "little", signed=True)


class DeviceCall:
    """A step on whole arrays, as `libraries.py` says what computes it."""

    def __init__(self, device: Any, plan: Plan, call: Call) -> None:
        self.device, self.plan, self.call = device, plan, call

    def __call__(self, call: Kept) -> None:
        node = self.call.node
        values = [self._seen(o, call) if isinstance(o, tuple) else np.asarray(o, n.dtype) for o, n in zip(self.call.operands, node.inputs)]
        results = [self._seen((slot, slot.shape, slot.strides, 0), call) for slot in self.call.results]
        whole(self.device, node.op, values, dict(node.attrs), results)

    def _seen(self, operand: Operand, call: Kept) -> Any:
        slot, shape, strides, offset = operand
        if slot.home is not None and slot.home >= 0 and not isinstance(call.arrays[slot.home], DeviceArray):
            return call.arrays[slot.home]  # one element, which is passed by value
        return self.device.at(call.address(slot, self.plan.places, offset), shape, slot.dtype, strides)


class DeviceMove:
    """What the host does between kernels, as `lowering/steps.py` says it: it waits for the words that it reads."""

    def __init__(self, device: Any, plan: Plan, move: Move) -> None:
        self.device, self.plan, self.move = device, plan, move

    def __call__(self, call: Kept) -> bool:
        """Do it; whether the program goes on at the label."""
        form, a, b = self.move.form, self.move.a, self.move.b
        if form == "jump":
            return True
        if form == "unless":
            return not self._read(a, call, 1)
        if form == "unequal":
            return self._read(a, call) != self._value(b, call)
        if form == "swap":
            first, second = self._read(a, call), self._read(b, call)
            self._store(a, second, call)
            self._store(b, first, call)
        elif form in ("store", "add"):
            self._store(a, self._value(b, call) + (self._read(a, call) if form == "add" else 0), call)
        return False

    def _read(self, what: Any, call: Kept, size: int = 8) -> int:
        if isinstance(what, Cell):
            return call.cells[what.number]
        found = np.empty(1, np.int8 if size == 1 else np.int64)
        self.device.driver.download(call.address(what[0], self.plan.places, what[3]), found)
        return int(found[0])

    def _value(self, what: Any, call: Kept) -> int:
        if isinstance(what, tuple):
            return call.address(what[0], self.plan.places, what[3])
        return call.cells[what.number] if isinstance(what, Cell) else what

    def _store(self, what: Any, value: int, call: Kept) -> None:
        if isinstance(what, Cell):
            call.cells[what.number] = value
        else:
            self.device.driver.upload(call.address(what[0], self.plan.places, what[3]), np.array([value], np.int64))


class DeviceExecutable:
    """Runs a plan on a GPU: inputs in its memory, or in the host's, from where they are brought; outputs in its memory."""

    long = True

    def __init__(self, backend: Any, plan: Plan, by_value: frozenset[Slot], print_kernel: Callable[[Kernel, bool], Printed]) -> None:
        """`by_value`: the inputs whose one element is an argument of the kernels that read it. print_kernel: (kernel, whether packed) → its text."""
        self.backend, self.plan, self.device = backend, plan, backend.name
        self.seconds: dict[str, float] = {}
        self.by_value = {slot.home for slot in by_value if slot.home is not None}
        self.places: dict[Label, int] = {}
        self.steps: list[Any] = []
        start = perf_counter()
        for step in plan.steps:
            if isinstance(step, Kernel):
                self.steps.append(Launch(backend, plan, step, partial(print_kernel, step)))
            elif isinstance(step, Call):
                self.steps.append(DeviceCall(backend, plan, step))
            elif step.moves:
                self.steps.append(DeviceMove(backend, plan, step))
            elif step.form == "label" and step.label is not None:
                self.places[step.label] = len(self.steps)
        written = set[Slot]().union(*[step.writes() for step in plan.steps])
        self.written = [n for n, slot in enumerate(plan.inputs) if slot in written and prod(slot.shape) > 0]
        self.seconds["kernels"] = perf_counter() - start

    def __call__(self, inputs: Sequence[Any]) -> list[Any]:
        """The new output arrays; inputs that the plan writes are changed in place."""
        backend, plan = self.backend, self.plan
        arrays = [v if type(v) is DeviceArray or n in self.by_value else backend.upload(v) for n, v in enumerate(inputs)]
        outputs = [backend.empty(slot.shape, slot.dtype) for slot in plan.outputs]
        arena = backend.empty((plan.arena,), np.dtype(np.uint8))
        call = Kept([*arrays, *outputs, arena], [0] * plan.cells)
        at = 0
        while at < len(self.steps):
            step = self.steps[at]
            at += 1
            if step(call):
                at = self.places[step.move.label]
        for n in self.written:
            if type(inputs[n]) is not DeviceArray:
                inputs[n][...] = on_host(arrays[n])
        return outputs
