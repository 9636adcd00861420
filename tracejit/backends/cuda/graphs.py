"""A plan that the host does not decide anything in, as a CUDA graph: captured once for each stream, and issued again by one call.

Kernels take their arguments by value, so a graph is bound to the addresses that it was captured with. Those of arrays that are elsewhere in
a later call are set anew before it is issued, launch by launch. What a library's routine has been given cannot be set: an array that lies
elsewhere at each call is copied into memory of the graph's own, and one that always lies in one place is used where it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Sequence

import numpy as np

from ... import logs
from ...errors import DeviceError
from ...forks import lock_of
from ...lowering.kernel import Slot
from .launches import Whole, misplaced
from .libraries.table import row_of

if TYPE_CHECKING:
    from .executor import DeviceExecutable

FEWEST = 4  # launches that a graph is worth being captured for
MOST = 8192  # launches of one
ROOM = 64 << 20  # bytes of temporaries that a graph may keep: beside the work of a plan that needs more, launches count for nothing


class TooLong(Exception):
    """A capture has more launches than a graph should have."""


class Place(int):
    """An address that stays told of which array it is: the number of the array, and how far behind its first byte."""

    home: int
    behind: int

    @classmethod
    def of(cls, address: int, home: int, behind: int = 0) -> Place:
        made = cls(address)
        made.home, made.behind = home, behind
        return made

    def __add__(self, more: int) -> Place:
        return Place.of(int(self) + more, self.home, self.behind + more)


def may_be_captured(executable: DeviceExecutable) -> bool:
    """Whether a plan can be a graph, and is worth being one."""
    calls = [step for segment in executable.segments for step in segment.steps if isinstance(step, Whole)]
    if executable.decides or executable.plan.arena > ROOM or any(row_of(c.call.node.op, [n.dtype for n in c.call.node.inputs]).writes is None for c in calls):
        return False
    return executable.walks or sum(len(segment.steps) for segment in executable.segments) >= FEWEST


class Graphs:
    """An executable's graphs, by stream. Called with the arrays of a call and their addresses, it issues that of this thread's stream."""

    def __init__(self, executable: DeviceExecutable) -> None:
        self.executable, self.driver = executable, executable.backend.driver
        plan = executable.plan
        self.given = len(plan.inputs)
        self.lies = [n for n, incoming in enumerate(executable.incoming) if incoming.how != "by value"]
        touched = executable.words.behind(slot for segment in executable.segments for step in segment.steps if isinstance(step, Whole) for slot in step.slots())
        self.fixed = {slot.home for slot in touched if slot.home is not None and 0 <= slot.home < self.given}  # whose address routines are given
        self.staged = {slot.home for slot in touched if slot.home is not None and slot.home >= self.given}  # which are copied: outputs are new at each call
        self.slots = [*plan.inputs, *plan.outputs]
        self.written = {n for n, slot in enumerate(self.slots) if n >= self.given or slot in executable.written}
        self.captured: dict[int, Captured | None] = {}
        self._lock = lock_of(self)

    def __call__(self, arrays: Sequence[Any], places: tuple[int, ...]) -> None:
        stream = self.driver.streams.handle
        with self._lock:
            graph = self.captured.get(stream)
            if graph is None or not graph.takes(places):
                if stream in self.captured and graph is None:
                    self.executable.direct(arrays, places)
                    return
                if graph is not None and not self._stage(graph, places):
                    self.executable.direct(arrays, places)
                    return
                graph = self.captured[stream] = self._capture(arrays, places)
            if graph is not None:
                graph.replay(places)
                return
        self.executable.direct(arrays, places)

    def _stage(self, graph: Captured, places: tuple[int, ...]) -> bool:
        """Copy from now on the arrays that routines are given and that have moved; False if there are none."""
        moved = {n for n in self.fixed if places[n] != graph.places[n]}
        self.fixed -= moved
        self.staged |= moved
        return bool(moved)

    def _capture(self, arrays: Sequence[Any], places: tuple[int, ...]) -> Captured | None:
        """The graph of a call; None if it has too few launches, or too many."""
        try:
            graph = Captured(self, arrays, places)
        except TooLong:
            return None
        except DeviceError as error:
            logs.cuda.info("launched kernel by kernel, for it cannot be captured: %s", str(error).partition("\n")[0])
            return None
        return graph if len(graph.graph.nodes) >= FEWEST else None


class Captured:
    """One graph: its launches with their words, and which words are addresses of which array."""

    def __init__(self, graphs: Graphs, arrays: Sequence[Any], places: tuple[int, ...]) -> None:
        executable, self.driver = graphs.executable, graphs.driver
        backend = executable.backend
        self.graphs, self.places = graphs, places
        self.words: dict[int, list[int]] = {}  # of our launches, by their numbers in the graph
        self.users: dict[int, list[tuple[int, int, int]]] = {}  # by array: the launch, the word, and how far behind the array's first byte
        self.arena = backend.empty((max(executable.plan.arena, 1),), np.dtype(np.uint8))
        self.copies = [_Copy(backend, n, graphs.slots[n], n < graphs.given, n in graphs.written) for n in sorted(graphs.staged)]
        tagged = [Place.of(place, n) for n, place in enumerate(places)]
        for copy in self.copies:
            tagged[copy.home] = copy.place  # type: ignore[call-overload]
        self.driver.begin_capture()
        try:
            executable.walk(arrays, tagged, self.arena.address, self._launch)
        finally:
            self.graph = self.driver.end_capture()

    def _launch(self, function: Any, blocks: int, threads: int, words: Sequence[int]) -> None:
        number = self.driver.captured
        if number >= MOST:
            raise TooLong
        self.driver.launch(function, blocks, threads, words)
        self.words[number] = list(map(int, words))
        for position, word in enumerate(words):
            if isinstance(word, Place):
                self.users.setdefault(word.home, []).append((number, position, word.behind))

    def takes(self, places: tuple[int, ...]) -> bool:
        """Whether arrays may lie there: as far from the multiples of a pack as when it was captured; where routines were given them, at the very place."""
        if places == self.places:
            return True
        graphs = self.graphs
        return all([places[n] == self.places[n] for n in graphs.fixed]) and not misplaced([places[n] ^ self.places[n] for n in graphs.lies])

    def replay(self, places: tuple[int, ...]) -> None:
        """Issue it for arrays that lie there."""
        if places != self.places:
            changed = set()
            for home, (now, before) in enumerate(zip(places, self.places)):
                for number, position, behind in self.users.get(home, ()) if now != before else ():
                    self.words[number][position] = now + behind
                    changed.add(number)
            for number in changed:
                self.graph.set_words(number, self.words[number])
            self.places = places
        for copy in self.copies:
            copy.before(places)
        self.driver.replay(self.graph)
        for copy in self.copies:
            copy.after(places)


class _Copy:
    """Memory of a graph's own for an array that a routine reads or writes, whose bytes it holds in the order in which they lie."""

    def __init__(self, backend: Any, home: int, slot: Slot, read: bool, written: bool) -> None:
        self.driver, self.home, self.read, self.written = backend.driver, home, read, written
        reach = [(n - 1) * stride * slot.dtype.itemsize for n, stride in zip(slot.shape, slot.strides)]
        self.low = sum(min(r, 0) for r in reach)
        self.size = sum(max(r, 0) for r in reach) - self.low + slot.dtype.itemsize if 0 not in slot.shape else 0
        self.memory = backend.empty((max(self.size, 1),), np.dtype(np.uint8))
        self.place = self.memory.address - self.low

    def before(self, places: Sequence[int]) -> None:
        if self.read and self.size:
            self.driver.copy(self.memory.address, places[self.home] + self.low, self.size)

    def after(self, places: Sequence[int]) -> None:
        if self.written and self.size:
            self.driver.copy(places[self.home] + self.low, self.memory.address, self.size)
