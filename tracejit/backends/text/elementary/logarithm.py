"""log, log2, log10, log1p.

x = 2ᵏ (1 + f) with √½ ≤ 1 + f < √2, so log x = k log 2 + f + excess(f), where excess(f) = log(1 + f) - f is small beside f. In float32 it is
f³ P(f) - f²/2. In float64, with s = f / (2 + f), log(1 + f) = 2 artanh(s), and excess(f) = s (f²/2 + s² R(s²)) - f²/2. P and R are
minimax polynomials (Remez). Zero, negative numbers and what is not finite get a k that is infinite or NaN.
"""

from __future__ import annotations

from typing import Any

from ..bits import bits, by_dtype, copysign, f32, fma, from_bits, like, rarely

INFINITY, NAN = float("inf"), float("nan")
# log 2 and log10 2: the high part times k is exact; the low part is positive, lest ∞ - ∞ arise of an infinite k.
LN2_HIGH_F32, LN2_LOW_F32 = 0.693145751953125, 1.428606765330187e-06
LN2_HIGH_F64, LN2_LOW_F64 = 0.6931471805598903, 5.497923018708371e-14
LOG10_2_HIGH_F32, LOG10_2_LOW_F32 = 0.301025390625, 4.605039066518657e-06
LOG10_2_HIGH_F64, LOG10_2_LOW_F64 = 0.30102999566383914, 1.42050232272661e-13
# log2 e and log10 e, and what they are beyond their nearest floats.
LOG2_E, LOG2_E_LOW_F32, LOG2_E_LOW_F64 = 1.4426950408889634, 1.925963033500011e-08, 2.0355273740931033e-17
LOG10_E, LOG10_E_LOW_F32, LOG10_E_LOW_F64 = 0.4342944819032518, -1.0103049952192578e-08, 1.098319650216765e-17
EXCESS_F32 = (0.127616277, -0.131601518, 0.142017458, -0.166233596, 0.200012278, -0.25000821, 0.333333317)
# Bits. Adding OFFSET, those of 1 less those of √½, moves √½ to a power of two; what is taken of the bits of √½ has k as its exponent.
ONE_F32, ROOT_HALF_F32, FRACTION_F32, EXPONENT_F32 = 0x3F800000, 0x3F3504F3, 0x007FFFFF, -0x00800000
LEAST_F32, LEAST_F64 = 0x00800000, 0x0010000000000000  # of the least normal number
ROOT_HALF_F64, OFFSET_F64, FRACTION_F64, EXPONENT_F64 = 0x3FE6A09E667F3BCD, 0x00095F619980C433, 0x000FFFFFFFFFFFFF, 0x7FF0000000000000
POWER_2046_F64 = 0x7FE0000000000000
TWO_52, BITS_OF_TWO_52 = 4503599627370496.0, 0x4330000000000000
TWO_64 = 18446744073709551616.0  # makes normal numbers of denormal ones


# The parts of a positive normal x


def exponent_f32(x: Any) -> Any:
    """k."""
    return f32((bits(x) - ROOT_HALF_F32) >> 23)


def exponent_f64(x: Any) -> Any:
    """k: the exponent's bits in the place of the lowest bits of 2⁵² are that many."""
    return from_bits((((bits(x) + OFFSET_F64) & EXPONENT_F64) >> 52) | BITS_OF_TWO_52) - (TWO_52 + 1023.0)


def mantissa_f32(x: Any) -> Any:
    """1 + f."""
    return from_bits(((bits(x) - ROOT_HALF_F32) & FRACTION_F32) + ROOT_HALF_F32)


def mantissa_f64(x: Any) -> Any:
    """1 + f."""
    return from_bits(((bits(x) + OFFSET_F64) & FRACTION_F64) + ROOT_HALF_F64)


def unscale_f32(x: Any) -> Any:
    """2⁻ᵏ for k < 127."""
    return from_bits(ONE_F32 - ((bits(x) - ROOT_HALF_F32) & EXPONENT_F32))


