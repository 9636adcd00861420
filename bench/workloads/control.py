"""A loop whose number of turns its values decide: some fifty of a few operations on 64 floats, where nothing counts but the way around."""

from __future__ import annotations

import importlib
from typing import Any

from ..workload import Target, Workload, everywhere, loops, program, uniform


def settle(xp: Any, x: Any, target: Any) -> Any:
    gap = target - x
    while (gap * gap).sum() > 1e-8:
        x = x + 0.2 * gap
        gap = target - x
    return x


def settle_as_said(while_loop: Any, x: Any, target: Any) -> Any:
    """The same, for libraries that want to be told of loops."""

    def apart(x: Any, gap: Any) -> Any:
        return (gap * gap).sum() > 1e-8

    def turn(x: Any, gap: Any) -> Any:
        x = x + 0.2 * gap
        return x, target - x

    return while_loop(apart, turn, (x, target - x))[0]


def _jax_loop(condition: Any, body: Any, start: Any) -> Any:
    return importlib.import_module("jax").lax.while_loop(lambda state: condition(*state), lambda state: body(*state), start)


LIBRARIES = ("numpy", "torch", "tracejit")
TOLD = {"jax": program(lambda peer: lambda *arrays: settle_as_said(_jax_loop, *arrays))}
HERE, THERE = (-2.0, 2.0), (-2.0, 2.0)
TARGET = Target(10.0, than="torch.compile")

ROWS = [
    Workload(
        f"while, some 50 turns, 64 floats{given}", "control", {**everywhere(settle, *libraries, own_arrays=own), **TOLD, **loops("settle")},
        uniform(HERE, THERE), (64,), (8,), TARGET, by_element=False,
    )
    for given, libraries, own in (("", LIBRARIES, True), (", NumPy arrays given", ("numpy", "tracejit"), False))
]  # fmt: skip
