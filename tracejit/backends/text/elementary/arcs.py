"""Inverses of the circular functions.

Each is a multiple of π/2, in two parts, and v + v p for a small v, where p is a minimax polynomial (Remez) of v². Arc sine and cosine of
more than 1/2 go by way of asin(x) = π/2 - 2 asin(√((1 - x) / 2)), the arc tangent of more than 1 by way of atan(x) = π/2 - atan(1 / x).
The rounding errors of the root and the quotient are found by a fused multiply-add, and added.
"""

from __future__ import annotations

import math
from typing import Any

from ..bits import bits, by_dtype, copysign, fma, from_bits, like, rarely, sqrt

INFINITY, PI_2, TWO_M64 = math.inf, math.pi / 2, 2.0**-64
ASIN_F32 = (
    0.024188445881009102, 0.04546842351555824, 0.07495313882827759, 0.16666752099990845,
)  # fmt: skip
ASIN_F64 = (
    -0.020929431106182058, 0.021665162160897315, 0.003721131392391473, 0.010777011437972005, 0.011399381190486198,
    0.013980775599703784, 0.017351614849326947, 0.022372214868741695, 0.030381942711365777, 0.044642857174531196,
    0.07499999999970891, 0.1666666666666676,
)  # fmt: skip
ATAN_F32 = (
    0.0028342546429485083, -0.003682217327877879, 0.006408357527107, -0.011564563028514385, 0.021061968058347702,
    -0.040246255695819855, 0.08340700715780258, -0.20375309884548187, -0.12958024442195892,
)  # fmt: skip
ATAN_F64 = (
    -1.9875281398396506e-05, 1.4163556211982566e-05, -2.3364866509009055e-05, 4.6899836216997515e-05, -7.433552217792317e-05,
    0.00011599014761899742, -0.00018682518695412636, 0.0003029010236912602, -0.0004931582247290638, 0.0008088193708671461,
    -0.0013384051597880693, 0.0022387044092072824, -0.003795205215476881, 0.006545699907659763, -0.011551426785647181,
    0.02104937519415221, -0.04024690928200162, 0.08340740482843184, -0.20375308470043638, -0.1295802486328968,
)  # fmt: skip


def asin(x: Any) -> Any:
    """The arc sine, in [-π/2, π/2]; NaN beyond ±1."""
    a = abs(x)
    large = a > 0.5
    z = 0.5 * (1.0 - a) if large else a * a
    root = sqrt(z)
    v = -2.0 * root if large else a
    quarters = like(x, 1.0) if large else 0.0
    return copysign(_sum(quarters, v, fma(z, _asin_tail(z), _root_error(root, z) if large else 0.0), 0.0), x)


def acos(x: Any) -> Any:
    """The arc cosine, in [0, π]; NaN beyond ±1."""
    a = abs(x)
    large = a > 0.5
    z = 0.5 * (1.0 - a) if large else a * a
    root = sqrt(z)
    v = copysign(2.0 * root if large else a, x if large else -x)
    quarters = (like(x, 0.0) if x > 0.0 else 2.0) if large else 1.0
    return _sum(quarters, v, fma(z, _asin_tail(z), _root_error(root, z) if large else 0.0), 0.0)


def atan(x: Any) -> Any:
    """The arc tangent, in [-π/2, π/2]."""
    a = abs(x)
    a = like(a, 1e30) if a > 1e30 else a  # so that 1 / a is neither zero nor denormal
    large = a > 1.0
    inverse = 1.0 / a
    t = inverse if large else a
    e = inverse * fma(-inverse, a, 1.0) if large else 0.0
    return copysign(_atan_sum(like(x, 1.0) if large else 0.0, large, t, e), x)


