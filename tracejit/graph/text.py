"""Graphs as text: printed as a Python function, and parsed back."""

from __future__ import annotations

import ast
import os
from functools import lru_cache
from typing import Any

import numpy as np

from ..op import OPS, Op
from ..spec import DTYPES, SHORT_NAMES, TensorSpec
from .ir import CONSTANT, INPUT, OUTPUT, Graph, Interner, Node, subgraphs

_DTYPE_NAMES = {dtype.name: dtype for dtype in DTYPES}
_SPEC_NAMES = {short: dtype for dtype, short in SHORT_NAMES.items()}


def print_graph(graph: Graph, lines: bool = True) -> str:
    """The graph as a Python function; with `lines`, each statement names its spec and the user's line."""
    return "\n".join([*_function("graph", graph, lines), ""])


def _function(name: str, graph: Graph, lines: bool) -> list[str]:
    """The lines of a graph as a function of this name; graphs in attributes are functions inside, before what uses them."""
    names = {node: f"x{i}" for i, node in enumerate(graph.inputs)}
    body: list[str] = []
    for node in graph.nodes():
        if node in names:
            continue
        names[node] = f"t{len(names) - len(graph.inputs)}"
        inner: dict[int, str] = {}
        for number, sub in enumerate(subgraphs(node)):
            inner[id(sub)] = f"{names[node]}_{number}"
            body += ["    " + line for line in _function(inner[id(sub)], sub, lines)]
        statement = f"    {names[node]} = {_expression(node, names, inner)}"
        body.append(f"{statement:<64}  # {_comment(node)}" if lines else statement)
    head = ", ".join(f'{names[n]}: "{n.spec}"' for n in graph.inputs)
    returned = "".join(f"{names[n]}, " for n in graph.outputs)
    return [f"def {name}({head}):", *body, f"    return ({returned.rstrip()})"]


def _expression(node: Node, names: dict[Node, str], inner: dict[int, str]) -> str:
    if node.op is OUTPUT:
        return f"{names[node.inputs[0]]}[{node.attr('index')}]"
    if node.op is CONSTANT:
        return f"constant({_value(node.attr('value'))}, {node.dtype.name})"
    if node.op is INPUT:
        raise ValueError("a graph reads an input it does not list")
    arguments = [names[n] for n in node.inputs] + [f"{name}={_value(value, inner)}" for name, value in node.attrs]
    return f"{node.op.name}({', '.join(arguments)})"


def _value(value: Any, inner: dict[int, str] | None = None) -> str:
    if isinstance(value, Graph):
        return (inner or {})[id(value)]
    if isinstance(value, np.dtype):
        return value.name
    if isinstance(value, Op):
        return value.name
    if isinstance(value, tuple):
        return "(" + "".join(f"{_value(v, inner)}, " for v in value).rstrip() + ")"
    return repr(value)


def _comment(node: Node) -> str:
    spec = ", ".join(map(str, node.spec)) if type(node.spec) is tuple else str(node.spec)
    return f"{spec:<14} {place(node)}".rstrip()


def place(node: Node) -> str:
    """The user's file and line of a node."""
    return "" if node.line is None else _shown(*node.line)


@lru_cache(maxsize=4096)
def _shown(file: str, line: int) -> str:
    return f"{os.path.basename(file)}:{line}"


def parse_graph(text: str) -> Graph:
    """The graph a text prints. Raises ValueError where the text is not such a function."""
    function = ast.parse(text).body[0]
    return _parse_function(function)


def _parse_function(function: ast.stmt) -> Graph:
    if not isinstance(function, ast.FunctionDef):
        raise ValueError("a graph's text is one function")
    make = Interner()
    nodes: dict[str, Any] = {a.arg: make.input(_parse_spec(ast.literal_eval(a.annotation))) for a in function.args.args}  # type: ignore[arg-type]
    inputs = tuple(nodes.values())
    for statement in function.body:
        if isinstance(statement, ast.FunctionDef):
            nodes[statement.name] = _parse_function(statement)
        elif isinstance(statement, ast.Assign):
            nodes[statement.targets[0].id] = _parse_expression(statement.value, nodes, make)  # type: ignore[attr-defined]
        elif isinstance(statement, ast.Return):
            return Graph(inputs, tuple(nodes[e.id] for e in statement.value.elts))  # type: ignore[union-attr]
    raise ValueError("a graph's text ends with a return")


def _parse_spec(text: str) -> TensorSpec:
    name, _, extents = text.rstrip("]").partition("[")
    return TensorSpec(tuple(int(e) for e in extents.split(",") if e), _SPEC_NAMES[name])


def _parse_expression(expression: ast.expr, nodes: dict[str, Any], make: Interner) -> Node:
    if isinstance(expression, ast.Subscript):
        source, index = nodes[expression.value.id], ast.literal_eval(expression.slice)  # type: ignore[attr-defined]
        return make.node(OUTPUT, (source,), (("index", index),), source.spec[index])
    if not isinstance(expression, ast.Call):
        raise ValueError(f"not an application: {ast.unparse(expression)}")
    name = expression.func.id  # type: ignore[attr-defined]
    if name == "constant":
        return make.constant(*(_parse_value(a) for a in expression.args))
    inputs = tuple(nodes[a.id] for a in expression.args)  # type: ignore[attr-defined]
    graphs = {name: value for name, value in nodes.items() if isinstance(value, Graph)}
    attrs = {k.arg: _parse_value(k.value, graphs) for k in expression.keywords}
    return make.apply(OPS[name], inputs, attrs)  # type: ignore[arg-type]


def _parse_value(expression: ast.expr, graphs: dict[str, Graph] | None = None) -> Any:
    scope = {**OPS, **_DTYPE_NAMES, **(graphs or {}), "inf": float("inf"), "nan": float("nan")}
    return eval(compile(ast.Expression(expression), "<tracejit graph>", "eval"), {"__builtins__": {}}, scope)
