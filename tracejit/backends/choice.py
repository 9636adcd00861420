"""Which backend computes a graph: that of the device that was asked for; if none was, that of its arrays.

What depends on the host's arrays alone lies on the host in eager mode, and so it does here: such results of a graph of another
device's arrays are computed by the CPU. So a generator of random numbers counts on without a wait for the device.
"""

from __future__ import annotations

from typing import Any, Sequence

from ..backend import get_backend
from ..device import device_of
from ..errors import DeviceError, fail
from ..graph.ir import Graph
from ..lowering.plan import Plan


def run(graph: Graph, arrays: Sequence[Any], writes: tuple[int, ...] = (), device: str | None = None) -> list[Any]:
    """Compute a graph on arrays; the first outputs go into the inputs that `writes` numbers."""
    return executable_of(graph, arrays, writes, device)(arrays)


def executable_of(graph: Graph, arrays: Sequence[Any], writes: tuple[int, ...] = (), device: str | None = None) -> Any:
    """The executable of a graph on arrays like these: what is made of the host's arrays alone is one, as in eager mode, unless a device was
    asked for. Raises DeviceError where they lie on another device than this one and the CPU."""
    there = device_of(arrays)
    if device not in (None, there) and there != "cpu":
        fail(DeviceError, f"tensors on {there} given to a function that is compiled for {device}", f"Bring them there first: x.to({device!r}).")
    if device is None and there != "cpu" and any([node.device == "cpu" for node in graph.outputs]):
        return Divided(graph, arrays, writes, there)
    return get_backend(device or there).executable(graph, arrays, writes)


def parts_of(executable: Any) -> list[Any]:
    """The executables that one consists of, each of one device."""
    return [part.executable for part in executable.parts] if isinstance(executable, Divided) else [executable]


class Divided:
    """A graph in two parts: what a device's arrays have to do with is computed there, the rest by the CPU."""

    def __init__(self, graph: Graph, arrays: Sequence[Any], writes: tuple[int, ...], device: str) -> None:
        self.device, self.count, self.written = device, len(graph.outputs), len(writes)
        # the device first: it reads the host's arrays as they are before the other part writes them
        self.parts = [part for there in (device, "cpu") if (part := _Part(graph, arrays, writes, there)).outputs]

    @property
    def plan(self) -> Plan:
        """The device's part; the host's, if there is no other."""
        return self.parts[0].executable.plan

    @property
    def seconds(self) -> dict[str, float]:
        """What that part took to build."""
        return self.parts[0].executable.seconds

    def __call__(self, inputs: Sequence[Any]) -> list[Any]:
        """The new outputs, each on its device."""
        found: list[Any] = [None] * self.count
        for part in self.parts:
            results = part.executable([inputs[n] for n in part.inputs])
            for n, result in zip(part.outputs[part.written :], results):
                found[n] = result
        return found[self.written :]


class _Part:
    """The outputs of a graph that lie on one device, and the inputs that they need."""

    def __init__(self, graph: Graph, arrays: Sequence[Any], writes: tuple[int, ...], device: str) -> None:
        homes = [arrays[home].device for home in writes]
        self.outputs = [n for n, node in enumerate(graph.outputs) if (homes[n] if n < len(writes) else node.device) == device]
        own = [writes[n] for n in self.outputs if n < len(writes)]
        self.written = len(own)
        outputs = tuple([graph.outputs[n] for n in self.outputs])
        needed = set(Graph(graph.inputs, outputs).nodes())
        self.inputs = [n for n, node in enumerate(graph.inputs) if node in needed or n in own]
        if self.outputs:
            part = Graph(tuple([graph.inputs[n] for n in self.inputs]), outputs)
            self.executable = get_backend(device).executable(part, [arrays[n] for n in self.inputs], tuple([self.inputs.index(n) for n in own]))
