"""What a function of the user's is called in messages, and where it is written."""

from __future__ import annotations

import inspect
import os
from typing import Any


def name_of(function: Any) -> str:
    """The name by which its author knows it."""
    return getattr(function, "__qualname__", None) or getattr(function, "__name__", None) or repr(function)


def written_at(function: Any) -> str:
    """The file and line of its definition, in short."""
    while hasattr(function, "func"):  # a partial
        function = function.func
    plain = inspect.unwrap(getattr(function, "__func__", function))
    code = getattr(plain, "__code__", None) or getattr(getattr(type(plain), "__call__", None), "__code__", None)
    return "unknown place" if code is None else f"{os.path.basename(code.co_filename)}:{code.co_firstlineno}"
