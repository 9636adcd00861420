"""The error function and its complement (DLMF 7.2), by minimax polynomials (Remez).

erfc of float32 is computed in float64.
"""

from __future__ import annotations

from typing import Any

from ..bits import bits, by_dtype, copysign, f32, f64, fma, from_bits, like
from .exponential import LN2, LOG2_E, binary_tail_f32, remainder, shifted, shifted_f32, tail, two_to, two_to_f32, whole, whole_f32

# Polynomials, from the highest coefficient to the lowest; the highest stands where it is used.
ERF_NEAR_F32 = (-0.0005654035, 0.00348029903, -0.0182833584, 0.0794099809, -0.281072194, -0.0345312612)
ERF_FAR_F32 = (-0.00263921968, 0.0142761018, -0.0598768727, -1.2163616, -3.80722443, -2.66841671)
ERF_NEAR = (
    9.432272202937162e-09, -1.0420500227820188e-07, 1.0536324140560016e-06, -9.61480836018068e-06, 7.82964968772391e-05,
    -0.0005611894221516802, 0.003480274496570744, -0.018283884489151313, 0.07940998675593686, -0.2810721780454343,
    -0.0345312613301327,
)  # fmt: skip
ERF_FAR = (
    -1.1930877054085972e-10, 1.3189540992449913e-09, -8.518023473792539e-09, 3.338885384757128e-08, -5.8006473881607574e-08,
    -2.048191395737927e-07, 2.1319461427025877e-06, -9.671379589616314e-06, 2.7198971900528505e-05, -2.6296325200321428e-05,
    -0.00023731643583981137, 0.0019779012161662314, -0.010033825179194392, 0.04156109802508817, 0.8431072563594122,
    2.6389675142347757, 1.8496055099332482,
)  # fmt: skip
ERFC_F32 = (
    0.00011551458870911496, 2.662888218555529e-05, -0.0006483850120674363, -0.0008312471784526038, 0.0030870155730313167,
    0.006477655123464808, -0.02151022896980391, -0.03644208626321022, 0.27947207109034666, -0.6871606880476044,
    1.0215827054361895,
)  # fmt: skip
ERFC_NEAR = (
    -1.2713417671036287e-07, 1.280424379236173e-06, -1.16505828135336e-05, 9.452721466249053e-05, -0.0006742642455288152,
    0.004153972768142272, -0.02161485508934792, 0.09246954173096401, -0.3185911719434663, 0.030952815601264103,
)  # fmt: skip
ERFC_FAR = (
    7.92276978204522e-08, 8.192240784287867e-08, -7.937823196025983e-07, 2.8449761257032317e-07, 5.691017007691595e-06,
    -1.1216308276117907e-05, -2.4392321465621314e-05, 0.0001506196502938516, -0.0001992583148747103, -0.0007577728548790075,
    0.005031970218706702, -0.0161977341135774, 0.037167515515832375, -0.06633036580813488, 0.09373283499942678,
    -0.10103906603645497, 0.06809705425466796, 0.015379652102621884, -0.13962111684056236,
)  # fmt: skip


def erf_f32(x: Any) -> Any:
    """For |x| < 1, x + x by a polynomial of degree 6 in x² - 0.5; from there, 1 - 2^q with q of degree 6 in |x| - 1, |x| ≤ 3.95."""
    s = fma(x, x, -0.5)
    p = 7.85387753e-05
    for c in ERF_NEAR_F32:
        p = fma(p, s, c)
    t = abs(x) - 1.0
    t = like(t, 2.95) if t > 2.95 else t
    q = 0.000268882348
    for c in ERF_FAR_F32:
        q = fma(q, t, c)
    k = shifted_f32(q, 1.0)
    r = q - whole_f32(k)
    fraction = fma(r, fma(r, binary_tail_f32(r), LN2), 1.0)
    return fma(x, p, x) if abs(x) < 1.0 else copysign(fma(-fraction, two_to_f32(k), 1.0), x)


