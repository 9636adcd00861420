"""The syntax tree of a function, found again in its file, and shown to be what the function was compiled from."""

from __future__ import annotations

import ast
import linecache
from functools import lru_cache
from types import CodeType, FunctionType
from typing import Iterator, NamedTuple


Definition = ast.FunctionDef | ast.Lambda


class Found(NamedTuple):
    """A function's definition, and the class it stands in (whose name mangles `__private` names)."""

    node: Definition
    within: str | None


class Unwoven(Exception):
    """Why a function has no twin."""


def find(function: FunctionType) -> Found:
    """The definition of a function. Raises Unwoven if its source is not at hand, or has changed since."""
    code = function.__code__
    lines = linecache.getlines(code.co_filename, function.__globals__)
    if not lines:
        raise Unwoven(f"the source of {function.__name__} is not at hand")
    try:
        codes, definitions = _parsed("".join(lines), code.co_filename)
    except SyntaxError:
        raise Unwoven(f"the source of {function.__name__} has changed") from None
    place = (code.co_name, code.co_firstlineno)
    if not any(_same(code, other) for other in codes.get(place, ())):
        raise Unwoven(f"the source of {function.__name__} has changed")
    for found in definitions.get(place, ()):
        if not isinstance(found.node, ast.Lambda) or _is_body(found.node.body, code):
            return found
    raise Unwoven(f"the source of {function.__name__} is not at hand")


Place = tuple[str, int]  # a name, and the first line


@lru_cache(maxsize=64)
def _parsed(text: str, filename: str) -> tuple[dict[Place, list[CodeType]], dict[Place, list[Found]]]:
    """The codes of a file, and the definitions in it."""
    tree = ast.parse(text, filename)
    codes: dict[Place, list[CodeType]] = {}
    for code in _codes(compile(tree, filename, "exec", dont_inherit=True)):
        codes.setdefault((code.co_name, code.co_firstlineno), []).append(code)
    definitions: dict[Place, list[Found]] = {}
    for found in _definitions(tree, None):
        node = found.node
        name = "<lambda>" if isinstance(node, ast.Lambda) else node.name
        first = node.decorator_list[0].lineno if isinstance(node, ast.FunctionDef) and node.decorator_list else node.lineno
        definitions.setdefault((name, first), []).append(found)
    return codes, definitions


def _codes(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes(constant)


def _same(code: CodeType, other: CodeType) -> bool:
    return (
        (code.co_firstlineno, code.co_name, code.co_code, code.co_names) == (other.co_firstlineno, other.co_name, other.co_code, other.co_names)
        and len(code.co_consts) == len(other.co_consts)
        and all(a == b or isinstance(a, CodeType) for a, b in zip(code.co_consts, other.co_consts))
        and list(code.co_positions()) == list(other.co_positions())
    )


def _definitions(node: ast.AST, within: str | None) -> Iterator[Found]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Definition):
            yield Found(child, within)
        yield from _definitions(child, child.name if isinstance(child, ast.ClassDef) else within)


def _is_body(body: ast.expr, code: CodeType) -> bool:
    """Whether an expression is what a lambda's code computes."""
    return (body.lineno, body.end_lineno, body.col_offset, body.end_col_offset) in set(code.co_positions())
