"""Which backend computes a graph: that of the device of its arrays."""

from __future__ import annotations

from typing import Any, Sequence

from ..backend import get_backend
from ..device import device_of
from ..graph.ir import Graph


def run(graph: Graph, arrays: Sequence[Any], writes: tuple[int, ...] = ()) -> list[Any]:
    """Compute a graph on arrays; the first outputs go into the inputs that `writes` numbers."""
    return get_backend(device_of(arrays)).run(graph, arrays, writes)


def executable_of(graph: Graph, arrays: Sequence[Any], writes: tuple[int, ...] = ()) -> Any:
    """The executable of a graph on arrays like these."""
    return get_backend(device_of(arrays)).executable(graph, arrays, writes)
