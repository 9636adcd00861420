"""`world`: what the trace that runs in this thread knows of NumPy arrays. Without a trace `arrays` is None."""

from __future__ import annotations

import threading
from typing import Any


class World(threading.local):
    """Of one thread. Tracing sets the first three and takes them away again."""

    arrays: dict[int, Any] | None = None  # the stand-in of each array from outside, by its id; it keeps the array
    touched: dict[int, Any] = {}  # objects that something was stored in
    reasons: list[str] = []  # why the trace cannot be replayed


class _World(World):
    def begin(self) -> None:
        """A trace begins."""
        self.arrays, self.touched, self.reasons = {}, {}, []

    def end(self) -> None:
        """The trace is over."""
        del self.arrays, self.touched, self.reasons

    def untold(self, reason: str) -> None:
        """The trace is right for this call, but nothing can be said of others."""
        if reason not in self.reasons:
            self.reasons.append(reason)


world = _World()
