"""Every error a user can meet, and how each finds the user's own line.

A message has three parts: where (the user's file and line), what was met, and what to write instead.
Each class also inherits the built-in exceptions that NumPy and PyTorch raise there, so existing `except` clauses work.
"""

from __future__ import annotations

import contextlib
import linecache
import os
import sys
import threading
import warnings
from collections.abc import Iterator
from functools import lru_cache
from types import FrameType
from typing import NoReturn

import numpy as np

_PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep


class TracejitError(Exception):
    """The base of all errors of this library."""


class ShapeError(TracejitError, ValueError, RuntimeError):
    """Shapes that do not fit the operation."""


class DTypeError(TracejitError, TypeError, RuntimeError):
    """A dtype the operation does not take, or a cast that would lose kind."""


class AxisError(TracejitError, ValueError, IndexError):
    """An axis outside the array's axes, or named twice."""


class IndexingError(TracejitError, IndexError):
    """An index out of bounds, or of a kind that cannot index."""


class LateIndexingError(IndexingError):
    """An index out of bounds that a GPU met: it is told when the host next waits for a value."""


class ArgumentError(TracejitError, ValueError, TypeError):
    """Any other argument the operation cannot use."""


class DeviceError(TracejitError, RuntimeError, ValueError):
    """A device that does not exist here, or tensors on different devices."""


class OutOfMemoryError(TracejitError, MemoryError, RuntimeError):
    """A device has no room for a tensor."""


class LinAlgError(TracejitError, np.linalg.LinAlgError, RuntimeError):
    """A matrix the decomposition does not exist for: not square, singular, not positive definite; or no convergence."""


class GradError(TracejitError, RuntimeError):
    """Autograd was asked for something it cannot do."""


class StateError(TracejitError, RuntimeError):
    """A saved state that does not fit the model or the optimiser it is loaded into."""


class CompileError(TracejitError, RuntimeError):
    """`@compile` was asked for something it cannot promise."""


class FullGraphError(CompileError):
    """`fullgraph=True`, and a call that only Python can repeat."""


class SpecsError(CompileError, ValueError, TypeError):
    """A call that `specs=` does not name."""


class TracejitWarning(UserWarning):
    """The base of all warnings of this library's compiler."""


class VerifyWarning(TracejitWarning):
    """`verify=` found eager and compiled to differ, or a function that it cannot run twice."""


class LazyWarning(TracejitWarning):
    """A compiled function runs in Python from now on: a graph of it would take too much."""


class RetraceWarning(TracejitWarning):
    """A compiled function is traced again and again: nearly every call has another signature."""


def user_frame() -> FrameType | None:
    """The innermost frame outside this package: the line the user wrote."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and is_ours(frame.f_code.co_filename):
        frame = frame.f_back
    return frame


@lru_cache(maxsize=4096)
def is_ours(filename: str) -> bool:
    """Whether a file is this package's own, or written by it."""
    return filename.startswith(_PACKAGE) or filename.startswith("<tracejit")


class _Standing(threading.local):
    """The line that errors of this thread are told at, where it is not the one that Python is at."""

    line: tuple[str, int] | None = None


_standing = _Standing()


@contextlib.contextmanager
def standing_at(line: tuple[str, int] | None) -> Iterator[None]:
    """Tell errors inside the block at this line: what it wrote was traced, and is computed only now."""
    before, _standing.line = _standing.line, line
    try:
        yield
    finally:
        _standing.line = before


def user_line() -> tuple[str, int] | None:
    """(file, line number) of the user's innermost line, or None at the top of an embedded interpreter."""
    if _standing.line is not None:
        return _standing.line
    frame = user_frame()
    return None if frame is None else (frame.f_code.co_filename, frame.f_lineno)


def place(line: tuple[str, int] | None) -> str:
    """A line of the user's, in short."""
    return "an unknown line" if line is None else f"{os.path.basename(line[0])}:{line[1]}"


def fail(kind: type[TracejitError], met: str, instead: str) -> NoReturn:
    """Raise `kind`, saying where the user stood, what was met, and what to write instead."""
    line = user_line()
    where = ""
    if line is not None:
        text = linecache.getline(*line).strip()
        where = f"\n  at {line[0]}:{line[1]}" + (f": {text}" if text else "")
    raise kind(f"{met}{where}\n  {instead}\n  {page_of(kind)}")


def warn(kind: type[TracejitWarning], met: str, instead: str) -> None:
    """Warn at the user's line, saying what was met and what to do about it."""
    file, line = user_line() or ("<unknown>", 1)
    warnings.warn_explicit(f"{met}\n  {instead}\n  {page_of(kind)}", kind, file, line)


def page_of(kind: type) -> str:
    """Where the docs say more of an error or a warning."""
    return f"docs/errors.md#{kind.__name__.lower()}"
