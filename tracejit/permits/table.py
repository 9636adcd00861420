"""Permits: what an entry tells the native gate, so that a call like the last one is replayed without a Python frame.

A permit states what Python found at a call: the key's arguments, the thread's modes, the captures, the guards. Whatever it cannot state
keeps the entry from having one; then Python replays it, as it does for every first call.
"""

from __future__ import annotations

import struct
import sys
from itertools import combinations
from types import FunctionType
from typing import Any, Callable, Sequence

import numpy as np

from ..backend import LARGE
from ..backends.native import gate
from ..backends.native.numpy_table import numpy_function
from ..dispatch import EAGER, anomaly, mode
from ..entry import Entry
from ..frontend import Spelling, errstate, nothing_to_check
from ..frontend.identity import Token
from ..frontend.keys import IDENTITY
from ..graph.flushed import Source
from ..runtime.executor import HostCall, HostMove
from ..spec import Shape
from ..tensor import Tensor, storage_of
from .check import Object, Unread, read_check
from .layout import measured

MOST_PAIRS = 256  # of arrays that are compared with each other at each call
_VALUES = (bool, int, str, bytes, type(None))  # arguments known again by identity; floats are known by their bits
_NAMES = tuple(sys.intern(name) for name in ("_value", "_requires_grad", "_application", "_storage", "version", "_seen"))
_DICT = sys.intern("__dict__")


Own = tuple[Any, str, Any]  # (thread-local object, name, value): what must hold in the thread that calls


def modes_of(key: Any) -> tuple[Own, ...]:
    """What the key of a call says of the thread that calls."""
    _, grad, autocast = key
    return (mode, "grad", grad), (mode, "autocast", autocast)


class Untold(Exception):
    """A permit cannot say when this call may be replayed, or how."""


