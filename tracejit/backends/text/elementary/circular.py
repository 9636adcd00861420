"""Sine, cosine and tangent of radians, of any size.

An angle is cut into a whole number of quarter turns and what is left, at most π/4 in size, as a float and the error of its
rounding. Up to 1,000 (float32) or 1,000,000 (float64) that takes fused multiply-adds with π/2 in three parts (Cody and
Waite): the first part has all the digits of the dtype, for the difference of two floats so close is exact; the second has so few
that its multiples are floats. A larger angle is multiplied, as an integer, by those of the bits of 2/π that tell: of the product,
what is worth four quarter turns or more is never computed (Payne and Hanek). Of what is left, sine, cosine and tangent are minimax
polynomials (Remez).
"""

from __future__ import annotations

import math
from typing import Any

from ..bits import apart, bits, by_dtype, f32, f64, fma, from_bits, i32, i64, like, rarely, rint
from .pairs import product

INFINITY, PI, PI_REST = math.inf, math.pi, 1.2246467991473532e-16
UNIT_63, UNIT_64 = 2.0**-63, 2.0**-64
UNIT_PI_2, UNIT_PI_2_REST = 1.5707963267948966 * 2.0**-62, 6.123233995736766e-17 * 2.0**-62
LOW_32, LOW_63 = 0xFFFFFFFF, 0x7FFFFFFFFFFFFFFF
TWO_OVER_PI = int(
    "A2F9836E4E441529FC2757D1F534DDC0DB6295993C439041FE5163ABDEBBC561B7246E3A424DD2E006492EEA09D1921CFE1DEB1CB129A73E"
    "E88235F52EBB4484E99C7026B45F7E413991D639835339F49C845F8BBDF9283B1FF897FFDE05980FEF2F118B5A0A6D1F6D367ECF27CB09B7"
    "4F463F669E5FEA2D7527BAC7EBE5F17B3D0739F78A5292EA6BFB5FB11F8D5D0856033046FC7B6BAB",
    16,
)
# 64 zeros, then 1,216 binary digits of 2/π, in signed words of 64.
DIGITS = tuple(((TWO_OVER_PI >> 64 * (19 - k)) + 2**63) % 2**64 - 2**63 for k in range(20))


# What is left of whole quarter turns


def _quarters_f32(a: Any) -> tuple[Any, Any, Any]:
    """Of an angle ≥ 0: quarter turns (their last two bits count), the angle left, and the error of its rounding."""
    shifted = fma(a, 0.6366197723675814, 12582912.0)  # the nearest integer stands in the last bits
    turns, n = bits(shifted), shifted - 12582912.0
    near = fma(-n, 1.5707963705062866, a)
    left = fma(-n, -4.371031536720693e-08, near)
    rest = fma(-n, -1.074634630414406e-12, fma(-n, -4.371031536720693e-08, near - left))
    if rarely(a > 1000.0 and a < INFINITY):
        angle = _far_angle(f64(a))
        turns, left = i32(bits(angle)), f32(angle)
        rest = f32(angle - f64(left))
    return turns, left, rest


def _quarters_f64(a: Any) -> tuple[Any, Any, Any]:
    """Of an angle ≥ 0: quarter turns (their last two bits count), the angle left, and the error of its rounding."""
    shifted = fma(a, 0.6366197723675814, 6755399441055744.0)
    turns, n = bits(shifted), shifted - 6755399441055744.0
    near = fma(-n, 1.5707963267948966, a)
    left = fma(-n, 6.12323399538461e-17, near)
    rest = fma(-n, 3.5215598651832e-27, fma(-n, 6.12323399538461e-17, near - left))
    if rarely(a > 1000000.0 and a < INFINITY):
        angle, lost = _far_angle(a), _far_rest(a)  # the last bits of the angle are others: up to three units
        turns, left = bits(angle), angle + lost
        rest = (angle - left) + lost
    return turns, left, rest


@apart
def _far_angle(a: Any) -> Any:
    """Of a finite float64 of any size: the angle left, the last two bits of its fraction being those of the quarter turns."""
    turns, left, _rest = _far_quarters(a)
    return from_bits((bits(left) & -4) | (turns & 3))


@apart
def _far_rest(a: Any) -> Any:
    """What is left of the angle beside that."""
    turns, left, rest = _far_quarters(a)
    return (left - from_bits((bits(left) & -4) | (turns & 3))) + rest


