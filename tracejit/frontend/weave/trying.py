"""`trying`: the body of a `with` that may hold back an exception, in woven code."""

from __future__ import annotations

from ...dispatch import mode
from ...graph.trace import Tracer


class trying:
    """A context in which an op that may raise is computed before the function goes on, as in a `try` (which the tracer sees by itself)."""

    def __enter__(self) -> None:
        self.tracer = mode.interpreter
        if isinstance(self.tracer, Tracer):
            self.tracer.trying += 1

    def __exit__(self, *_: object) -> None:
        if isinstance(self.tracer, Tracer):
            self.tracer.trying -= 1
