"""The first and the second derivative of the logarithm of the gamma function (DLMF 5).

Of 0 < x < 5, let u be the fraction. digamma(1 + u) is (1 + u - r) Q(u - ½), r being its root there, so it is right near the root; Q is a
minimax polynomial (Remez). From there a recurrence leads to x (DLMF 5.5.2). From 5 on there is the asymptotic series (DLMF 5.11.2), with
coefficients fitted to x ≥ 5. trigamma has its own from 8 on (DLMF 5.15.8); for x < 8 it is that at x + 8 and eight terms more. Other
negative numbers are reflected (DLMF 5.5.4, 5.15.6).

All is computed in float64; float32 errs by half an ulp, and begins digamma's series at 4. Between the poles below zero digamma has roots
that are no floats: the errors there are those of what cancels, told in units in the last place of a number no smaller than 1.
"""

from __future__ import annotations

import math
from typing import Any

from ..bits import apart, by_dtype, f32, f64, floor, fma, like, rarely, rint
from .circular import PI, PI_REST, half_turn
from .logarithm import excess, exponent_f64, log_in_parts, mantissa_f64, natural_f64
from .pairs import inverse, product, quotient, two_sum

INFINITY, NAN = math.inf, math.nan
ROOT, ROOT_REST = 0.46163214496836236, -1.5522348162858677e-17  # less 1
STEPS, TERMS = (3.0, 2.0, 1.0), (7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0, 0.0)
# Polynomials, from the highest coefficient to the lowest; the highest stands where it is used.
DIGAMMA = (
    -0.00017833202861656906, 9.325303648721165e-05, -0.00014465852837531915, 0.0003259062214474837, -0.0004860331985158191,
    0.0006902734389341304, -0.0010364325474936536, 0.0015635052416773177, -0.002345499717048968, 0.003518088454854565,
    -0.005279936652703272, 0.007927023349207168, -0.01190822015169408, 0.017907248234398175, -0.02697579665770276,
    0.04076083394342805, -0.06192213327554049, 0.09498872445284919, -0.1484049230538803, 0.24054248424078725, -0.4236274212814606,
)  # fmt: skip
DIGAMMA_MIDDLE, DIGAMMA_MIDDLE_REST = 0.9510558760318328, 4.304446525329647e-17
DIGAMMA_SINGLE = (
    -0.00770178786657, 0.00730966096364, -0.0110928064506, 0.0180125804045, -0.0271026867374, 0.0407518442015,
    -0.0619126783402, 0.0949890814129, -0.148405222658, 0.240542479078, -0.423627418582, 0.951055876043,
)  # fmt: skip
DIGAMMA_FAR = (
    0.06693791706907035, -0.020503467172101195, 0.007562712388615821, -0.004166492538852132, 0.003968252648760712,
    -0.008333333328368383, 0.08333333333332671,
)  # fmt: skip
TRIGAMMA_FAR = (
    -0.2470407272918629, 0.07569557587446005, -0.03333300325774901, 0.023809522966649937, -0.0333333333325235,
    0.16666666666666655,
)  # fmt: skip


# The first derivative


def digamma_f32(x: Any) -> Any:
    """The derivative of lgamma; NaN at the poles, -inf at 0 and +inf at -0. At most 1 ulp; below zero, in float64, of the result or of 1, whichever is larger."""
    z = f64(x)
    value = _digamma_single(z)
    if rarely(z <= -0.5):
        value = _digamma_below(z)
    return f32(value)


def digamma_f64(x: Any) -> Any:
    """The derivative of lgamma; NaN at the poles, -inf at 0 and +inf at -0. At most 1 ulp; below zero, in float64, of the result or of 1, whichever is larger."""
    high, low = _digamma(x if x > -0.5 else -x)
    value = high if abs(high) == INFINITY else high + low
    if rarely(x <= -0.5):
        value = _reflected_digamma(-x, high, low)
    return value


@apart
def _digamma_below(x: Any) -> Any:
    """Near the roots below zero a float32 needs nearly all digits."""
    return digamma_f64(x)


def _digamma(x: Any) -> tuple[Any, Any]:
    """For x > -1/2: on [1, 2] a polynomial; above, a sum of 1 / (x - j) more; below, of 1 / x and 1 / (x + 1) less."""
    whole = floor(x)
    u = x - whole
    more, rest = like(x, 0.0), like(x, 0.0)
    for step in STEPS:  # each term is less than the sum so far
        term, term_rest = inverse(x - step)
        more, lost = two_sum(more, term if whole > step else 0.0)
        rest = rest + (lost + term_rest if whole > step else 0.0)
    w, w_rest = inverse(x)
    less, less_rest = inverse(x + 1.0)
    more, rest = -less if whole < 0.0 else more, -less_rest if whole < 0.0 else rest
    v = u - 0.5
    p = 0.00012120328155243805
    for c in DIGAMMA:
        p = fma(p, v, c)
    sum = fma(p, v, DIGAMMA_MIDDLE)
    lost = x - (u + whole)  # 0 but below zero; it counts by the slope there of all but 1 / x
    rest = fma(lost, fma(less, less, 0.8), rest) if whole < 0.0 else rest
    distance, distance_rest = two_sum(u, like(x, -ROOT))
    near, near_rest = product(distance, distance_rest - ROOT_REST, sum, fma(p, v, DIGAMMA_MIDDLE - sum) + DIGAMMA_MIDDLE_REST)
    near, lost = two_sum(more, near)
    near_rest = near_rest + lost + rest
    total, lost = two_sum(-w, near)
    near, near_rest = total if x < 1.0 else near, near_rest + lost - w_rest if x < 1.0 and w < INFINITY else near_rest
    square = w * w
    q = -0.16220929861674654
    for c in DIGAMMA_FAR:
        q = fma(q, square, c)
    log, log_rest = log_in_parts(x)
    far_rest = log_rest - fma(square, q, 0.5 * w)
    large = x >= 5.0
    return (x if x == INFINITY else log) if large else near, far_rest if large else near_rest