def _far_quarters(a: Any) -> tuple[Any, Any, Any]:
    """Quarter turns, the angle left, and the error of its rounding: the 53 bits of the fraction by 192 of 2/π."""
    number = bits(a)
    fraction, place = (number & 0xFFFFFFFFFFFFF) | 0x10000000000000, (number >> 52) - 1013
    word, shift = place >> 6, place & 63
    second, third = _digits(word + 1), _digits(word + 2)
    upper, middle, lower = _joined(_digits(word), second, shift), _joined(second, third, shift), _joined(third, _digits(word + 3), shift)
    angle = fraction * upper + _upper_product(fraction, middle)  # in units of 2^-62 quarter turns
    turns = ((angle >> 61) + 1) >> 1
    whole = angle - (turns << 62)
    large = f64(whole)
    small = f64(whole - i64(large)) + (f64(((fraction * middle) >> 1) & LOW_63) * UNIT_63 + f64(_upper_product(fraction, lower)) * UNIT_64)
    both = large + small
    left = both * UNIT_PI_2
    return turns, left, fma(both, UNIT_PI_2, -left) + fma(both, UNIT_PI_2_REST, ((large - both) + small) * UNIT_PI_2)


@apart
def _digits(place: Any) -> Any:
    """A word of the digits."""
    digits = like(place, 0)
    for word in DIGITS:
        digits = like(place, word) if place == 0 else digits
        place = place - 1
    return digits


def _joined(upper: Any, lower: Any, shift: Any) -> Any:
    """The upper 64 bits of two words, shifted to the left by 0 to 63 bits."""
    return (upper << shift) | (((lower >> 1) & LOW_63) >> (63 - shift))


def _upper_product(a: Any, word: Any) -> Any:
    """The upper 64 bits of the product of 0 ≤ a < 2^53 and a word that stands for a number without sign."""
    a1, a0, b1, b0 = a >> 32, a & LOW_32, (word >> 32) & LOW_32, word & LOW_32
    across = a0 * b1 + ((a0 * b0 >> 32) & LOW_32)
    return a1 * b1 + ((across >> 32) & LOW_32) + ((a1 * b0 + (across & LOW_32)) >> 32)


# Sine and cosine of what is left, with -π/4 ≤ r ≤ π/4 and r + e the angle


def sine_f32(r: Any, e: Any) -> Any:
    """Degree 7, 2^-28."""
    z = r * r
    return r + fma(r * z, fma(z, fma(z, -0.00019518774934113026, 0.008332191966474056), -0.16666655242443085), e)


def cosine_f32(r: Any, e: Any) -> Any:
    """Degree 8, 2^-33. 1 - r²/2 is in two parts."""
    z = r * r
    tail = fma(z, fma(z, 2.443259654683061e-05, -0.0013887310633435845), 0.04166664555668831)
    near = fma(z, -0.5, 1.0)
    return near + fma(z * z, tail, fma(-r, e, fma(z, -0.5, 1.0 - near)))


def sine_parts_f64(r: Any, e: Any) -> tuple[Any, Any]:
    """The sine as r, and what is to be added. Degree 13, 2^-58."""
    z = r * r
    tail = 1.5896858637964544e-10
    for c in SINE:
        tail = fma(tail, z, c)
    return r, fma(r * z, tail, e)


def cosine_parts_f64(r: Any, e: Any) -> tuple[Any, Any]:
    """The cosine as 1 - r²/2, and what is to be added. Degree 14, 2^-64."""
    z = r * r
    tail = -1.135874317538368e-11
    for c in COSINE:
        tail = fma(tail, z, c)
    near = fma(z, -0.5, 1.0)
    return near, fma(z * z, tail, fma(-r, e, fma(z, -0.5, 1.0 - near)))


def sine_f64(r: Any, e: Any) -> Any:
    near, rest = sine_parts_f64(r, e)
    return near + rest


def cosine_f64(r: Any, e: Any) -> Any:
    near, rest = cosine_parts_f64(r, e)
    return near + rest


SINE = (-2.5050759498833333e-08, 2.755731370325244e-06, -0.000198412698298501, 0.008333333333322484, -0.16666666666666632)
COSINE = (2.0875705319940824e-09, -2.7557314216748413e-07, 2.4801587289001747e-05, -0.0013888888888873342, 0.041666666666666595)