def erf_f64(x: Any) -> Any:
    """For |x| < 1, x + x by a polynomial of degree 11 in x² - 0.5; from there, 1 - exp(-q) with q of degree 17 in |x| - 1, |x| ≤ 6."""
    s = fma(x, x, -0.5)
    p = -7.77950401534475e-10
    for c in ERF_NEAR:
        p = fma(p, s, c)
    t = abs(x) - 1.0
    t = like(t, 5.0) if t > 5.0 else t
    q = 4.864154816080844e-12
    for c in ERF_FAR:
        q = fma(q, t, c)
    return fma(x, p, x) if abs(x) < 1.0 else copysign(1.0 - _decay(-q), x)


def erfc_f32(x: Any) -> Any:
    """In float64: for a = |x| ≤ 10.5, exp(-a²) / (a + 2) by a polynomial of degree 11 in (a - 2) / (a + 2); for x < 0, 2 less that."""
    a = abs(f64(x))
    a = like(a, 10.5) if a > 10.5 else a
    inverse = 1.0 / (a + 2.0)
    t = (a - 2.0) * inverse
    p = 2.8429605780172283e-05
    for c in ERFC_F32:
        p = fma(p, t, c)
    value = _decay(-a * a) * p * inverse
    return f32(2.0 - value if x < 0.0 else value)


def erfc_f64(x: Any) -> Any:
    """For |x| < 3/4, 1 - erf(x), with a polynomial of degree 10 in x² - 9/32; for x < 0, 2 less the value for -x."""
    s = fma(x, x, -0.28125)
    p = 1.1463726877185976e-08
    for c in ERFC_NEAR:
        p = fma(p, s, c)
    a = abs(x)
    far = _erfc_far(like(a, 27.5) if a > 27.5 else a)
    near = 1.0 - x
    near = near + fma(-x, p, (1.0 - near) - x)
    return near if a < 0.75 else 2.0 - far if x < 0.0 else far


def _erfc_far(a: Any) -> Any:
    """exp(-a²) / (1 + 2a) by a polynomial of degree 20 in (a - 4) / (a + 4), for 3/4 ≤ a ≤ 27.5, in pairs of floats until the end."""
    square = a * a
    shifted = fma(square, -LOG2_E, 6755399441055744.0)
    n = shifted - 6755399441055744.0
    exact = fma(n, -0.6931471803691238, -square)  # of few digits: their multiples by n are floats
    rest = fma(n, -1.9082149292705877e-10, fma(-a, a, square))
    r = exact + rest
    e = 1.0 + r
    e_rest = (1.0 - e) + r + fma(r * r, tail(r), fma(exact - r + rest, r, exact - r + rest))
    t = (a - 4.0) / (a + 4.0)
    p = -1.8485482214661483e-08
    for c in ERFC_FAR:
        p = fma(p, t, c)
    q = fma(p, t, 1.2329951186255526)
    q_rest = fma(p, t, 1.2329951186255526 - q) - 5.0508660280513133e-17
    product = e * q
    product_rest = fma(e, q, -product) + fma(e, q_rest, e_rest * q)
    divisor = fma(2.0, a, 1.0)
    inverse = 1.0 / divisor
    value = product * inverse
    value = fma(inverse, fma(-value, divisor, product) + fma(-value, fma(2.0, a, 1.0 - divisor), product_rest), value)
    return value * from_bits((bits(shifted) + 1123) << 52) * 7.888609052210118e-31  # 2^-100: in two steps, so that none is denormal


def _decay(x: Any) -> Any:
    """exp(x) for -700 < x ≤ 0, which is a normal number."""
    t = shifted(x, LOG2_E)
    r = remainder(x, whole(t))
    return fma(r, fma(r, tail(r), 1.0), 1.0) * two_to(t)


erf = by_dtype(erf_f32, erf_f64)
erfc = by_dtype(erfc_f32, erfc_f64)
FUNCTIONS = (erf, erfc)
