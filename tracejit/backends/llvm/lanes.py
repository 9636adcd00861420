"""How many iterations of a loop run side by side."""

from __future__ import annotations

import ast
from collections import Counter
from functools import lru_cache
from typing import Any

from .assembly import BITS
from .calls import called_in, is_called
from .machine import register_bytes
from .pairs import REAL

VALUES = 32  # registers of values that are alive at a time; those beyond the processor's wait in memory meanwhile
CALL = 80  # instructions of a function that is inlined, about
SHORT = 100  # instructions of a loop that is worth compiling in two widths
LONGEST = 2000  # instructions of a loop beyond which it takes no more registers a value: they are compiled one by one


@lru_cache(maxsize=512)
def assigned(node: ast.AST) -> frozenset[str]:
    """The names that a statement may assign."""
    return frozenset(n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))


def is_few(node: ast.For) -> bool:
    """Whether its iterations are too few to be worth machine code of their own for whole vectors."""
    return isinstance(node.iter, ast.Call) and isinstance(node.iter.func, ast.Name) and node.iter.func.id == "few"


def lanes_of(node: ast.For, env: dict[str, Any], calls: Counter[str]) -> list[int]:
    """How many lanes a loop has: as many of the widest numbers it works on as fill a register, or several registers a value if few
    values are alive at a time. Then operations that wait for one another are of several vectors in turn; a short loop goes on
    with one register a value where that many do not fit any more. `calls`: the kernel's."""
    sizes = [2]
    pairs = False  # whether values may be complex: each takes two registers
    last: dict[str, int] = {}  # the last statement that reads a name
    for place, statement in enumerate(node.body):
        for inner in ast.walk(statement):
            if not isinstance(inner, ast.Name):
                continue
            kind = env[inner.id].kind.removeprefix("pointer ") if inner.id in env else inner.id
            if kind in BITS and (inner.id not in env or kind != "i64"):
                sizes.append(BITS[REAL.get(kind, kind)] // 8)
                pairs |= kind in REAL
            last[inner.id] = place
    alive, most = set[str](), 0
    for place, statement in enumerate(node.body):
        alive |= assigned(statement) - env.keys()
        most = max(most, len(alive) * (1 + pairs))
        alive = {name for name in alive if last.get(name, place) > place}
    lanes = register_bytes() // max(sizes)
    if is_few(node):
        return [lanes]
    length = len(node.body) + CALL * sum(count for name, count in called_in(node).items() if not is_called(name, calls))
    for registers in (4, 2):
        if registers * most <= VALUES and registers * length <= LONGEST:
            return [registers * lanes, lanes] if length <= SHORT else [registers * lanes]
    return [lanes]
