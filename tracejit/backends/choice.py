"""Which backend computes a graph: that of the device that was asked for; if none was, that of its arrays."""

from __future__ import annotations

from typing import Any, Sequence

from ..backend import get_backend
from ..device import device_of
from ..errors import DeviceError, fail
from ..graph.ir import Graph


def run(graph: Graph, arrays: Sequence[Any], writes: tuple[int, ...] = (), device: str | None = None) -> list[Any]:
    """Compute a graph on arrays; the first outputs go into the inputs that `writes` numbers."""
    return executable_of(graph, arrays, writes, device)(arrays)


def executable_of(graph: Graph, arrays: Sequence[Any], writes: tuple[int, ...] = (), device: str | None = None) -> Any:
    """The executable of a graph on arrays like these: what is made of the host's arrays alone is one, as in eager mode, unless a device was
    asked for. Raises DeviceError where they lie on another device than this one and the CPU."""
    there = device_of(arrays)
    if device not in (None, there) and there != "cpu":
        fail(DeviceError, f"tensors on {there} given to a function that is compiled for {device}", f"Bring them there first: x.to({device!r}).")
    backend = get_backend(device or there)
    if device is not None or there == "cpu":
        return backend.executable(graph, arrays, writes)
    home = tuple([n for n, node in enumerate(graph.outputs[len(writes) :]) if node.device == "cpu"])
    return backend.executable(graph, arrays, writes, home)
