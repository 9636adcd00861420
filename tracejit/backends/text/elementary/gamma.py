"""The logarithm of the gamma function, and its derivatives (DLMF 5).

For -1/2 < x < 8, lgamma and digamma come from their values at 2 + s, where s = x - rint(x), by the recurrence Γ(x + 1) = x Γ(x) (DLMF 5.5.1,
5.5.2): they are minimax polynomials there (Remez), lgamma(2 + s) being s by one, so it is right near the roots 1 and 2. From 8 on there
are the asymptotic series (DLMF 5.11.1, 5.11.2, 5.15.8), with coefficients fitted to x ≥ 8; trigamma for x < 8 is that at x + 8 and
eight terms more. Other negative numbers are reflected (DLMF 5.5.3, 5.5.4, 5.15.6).
All is computed in float64, logarithms and the large terms of sums in two parts, so that float32 errs by half an ulp. For float64 each
says its worst error over 10⁶ points (digamma and trigamma: some thousands), as far as they are from a root: near the roots of lgamma
below zero, and those of digamma, it is that of what cancels, some 10⁻¹⁶ times the larger of 1 and the terms.
"""

from __future__ import annotations

import math
from typing import Any

from ..bits import by_dtype, copysign, f32, f64, fma, like, rarely, rint
from .circular import cosine_f64, sine_f64
from .logarithm import LN2_HIGH_F64, LN2_LOW_F64, excess, exponent_f64, mantissa_f64

INFINITY, NAN, PI, PI_REST = math.inf, math.nan, math.pi, 1.2246467991473532e-16
LOG_PI, LOG_PI_REST = 1.1447298858494002, 1.0265951162707826e-17
SLOPE, SLOPE_REST = 0.42278433509846713, 4.942915152430645e-18  # of lgamma at 2
STEPS, TERMS = (6.0, 5.0, 4.0, 3.0, 2.0, 1.0), (7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0, 0.0)
LGAMMA = (
    2.784926904147604e-07, -4.200526785540387e-07, 9.203164222743795e-07, -2.0497501346021617e-06, 4.3845890628576546e-06,
    -9.43723769418417e-06, 2.0505617531198334e-05, -4.4926531005978524e-05, 9.945767001844613e-05, -0.00022315473517461556,
    0.0005096695156769813, -0.0011927539127580657, 0.0028905103310237134, -0.007385551028649714, 0.020580808427780567,
    -0.06735230105319831, 0.32246703342411326,
)  # fmt: skip
STIRLING = (
    0.0008373083478959448, -0.0005952029360475191, 0.0007936506668553073, -0.0027777777776099816, 0.0833333333333333,
)  # fmt: skip
DIGAMMA = (
    -2.607982848583812e-06, 3.2863203215287795e-06, -7.2540951097257654e-06, 1.5507838950679854e-05, -3.070048325708893e-05,
    6.119211260811654e-05, -0.00012269381548303648, 0.00024609509318214136, -0.0004941906799757476, 0.0009945743264130561,
    -0.0020083926935361026, 0.004077356242636645, -0.008349277386708405, 0.017343061983088433, -0.03692775514328399,
    0.08232323371115713, -0.20205690315959488, 0.6449340668482264, 0.42278433509846713,
)  # fmt: skip
DIGAMMA_FAR = (
    0.007519445807828913, -0.004166222547990169, 0.0039682523702452045, -0.008333333331222326, 0.08333333333333288,
)  # fmt: skip
TRIGAMMA_FAR = (
    -0.2470407272918629, 0.07569557587446005, -0.03333300325774901, 0.023809522966649937, -0.0333333333325235,
    0.16666666666666655,
)  # fmt: skip


# The logarithm of the gamma function


def lgamma_f32(x: Any) -> Any:
    """log |Γ(x)|; +inf at the poles: 1.6 ulp for x > 0, 2.2 between 1.3 and 1.5, 1.5 for x < 0."""
    return f32(lgamma_f64(f64(x)))


def lgamma_f64(x: Any) -> Any:
    """log |Γ(x)|; +inf at the poles: 1.6 ulp for x > 0, 2.2 between 1.3 and 1.5, 1.5 for x < 0."""
    high, low = _lgamma(x if x > -0.5 else -x)
    value = high if abs(high) == INFINITY else high + low
    if rarely(x <= -0.5):
        value = _reflected_lgamma(-x, high, low)
    return like(x, INFINITY) if x == 0.0 or abs(x) == INFINITY else value


def _lgamma(x: Any) -> tuple[Any, Any]:
    """For x > -1/2, a float and what is to be added to it."""
    whole = rint(x)
    s = x - whole
    product = like(x, 1.0)
    for step in STEPS:
        product = product * (x - step) if whole >= step + 2.0 else product
    product = x if x >= 8.0 or whole == 1.0 else abs(fma(x, x, x)) if whole == 0.0 else product
    log, log_rest = _log(product)
    p = -1.4328599559363572e-07
    for c in LGAMMA:
        p = fma(p, s, c)
    line = s * SLOPE
    line_rest = fma(s, SLOPE, -line) + s * SLOPE_REST
    w = 1.0 / x
    q = -0.0016532371956879941
    for c in STIRLING:
        q = fma(q, w * w, c)
    factor, less = x - 0.5, log - 1.0
    far = factor * less
    far_rest = fma(factor, less, -far) + factor * ((log - less) - 1.0 + log_rest)
    far_rest = far_rest + fma(w, q, 0.4189385332046727)  # (log 2π - 1) / 2
    large, down = x >= 8.0, whole < 2.0
    near, near_rest = _sum(-log if down else log, line)
    square = s * s
    near_rest = near_rest + (-log_rest if down else log_rest) + fma(fma(s, s, -square), p, line_rest)
    near_rest = fma(square, p, near_rest)
    return far if large else near, far_rest if large else near_rest


