"""Whether an exception that is raised now would be handled within the function that is traced."""

from __future__ import annotations

import sys
from functools import lru_cache
from opcode import opmap
from types import CodeType, FrameType
from typing import Iterator

from ..errors import is_ours

_ROOTS = ("Compiled._trace", "Unreplayed._lazily")  # the functions of this package that call the user's
_BEGINS, _OF_WITH = opmap["PUSH_EXC_INFO"], opmap["WITH_EXCEPT_START"]


def is_handled() -> bool:
    """Whether a `try` of the user's, between here and the trace's beginning, would see an exception. `with` blocks do not count."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        if is_ours(code.co_filename):
            if code.co_qualname in _ROOTS:
                return False
        elif code.co_exceptiontable and any(start <= frame.f_lasti < end for start, end in _handled(code)):
            return True
        frame = frame.f_back
    return False


@lru_cache(maxsize=1024)
def _handled(code: CodeType) -> list[tuple[int, int]]:
    """The ranges of bytecode in a `try` with handlers, or with a `finally`."""
    text = code.co_code
    return [(start, end) for start, end, target in _entries(code) if text[target] == _BEGINS and text[target + 2] != _OF_WITH]


def _entries(code: CodeType) -> Iterator[tuple[int, int, int]]:
    """(start, end, handler), in bytes, of a code object's exception table: its format is CPython's Objects/exception_handling_notes.txt."""
    table = iter(code.co_exceptiontable)

    def number(first: int) -> int:
        value = first & 63
        while first & 64:
            first = next(table)
            value = value << 6 | first & 63
        return value

    for first in table:
        start, length, target = number(first), number(next(table)), number(next(table))
        number(next(table))  # the depth of the stack
        yield start * 2, (start + length) * 2, target * 2
