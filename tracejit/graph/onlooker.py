"""`Onlooker`: who looks on while a function is traced, and is told of what the trace itself knows."""

from __future__ import annotations

from typing import Any, Callable, Protocol


class Onlooker(Protocol):
    """What a tracer tells, and asks."""

    def mark(self) -> None: ...  # an event is over
    def aside(self, function: Callable[[], Any]) -> Any: ...  # calls what is no part of the trace
    def is_outer(self, value: Any) -> bool: ...  # whether a generator of random numbers was there before the trace
    def let_go(self) -> None: ...  # the rest of the call is left to eager mode


class _Nobody:
    def mark(self) -> None: ...

    def aside(self, function: Callable[[], Any]) -> Any:
        return function()

    def is_outer(self, value: Any) -> bool:
        return True  # there is no trace that anything has to be made in again

    def let_go(self) -> None: ...


NOBODY = _Nobody()
