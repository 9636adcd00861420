"""`SUBSTITUTES`: what woven code calls in the place of functions that do not ask their arguments' protocols."""

from __future__ import annotations

from typing import Any, Callable

SUBSTITUTES: dict[Any, Callable] = {}


def implements(*functions: Any) -> Callable[[Callable], Callable]:
    """Let the decorated function be called in the place of these."""

    def enter(ours: Callable) -> Callable:
        for function in functions:
            SUBSTITUTES[function] = ours
        return ours

    return enter
