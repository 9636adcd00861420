"""Stencils: each result is a mean of its neighbours, one step or ten in one function. A step is smaller by its rim."""

from __future__ import annotations

from typing import Any, Callable

from ..workload import Target, Workload, amount, everywhere, loops, uniform

STEPS = 10


def five_points(xp: Any, u: Any) -> Any:
    return 0.5 * u[1:-1, 1:-1] + 0.125 * (u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:])


def seven_points(xp: Any, u: Any) -> Any:
    middle = u[1:-1, 1:-1, 1:-1]
    around = u[:-2, 1:-1, 1:-1] + u[2:, 1:-1, 1:-1] + u[1:-1, :-2, 1:-1] + u[1:-1, 2:, 1:-1] + u[1:-1, 1:-1, :-2] + u[1:-1, 1:-1, 2:]
    return 0.4 * middle + 0.1 * around


def repeated(step: Callable[..., Any]) -> Callable[..., Any]:
    def body(xp: Any, u: Any) -> Any:
        for _ in range(STEPS):
            u = step(xp, u)
        return u

    return body


KINDS = {
    "5-point stencil": (five_points, "five_points", (25, 27), ((512, 512), (4096, 4096)), ((256, 256), (2048, 2048))),
    "7-point stencil": (seven_points, "seven_points", (23, 24, 25), ((64, 64, 64), (256, 256, 256)), ((48, 48, 48), (160, 160, 160))),
}

ROWS = [
    Workload(f"{name}{label}, {amount(*shape)}", "stencils", programs, uniform((0, 1)), shape, tiny, Target(1.3))
    for name, (step, loop, tiny, once, often) in KINDS.items()
    for label, programs, shapes in (
        ("", {**everywhere(step), **loops(loop)}, once),
        (f", {STEPS} steps", {**everywhere(repeated(step)), **loops(f"{loop}_repeated")}, often),
    )
    for shape in shapes
]
