"""Which functions are called turn by turn, because they do more than compute: a trace would do that once."""

from __future__ import annotations

import dis
import weakref
from functools import lru_cache, partial
from types import CodeType, MethodType
from typing import Any, Iterable

_TELLING = frozenset(("print", "input", "open"))  # names that a function uses for nothing else
_STORES = frozenset(("STORE_GLOBAL", "DELETE_GLOBAL", "STORE_ATTR", "DELETE_ATTR"))
_found: weakref.WeakSet[CodeType] = weakref.WeakSet()  # code that was seen to have an effect while it was traced


def has_effects(functions: Iterable[Any]) -> bool:
    """Whether one of these functions is known to do more than compute, or says so in its own code."""
    return any(code in _found or _says_so(code) for code in map(_code_of, functions) if code is not None)


def remember(functions: Iterable[Any]) -> None:
    """These functions do more than compute."""
    _found.update(code for code in map(_code_of, functions) if code is not None)


def _code_of(function: Any) -> CodeType | None:
    while isinstance(function, (partial, MethodType)) or hasattr(function, "__wrapped__"):
        function = function.func if isinstance(function, partial) else getattr(function, "__func__", None) or function.__wrapped__
    code = getattr(function, "__code__", None) or getattr(getattr(type(function), "__call__", None), "__code__", None)
    return code if isinstance(code, CodeType) else None


@lru_cache(maxsize=1024)
def _says_so(code: CodeType) -> bool:
    if _TELLING.intersection(code.co_names):
        return True
    for step in dis.get_instructions(code):
        if step.opname in _STORES or step.opname in ("STORE_DEREF", "DELETE_DEREF") and step.argval in code.co_freevars:
            return True
    return False
