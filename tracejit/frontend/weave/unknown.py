"""Calls of what cannot be traced: it runs as it is, at that point of the program, on real arrays."""

from __future__ import annotations

from types import MethodType
from typing import Any, Callable

from ...tensor import StandIn, Tensor
from ..numpy_code import real, stand_in_all, world
from ..substitute import parts_of, rebuild


class Unknown:
    """A callable in the place of one that knows nothing of traced arrays: it is given real ones, and what it gives is looked at."""

    def __init__(self, function: Callable) -> None:
        self.function = function

    def bound(self, owner: Any) -> Unknown:
        """The same as a method of `owner`."""
        return Unknown(MethodType(self.function, owner))  # type: ignore[arg-type]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        world.untold(f"calls {getattr(self.function, '__qualname__', self.function)}, which is not traced")
        values = [_each(real, a) for a in args]
        named = {name: _each(real, value) for name, value in kwargs.items()}
        return stand_in_all(self.function(*values, **named))


class Unwrapping:
    """A function of tracejit's in woven code: stand-ins are given as the tensors they hold."""

    def __init__(self, function: Callable) -> None:
        self.function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        values = [_each(_tensor, a) for a in args]
        return self.function(*values, **{name: _each(_tensor, value) for name, value in kwargs.items()})

    def __getattr__(self, name: str) -> Any:
        return getattr(self.function, name)


def _tensor(value: Any) -> Any:
    return value.tensor if isinstance(value, StandIn) else value


def _each(function: Callable[[Any], Any], value: Any) -> Any:
    """`function` of a value, or of those in a container; a container in which nothing changes is itself."""
    if isinstance(value, (StandIn, Tensor)):
        return function(value)
    parts = parts_of(value)
    if parts is None:
        return function(value)
    after = [_each(function, part) for part in parts]
    return value if all(a is b for a, b in zip(after, parts)) else rebuild(value, after)