def atan2(y: Any, x: Any) -> Any:
    """The angle of the point (x, y), in [-π, π]; of zeros and infinities as in C99, F.9.1.4."""
    a, b = abs(y), abs(x)
    steep, left = a > b, bits(x) < 0
    long, short = a if steep else b, b if steep else a
    if rarely(not (short > 1e-30 and long < 1e30)):
        short = (like(x, 1.0) if short == INFINITY else 0.0 * short) if long == INFINITY else short
        long = like(x, 1.0) if long == INFINITY or long == 0.0 else long
        power = like(x, TWO_M64) if long > 1e30 else 1.0
        short, long = short * power, long * power
        power = _inverse_power(long)
        short, long = short * power, long * power
    t = short / long
    quarters = like(x, 1.0) if steep else like(x, 2.0) if left else 0.0
    return copysign(_atan_sum(quarters, steep != left, t, fma(-t, long, short) / long), y)


def _sum(quarters: Any, v: Any, p: Any, e: Any) -> Any:
    """quarters π/2 + v + v p + e, where quarters is 0, 1 or 2, and v is less than that in size unless it is 0."""
    base = quarters * PI_2
    near = base + v
    return near + fma(v, p, (base - near) + v + fma(quarters, _pi_2_rest(v), e))


def _atan_sum(quarters: Any, back: Any, t: Any, e: Any) -> Any:
    """quarters π/2 ± atan(t + e), for 0 ≤ t ≤ 1: of the derivative by which e counts, a line is good enough."""
    s = fma(t, t, -0.5)
    e = e * fma(s, -0.5, 0.75)
    return _sum(quarters, -t if back else t, _atan_ratio(s), -e if back else e)


def _root_error(root: Any, z: Any) -> Any:
    """By what part of itself a root of z is too small. 1e-30: not 0 / 0 for z = 0; the next z is far larger."""
    return fma(-root, root, z) / (z + z + 1e-30)


def _pi_2_rest_f32(x: Any) -> Any:
    """π/2 less PI_2 as a float of that dtype."""
    return like(x, -4.371139000186241e-08)


def _pi_2_rest_f64(x: Any) -> Any:
    """π/2 less PI_2 as a float of that dtype."""
    return like(x, 6.123233995736766e-17)


def _inverse_power_f32(x: Any) -> Any:
    """A power of two by which 0 < x < 2^100 is at most 2, and at least 1 unless it is denormal."""
    return from_bits(0x7F000000 - (bits(x) & 0x7F800000))


def _inverse_power_f64(x: Any) -> Any:
    """A power of two by which 0 < x < 2^1000 is at most 2, and at least 1 unless it is denormal."""
    return from_bits(0x7FE0000000000000 - (bits(x) & 0x7FF0000000000000))


def _asin_tail_f32(z: Any) -> Any:
    """(asin(v) - v) / v³ for z = v² ≤ 1/4, of degree 4: asin to 2^-27."""
    p = 0.042152032256126404
    for c in ASIN_F32:
        p = fma(p, z, c)
    return p


def _asin_tail_f64(z: Any) -> Any:
    """(asin(v) - v) / v³ for z = v² ≤ 1/4, of degree 12: asin to 2^-59."""
    p = 0.03257855234486095
    for c in ASIN_F64:
        p = fma(p, z, c)
    return p


def _atan_ratio_f32(z: Any) -> Any:
    """atan(v) / v - 1 for z = v² - 1/2 and 0 ≤ v ≤ 1, of degree 9: atan to 2^-27."""
    p = -0.001753895659931004
    for c in ATAN_F32:
        p = fma(p, z, c)
    return p


def _atan_ratio_f64(z: Any) -> Any:
    """atan(v) / v - 1 for z = v² - 1/2 and 0 ≤ v ≤ 1, of degree 20: atan to 2^-57."""
    p = 1.3075284271696786e-05
    for c in ATAN_F64:
        p = fma(p, z, c)
    return p


_asin_tail = by_dtype(_asin_tail_f32, _asin_tail_f64)
_atan_ratio = by_dtype(_atan_ratio_f32, _atan_ratio_f64)
_pi_2_rest = by_dtype(_pi_2_rest_f32, _pi_2_rest_f64)
_inverse_power = by_dtype(_inverse_power_f32, _inverse_power_f64)
FUNCTIONS = (asin, acos, atan, atan2)