def _reflected_lgamma(t: Any, high: Any, low: Any) -> Any:
    """lgamma(-t) = log π - log |t sin πt| - lgamma(t)."""
    sine, _cosine = _half_turn(t)
    product = t * sine
    log, log_rest = _log(product)
    near, rest = _sum(log, high)
    value, value_rest = _sum(like(t, LOG_PI), -near)
    rest = rest + (log_rest + fma(t, sine, -product) / product) + (low - LOG_PI_REST)
    return like(t, INFINITY) if sine == 0.0 else value + (value_rest - rest)


def _sum(a: Any, b: Any) -> tuple[Any, Any]:
    """a + b, and what is lost by its rounding."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


def _log(x: Any) -> tuple[Any, Any]:
    """The logarithm of x > 0 as a float and what is to be added to it."""
    tiny = x < 1e-290
    x = x * 18446744073709551616.0 if tiny else x
    k = exponent_f64(x)
    k = k - 64.0 if tiny else k
    f = mantissa_f64(x) - 1.0
    base = k * LN2_HIGH_F64
    near = base + f
    return near, (base - near) + f + fma(k, LN2_LOW_F64, excess(f))


def _half_turn(x: Any) -> tuple[Any, Any]:
    """|sin πx| and cos π(x - rint(x)), for x - rint(x) the exact rest."""
    part = abs(x - rint(x))
    steep = part > 0.25
    g = 0.5 - part if steep else part
    r = g * PI
    e = fma(g, PI, -r) + g * PI_REST
    sine, cosine = sine_f64(r, e), cosine_f64(r, e)
    return cosine if steep else sine, sine if steep else cosine


# Its first derivative


def digamma_f32(x: Any) -> Any:
    """The derivative of lgamma; NaN at the poles, -inf at 0 and +inf at -0: 1.3 ulp for x > 0."""
    return f32(digamma_f64(f64(x)))


def digamma_f64(x: Any) -> Any:
    """The derivative of lgamma; NaN at the poles, -inf at 0 and +inf at -0: 1.3 ulp for x > 0."""
    value = _digamma(x if x > -0.5 else 1.0 - x)
    if rarely(x <= -0.5):
        sine, cosine = _half_turn(x)
        cotangent = copysign(PI * (cosine / sine), x - rint(x))
        value = value - cotangent if sine != 0.0 else like(x, NAN)
    return value


def _digamma(x: Any) -> Any:
    """For x > -1/2: from 1.5 to 2.5 a polynomial; above, a sum of 1 / (x - j) more; below, of 1 / x and 1 / (x + 1) less."""
    whole = rint(x)
    more, rest = like(x, 0.0), like(x, 0.0)
    for step in STEPS:  # each term is less than the sum so far
        term = 1.0 / (x - step) if whole >= step + 2.0 else 0.0
        total = more + term
        rest = rest + ((more - total) + term)
        more = total
    more = -1.0 / (x + 1.0) if whole == 0.0 else more
    w = 1.0 / x
    p = 1.5900496650948405e-06
    for c in DIGAMMA:
        p = fma(p, x - whole, c)
    near = more + (p + rest) - (w if whole < 2.0 else 0.0)
    square = w * w
    q = -0.01772030338027115
    for c in DIGAMMA_FAR:
        q = fma(q, square, c)
    log, log_rest = _log(x)
    far = log + (log_rest - fma(square, q, 0.5 * w))
    return near if x < 8.0 else like(x, INFINITY) if x == INFINITY else far


# Its second derivative


def trigamma_f32(x: Any) -> Any:
    """The derivative of digamma; +inf at the poles: 1.4 ulp for x > 0, 4 for x < 0."""
    return f32(trigamma_f64(f64(x)))


def trigamma_f64(x: Any) -> Any:
    """The derivative of digamma; +inf at the poles: 1.4 ulp for x > 0, 4 for x < 0."""
    value = _trigamma(x if x > 0.0 else 1.0 - x)
    if rarely(x <= 0.0):
        sine, _cosine = _half_turn(x)
        ratio = PI / sine
        value = ratio * ratio - value if abs(x) < INFINITY else like(x, INFINITY)
    return value


def _trigamma(x: Any) -> Any:
    """For x > 0."""
    near = x < 8.0
    w = 1.0 / (x + 8.0 if near else x)
    square = w * w
    q = 0.859610842083603
    for c in TRIGAMMA_FAR:
        q = fma(q, square, c)
    far = w + fma(square, w * q, 0.5 * square)
    value, rest = far, like(x, 0.0)
    for step in TERMS:
        inverse = 1.0 / (x + step)
        term = inverse * inverse
        rest = rest + fma(2.0 * term, fma(-inverse, x + step, 1.0), fma(inverse, inverse, -term))
        value, lost = _sum(value, term)
        rest = rest + lost
    value = value if value == INFINITY else value + rest
    return value if near else far


lgamma = by_dtype(lgamma_f32, lgamma_f64)
digamma = by_dtype(digamma_f32, digamma_f64)
trigamma = by_dtype(trigamma_f32, trigamma_f64)
FUNCTIONS = (lgamma, digamma, trigamma)
