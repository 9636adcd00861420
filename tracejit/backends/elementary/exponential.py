"""exp, exp2, expm1, and the logistic functions.

exp(x) = 2ᵏ exp(r): k is the integer nearest to x / log 2, r = x - k log 2, and exp(r) a polynomial for |r| ≤ (log 2) / 2. Adding
SHIFT rounds to an integer, and leaves k plus the exponent's bias in the lowest bits: a shift to the left makes 2ᵏ of them.
Coefficients are minimax (Remez), rounded one after the other with the rest refitted; errors are the worst over all
float32, and over some 10⁷ float64.
"""

from __future__ import annotations

from typing import Any

from ..bits import bits, by_dtype, copysign, fma, from_bits, like, rarely
from .logarithm import log1p


LOG2_E, LN2 = 1.4426950408889634, 0.6931471805599453
LN2_HIGH_F32, LN2_LOW_F32 = 0.6931471824645996, -1.9046542121259336e-09
LN2_HIGH_F64, LN2_LOW_F64 = 0.6931471805599453, 2.3190468138462996e-17
SHIFT_F32, BIAS_F32 = 12583039.0, 127  # 1.5·2²³ + 127
SHIFT_F64, BIAS_F64 = 6755399441056767.0, 1023  # 1.5·2⁵² + 1023
INFINITY = float("inf")


# exp(r) = 1 + r + r² tail(r) for |r| ≤ (log 2) / 2


def tail_f32(r: Any) -> Any:
    """Degree 4: exp(r) to 2^-28."""
    return fma(r, fma(r, fma(r, fma(r, 0.0013840304, 0.008368808), 0.041668054), 0.1666652), 0.49999994)


def tail_f64(r: Any) -> Any:
    """Degree 9: exp(r) to 2^-58."""
    square = r * r
    fourth = square * square
    low = fma(square, fma(r, 0.008333333333307248, 0.04166666666651884), fma(r, 0.166666666666667, 0.5000000000000012))
    high = fma(square, fma(r, 2.755721644033279e-06, 2.4801490609420682e-05), fma(r, 0.0001984126991725063, 0.0013888888946271267))
    top = fma(r, 2.5117812977982894e-08, 2.7631068816133757e-07)
    return fma(fourth, fma(fourth, top, high), low)


# 2ᵏ y for k whose power of two is no normal float. Two factors: the first product is exact, and the second rounds once.


def scaled_f32(y: Any, k: Any) -> Any:
    half = k >> 1
    return y * from_bits((half + BIAS_F32) << 23) * from_bits((k - half + BIAS_F32) << 23)


def scaled_f64(y: Any, k: Any) -> Any:
    half = k >> 1
    return y * from_bits((half + BIAS_F64) << 52) * from_bits((k - half + BIAS_F64) << 52)


def exp_f32(x: Any) -> Any:
    """0.90 ulp."""
    t = fma(x, LOG2_E, SHIFT_F32)
    k = t - SHIFT_F32
    r = fma(k, -LN2_LOW_F32, fma(k, -LN2_HIGH_F32, x))
    fraction = fma(r, fma(r, tail_f32(r), 1.0), 1.0)
    y = fraction * from_bits(bits(t) << 23)
    if rarely(not abs(x) < 87.0):
        y = scaled_f32(fraction, bits(t) - bits(like(x, SHIFT_F32)))
        y = like(x, INFINITY) if x > 88.73 else like(x, 0.0) if x < -104.0 else y
    return y


def exp_f64(x: Any) -> Any:
    """0.9 ulp."""
    t = fma(x, LOG2_E, SHIFT_F64)
    k = t - SHIFT_F64
    r = fma(k, -LN2_LOW_F64, fma(k, -LN2_HIGH_F64, x))
    fraction = fma(r, fma(r, tail_f64(r), 1.0), 1.0)
    y = fraction * from_bits(bits(t) << 52)
    if rarely(not abs(x) < 708.0):
        y = scaled_f64(fraction, bits(t) - bits(like(x, SHIFT_F64)))
        y = like(x, INFINITY) if x > 709.79 else like(x, 0.0) if x < -746.0 else y
    return y


def exp2_f32(x: Any) -> Any:
    """x less the nearest integer is exact. Degree 6, 2^-28."""
    t = x + SHIFT_F32
    r = x - (t - SHIFT_F32)
    q = fma(r, fma(r, fma(r, fma(r, 0.00015462865, 0.0013390986), 0.0096180625), 0.055503596), 0.2402265)
    fraction = fma(r, fma(r, q, LN2), 1.0)
    y = fraction * from_bits(bits(t) << 23)
    if rarely(not abs(x) < 126.0):
        y = scaled_f32(fraction, bits(t) - bits(like(x, SHIFT_F32)))
        y = like(x, INFINITY) if x >= 128.0 else like(x, 0.0) if x < -151.0 else y
    return y


