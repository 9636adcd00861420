"""Which operation it is that differs between eager and compiled code, and a file that shows it again."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Iterator, NamedTuple, Sequence

import numpy as np

from ..backends.cpu import backend
from ..graph.evaluate import evaluate
from ..graph.ir import CONSTANT, INPUT, OUTPUT, Graph, Interner, Node
from ..graph.text import parse_graph, place, print_graph
from .outcome import Difference, difference
from .snapshot import Run

ONE_BY_ONE = 256  # nodes that are compiled each for itself, where all together show no difference


class Culprit(NamedTuple):
    """The first node whose compiled value differs: the smallest graph found that shows it, and what flows in."""

    node: Node
    difference: Difference
    run: Run

    def __str__(self) -> str:
        return f"The first operation that differs is {self.node.op.name} ({place(self.node) or 'no line'}): {self.difference}."


def first_that_differs(runs: Sequence[Run]) -> Culprit | None:
    """The culprit among the graphs of a call; None if each node gives what its eager function gives."""
    for run in runs:
        for node, eager, compiled, shown in _nodes(run):
            found = difference(f"{node.op.name} -> {node.spec}", eager, compiled)
            if found is not None:
                return Culprit(node, found, shown)
    return None


def _nodes(run: Run) -> Iterator[tuple[Node, np.ndarray, np.ndarray, Run]]:
    """Each node of a graph with its eager and its compiled value; and what was compiled."""
    values: dict[Node, Any] = {}
    inputs = dict(zip(run.graph.inputs, run.arrays))
    evaluate(run.graph.nodes(), inputs, values, {})
    nodes = [n for n in run.graph.nodes() if n not in inputs and n.op is not CONSTANT and type(n.spec) is not tuple]
    for node in nodes:  # alone, between inputs computed eagerly
        graph, operands = _alone(node)
        yield _compiled(node, values, Run(graph, tuple([values[n]._value for n in operands])))
    for node in nodes[-ONE_BY_ONE:]:  # with all that comes before it, as it may be fused
        yield _compiled(node, values, Run(Graph(run.graph.inputs, (node,)), run.arrays))


def _alone(node: Node) -> tuple[Graph, list[Node]]:
    """A graph of one application, and the nodes whose values flow into it."""
    applied = node.inputs[0] if node.op is OUTPUT else node
    operands = list(dict.fromkeys(n for n in applied.inputs if n.op is not CONSTANT))
    make = Interner()
    inputs = [make.input(n.spec) for n in operands]
    stand_ins = dict(zip(operands, inputs))
    given = tuple([stand_ins[n] if n in stand_ins else make.keep(n) for n in applied.inputs])
    made = make.node(applied.op, given, applied.attrs, applied.spec, applied.line)
    return Graph(tuple(inputs), (made if applied is node else make.node(OUTPUT, (made,), node.attrs, node.spec, node.line),)), operands


def _compiled(node: Node, values: dict[Node, Any], run: Run) -> tuple[Node, np.ndarray, np.ndarray, Run]:
    return node, values[node]._value, backend.run(run.graph, run.arrays)[0], run


# A file that shows it again

_SCRIPT = '''"""{title}

Run this file: it computes the graph below by each operation's eager function and as compiled code.
"""

from pathlib import Path

from tracejit.verify import replay

GRAPH = """
{graph}"""

if __name__ == "__main__":
    print(replay(GRAPH, Path(__file__).with_name("inputs.npz")))
'''


def write_script(title: str, run: Run) -> Path:
    """Write a graph and its inputs to a new directory; the path of the script that runs it."""
    folder = Path(tempfile.mkdtemp(prefix="tracejit-verify-"))
    inputs: dict[str, Any] = {f"x{i}": np.ascontiguousarray(a).reshape(-1).view(np.uint8) for i, a in enumerate(run.arrays)}
    np.savez(folder / "inputs.npz", **inputs)  # as bytes: a file of NumPy's does not know every dtype
    script = folder / "reproduce.py"
    script.write_text(_SCRIPT.format(title=title, graph=print_graph(run.graph).replace("\\", "\\\\")), encoding="utf-8")
    return script


def replay(text: str, inputs: str | Path) -> str:
    """Run a graph's text on inputs that were kept, eagerly and compiled; what differs, in words."""
    graph = parse_graph(text)
    with np.load(inputs) as kept:
        arrays = [kept[f"x{i}"].view(node.dtype).reshape(node.shape) for i, node in enumerate(graph.inputs)]
    values: dict[Node, Any] = {}
    evaluate(graph.nodes(), dict(zip(graph.inputs, arrays)), values, {})
    results = zip(graph.outputs, backend.run(graph, arrays))
    found = [difference(f"{node.op.name} -> {node.spec}", values[node]._value, result) for node, result in results if node.op is not INPUT]
    return "\n".join(str(d) for d in found if d is not None) or "eager and compiled are equal"
