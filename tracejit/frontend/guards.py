"""`Guard`: what a place must still hold for a trace to be replayed; and one fast check of many guards."""

from __future__ import annotations

import functools
import reprlib
import weakref
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType
from typing import Any, Callable, Iterable, Sequence

from .lookup import MISSING
from .places import Entry, Gone, Item, Place, Strong, Writer, base_of, reference_to, same

_QUALIFIED = (type, FunctionType, BuiltinFunctionType, MethodType)
_NAMED = {None: "None", True: "True", False: "False", ...: "..."}
_short = reprlib.Repr()
_short.maxstring, _short.maxother = 40, 60


class Guard:
    """One condition on one place. Each kind says when it holds, and gives the same condition as Python text."""

    __slots__ = ("place", "expected")

    def __init__(self, place: Place, expected: Any) -> None:
        self.place, self.expected = place, expected

    def test(self, value: Any) -> bool:
        """Whether this value (MISSING for none) is as expected."""
        raise NotImplementedError

    def holds(self) -> bool:
        """Whether the place is still as it was."""
        try:
            return self.test(self.place.get())
        except Gone:
            return False

    def text(self, writer: Writer) -> str:
        """The condition as a Python expression; it may raise where the condition does not hold."""
        return f"{writer.constant(self)}.holds()"

    @property
    def was(self) -> str:
        """What was found, in words."""
        return _short.repr(self.expected)

    @property
    def description(self) -> str:
        """Such as: global `scale` of model.py was 2.0."""
        return f"{self.place.words} was {self.was}"

    @property
    def change(self) -> str:
        """The description, and what is found now."""
        try:
            value = self.place.get()
        except Gone:
            return f"{self.description} and is gone"
        return f"{self.description} and is {self.now(value)}"

    def now(self, value: Any) -> str:
        return "absent" if value is MISSING else _short.repr(value) if _is_short(value) else f"another {type(value).__name__}"

    def __repr__(self) -> str:
        return f"<guard: {self.description}>"


def _is_short(value: Any) -> bool:
    return isinstance(value, (bool, int, float, complex, str, bytes, type(None)))


class Same(Guard):
    """An immutable value, by type and value."""

    __slots__ = ()

    def test(self, value: Any) -> bool:
        return same(value, self.expected)

    def text(self, writer: Writer) -> str:
        if self.expected is None or self.expected is True or self.expected is False or self.expected is ...:
            return f"{writer.place(self.place)} is {_NAMED[self.expected]}"
        name = writer.constant(self.expected)
        first = writer.place(self.place, keep=True)
        return f"({first} is {name} or same({writer.place(self.place)}, {name}))"


class Identical(Guard):
    """An object, by identity; `expected` is a reference to it."""

    __slots__ = ("known", "kind")

    def __init__(self, place: Place, value: Any, known: Place | None = None) -> None:
        super().__init__(place, reference_to(value))
        self.known = known  # another place, checked before, that holds the same object
        self.kind = value.__qualname__ if isinstance(value, _QUALIFIED) else f"a {type(value).__name__}"

    def test(self, value: Any) -> bool:
        found = self.expected()
        return found is not None and value is found

    def text(self, writer: Writer) -> str:
        expression = writer.place(self.place)
        known = writer.names.get(id(self.known))
        if known is not None and self.known is not self.place:
            return f"{expression} is {known}"
        if isinstance(self.expected, Strong):
            return f"{expression} is {writer.constant(self.expected.value)}"
        wanted, may_be_none = writer.refers(self.expected)
        return f"{expression} is {wanted}" + (" is not None" if may_be_none else "")

    @property
    def was(self) -> str:
        return self.kind


class SameObject(Guard):
    """A container, by identity with what another place (`expected`) holds: one container in two places."""

    __slots__ = ()

    def test(self, value: Any) -> bool:
        return value is self.expected.get()

    def text(self, writer: Writer) -> str:
        return f"{writer.place(self.place)} is {writer.place(self.expected)}"

    @property
    def was(self) -> str:
        return f"the same object as {self.expected.words}"


class Alive(Guard):
    """That an object the trace knows by itself still exists."""

    __slots__ = ()

    def test(self, value: Any) -> bool:
        return True

    def text(self, writer: Writer) -> str:
        return f"{writer.place(self.place)} is not None"

    @property
    def description(self) -> str:
        return f"{self.place.words} existed"


class Absent(Guard):
    """That there is no such name or item."""

    __slots__ = ()

    def __init__(self, place: Place) -> None:
        super().__init__(place, MISSING)

    def test(self, value: Any) -> bool:
        return value is MISSING

    def text(self, writer: Writer) -> str:
        place = self.place
        if type(place) is Entry:
            return f"{place.key[1]!r} not in {writer.constant(place.key[0])}"
        if type(place) is Item and isinstance(place.key, str) and place.parent is not None:
            return f"{place.key!r} not in {writer.place(place.parent)}"
        return super().text(writer)


class Kind(Guard):
    """The type of a container."""

    __slots__ = ()

    def test(self, value: Any) -> bool:
        return type(value) is self.expected

    def text(self, writer: Writer) -> str:
        return f"type({writer.place(self.place)}) is {writer.constant(self.expected)}"

    @property
    def was(self) -> str:
        return f"a {self.expected.__name__}"


class Length(Guard):
    """The length of a list, tuple or deque."""

    __slots__ = ()

    def test(self, value: Any) -> bool:
        return value is not MISSING and base_of(value).__len__(value) == self.expected

    def text(self, writer: Writer) -> str:
        return f"len({writer.place(self.place)}) == {self.expected}"

    @property
    def description(self) -> str:
        return f"{self.place.words} had {self.expected} items"

    def now(self, value: Any) -> str:
        return "absent" if value is MISSING else f"of {base_of(value).__len__(value)}"


