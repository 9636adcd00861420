"""Making a random Python program that fails small: statements are left out, and blocks opened, while it still fails."""

from __future__ import annotations

import ast
import copy
from typing import Any, Callable, Iterator

Check = Callable[[str], list[str]]


def _blocks(tree: ast.AST) -> Iterator[list[Any]]:
    """The lists of statements that functions are made of, outermost first; those of globals and classes stay."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module) or (isinstance(node, ast.FunctionDef) and node.name == "arguments"):
            continue
        for field in ("body", "orelse", "finalbody"):
            block = getattr(node, field, None)
            if isinstance(block, list):
                yield block


def _others(statement: ast.stmt) -> list[list[Any]]:
    """What may stand in the place of a statement: nothing, or a block of its own."""
    inner = [b for b in (getattr(statement, f, None) for f in ("body", "orelse")) if isinstance(b, list) and b]
    return [[], *inner] if not isinstance(statement, ast.FunctionDef) else [[]]


def smaller(text: str) -> Iterator[str]:
    """Programs with one change that makes them smaller."""
    tree: Any = ast.parse(text)
    for n, statement in enumerate(tree.body):  # helpers, globals
        if not (isinstance(statement, ast.FunctionDef) and statement.name in ("program", "arguments")):
            changed = copy.deepcopy(tree)
            del changed.body[n]
            yield ast.unparse(changed)
    for b, block in enumerate(_blocks(tree)):
        for n in reversed(range(len(block))):
            for other in _others(block[n]):
                changed = copy.deepcopy(tree)
                place = list(_blocks(changed))[b]
                place[n : n + 1] = copy.deepcopy(other)
                if not place and place is not getattr(changed, "orelse", None):
                    place.append(ast.Pass())
                if ast.unparse(changed) != text:
                    yield ast.unparse(changed)
    for place, node in enumerate(_nodes(tree)):  # expressions become one of their parts
        for part in _parts(node):
            changed = copy.deepcopy(tree)
            _put(changed, place, part)
            yield ast.unparse(changed)


def _nodes(tree: ast.Module) -> list[ast.AST]:
    """All that functions consist of."""
    return [node for f in tree.body if isinstance(f, ast.FunctionDef) and f.name != "arguments" for node in ast.walk(f)]


def _parts(node: ast.AST) -> list[tuple[str, int | None, ast.expr]]:
    """(field, position, what may stand there instead) for the expressions that a node holds."""
    found: list[tuple[str, int | None, ast.expr]] = []
    for field, value in ast.iter_fields(node):
        for position, held in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if isinstance(held, (ast.BinOp, ast.Call, ast.Subscript, ast.IfExp, ast.Tuple, ast.List, ast.BoolOp)) and isinstance(getattr(held, "ctx", None), (ast.Load, type(None))):
                found += [(field, position, c) for c in ast.iter_child_nodes(held) if isinstance(c, ast.expr) and not isinstance(c, (ast.Slice, ast.Starred))]
    return found


def _put(tree: ast.AST, place: int, part: tuple[str, int | None, ast.expr]) -> None:
    field, position, value = part
    node = _nodes(tree)[place]
    if position is None:
        setattr(node, field, value)
    else:
        getattr(node, field)[position] = value


def reduced(text: str, check: Check, limit: int = 400) -> str:
    """The smallest program found, in so many attempts, that still fails the check."""
    text = ast.unparse(ast.parse(text))
    while limit > 0:
        for candidate in smaller(text):
            limit -= 1
            if len(candidate) < len(text) and check(candidate):
                text = candidate
                break
            if limit <= 0:
                break
        else:
            break
    return text