def unscale_f64(x: Any) -> Any:
    """2⁻ᵏ for k < 1023."""
    return from_bits(POWER_2046_F64 - ((bits(x) + OFFSET_F64) & EXPONENT_F64))


def normal_f32(x: Any) -> Any:
    """Whether x is positive, normal and finite: of others the sum is less, or overflows."""
    return bits(x) + LEAST_F32 >= LEAST_F32 + LEAST_F32


def normal_f64(x: Any) -> Any:
    """Whether x is positive, normal and finite: of others the sum is less, or overflows."""
    return bits(x) + LEAST_F64 >= LEAST_F64 + LEAST_F64


def singular(x: Any, k: Any) -> Any:
    """k, or what the logarithm of x is where x is zero, negative, infinite or NaN."""
    return like(x, -INFINITY) if x == 0.0 else like(x, NAN) if x < 0.0 else k if x < INFINITY else x


exponent, mantissa = by_dtype(exponent_f32, exponent_f64), by_dtype(mantissa_f32, mantissa_f64)
unscale, normal = by_dtype(unscale_f32, unscale_f64), by_dtype(normal_f32, normal_f64)


# The logarithm of 1 + f, and sums with it


def artanh_rest_f32(w: Any) -> Any:
    """R: degree 2, 2^-30 of the logarithm."""
    return fma(w, fma(w, 0.2987093, 0.3997758), 0.66666776)


def artanh_rest_f64(w: Any) -> Any:
    """R: degree 6, 2^-59 of the logarithm."""
    square = w * w
    low = fma(w, 0.39999999999416413, 0.6666666666666734)
    middle = fma(w, 0.22222198593738623, 0.28571428742112537)
    high = fma(square, 0.14795861671896837, fma(w, 0.15314064309130881, 0.1818356355408562))
    return fma(square, fma(square, high, middle), low)


artanh_rest = by_dtype(artanh_rest_f32, artanh_rest_f64)


def excess_f32(f: Any) -> Any:
    """log(1 + f) - f for √½ ≤ 1 + f < √2: P has degree 7, 2^-27 of the logarithm."""
    p = -0.0763462153
    for c in EXCESS_F32:
        p = fma(p, f, c)
    return fma(-0.5 * f, f, f * f * (f * p))


def excess_f64(f: Any) -> Any:
    """log(1 + f) - f for √½ ≤ 1 + f < √2."""
    s = f / (2.0 + f)
    half = 0.5 * f
    return fma(-half, f, s * fma(s * s, artanh_rest_f64(s * s), half * f))


excess = by_dtype(excess_f32, excess_f64)


def natural_f32(f: Any, low: Any, k: Any) -> Any:
    """f + low + k log 2."""
    return fma(k, LN2_HIGH_F32, f + fma(k, LN2_LOW_F32, low))


def natural_f64(f: Any, low: Any, k: Any) -> Any:
    """f + low + k log 2."""
    return fma(k, LN2_HIGH_F64, f + fma(k, LN2_LOW_F64, low))


def natural_parts_f32(f: Any, low: Any, k: Any) -> tuple[Any, Any]:
    """f + low + k log 2, in two parts, of which the second is not small beside `low`."""
    base = k * LN2_HIGH_F32
    near = base + f
    return near, (base - near) + f + fma(k, LN2_LOW_F32, low)


def natural_parts_f64(f: Any, low: Any, k: Any) -> tuple[Any, Any]:
    """f + low + k log 2, in two parts, of which the second is not small beside `low`."""
    base = k * LN2_HIGH_F64
    near = base + f
    return near, (base - near) + f + fma(k, LN2_LOW_F64, low)


def log2_e_rest_f32(x: Any) -> Any:
    """log2 e less its nearest float."""
    return like(x, LOG2_E_LOW_F32)


def log2_e_rest_f64(x: Any) -> Any:
    """log2 e less its nearest float."""
    return like(x, LOG2_E_LOW_F64)


def binary_f32(f: Any, low: Any, k: Any) -> Any:
    """(f + low) log2 e + k."""
    return k + fma(f, LOG2_E, fma(low, LOG2_E, f * LOG2_E_LOW_F32))


