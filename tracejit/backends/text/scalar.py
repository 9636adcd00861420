"""The functions that kernel texts call, for one element.

Each is a plain Python function on NumPy scalars, so a printed kernel can be stepped through; compiled, those of `TEXTS` are inlined
from their own text, the others are words of the translator. Results are IEEE's: nothing raises. To write one: take the operands'
dtype (literals are weak, `like(x, 1)` is a 1 of it), return any floating dtype (the kernel casts it), and add it to `TEXTS`.
The text of this file is part of what a compiled kernel depends on.
"""

from __future__ import annotations

import math
from typing import Any, Callable

import numpy as np

from ...ops.philox import philox
from . import bits, complex_numbers, elementary
from .bits import copysign, floor, like, quiet


# The processor's own

fmod = quiet(np.fmod)
NAN = math.nan
isnan, isinf, isfinite = math.isnan, math.isinf, math.isfinite

# Functions that are one instruction or two.
INSTRUCTIONS = ("sqrt", "copysign", "floor", "ceil", "trunc", "rint")
TESTS = ("isnan", "isinf", "isfinite")


# Arithmetic


def maximum(a: Any, b: Any) -> Any:
    """The larger; NaN if either is; the first of two zeros."""
    return a if a >= b or a != a else b


def minimum(a: Any, b: Any) -> Any:
    """The smaller; NaN if either is; the first of two zeros."""
    return a if a <= b or a != a else b


def larger_so_far(a: Any, b: Any) -> Any:
    """The larger of floats, as `maximum`, for accumulating: what there is so far, `a`, meets one comparison and one selection."""
    larger = b if b > a else a
    return larger if b == b else NAN


def smaller_so_far(a: Any, b: Any) -> Any:
    """The smaller of floats, as `minimum`, for accumulating."""
    smaller = b if b < a else a
    return smaller if b == b else NAN


def fmax(a: Any, b: Any) -> Any:
    """The larger; the other one if one is NaN."""
    return a if a >= b or b != b else b


def fmin(a: Any, b: Any) -> Any:
    """The smaller; the other one if one is NaN."""
    return a if a <= b or b != b else b


def remainder(a: Any, b: Any) -> Any:
    """What is left of a by floor division: it has the sign of b."""
    left = fmod(a, b)
    if left == like(a, 0):
        return copysign(left, b)
    if (b < like(b, 0)) != (left < like(a, 0)):
        return left + b
    return left


def floor_divide(a: Any, b: Any) -> Any:
    """The floor of the exact quotient, by way of the exact remainder."""
    zero, one = like(a, 0), like(a, 1)
    if b == zero:
        return a / b
    left = fmod(a, b)
    quotient = (a - left) / b
    if left != zero and (b < zero) != (left < zero):
        quotient = quotient - one
    if quotient == zero:
        return copysign(zero, a / b)
    whole = floor(quotient)
    return whole + one if quotient - whole > like(a, 0.5) else whole


def floor_divide_integer(a: Any, b: Any) -> Any:
    """The floor of a / b; 0 where b is 0; wraps for the lowest integer by -1."""
    zero = like(a, 0)
    if b == zero:
        return zero
    if b < zero and b + like(a, 1) == zero:
        return zero - a
    return a // b


def remainder_integer(a: Any, b: Any) -> Any:
    """What is left of a by floor division; 0 where b is 0."""
    zero = like(a, 0)
    if b == zero or (b < zero and b + like(a, 1) == zero):
        return zero
    return a % b


def fmod_integer(a: Any, b: Any) -> Any:
    """What is left of a by truncated division, with the sign of a; 0 where b is 0."""
    zero = like(a, 0)
    left = remainder_integer(a, b)
    return left - b if left != zero and (a < zero) != (b < zero) else left


# Casts of floats. What C leaves open (NaN, and values out of range) is here what NumPy gives on x86.


def i32_from_float(x: Any) -> Any:
    """Truncated; the lowest integer for what does not fit."""
    return np.int32(x) if abs(x) < 2147483648.0 else np.int32(-2147483648)


def i64_from_float(x: Any) -> Any:
    """Truncated; the lowest integer for what does not fit."""
    return np.int64(x) if abs(x) < 9223372036854775808.0 else np.int64(-9223372036854775808)


def i8_from_float(x: Any) -> Any:
    """The low bits of the 32-bit integer."""
    return np.int8(i32_from_float(x))


def i16_from_float(x: Any) -> Any:
    """The low bits of the 32-bit integer."""
    return np.int16(i32_from_float(x))


def u8_from_float(x: Any) -> Any:
    """The low bits of the 32-bit integer."""
    return np.uint8(i32_from_float(x))


def u16_from_float(x: Any) -> Any:
    """The low bits of the 32-bit integer."""
    return np.uint16(i32_from_float(x))


def u32_from_float(x: Any) -> Any:
    """The low bits of the 64-bit integer."""
    return np.uint32(i64_from_float(x))


def u64_from_float(x: Any) -> Any:
    """The 64-bit integer, shifted by half of the range where that is needed."""
    if x >= 9223372036854775808.0:
        return np.uint64(i64_from_float(x - 9223372036854775808.0)) ^ np.uint64(9223372036854775808)
    return np.uint64(i64_from_float(x))


def odd_f32(x: Any) -> Any:
    """A float64 as float32, rounded to odd if inexact: rounding that once more, to float16, is right to the last bit."""
    near = np.float32(x)
    bits = near.view(np.int32)
    gap = float(x) - float(near)
    if gap == 0.0 or gap != gap or not isfinite(near) or bits & 1:
        return near
    return np.int32(bits + 1 if (gap > 0.0) == (bits >= 0) else bits - 1).view(np.float32)


# Functions that are inlined from their text.
TEXTS: dict[str, Callable[..., Any]] = {
    f.__name__: f
    for f in (
        maximum, minimum, larger_so_far, smaller_so_far, fmax, fmin, remainder, floor_divide, floor_divide_integer, remainder_integer,
        fmod_integer,
        i32_from_float, i64_from_float, i8_from_float, i16_from_float,
        u8_from_float, u16_from_float, u32_from_float, u64_from_float, odd_f32, philox,
    )
}  # fmt: skip
FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{name: getattr(bits, name) for name in (*INSTRUCTIONS, "like")},
    **{name: globals()[name] for name in (*TESTS, "fmod")},
    **TEXTS,
    **complex_numbers.FUNCTIONS,
    **elementary.FUNCTIONS,
}