def _digamma_single(x: Any) -> Any:
    """For x > -1/2, to 2^-31: the asymptotic series from 4 on."""
    whole = floor(x)
    u = x - whole
    p = 0.00523091265906
    for c in DIGAMMA_SINGLE:
        p = fma(p, u - 0.5, c)
    large = x >= 4.0
    above = x + x - 3.0 if whole == 3.0 else -1.0 - (x + x) if whole < 0.0 else like(x, -1.0) if whole == 0.0 else like(x, 0.0) if whole == 1.0 else like(x, 1.0)
    below = (x - 1.0) * (x - 2.0) if whole == 3.0 else x * (x + 1.0) if whole < 0.0 else x - 1.0 if whole == 2.0 else like(x, 1.0) if whole == 1.0 else x
    ratio = above / below
    square = ratio * ratio
    q = fma(square, fma(square, 0.00351697258273, -0.00831681273237), 0.0833331509071)
    f = mantissa_f64(x) - 1.0
    far = natural_f64(f, excess(f), exponent_f64(x)) - fma(square, q, 0.5 * ratio)
    return (x if x == INFINITY else far) if large else fma(u - ROOT, p, ratio)


def _reflected_digamma(t: Any, high: Any, low: Any) -> Any:
    """digamma(-t) = digamma(t) + 1 / t + π cot πt."""
    sine, sine_rest, cosine, cosine_rest = half_turn(t)
    cotangent, cotangent_rest = quotient(cosine, cosine_rest, sine, sine_rest)
    turn, turn_rest = product(cotangent, cotangent_rest, like(t, PI), PI_REST)
    falls = t < rint(t)
    turn, turn_rest = -turn if falls else turn, -turn_rest if falls else turn_rest
    w, w_rest = inverse(t)
    more, lost = two_sum(high, w)
    value, rest = two_sum(turn, more)
    return value + (rest + (lost + low + w_rest + turn_rest)) if sine != 0.0 else like(t, NAN)


# The second derivative


def trigamma_f32(x: Any) -> Any:
    """The derivative of digamma; +inf at the poles."""
    z = f64(x)
    value, low = _trigamma(z if z > 0.0 else 1.0 - z)
    if rarely(z <= 0.0):
        value = _reflected_trigamma(z, value, low)
    return f32(value)


def trigamma_f64(x: Any) -> Any:
    """The derivative of digamma; +inf at the poles."""
    high, low = _trigamma(x if x > 0.0 else 1.0 - x)
    value = high if high == INFINITY or x == INFINITY else high + low
    if rarely(x <= 0.0):
        value = _reflected_trigamma(x, high, low)
    return value


def _trigamma(x: Any) -> tuple[Any, Any]:
    """For x > 0."""
    near = x < 8.0
    y = x + 8.0 if near else x
    w, w_rest = inverse(y)
    square = w * w
    q = 0.859610842083603
    for c in TRIGAMMA_FAR:
        q = fma(q, square, c)
    far, far_rest = two_sum(w, fma(square, w * q, 0.5 * square))
    far_rest = far_rest + fma(square, (y - 8.0) - x if near else 0.0, w_rest)
    value, rest = far, far_rest
    for step in TERMS:
        place = x + step
        w, w_rest = inverse(place)
        w_rest = fma(w * w, (place - step) - x, w_rest)
        term, term_rest = product(w, w_rest, w, w_rest)
        value, lost = two_sum(value, term)
        rest = rest + (lost + term_rest)
    return value if near else far, rest if near else far_rest


def _reflected_trigamma(x: Any, high: Any, low: Any) -> Any:
    """(π / sin πx)² - trigamma(1 - x)."""
    sine, sine_rest, _cosine, _cosine_rest = half_turn(x)
    ratio, ratio_rest = quotient(like(x, PI), like(x, PI_REST), sine, sine_rest)
    value, rest = product(ratio, ratio_rest, ratio, ratio_rest)
    value, lost = two_sum(value, -high)
    return like(x, INFINITY) if sine == 0.0 or value == INFINITY or x == -INFINITY else value + (lost + (rest - low))


digamma = by_dtype(digamma_f32, digamma_f64)
trigamma = by_dtype(trigamma_f32, trigamma_f64)
FUNCTIONS = (digamma, trigamma)
