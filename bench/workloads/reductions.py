"""Sums, means and variances over the first, the last and all axes of a matrix, in cache and out of it."""

from __future__ import annotations

from typing import Any, Callable, Mapping

from ..workload import Program, Target, Workload, amount, everywhere, loops, numexpr, uniform

AXES: dict[str, int | None] = {"first": 0, "last": -1, "all": None}


def reduction(name: str, axis: int | None) -> Callable[..., Any]:
    def body(xp: Any, x: Any) -> Any:
        return getattr(xp, name)(x) if axis is None else getattr(xp, name)(x, axis)

    return body


def torch_variance(axis: int | None) -> Callable[..., Any]:
    """PyTorch divides by n - 1 unless told otherwise."""
    return lambda xp, x: xp.var(x, axis, correction=0)


def programs(name: str, place: str) -> Mapping[str, Program]:
    axis = AXES[place]
    found = {**everywhere(reduction(name, axis)), **loops(f"{name}_{place}")}
    if name == "var":
        found |= everywhere(torch_variance(axis), "torch")
    if name == "sum":
        found |= numexpr("sum(x)" if axis is None else f"sum(x, {axis % 2})", "x")
    return found


ROWS = [
    Workload(f"{name}, {place} axis, {amount(*shape)}" if place != "all" else f"{name}, all axes, {amount(*shape)}", "reductions",
             programs(name, place), uniform((0, 1)), shape, (9, 7), Target(1.0, share=share))
    for name in ("sum", "mean", "var")
    for place in AXES
    for shape, share in (((256, 256), None), ((4096, 4096), 0.8))
]  # fmt: skip
