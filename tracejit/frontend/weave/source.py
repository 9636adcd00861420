"""The syntax tree of a function, found again in its file, and shown to be what the function was compiled from."""

from __future__ import annotations

import ast
import inspect
import linecache
import textwrap
from functools import lru_cache
from types import CodeType, FunctionType
from typing import Any, Iterator, NamedTuple

from ..watch import LIBRARY, side_of_file

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
    if side_of_file(code.co_filename) == LIBRARY and code.co_name != "<lambda>":
        return _alone(lines, code)
    try:
        tree, module = _parsed("".join(lines), code.co_filename)
    except SyntaxError:
        raise Unwoven(f"the source of {function.__name__} has changed") from None
    if not any(_same(code, other) for other in _codes(module)):
        raise Unwoven(f"the source of {function.__name__} has changed")
    for found in _definitions(tree, None):
        if _stands_at(found.node, code):
            return found
    raise Unwoven(f"the source of {function.__name__} is not at hand")


def _alone(lines: list[str], code: CodeType) -> Found:
    """A function of an installed library, parsed without the rest of its long file, which does not change while it is imported."""
    first = code.co_firstlineno - 1
    tree = ast.parse(textwrap.dedent("".join(inspect.getblock(lines[first:]))))
    node = ast.increment_lineno(tree, first).body[0]  # type: ignore[attr-defined]
    if not isinstance(node, ast.FunctionDef) or node.name != code.co_name:
        raise Unwoven(f"the source of {code.co_name} is not at hand")
    *_, within, _ = ("<locals>", *code.co_qualname.split("."))
    return Found(node, None if within == "<locals>" else within)


@lru_cache(maxsize=64)
def _parsed(text: str, filename: str) -> tuple[ast.Module, CodeType]:
    tree = ast.parse(text, filename)
    return tree, compile(tree, filename, "exec", dont_inherit=True)


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


def _stands_at(node: Any, code: CodeType) -> bool:
    if isinstance(node, ast.Lambda):
        body = (node.body.lineno, node.body.end_lineno, node.body.col_offset, node.body.end_col_offset)
        return code.co_name == "<lambda>" and code.co_firstlineno == node.lineno and body in set(code.co_positions())
    first = node.decorator_list[0].lineno if node.decorator_list else node.lineno
    return code.co_name == node.name and code.co_firstlineno == first
