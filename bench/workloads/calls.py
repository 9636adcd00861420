"""The two ends of the scale: calls so small that only the way to the kernel counts, and arrays so large that only memory does."""

from __future__ import annotations

from typing import Any

from ..workload import Target, Workload, everywhere, loops, numexpr, uniform


def multiply_add_one(xp: Any, a: Any, b: Any) -> Any:
    return a * b + 1.0


def add(xp: Any, a: Any, b: Any) -> Any:
    return a + b


def multiply_add(xp: Any, a: Any, b: Any, c: Any) -> Any:
    return a * b + c


def copy(xp: Any, a: Any) -> Any:
    return a.clone() if hasattr(a, "clone") else xp.copy(a)


ONE = (-2.0, 2.0)
SMALL = Target(1 / 0.6, than="JAX")
LARGE = Target(1.0, share=0.8)
TINY = {**numexpr("a * b + 1.0", "a", "b"), **loops("multiply_add_one")}

ROWS = [
    Workload("a·b + 1, 16 elements", "call", {**everywhere(multiply_add_one), **TINY}, uniform(ONE, ONE), (16,), (16,), SMALL, by_element=False),
    Workload(
        "a·b + 1, 16 elements, NumPy arrays given", "call",
        {**everywhere(multiply_add_one, "numpy", "jax", "tracejit", own_arrays=False), **TINY},
        uniform(ONE, ONE), (16,), (16,), SMALL, by_element=False,
    ),
    Workload("a + b, 16 M", "memory", {**everywhere(add), **numexpr("a + b", "a", "b"), **loops("add")}, uniform(ONE, ONE), (1 << 24,), (37,), LARGE),
    Workload(
        "a·b + c, 16 M", "memory", {**everywhere(multiply_add), **numexpr("a * b + c", "a", "b", "c"), **loops("multiply_add")},
        uniform(ONE, ONE, ONE), (1 << 24,), (37,), LARGE,
    ),
    Workload("copy, 16 M", "memory", {**everywhere(copy), **numexpr("a", "a"), **loops("copy")}, uniform(ONE), (1 << 24,), (37,), LARGE),
]  # fmt: skip