class Table:
    """The words of a permit, row by row; and the objects they point to."""

    def __init__(self, what: Any, spelling: Spelling) -> None:
        """`what` the permit is for: with the spelling, it tells permits apart."""
        hits = np.zeros(1, np.int64)
        self.keep: list[Any] = [what, (spelling.positional, spelling.keywords), hits]
        self.rows: dict[str, list[int]] = {name: [] for name in gate.SECTIONS}
        self.header = dict.fromkeys(gate.HEADER, 0)
        self.header["hits"] = hits.ctypes.data
        self.spelling = spelling

    def replays(self, entry: Entry, tokens: Sequence[Any], own: Sequence[Own]) -> Table:
        """Calls of this key are replayed by an entry."""
        self.entry = entry
        self._runs()
        self._spelt(self.spelling)
        self._arguments(tokens, entry.sources[: entry.given], entry.writes)
        if self.rows["given_arrays"]:
            self.add("check", gate.STEPS.index("context"), errstate.VARIABLE, errstate.VARIABLE.get(), 0)
        self._world(own)
        self._results()
        return self

    def calls(self, function: Callable[..., Any], times: int, tokens: Sequence[Any] | None, own: Sequence[Own]) -> Table:
        """So many calls of this key are left to a function; `tokens` None: of any key."""
        if not measured():
            raise Untold
        self.header |= self._objects()
        self.header |= {"function": self.point(function), "rest": self.block([times])}
        self._spelt(self.spelling)
        if tokens is not None:
            self._arguments(tokens, (), ())
        self._modes(own)
        return self

    def add(self, section: str, *words: Any) -> None:
        """A row: integers stand for themselves, other objects for their address."""
        self.rows[section] += [w if type(w) is int else self.point(w) for w in words]

    def point(self, value: Any) -> int:
        """The address of an object that lives as long as the permit."""
        self.keep.append(value)
        return id(value)

    def block(self, numbers: Sequence[int]) -> int:
        """The address of numbers in a row."""
        words = np.array([*numbers, 0], np.int64)
        self.keep.append(words)
        return words.ctypes.data

    def finished(self) -> tuple[np.ndarray, list[Any]]:
        """The permit, as the gate takes it."""
        words = list(self.header.values())
        for name, rows in self.rows.items():
            words += [self.block(rows), len(rows) // gate.WIDTHS[name], gate.WIDTHS[name]]
        return np.array(words, np.int64), self.keep

    def _runs(self) -> None:
        """The program, and memory for it. What is large is left to Python: there a call's own time counts for nothing."""
        entry, executable = self.entry, self.entry.executable
        if executable is None or entry.segments or entry.captured is None or entry.written_else or not measured():
            raise Untold
        if len(executable.steps) != 1 or isinstance(executable.steps[0], (HostCall, HostMove)) or not executable.small:
            raise Untold
        words = executable.steps[0].__self__  # type: ignore[attr-defined]
        first = len(entry.sources)
        for number, (_, shape, dtype) in enumerate(executable.outputs):
            if _span(shape, np.empty(shape, dtype).strides, dtype.itemsize)[1] >= LARGE:
                raise Untold
            self.add("outputs", first + number, dtype, len(shape), self.block(shape))
        self.arrays = first + len(executable.outputs) + 1
        self.header |= {
            "arrays": self.arrays, "held": self.arrays, "program": words.ctypes.data, "arenas": self.point(executable.arenas), "long": int(executable.long),
            "new_array": numpy_function("PyArray_NewFromDescr"), "scalar_of": numpy_function("PyArray_Return"), "storage_of": self.point(storage_of),
            **self._objects(),
        }  # fmt: skip
        self.keep += [words, executable]

    @staticmethod
    def _objects() -> dict[str, int]:
        """The objects that the gate asks for."""
        objects = {"array_type": np.ndarray, "float_type": float, "dict_type": dict, "none": None, "no": False, "yes": True}
        return {name: id(value) for name, value in (*objects.items(), *zip(_NAMES, _NAMES))}

    def _spelt(self, spelling: Spelling) -> None:
        """Which arguments are given by position, which by keyword; the defaults of the others are the function's own still."""
        self.header |= {"arguments": spelling.positional, "keywords": len(spelling.keywords)}
        for number, name in enumerate(spelling.keywords):
            self.add("names", number, sys.intern(name))
        if None in spelling.places:
            function = getattr(spelling.function, "__func__", spelling.function)
            if type(function) is not FunctionType or function.__kwdefaults__:
                raise Untold
            self.add("attributes", function, sys.intern("__defaults__"), function.__defaults__, 1)

    def _arguments(self, tokens: Sequence[Any], sources: Sequence[Source], writes: Sequence[int]) -> None:
        """What the key says of the arguments; and that arrays share no memory with what is written."""
        places, spelling = {s.what: n for n, s in enumerate(sources)}, self.spelling
        leaves: list[int] = []
        for number, value, token in zip(spelling.places, spelling.values, tokens):
            if type(value) is float:
                if number is not None:
                    self.add("floats", number, struct.unpack("q", struct.pack("d", value))[0])
            elif type(value) in _VALUES:
                if number is not None:
                    self.add("objects", number, self.point(value))
            elif number is None:
                raise Untold
            elif type(value) is np.ndarray or isinstance(value, Tensor):
                place = places.get(len(leaves), self.header["held"])
                self.header["held"] += place == self.header["held"]
                leaves.append(number)
                self._array(number, place, value, token)
            elif token[0] is IDENTITY and isinstance(token[1], Token):
                self.add("referents", number, token[1].reference)
            else:
                raise Untold
        if len(leaves) ** 2 > MOST_PAIRS or len(places) * len(writes) > MOST_PAIRS:
            raise Untold
        for one, other in combinations(leaves, 2):
            self.add("different", one, other)
        for number in places.values():
            for written in writes:
                self.add("apart", number, *self._bytes(number), written, *self._bytes(written))

    def _array(self, number: int, place: int, value: Any, token: Any) -> None:
        array = value._value if isinstance(value, Tensor) else value
        if isinstance(value, Tensor) and (type(array) is not np.ndarray or token[-1] == 2):
            raise Untold
        section, requires = ("given_tensors", value._requires_grad) if isinstance(value, Tensor) else ("given_arrays", 0)
        if type(requires) is bool:
            requires = self.point(requires)
        self.add(section, number, place, type(value), requires, array.dtype, array.ndim, self.block([*array.shape, *array.strides]))

    def _bytes(self, number: int) -> tuple[int, int]:
        shape, strides, dtype, _ = self.entry.layouts[number]
        return _span(shape, strides, dtype.itemsize)

    def _world(self, own: Sequence[tuple[Any, str, Any]]) -> None:
        """What the call finds outside: captures, modes, guards."""
        entry = self.entry
        for number, tensor in enumerate(entry.captured or (), entry.given):
            if entry.known[number] is None or tensor._value is not entry.known[number]:
                raise Untold
            self.add("captures", tensor, number, tensor._value)
        self.add("attributes", anomaly, sys.intern("enabled"), False, 1)
        self._modes(((mode, "interpreter", EAGER), *own))
        for tensor, flag in entry.requires:
            self.add("attributes", tensor, _NAMES[1], flag, 1)
        for leaf, absent in entry.grads_read:
            if not isinstance(leaf, Tensor):
                raise Untold
            self.add("attributes", leaf, sys.intern("_grad"), None, int(absent))
        if entry.guard is not nothing_to_check:
            self._check(entry.guard)

    def _modes(self, own: Sequence[Own]) -> None:
        for local, name, value in own:
            self.add("own", local, sys.intern(name), value, int(type(local).__dict__.get(name) is value), 0, 0, _DICT)

    def _check(self, guard: Any) -> None:
        """The guards, step by step; or the Python function that checks them, where its text has words that the gate does not know."""
        try:
            steps, registers = read_check(guard, self.header["made"])
        except Unread:
            self.add("guards", guard)
            return
        self.header["made"] = registers
        for kind, *operands in steps:
            words = [self.point(o.value) if type(o) is Object else self.block(o) if type(o) is list else o for o in operands]
            self.add("check", gate.STEPS.index(kind), *words)

    def _results(self) -> None:
        """What is made of the outputs: versions, gradients, results."""
        entry = self.entry
        for tensor in entry.written:
            self.add("written", tensor)
        for leaf, place in entry.grads:
            if not isinstance(leaf, Tensor) or (place is not None and (place[0] != "output" or place[2])):
                raise Untold
            self.add("stores", leaf, sys.intern("_grad"), None if place is None else self._made(place[1], Tensor))
        for result in entry.results:
            if result.kind in ("constant", "object"):
                self.add("results", self.point(result.what))
                continue
            if result.kind != "output" or result.chain or result.leaf:
                raise Untold
            if result.form == "number" or result.form == "array" and not entry.executable.plan.outputs[result.what].shape:  # type: ignore[union-attr]
                raise Untold  # the gate makes scalars of arrays without axes
            number = self._made(result.what, 0 if result.form else Tensor)
            self.add("results", number)
            if result.history is not None:
                for name, value in zip(("_application", "_index", "_requires_grad"), (*result.history, True)):
                    self.add("stores", number, sys.intern(name), self.point(value))
        self.header["finish"] = 0 if entry.single else self.point(entry.structure.unflatten)

    def _made(self, output: int, kind: Any) -> int:
        number = self.header["made"]
        self.header["made"] += 1
        self.add("makes", len(self.entry.sources) + output, number, kind)
        return number


def _span(shape: Shape, strides: Shape, size: int) -> tuple[int, int]:
    """The bytes that an array's elements lie in: from, to, counted from its first element."""
    if 0 in shape:
        return 0, 0
    ways = [(n - 1) * s for n, s in zip(shape, strides)]
    return sum(min(w, 0) for w in ways), sum(max(w, 0) for w in ways) + size
