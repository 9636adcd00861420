"""Objects that a key speaks of by identity: a token for each, never given to another object, though an `id` is used again."""

from __future__ import annotations

import itertools
import weakref
from typing import Any, Callable

_serial = itertools.count(1)


class Token:
    """Stands for one object in a key, without keeping it alive."""

    __slots__ = ("number", "kind", "entry", "reference", "watchers", "__weakref__")

    def __init__(self, value: Any) -> None:
        self.number = next(_serial)
        self.kind = type(value).__name__
        self.entry: tuple[Any, ...] | None = None  # the part of a key it was given, once it was
        self.watchers: list[tuple[Callable[[], Any], Any]] = []  # (weak reference to a callback, its argument)
        number = id(value)

        def forget(_: Any) -> None:
            if known.get(number) is self:
                known.pop(number, None)
            for reference, argument in self.watchers:
                callback = reference()
                if callback is not None:
                    callback(argument)
            self.watchers = []

        self.reference = weakref.ref(value, forget)

    def get(self) -> Any:
        """The object, or None once it is gone."""
        return self.reference()

    def __repr__(self) -> str:
        return f"<{self.kind} {self.number}>"


class Held:
    """Stands for an object that cannot be referred to weakly: keeps it, and compares by identity."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def get(self) -> Any:
        return self.value

    def __eq__(self, other: Any) -> bool:
        return type(other) is Held and other.value is self.value

    def __hash__(self) -> int:
        return id(self.value)

    def __repr__(self) -> str:
        return f"<{type(self.value).__name__}>"


known: dict[int, Token] = {}


def token_of(value: Any) -> Token | Held:
    """The token of an object: the same at every call while the object lives."""
    number = id(value)
    token = known.get(number)
    if token is not None and token.reference() is value:
        return token
    try:
        token = Token(value)
    except TypeError:
        return Held(value)
    if number in known and known[number].reference() is not value:
        known.pop(number, None)
    return known.setdefault(number, token)  # of two threads, both get the first's
