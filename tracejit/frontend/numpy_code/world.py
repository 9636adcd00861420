"""`world`: what the trace that runs in this thread knows of NumPy arrays. Without a trace `arrays` is None."""

from __future__ import annotations

import threading
from typing import Any

from ...control.body import Untraceable
from ...errors import user_line


class World(threading.local):
    """Of one thread. A trace begins with these empty."""

    arrays: dict[int, Any] | None = None  # the stand-in of each array from outside, by its id; it keeps the array
    born: list[Any] | None = None  # weak references of all stand-ins
    touched: dict[int, Any] = {}  # objects that something was stored in
    rolling: int = 0  # how many loops are being tried as one op
    journal: Any = None  # of what the turn, or arm of a branch, that is being traced changes
    reasons: list[tuple[str, Any]] = []  # why, and the line the trace cannot be replayed


class _World(World):
    def begin(self) -> None:
        """A trace begins."""
        self.arrays, self.born, self.touched, self.reasons = {}, [], {}, []

    def end(self) -> None:
        """The trace is over."""
        del self.arrays, self.born, self.touched, self.reasons

    def untold(self, reason: str) -> None:
        """The trace is right for this call, but nothing can be said of others; a turn that is tried is given up."""
        if self.rolling:
            raise Untraceable(reason)
        self.reasons.append((reason, user_line()))


world = _World()
