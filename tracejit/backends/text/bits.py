"""The words that elementary functions are written in, for one element in Python: floats as their bits, and a·b + c rounded once.

A literal in the text of a function is weak, as in NumPy 2: beside a float32 it is a float32. So one text serves where two
dtypes share coefficients, and `name_f32` and `name_f64` stand where they do not.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any, Callable

import numpy as np

f32, f64, i32, i64 = np.float32, np.float64, np.int32, np.int64


def quiet(function: Callable[..., Any]) -> Callable[..., Any]:
    """A NumPy function of scalars that says nothing of overflow, of division by zero, of NaN."""

    def scalar(*operands: Any) -> Any:
        with np.errstate(all="ignore"):
            return function(*operands)

    return scalar


sqrt, copysign = quiet(np.sqrt), quiet(np.copysign)
floor, ceil, trunc, rint = quiet(np.floor), quiet(np.ceil), quiet(np.trunc), quiet(np.rint)


def like(x: Any, value: Any) -> Any:
    """`value` in the dtype of `x`."""
    with np.errstate(all="ignore"):
        return type(x)(value)


def bits(x: Any) -> Any:
    """The bits of a float, as a signed integer of its size."""
    return x.view(np.int32 if x.dtype == np.float32 else np.int64)


def from_bits(i: Any) -> Any:
    """The float of these bits: float32 of an int32, float64 of an int64."""
    return i.view(np.float32 if i.dtype == np.int32 else np.float64)


def fma(a: Any, b: Any, c: Any) -> Any:
    """a·b + c, rounded once (IEEE 754-2019, 5.4.1)."""
    dtype = np.result_type(*(v for v in (a, b, c) if isinstance(v, np.generic)))
    a, b, c = (dtype.type(v) for v in (a, b, c))
    with np.errstate(all="ignore"):
        plain = a * b + c
    if not (math.isfinite(a) and math.isfinite(b)):
        return plain
    if not math.isfinite(c):
        return c
    exact = Fraction(float(a)) * Fraction(float(b)) + Fraction(float(c))
    if exact == 0:
        return plain if plain == 0 and (a == 0 or b == 0) else dtype.type(0)
    return _nearest(exact, dtype)


def _nearest(exact: Fraction, dtype: np.dtype) -> Any:
    """A fraction in a floating dtype. By way of float64 it would be rounded twice, unless the first rounding is to odd."""
    try:
        value = float(exact)
    except OverflowError:
        return dtype.type(math.inf if exact > 0 else -math.inf)
    if dtype == np.float32 and math.isfinite(value) and Fraction(value) != exact and not np.float64(value).view(np.int64) & 1:
        value = math.nextafter(value, math.inf if exact > value else -math.inf)
    with np.errstate(all="ignore"):
        return dtype.type(value)


def rarely(condition: Any) -> bool:
    """A condition that seldom holds: compiled, what stands under it is jumped over unless it holds for one of the elements at hand."""
    return bool(condition)


def apart(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function for what seldom happens and takes a long text: compiled once, for one element at a time, and not inlined."""
    function.apart = True  # type: ignore[attr-defined]
    return function


def by_dtype(single: Callable[..., Any], double: Callable[..., Any]) -> Callable[..., Any]:
    """One function of two texts, `name_f32` and `name_f64`: the dtype of the first operand says which. They are its `texts`."""

    def either(x: Any, *rest: Any) -> Any:
        return (single if x.dtype == np.float32 else double)(x, *rest)

    either.__name__, either.__doc__ = single.__name__.removesuffix("_f32"), single.__doc__
    either.texts = {"f32": single, "f64": double}  # type: ignore[attr-defined]
    return either