def exp2_f64(x: Any) -> Any:
    """x less the nearest integer is exact. Degree 11, 2^-58."""
    t = x + SHIFT_F64
    r = x - (t - SHIFT_F64)
    square = r * r
    fourth = square * square
    low = fma(square, fma(r, 0.0013333558146255526, 0.009618129107597672), fma(r, 0.05550410866482261, 0.2402265069591012))
    high = fma(square, fma(r, 1.0178021380312324e-07, 1.321543678814689e-06), fma(r, 1.5252733948638472e-05, 0.00015403530453516416))
    top = fma(r, 4.460349162399297e-10, 7.073559173704309e-09)
    q = fma(fourth, fma(fourth, top, high), low)
    fraction = fma(r, fma(r, q, LN2), 1.0)
    y = fraction * from_bits(bits(t) << 52)
    if rarely(not abs(x) < 1022.0):
        y = scaled_f64(fraction, bits(t) - bits(like(x, SHIFT_F64)))
        y = like(x, INFINITY) if x >= 1024.0 else like(x, 0.0) if x < -1076.0 else y
    return y


def expm1_f32(x: Any) -> Any:
    """2ᵏ (exp(r) - 1) + (2ᵏ - 1)."""
    z = like(x, -20.0) if x < -20.0 else x
    t = fma(z, LOG2_E, SHIFT_F32)
    k = t - SHIFT_F32
    high, low = fma(k, -LN2_HIGH_F32, z), k * -LN2_LOW_F32
    r = high + low
    power = from_bits(bits(t) << 23)
    less = power - 1.0
    total = fma(power, high, less)
    lost = fma(power, high, less - total) + ((power - less) - 1.0)
    y = total + fma(power, fma(r * r, tail_f32(r), fma(r, low - (r - high), low)), lost)
    if rarely(x > 88.0):
        y = exp_f32(x)
    return copysign(y, x)


def expm1_f64(x: Any) -> Any:
    """2ᵏ (exp(r) - 1) + (2ᵏ - 1)."""
    z = like(x, -40.0) if x < -40.0 else x
    t = fma(z, LOG2_E, SHIFT_F64)
    k = t - SHIFT_F64
    high, low = fma(k, -LN2_HIGH_F64, z), k * -LN2_LOW_F64
    r = high + low
    power = from_bits(bits(t) << 52)
    less = power - 1.0
    total = fma(power, high, less)
    lost = fma(power, high, less - total) + ((power - less) - 1.0)
    y = total + fma(power, fma(r * r, tail_f64(r), fma(r, low - (r - high), low)), lost)
    if rarely(x > 709.0):
        y = exp_f64(x)
    return copysign(y, x)


# Logistic functions


def sigmoid_f32(x: Any) -> Any:
    """s = 1 / (1 + exp|x|), its divisor's rounding made good by a step of Newton's method; 1 - s for positive x."""
    z = abs(x)
    z = like(z, 40.0) if z > 40.0 else z
    t = fma(z, LOG2_E, SHIFT_F32)
    k = t - SHIFT_F32
    r = fma(k, -LN2_LOW_F32, fma(k, -LN2_HIGH_F32, z))
    power = from_bits(bits(t) << 23)
    rest = fma(r * r, tail_f32(r), r)
    whole = power + 1.0
    divisor = fma(power, rest, whole)
    low = fma(power, rest, whole - divisor) + (1.0 - (whole - power))
    s = 1.0 / divisor
    s = fma(s, fma(-s, low, fma(-s, divisor, 1.0)), s)
    if rarely(x < -40.0):
        s = exp_f32(x) if x < -40.0 else s
    return s if x < 0.0 else 1.0 - s


def sigmoid_f64(x: Any) -> Any:
    """s = 1 / (1 + exp|x|), its divisor's rounding made good by a step of Newton's method; 1 - s for positive x."""
    z = abs(x)
    z = like(z, 80.0) if z > 80.0 else z
    t = fma(z, LOG2_E, SHIFT_F64)
    k = t - SHIFT_F64
    r = fma(k, -LN2_LOW_F64, fma(k, -LN2_HIGH_F64, z))
    power = from_bits(bits(t) << 52)
    rest = fma(r * r, tail_f64(r), r)
    whole = power + 1.0
    divisor = fma(power, rest, whole)
    low = fma(power, rest, whole - divisor) + (1.0 - (whole - power))
    s = 1.0 / divisor
    s = fma(s, fma(-s, low, fma(-s, divisor, 1.0)), s)
    if rarely(x < -80.0):
        s = exp_f64(x) if x < -80.0 else s
    return s if x < 0.0 else 1.0 - s


exp, exp2, expm1 = by_dtype(exp_f32, exp_f64), by_dtype(exp2_f32, exp2_f64), by_dtype(expm1_f32, expm1_f64)
sigmoid = by_dtype(sigmoid_f32, sigmoid_f64)


def softplus(x: Any) -> Any:
    """log(1 + exp(x))."""
    return (like(x, 0.0) if x < 0.0 else x) + log1p(exp(-abs(x)))


def logaddexp(a: Any, b: Any) -> Any:
    """log(exp(a) + exp(b)); equal infinities give themselves."""
    larger = a if a >= b or a != a else b
    distance = like(a, 0.0) if a == b else abs(a - b)
    return larger + log1p(exp(-distance))


def logaddexp2(a: Any, b: Any) -> Any:
    """log2(2^a + 2^b); equal infinities give themselves."""
    larger = a if a >= b or a != a else b
    distance = like(a, 0.0) if a == b else abs(a - b)
    return larger + LOG2_E * log1p(exp2(-distance))


FUNCTIONS = (exp, exp2, expm1, sigmoid, softplus, logaddexp, logaddexp2)