class Keys(Guard):
    """The keys of a dict, in order, where all are immutable."""

    __slots__ = ()

    def test(self, value: Any) -> bool:
        if not isinstance(value, dict):
            return False
        keys = list(dict.__iter__(value))
        return len(keys) == len(self.expected) and all(map(same, keys, self.expected))

    def text(self, writer: Writer) -> str:
        if not self.expected:
            return f"not {writer.place(self.place)}"
        if all(type(k) is str for k in self.expected):
            return f"list({writer.place(self.place)}) == {writer.constant(self.expected)}"
        return _same_keys(self, list(map(id, self.expected)), writer)

    @property
    def description(self) -> str:
        return f"{self.place.words} had the keys {_short.repr(self.expected)}"

    def now(self, value: Any) -> str:
        if not isinstance(value, dict) or not all(map(_is_short, value)):
            return super().now(value)
        return f"with {_short.repr(list(value))}"


class Members(Guard):
    """Many values at once: the elements of a long list, the values of a long dict, a set. Objects are held weakly."""

    __slots__ = ("ids", "references", "dead", "__weakref__")

    def __init__(self, place: Place, values: Sequence[Any], immutable: Callable[[Any], bool]) -> None:
        super().__init__(place, len(values))
        self.ids = list(map(id, values))
        self.dead = False
        me = weakref.ref(self)

        def mark(_: Any) -> None:
            guard = me()
            if guard is not None:
                guard.dead = True

        self.references: list[Any] = []
        for value in values:
            try:
                self.references.append(Strong(value) if immutable(value) else weakref.ref(value, mark))
            except TypeError:
                self.references.append(Strong(value))

    def test(self, value: Any) -> bool:
        if value is MISSING:
            return False
        values = self.listed(value)
        if not self.dead and list(map(id, values)) == self.ids:
            return True
        if len(values) != len(self.references):
            return False
        if isinstance(value, (set, frozenset)):
            return {(type(v), v) for v in values} == {(type(e), e) for r in self.references if (e := r()) is not None}
        return all(
            same(v, r.value) if isinstance(r, Strong) else r() is not None and r() is v
            for v, r in zip(values, self.references)
        )

    def listed(self, value: Any) -> list[Any]:
        """What is compared."""
        return list(dict.values(value) if isinstance(value, dict) else base_of(value).__iter__(value))

    def text(self, writer: Writer) -> str:
        return f"{writer.constant(self)}.test({writer.place(self.place)})"

    @property
    def description(self) -> str:
        return f"{self.place.words} had {self.expected} items"

    def now(self, value: Any) -> str:
        return "changed" if value is not MISSING else "absent"


def _same_keys(guard: Guard, ids: list[int], writer: Writer, alive: str = "") -> str:
    """That a dict has the very keys it had; the guard is asked only where it has others."""
    writer.scope["keys_of"] = dict.__iter__
    keys = f"list(map(id, keys_of({writer.place(guard.place, keep=True)}))) == {writer.constant(ids)}"
    return f"({keys}{alive} or {writer.constant(guard)}.test({writer.place(guard.place)}))"


class KeyObjects(Members):
    """The keys of a dict, in order, where some are objects."""

    __slots__ = ()

    def text(self, writer: Writer) -> str:
        return _same_keys(self, self.ids, writer, f" and not {writer.constant(self)}.dead")

    def listed(self, value: Any) -> list[Any]:
        return list(dict.__iter__(value)) if isinstance(value, dict) else []

    @property
    def description(self) -> str:
        return f"{self.place.words} had {self.expected} keys"


def nothing_to_check() -> None:
    """The check of no guards."""


def compile_guards(guards: Sequence[Guard], held: Iterable[Any] = ()) -> Callable[[], Guard | None]:
    """A function that gives None while all guards hold, and else the first that does not.

    held: objects that whoever keeps the function keeps alive, too; all others it refers to weakly.
    """
    guards = list(guards)

    def first_failing() -> Guard | None:
        return next((guard for guard in guards if not guard.holds()), None)

    if not guards:
        return nothing_to_check
    writer = Writer(_read_twice(guards), held)
    conditions = dict.fromkeys(guard.text(writer) for guard in guards)
    source = (
        "def check():\n    try:\n        if (\n            "
        + "\n            and ".join(conditions)
        + "\n        ):\n            return None\n    except Exception:\n        pass\n    return first_failing()\n"
    )
    writer.scope["first_failing"] = first_failing
    exec(_code(source), writer.scope)
    check = writer.scope.pop("check")
    check.__source__, check.guards = source, guards
    return check


@functools.lru_cache(maxsize=256)
def _code(source: str) -> CodeType:
    """Guards of one structure have one text: a trace of another shape compiles nothing."""
    return compile(source, "<tracejit guards>", "exec")


def _read_twice(guards: Sequence[Guard]) -> set[int]:
    """The places that are more than once read: those that others stand on, and those an identity is compared with."""
    shared: set[int] = set()
    for guard in guards:
        if isinstance(guard, Identical) and guard.known is not None and guard.known is not guard.place:
            shared.add(id(guard.known))
        if isinstance(guard, SameObject):
            shared.add(id(guard.expected))
        if isinstance(guard, (Length, Keys, Members)):
            shared.add(id(guard.place))
        place = guard.place
        while place.parent is not None:
            place = place.parent
            shared.add(id(place))
    return shared
