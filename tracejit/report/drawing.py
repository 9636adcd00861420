"""The tree of a function's paths, drawn: what Python is told, and where a call goes on."""

from __future__ import annotations

from typing import Any, Iterator

from ..errors import place
from ..named import name_of
from ..paths import Junction, Leaf, Node, Tree


def drawn(tree: Tree) -> list[str]:
    """One line for each place: the segment, and what is asked at its end."""
    return list(_lines(tree.root, "", ""))


def _lines(node: Node, first: str, rest: str) -> Iterator[str]:
    yield first + _words(node)
    ways = [(node.words(answer), following) for answer, nodes in node.ways.items() for following in nodes] if isinstance(node, Junction) else []
    for number, (answer, following) in enumerate(ways):
        last = number == len(ways) - 1
        step = "" if len(ways) == 1 else "  " if last else "│ "  # a path that does not fork is not indented
        yield from _lines(following, f"{rest}{'└' if last else '├'} {answer}: ", rest + step)


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
