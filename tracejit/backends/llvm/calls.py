"""Which functions a kernel calls, each compiled by itself, and which stand in it with their whole text.

Machine code takes time to make, some 15 µs an instruction, and a call of a function of whole vectors takes a few nanoseconds. So what a
kernel calls often, or among many others, is called: it is compiled once, for this kernel and for all to come.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections import Counter
from functools import lru_cache
from types import FunctionType
from typing import Any

from .assembly import BITS
from .words import FUNCTIONS, WORDS

OFTEN = 2  # calls of one function from which on it is called
MANY = 4  # calls of any functions from which on all are called
LONG = 6  # operations and calls of a function that is worth a call


@lru_cache(maxsize=None)
def definition(function: FunctionType) -> ast.FunctionDef:
    """The syntax of a function."""
    (found,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    assert isinstance(found, ast.FunctionDef)
    return found


def called_in(text: ast.AST) -> Counter[str]:
    """How often a kernel calls each function that may stand by itself."""
    names = (n.func.id for n in ast.walk(text) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name))
    return Counter(name for name in names if name in FUNCTIONS and any(map(may_be_called, _texts(FUNCTIONS[name]))))


def is_called(name: str, calls: Counter[str]) -> bool:
    """Whether a function is called, not inlined, in a kernel of such calls."""
    return calls[name] >= OFTEN or calls[name] > 0 and calls.total() >= MANY


@lru_cache(maxsize=None)
def may_be_called(function: FunctionType) -> bool:
    """Whether a function is long, and without loops (which must end for the lanes that count, and for no others)."""
    steps = sum(isinstance(n, (ast.BinOp, ast.Call)) for n in ast.walk(definition(function)))
    return steps >= LONG and not _loops(function)


@lru_cache(maxsize=None)
def _loops(function: FunctionType) -> bool:
    """Whether a function, or one that it calls, has a `while`."""
    called = {n.func.id for n in ast.walk(definition(function)) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
    inner = [function.__globals__.get(name, FUNCTIONS.get(name)) for name in called if name not in WORDS and name not in BITS]
    return any(isinstance(n, ast.While) for n in ast.walk(definition(function))) or any(_loops(text) for f in inner for text in _texts(f))


def _texts(function: Any) -> list[FunctionType]:
    """A function's texts, if there is one for each kind; else itself, if it is one."""
    return [text for text in getattr(function, "texts", {"": function}).values() if isinstance(text, FunctionType)]
