"""The remainder of division by truncation, exact, where the processor has no instruction for it and no library is called."""

from __future__ import annotations

from typing import Any

import numpy as np

from .bits import apart, bits, by_dtype, copysign, f32, f64, fma, from_bits, rarely, trunc

INF = float("inf")


def fmod_f32(a: Any, b: Any) -> Any:
    """What is left of a by division by b, the quotient truncated: exact, with the sign of a. NaN for infinite a and for b = 0."""
    x, y = abs(a), abs(b)
    if x < y:
        return a
    quotient = trunc(x / y)
    left = fma(-quotient, y, x)  # exact, and below 0 where the quotient was rounded up to the next integer
    left = left + y if left < 0 else left
    if rarely(not quotient < 8388608.0):
        left = long_division_f32(x, y)
    return copysign(left, a)


def fmod_f64(a: Any, b: Any) -> Any:
    """What is left of a by division by b, the quotient truncated: exact, with the sign of a. NaN for infinite a and for b = 0."""
    x, y = abs(a), abs(b)
    if x < y:
        return a
    quotient = trunc(x / y)
    left = fma(-quotient, y, x)
    left = left + y if left < 0 else left
    if rarely(not quotient < 4503599627370496.0):
        left = long_division_f64(x, y)
    return copysign(left, a)


@apart
def long_division_f32(x: Any, y: Any) -> Any:
    """x modulo y for x ≥ y ≥ 0, by long division of the significands: 40 bits of the quotient in a round."""
    if not (x < INF and y > 0.0):
        return (x - x) / (y - y)
    i, j = np.int64(bits(x)), np.int64(bits(y))
    above, below = i >> 23, j >> 23
    left = np.uint64(i & 0x7FFFFF | 0x800000 if above > 0 else i)
    divisor = np.uint64(j & 0x7FFFFF | 0x800000 if below > 0 else j)
    below = below if below > 0 else np.int64(1)
    places = above - below  # of the quotient that are left, after the first
    left = left % divisor
    while places > 0:
        step = places if places < 40 else np.int64(40)
        left = (left << np.uint64(step)) % divisor
        places = places - step
    unit = below - 23 << 23 if below > 23 else np.int64(1) << below - 1
    return f32(left) * from_bits(np.int32(unit))


@apart
def long_division_f64(x: Any, y: Any) -> Any:
    """x modulo y for x ≥ y ≥ 0, by long division of the significands: 11 bits of the quotient in a round."""
    if not (x < INF and y > 0.0):
        return (x - x) / (y - y)
    i, j = bits(x), bits(y)
    above, below = i >> 52, j >> 52
    left = np.uint64(i & 0xFFFFFFFFFFFFF | 0x10000000000000 if above > 0 else i)
    divisor = np.uint64(j & 0xFFFFFFFFFFFFF | 0x10000000000000 if below > 0 else j)
    below = below if below > 0 else np.int64(1)
    places = above - below
    left = left % divisor
    while places > 0:
        step = places if places < 11 else np.int64(11)
        left = (left << np.uint64(step)) % divisor
        places = places - step
    unit = below - 52 << 52 if below > 52 else np.int64(1) << below - 1
    return f64(left) * from_bits(unit)


fmod = by_dtype(fmod_f32, fmod_f64)
