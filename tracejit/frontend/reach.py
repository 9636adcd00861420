"""`Reach`: watches one trace, and tells what the function reached for (guards) and what it did besides (effects)."""

from __future__ import annotations

import functools
import gc
import threading
from collections import deque
from types import FrameType, FunctionType, MethodType
from typing import Any, Callable

import numpy as np

from ..forks import after_fork
from .effects import Effect, Effects, Streams, digest, is_stream
from .explore import Explorer
from .follow import Follower
from .numpy_code import world
from .guards import Guard, Keys, Length, Members
from .places import Anchor, Attribute, Cell, Entry, Gone, Item, Own, Place, reference_to
from .values import CONTAINERS
from .watch import Watch, treat_as_user

_MUTABLE = (list, dict, set, deque, bytearray)
_NOWHERE = ("", 0)
_paused: list[int] = []  # the threads that have the collector of garbage wait until their block ends


def _collect_again() -> None:
    """In the child of a fork, blocks of other threads do not end."""
    others = [thread for thread in _paused if thread != threading.get_ident()]
    if others:
        _paused[:] = []
        gc.enable()


after_fork(_collect_again)


class Reach:
    """Observes a block, in this thread: `with Reach(function, args, kwargs) as reach: result = function(*args, **kwargs)`.

    After the block, if nothing was raised:
    guards: what must still hold for a replay.
    effects: what a replay would leave out (`Effect`s, each with the user's line); with any, Python must run at each call.
    incomplete: why the guards may not be all, or None; to be treated as an effect.
    groups: the guards that were found before the first mark, before the second, and so on.
    arrays: the outer NumPy arrays that were reached. They are guarded by identity; what the trace read of their contents
      other than through tracejit is not known here.
    """

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.guards: list[Guard] = []
        self.groups: list[list[Guard]] = [[]]
        self.effects: list[Effect] = []
        self._marks_before: dict[Effect, int] = {}
        self.incomplete: str | None = None
        self.arrays: list[np.ndarray] = []
        self._changed: Guard | None = None
        self._let_go = False
        self._run: _Run | None = _Run(function, (*args, *kwargs.values()))

    def __enter__(self) -> Reach:
        assert self._run is not None, "a Reach observes one block"
        self._collects = gc.isenabled()
        if self._collects:  # callbacks and finalizers of the collector are no part of the block
            _paused.append(threading.get_ident())
            gc.disable()
        self.incomplete = self._run.watch.start()
        return self

    def let_go(self) -> None:
        """See no more of the block: it will not be replayed."""
        if self._run is not None and not self._let_go:
            self._let_go = True
            self.incomplete = self.incomplete or "not all of it was seen"
            self._end(self._run)

    def _end(self, run: _Run) -> None:
        run.watch.stop()
        if self._collects:
            _paused.remove(threading.get_ident())
            gc.enable()

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        run, self._run = self._run, None
        assert run is not None
        if not self._let_go:
            self._end(run)
        if kind is None and not self._let_go:
            self.incomplete = self.incomplete or run.follower.incomplete or run.explorer.incomplete
            self.arrays = [array for array, *_ in run.explorer.arrays.values()]
            seen = list(run.effects.found)
            self.guards = run.finish()
            kept = set(map(id, self.guards))
            starts, ends = [0, *(g for g, _ in run.marks)], [*(g for g, _ in run.marks), len(run.explorer.guards)]
            self.groups = [[g for g in run.explorer.guards[a:b] if id(g) in kept] for a, b in zip(starts, ends)]
            self.effects = list(run.effects.found)
            self._marks_before = {effect: sum(n <= number for _, n in run.marks) for number, effect in enumerate(seen)}
            self._changed = run.changed
        run.explorer.release()

    def mark(self) -> None:
        """Tell apart what is found before and after now."""
        if self._run is not None:
            self._run.marks.append((len(self._run.explorer.guards), len(self._run.effects.found)))

    def aside(self, function: Callable[[], Any]) -> Any:
        """The result of a function that is no part of the block: what it draws of random numbers is no effect of the block's."""
        run = self._run
        if run is None:
            return function()
        for kind, what in run.streams.moved():
            run.effects.add(kind, what, *run._line_of_words(what))
        try:
            return function()
        finally:
            run.streams.renew()

    def is_outer(self, value: Any) -> bool:
        """Whether a generator of random numbers was there before the block, and is reached from it."""
        return self._run is not None and id(value) in self._run.streams.kept

    def marks_before(self, effect: Effect) -> int:
        """How many marks were set before an effect was seen; 0 for those that show at the end alone."""
        return self._marks_before.get(effect, 0)

    def changed(self) -> Guard | None:
        """The first guard that no longer held when the trace ended: the function changes what it reads."""
        return self._changed


