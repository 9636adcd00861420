"""The plan: kernels and whole-array calls in order, and where every value lives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Iterator, Sequence

from ..graph.ir import Graph
from ..spec import contiguous_strides
from .hardware import CPU, Hardware
from .kernel import Kernel, Slot
from .planner import Planner
from .rooms import place_temporaries
from .steps import Call, Move, spread


@dataclass
class Plan:
    """What runs, in order. Arrays are numbered: the inputs, then the outputs that are not written into inputs."""

    graph: Graph  # what it computes
    steps: list[Kernel | Call | Move]
    inputs: list[Slot]
    outputs: list[Slot]  # the new arrays, one for each output that is not a write
    arena: int = 0  # bytes of the temporaries
    places: dict[Slot, int] = field(default_factory=dict)  # byte offset of each temporary
    cells: int = 0  # words that hold addresses

    @property
    def device(self) -> str:
        """Where it runs."""
        return next((node.device for node in self.graph.inputs if node.device != "cpu"), "cpu")

    def kernels(self) -> Iterator[Kernel]:
        """The kernels among the steps."""
        return (step for step in self.steps if isinstance(step, Kernel))

    def text(self) -> str:
        """The steps, one a line, those of loops and branches further in; without those that move single words."""
        lines, inside = [], 0
        for number, step in enumerate(self.steps):
            if isinstance(step, Move):
                inside -= step.form == "end"
                if step.form == "begin":
                    lines.append(f"{number:3}  {'  ' * inside}{step.title}")
                inside += step.form == "begin"
            else:
                kind = "kernel" if isinstance(step, Kernel) else "call"
                lines.append(f"{number:3}  {'  ' * inside}{kind:<6}  {step.title}")
        return "\n".join([*lines, f"temporaries: {self.arena} bytes", ""])


def make_plan(graph: Graph, layouts: Sequence[tuple[int, ...] | None], writes: Sequence[int] = (), hardware: Hardware = CPU) -> Plan:
    """Plan a graph. `layouts` gives each input's strides in elements (None: contiguous); the first outputs are written into
    the inputs that `writes` numbers. hardware: the machine that runs it."""
    inputs = [
        Slot(node.dtype, node.shape, strides or contiguous_strides(node.shape), home=number)
        for number, (node, strides) in enumerate(zip(graph.inputs, layouts))
    ]
    planner = Planner(graph, inputs, [inputs[number] for number in writes], hardware=hardware)
    blocks = planner.run()
    outputs = planner.outputs
    steps: list[Any] = spread(blocks)
    places, arena = place_temporaries(steps)
    return Plan(graph, steps, inputs, outputs, arena, places, planner.cells.count)
