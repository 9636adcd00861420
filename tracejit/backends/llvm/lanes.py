"""How many iterations of a loop run side by side."""

from __future__ import annotations

import ast
from collections import Counter
from functools import lru_cache
from typing import Any

from .assembly import BITS
from .machine import register_bytes

VALUES = 32  # registers of values that are alive at a time; those beyond the processor's wait in memory meanwhile
OFTEN = 2  # calls of a function from which on it is compiled once for all of them
CALL = 80  # instructions of a function that is called, about
SHORT = 100  # instructions of a loop that is worth compiling in two widths
ONCE = 300  # instructions of functions that are called that are worth compiling twice, for whole vectors and for the last
LONGEST = 2000  # instructions of a loop beyond which it takes no more registers a value: they are compiled one by one


@lru_cache(maxsize=None)
def assigned(node: ast.AST) -> frozenset[str]:
    """The names that a statement may assign."""
    return frozenset(n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))


def lanes_of(node: ast.For, env: dict[str, Any]) -> tuple[list[int], bool]:
    """How many lanes a loop has: as many of the widest numbers it works on as fill a register, or several registers a value if few
    values are alive at a time. Then operations that wait for one another are of several vectors in turn; a short loop goes on
    with one register a value where that many do not fit any more. And whether it calls so much that it is compiled only once, its
    vectors all under a mask: machine code takes time to make, some 15 µs an instruction."""
    sizes, names = [2], Counter[str]()
    last: dict[str, int] = {}  # the last statement that reads a name
    for place, statement in enumerate(node.body):
        for inner in ast.walk(statement):
            if isinstance(inner, ast.Call) and isinstance(inner.func, ast.Name) and inner.func.id not in BITS:
                names[inner.func.id] += 1
            if not isinstance(inner, ast.Name):
                continue
            kind = env[inner.id].kind.removeprefix("pointer ") if inner.id in env else inner.id
            if kind in BITS and (inner.id not in env or kind != "i64"):
                sizes.append(BITS[kind] // 8)
            last[inner.id] = place
    alive, most = set[str](), 0
    for place, statement in enumerate(node.body):
        alive |= assigned(statement) - env.keys()
        most = max(most, len(alive))
        alive = {name for name in alive if last.get(name, place) > place}
    lanes = register_bytes() // max(sizes)
    calls = sum(count if count < OFTEN else 1 for count in names.values())
    length, once = len(node.body) + CALL * calls, CALL * calls > ONCE
    for registers in (4, 2):
        if registers * most <= VALUES and registers * length <= LONGEST:
            return [registers * lanes, lanes] if length <= SHORT else [registers * lanes], once
    return [lanes], once
