"""`trying`: the body of a `with` that may hold back an exception, in woven code."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import numpy as np

from ...dispatch import mode
from ...graph.trace import Tracer
from ...scope import Scope

_BLIND = (Scope, nullcontext, np.errstate)  # which hold back no exception


class trying:
    """A context in which an op that may raise is computed before the function goes on, as in a `try` (which the tracer sees by itself).

    managers: of the contexts around it; where none of them can hold back an exception, it does nothing.
    """

    def __init__(self, *managers: Any) -> None:
        self.tracer = None if all([isinstance(m, _BLIND) for m in managers]) else mode.interpreter

    def __enter__(self) -> None:
        if isinstance(self.tracer, Tracer):
            self.tracer.trying += 1

    def __exit__(self, *_: object) -> None:
        if isinstance(self.tracer, Tracer):
            self.tracer.trying -= 1
