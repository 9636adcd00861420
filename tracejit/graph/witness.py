"""Who is told of what traces do, in this thread: for whoever has to undo it, or compare."""

from __future__ import annotations

import threading
from typing import Any, Iterable, Protocol, Sequence

import numpy as np

from ..tensor import Tensor
from .ir import Graph


class Told(Protocol):
    """Is told before a graph reads and writes arrays, of what it made, and before generators draw and gradients are handed to leaves."""

    def take_run(self, graph: Graph, arrays: Sequence[np.ndarray], writes: tuple[int, ...], handles: Sequence[Tensor]) -> None: ...
    def take_made(self, arrays: Iterable[np.ndarray]) -> None: ...
    def take_generator(self, value: Any) -> None: ...  # whose method is called; whatever it is
    def take_leaves(self, leaves: Iterable[Tensor]) -> None: ...


class Witness(threading.local):
    told: Told | None = None


witness = Witness()
