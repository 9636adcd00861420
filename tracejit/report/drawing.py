"""The tree of a function's paths, drawn: what Python is told, and where a call goes on."""

from __future__ import annotations

from typing import Any

from ..errors import place
from ..named import name_of
from ..paths import Junction, Leaf, Node, Tree


def drawn(tree: Tree) -> list[str]:
    """One line for each place: the segment, and what is asked at its end. A path that does not fork is not indented."""
    lines = []
    pending: list[tuple[Node, str, str]] = [(tree.root, "", "")]  # what its line begins with, and those of its ways
    while pending:
        node, first, rest = pending.pop()
        lines.append(first + _words(node))
        ways = [(node.words(answer), n) for answer, nodes in node.ways.items() for n in nodes] if isinstance(node, Junction) else []
        for number, (answer, following) in reversed(list(enumerate(ways))):
            last = number == len(ways) - 1
            step = "" if len(ways) == 1 else "  " if last else "│ "
            pending.append((following, f"{rest}{'└' if last else '├'} {answer}: ", rest + step))
    return lines


def _words(node: Node) -> str:
    if isinstance(node, Junction):
        if node.kind == "call":
            return f"{_operations(node.graph)}, then {name_of(node.function)} is called at {place(node.line)}"
        asked = "a truth" if node.kind == "truth" else "a value"
        return f"{_operations(node.graph)}, then {asked} is asked for at {place(node.line)}"
    assert isinstance(node, Leaf)
    if node.entry is None:
        return f"Python goes on: {node.reasons[0] if node.reasons else 'nothing is known of what follows'}"
    executable = node.entry.executable
    return f"{_operations(executable.plan.graph)}, then the results" if executable is not None else "the results"


def _operations(graph: Any) -> str:
    count = sum(node.kind not in ("input", "constant", "output") for node in graph.nodes())
    return f"{count} operation{'s' * (count != 1)}"
