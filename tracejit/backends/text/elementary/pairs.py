"""Numbers in two parts: a float, and what is to be added to it (Dekker; Knuth)."""

from __future__ import annotations

from typing import Any

from ..bits import fma


def two_sum(a: Any, b: Any) -> tuple[Any, Any]:
    """a + b, and what is lost by its rounding."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


def quotient(a: Any, a_rest: Any, b: Any, b_rest: Any) -> tuple[Any, Any]:
    """(a + a_rest) / (b + b_rest)."""
    near = a / b
    return near, (fma(-near, b, a) + fma(-near, b_rest, a_rest)) / b


def product(a: Any, a_rest: Any, b: Any, b_rest: Any) -> tuple[Any, Any]:
    """(a + a_rest) (b + b_rest)."""
    near = a * b
    return near, fma(a, b, -near) + fma(a, b_rest, a_rest * b)


def inverse(a: Any) -> tuple[Any, Any]:
    """1 / a."""
    near = 1.0 / a
    return near, near * fma(-near, a, 1.0)