class _Run:
    """What is known while the block runs, and let go of after it."""

    def __init__(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        self.effects = Effects()
        self.streams = Streams()
        self.explorer = Explorer(self.streams, self.effects.outside)
        self.follower = Follower(self.explorer)
        self.arguments = _containers_in(arguments)
        self.effects.outside.update(id(container) for container, _ in self.arguments)
        for value in arguments:
            if is_stream(value) == "iterator":
                self.streams.keep(value, "iterator", "moves an iterator among its arguments")
        self.effects.outside.update(self.streams.kept)
        self.changed: Guard | None = None
        self.marks: list[tuple[int, int]] = []  # how many guards and effects had been found at each
        # what the watch calls
        self.entered = self.follower.entered
        self.called = self.effects.called
        self.watch = Watch(self)
        self._begin(function)

    def entered_library(self, frame: FrameType) -> None:
        """Told by the watch, as are `entered` and `called`."""
        self.effects.entered_library(frame)
        self.follower.entered_library(frame)

    def _begin(self, function: Any) -> None:
        """Know the function itself, and what wraps it."""
        if isinstance(function, functools.partial):
            self.explorer.reach(Anchor(None, reference_to(function), "the partial"), function, guarded=False)
        else:
            self.explorer.adopt(function.__func__ if isinstance(function, MethodType) else function)
        while isinstance(function, (functools.partial, MethodType)):
            function = function.func if isinstance(function, functools.partial) else function.__func__
        if isinstance(function, FunctionType):
            treat_as_user(function.__code__)

    def finish(self) -> list[Guard]:
        """The guards, without those on what the trace made for itself; and the effects that show in what has changed."""
        followed = world.arrays or {}  # what is done to these is in the graph
        for array, words, before, full in self.explorer.arrays.values():
            if id(array) not in followed and digest(array, full) != before:
                self.effects.add("array", f"changes the NumPy array in {words}", *self._line_of_words(words))
        for container, contents in self.arguments:
            if not _unchanged(container, contents):
                self.effects.add("argument", f"changes a {type(container).__name__} among its arguments", *self._line_of_item(None))
        found = self.explorer.guards
        changed = {effect: [self.explorer.place_of(number) for number in ids] for effect, ids in self.effects.changed.items()}
        self.explorer.release()
        for effect, places in changed.items():
            if all(place is not None and _is_orphan(place) for place in places):
                del self.effects.found[effect]
        guards = [guard for guard in found if not _is_orphan(guard.place)]
        for guard in guards:
            if not guard.holds():
                self.changed = self.changed or guard
                self.effects.add("state", f"{_verb(guard)} {guard.place.words}", *self._line_of(guard))
        for kind, what in self.streams.moved():
            if all(e.what != what for e in self.effects.found):
                self.effects.add(kind, what, *self._line_of_words(what))
        return guards

    # Where in the user's code

    def _line_of(self, guard: Guard) -> tuple[str, int]:
        """Where the change that a guard shows is written."""
        place, stores = guard.place, self.follower.stores
        if _verb(guard) == "changes":
            return self._line_of_item(place.key if isinstance(place, Item) else None)
        kind = "global" if isinstance(place, Entry) else "cell" if isinstance(place, Cell) else "attr"
        return stores.get((kind, place.words.split("`")[1]), _NOWHERE)

    def _line_of_item(self, key: Any) -> tuple[str, int]:
        """Where an item of this key, or any, is written."""
        stores = self.follower.stores
        found = stores.get(("item", key)) if isinstance(key, (str, int)) else None
        return found or next((where for (kind, _), where in stores.items() if kind == "item"), _NOWHERE)

    def _line_of_words(self, words: str) -> tuple[str, int]:
        """Where what is named in these words is first read."""
        parts = words.split("`")
        name = parts[1] if len(parts) > 1 else words.rpartition(".")[2]
        return self.follower.reads.get(name, _NOWHERE)


def _verb(guard: Guard) -> str:
    """A name is set; a container is changed."""
    named = isinstance(guard.place, (Attribute, Entry, Cell)) or (isinstance(guard.place, Item) and isinstance(guard.place.parent, Own))
    return "sets the" if named and not isinstance(guard, (Length, Keys, Members)) else "changes"


def _is_orphan(place: Place) -> bool:
    """Whether a place stands on an object that is gone: the trace had made it."""
    while place.parent is not None:
        place = place.parent
    if isinstance(place, Anchor):
        try:
            place.get()
        except Gone:
            return True
    return False


def _containers_in(values: Any) -> list[tuple[Any, list[Any]]]:
    """The mutable containers among arguments, each with what it holds."""
    found: dict[int, tuple[Any, list[Any]]] = {}
    seen: set[int] = set()
    pending = list(values)
    while pending:
        value = pending.pop()
        if isinstance(value, (*CONTAINERS, bytearray)) and id(value) not in seen:
            seen.add(id(value))
            contents = _listed(value)
            if isinstance(value, _MUTABLE):
                found[id(value)] = (value, contents)
            pending += contents
    return list(found.values())


def _listed(value: Any) -> list[Any]:
    return [*dict.keys(value), *dict.values(value)] if isinstance(value, dict) else list(value)


def _unchanged(container: Any, contents: list[Any]) -> bool:
    now = _listed(container)
    return len(now) == len(contents) and all(a is b for a, b in zip(now, contents))
