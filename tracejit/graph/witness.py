"""Who is told of what traces do, in this thread: for whoever has to undo it, or compare."""

from __future__ import annotations

import threading
from typing import Any, Iterable, Protocol, Sequence

import numpy as np

from .ir import Graph


class Told(Protocol):
    """Is told before a graph reads and writes arrays, and before gradients are handed to leaves."""

    def take_run(self, graph: Graph, arrays: Sequence[np.ndarray]) -> None: ...
    def take_leaves(self, leaves: Iterable[Any]) -> None: ...


class Witness(threading.local):
    told: Told | None = None


witness = Witness()