def half_turn(x: Any) -> tuple[Any, Any, Any, Any]:
    """|sin πx| and cos π(x - rint(x)), for x - rint(x) the exact rest."""
    part = abs(x - rint(x))
    steep = part > 0.25
    g = 0.5 - part if steep else part
    r, e = product(like(x, PI), like(x, PI_REST), g, 0.0)
    base, more = sine_parts_f64(r, fma(-0.5 * r * r, e, e))  # e counts by the cosine
    sine, sine_rest = base + more, (base - (base + more)) + more
    base, more = cosine_parts_f64(r, e)
    cosine, cosine_rest = base + more, (base - (base + more)) + more
    return cosine if steep else sine, cosine_rest if steep else sine_rest, sine if steep else cosine, sine_rest if steep else cosine_rest


# The functions


def sin_f32(x: Any) -> Any:
    """The sine of radians."""
    turns, r, e = _quarters_f32(abs(x))
    value = sine_f32(r, e) if turns & 1 == 0 else cosine_f32(r, e)
    return from_bits(bits(value) ^ ((turns & 2) << 30) ^ (bits(x) & -0x80000000))


def sin_f64(x: Any) -> Any:
    """The sine of radians."""
    turns, r, e = _quarters_f64(abs(x))
    value = sine_f64(r, e) if turns & 1 == 0 else cosine_f64(r, e)
    return from_bits(bits(value) ^ ((turns & 2) << 62) ^ (bits(x) & -0x8000000000000000))


def cos_f32(x: Any) -> Any:
    """The cosine of radians."""
    turns, r, e = _quarters_f32(abs(x))
    value = cosine_f32(r, e) if turns & 1 == 0 else sine_f32(r, e)
    return from_bits(bits(value) ^ (((turns + 1) & 2) << 30))


def cos_f64(x: Any) -> Any:
    """The cosine of radians."""
    turns, r, e = _quarters_f64(abs(x))
    value = cosine_f64(r, e) if turns & 1 == 0 else sine_f64(r, e)
    return from_bits(bits(value) ^ (((turns + 1) & 2) << 62))


def tan_f32(x: Any) -> Any:
    """The tangent of radians."""
    turns, r, e = _quarters_f32(abs(x))
    z = r * r
    tail = 0.004373160656541586
    for c in TANGENT_F32:
        tail = fma(tail, z, c)
    value = _tangent(turns, r, fma(r * z, tail, _tangent_rest(r, e, z)))
    return from_bits(bits(value) ^ (bits(x) & -0x80000000))


def tan_f64(x: Any) -> Any:
    """The tangent of radians."""
    turns, r, e = _quarters_f64(abs(x))
    z = r * r
    tail = 9.805273932348208e-06
    for c in TANGENT_F64:
        tail = fma(tail, z, c)
    value = _tangent(turns, r, fma(r * z, tail, _tangent_rest(r, e, z)))
    return from_bits(bits(value) ^ (bits(x) & -0x8000000000000000))


def _tangent_rest(r: Any, e: Any, z: Any) -> Any:
    """What e, and the rounding error of z = r², make of the tangent: e (1 + r² + r⁴), and 0.6 r of the error."""
    return fma(r * fma(r, r, -z), 0.6, fma(e, fma(z, z, z), e))


def _tangent(turns: Any, r: Any, more: Any) -> Any:
    """r + more, the tangent of what is left, or after an odd number of quarter turns -1 / (r + more)."""
    near = r + more
    rest = (r - near) + more
    inverse = -1.0 / near
    return near if turns & 1 == 0 else fma(inverse, fma(inverse, near, 1.0) + inverse * rest, inverse)


TANGENT_F32 = (
    9.747063450049609e-05, 0.010827913880348206, 0.02128608524799347, 0.054058924317359924, 0.13332675397396088,
    0.33333349227905273,
)  # fmt: skip
TANGENT_F64 = (
    -2.4300541909747894e-05, 4.868684195587313e-05, -2.5691304082075446e-05, 6.726452948178541e-05, 8.353715512194763e-05,
    0.0002437589201495904, 0.0005888625562235559, 0.0014560459261275687, 0.0035921008316641572, 0.00886323792656193,
    0.021869488399112468, 0.05396825397290788, 0.1333333333332534, 0.3333333333333338,
)  # fmt: skip

sin = by_dtype(sin_f32, sin_f64)
cos = by_dtype(cos_f32, cos_f64)
tan = by_dtype(tan_f32, tan_f64)
FUNCTIONS = (sin, cos, tan)
