"""An op that eager mode applies, as a graph of one node; and the text by which graphs are known again."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from ..device import is_array
from ..graph.ir import OUTPUT, Graph, Interner
from ..graph.text import print_graph
from ..op import Op
from ..ops.casts import cast
from ..spec import TensorSpec


def graph_of(op: Op, values: tuple[Any, ...], attrs: dict[str, Any]) -> Graph:
    """An op of arrays and Python numbers, all of them inputs, each cast to what the op takes."""
    make = Interner()
    described = [TensorSpec(v.shape, v.dtype) if is_array(v) else v for v in values]
    dtypes = op.operand_dtypes(*described, **attrs) if op.kind == "elementwise" else [s.dtype for s in described]  # type: ignore[attr-defined]
    inputs = [make.input(s if isinstance(s, TensorSpec) else TensorSpec((), dtype)) for s, dtype in zip(described, dtypes)]
    operands = [
        n if n.dtype == dtype else make.node(cast, (n,), (("dtype", dtype),), TensorSpec(n.shape, dtype))
        for n, dtype in zip(inputs, dtypes)
    ]  # fmt: skip
    spec = op.spec(*described, **attrs)
    node = make.node(op, tuple(operands), tuple(attrs.items()), spec)
    outputs = [make.node(OUTPUT, (node,), (("index", k),), s) for k, s in enumerate(spec)] if type(spec) is tuple else [node]
    return Graph(tuple(inputs), tuple(outputs))


@lru_cache(maxsize=8)
def text_of(graph: Graph) -> str:
    """A graph that has just run is asked for again when it is kept."""
    return print_graph(graph, lines=False)