def binary_f64(f: Any, low: Any, k: Any) -> Any:
    """(f + low) log2 e + k."""
    return k + fma(f, LOG2_E, fma(low, LOG2_E, f * LOG2_E_LOW_F64))


def decimal_f32(f: Any, low: Any, k: Any) -> Any:
    """(f + low) log10 e + k log10 2."""
    return fma(k, LOG10_2_HIGH_F32, fma(f, LOG10_E, fma(low, LOG10_E, fma(f, LOG10_E_LOW_F32, k * LOG10_2_LOW_F32))))


def decimal_f64(f: Any, low: Any, k: Any) -> Any:
    """(f + low) log10 e + k log10 2."""
    return fma(k, LOG10_2_HIGH_F64, fma(f, LOG10_E, fma(low, LOG10_E, fma(f, LOG10_E_LOW_F64, k * LOG10_2_LOW_F64))))


natural_parts, log2_e_rest = by_dtype(natural_parts_f32, natural_parts_f64), by_dtype(log2_e_rest_f32, log2_e_rest_f64)
natural, binary, decimal = by_dtype(natural_f32, natural_f64), by_dtype(binary_f32, binary_f64), by_dtype(decimal_f32, decimal_f64)


def log_in_parts(x: Any) -> tuple[Any, Any]:
    """The logarithm of x > 0."""
    tiny = x < 1e-290
    x = x * 18446744073709551616.0 if tiny else x
    k = exponent_f64(x)
    k = k - 64.0 if tiny else k
    f = mantissa_f64(x) - 1.0
    near, rest = natural_parts_f64(f, excess(f), k)
    log = near + rest
    return log, (near - log) + rest


# The functions


def log(x: Any) -> Any:
    """The natural logarithm."""
    k, f = exponent(x), mantissa(x) - 1.0
    if rarely(not normal(x)):
        k, f = singular(x, exponent(x * TWO_64) - 64.0), mantissa(x * TWO_64) - 1.0
    return natural(f, excess(f), k)


def log2(x: Any) -> Any:
    """The logarithm to base 2."""
    k, f = exponent(x), mantissa(x) - 1.0
    if rarely(not normal(x)):
        k, f = singular(x, exponent(x * TWO_64) - 64.0), mantissa(x * TWO_64) - 1.0
    return binary(f, excess(f), k)


def log10(x: Any) -> Any:
    """The logarithm to base 10."""
    k, f = exponent(x), mantissa(x) - 1.0
    if rarely(not normal(x)):
        k, f = singular(x, exponent(x * TWO_64) - 64.0), mantissa(x * TWO_64) - 1.0
    return decimal(f, excess(f), k)


def log1p(x: Any) -> Any:
    """log(1 + x): the k of the rounded sum, and f = 2⁻ᵏ x + (2⁻ᵏ - 1) of x itself."""
    return copysign(log1p_sum(x, 0.0), x)


def log1p_sum(x: Any, y: Any) -> Any:
    """log(1 + x + y), y being less than a unit in the last place of x."""
    u = 1.0 + x
    k, scale = exponent(u), unscale(u)
    f = fma(scale, x, scale - 1.0)
    low = fma(scale, y, fma(scale, x, (scale - 1.0) - f))
    if rarely(not (x > -1.0 and x < 1e37)):
        k, f, low = singular(u, k), mantissa(u) - 1.0, like(x, 0.0)
    return natural(f, excess(f) + fma(-low, f, low), k)


def log1p_unit(x: Any, y: Any) -> tuple[Any, Any]:
    """log(1 + x + y) for 0 ≤ x ≤ 1 and y less than a unit in the last place of x, in two parts. Of x > √2 - 1 it is log 2 and that of (x - 1) / 2."""
    large = x > 0.41421356
    f = fma(x, 0.5, -0.5) if large else x
    low = fma(x, 0.5, -0.5 - f) + 0.5 * y if large else y
    k = like(x, 1.0) if large else like(x, 0.0)
    return natural_parts(f, excess(f) + fma(low * f, f - 1.0, low), k)


FUNCTIONS = (log, log2, log10, log1p)
