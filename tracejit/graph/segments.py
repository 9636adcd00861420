"""`Segments`: what the lazy calls of one function have in common. Each segment is built once, and known again by its nodes."""

from __future__ import annotations

from typing import Any, Callable, Sequence

import numpy as np

from .applications import Applications
from .ir import Graph
from .past import Past
from .trace import Tracer

Executable = Callable[[Sequence[np.ndarray]], list[np.ndarray]]
Build = Callable[[Graph, Sequence[np.ndarray], tuple[int, ...]], Executable]
MOST = 50_000  # applications that are remembered; then all is forgotten, and remembered anew


class Segments:
    """Runs the graphs that traces of one function flush. Nodes are made once, so a graph met before has the very nodes that it had."""

    def __init__(self, build: Build, device: str | None = None) -> None:
        """device: the one that `build`'s executables bring the host's arrays to, if so."""
        self.build, self.device = build, device
        self.built = 0  # how many executables were asked for
        self._forget()

    def _forget(self) -> None:
        self.make = Applications()
        self.executables: dict[Any, Executable] = {}

    def tracer(self, past: Past | None = None) -> Tracer:
        """One for the next call; past: what was done of it."""
        if len(self.make) > MOST:
            self._forget()
        return Tracer(self.run, make=self.make, past=past, device=self.device)

    def run(self, graph: Graph, arrays: Sequence[np.ndarray], writes: tuple[int, ...] = ()) -> list[np.ndarray]:
        """Compute a graph on arrays; the first outputs go into the inputs that `writes` numbers."""
        key = graph, writes, tuple([(a.strides, a.device) for a in arrays])
        executable = self.executables.get(key)
        if executable is None:
            self.built += 1
            executable = self.executables[key] = self.build(graph, arrays, writes)
        return executable(arrays)
