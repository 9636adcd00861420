"""The logarithm of the gamma function (DLMF 5).

Of 0 < x < 5, let u be the fraction. lgamma(1 + u) is u (u - 1) P(u - ½), so it is right near the roots 1 and 2; P is a minimax polynomial
(Remez). From there the recurrence Γ(x + 1) = x Γ(x) leads to x (DLMF 5.5.1). From 5 on there is the asymptotic series (DLMF 5.11.1), with
coefficients fitted to x ≥ 5. Other negative numbers are reflected (DLMF 5.5.3).

All is computed in float64; float32 errs by half an ulp, and begins the series at 4. Between the poles below zero there are roots that
are no floats: the errors there are those of what cancels, told in units in the last place of a number no smaller than 1.
"""

from __future__ import annotations

import math
from typing import Any

from ..bits import apart, by_dtype, f32, f64, floor, fma, like, rarely
from .circular import half_turn
from .logarithm import excess, exponent_f64, log_in_parts, mantissa_f64, natural_f64
from .pairs import product, two_sum

INFINITY = math.inf
LOG_PI, LOG_PI_REST = 1.1447298858494002, 1.0265951162707826e-17
STEPS = (3.0, 2.0, 1.0)
# Polynomials, from the highest coefficient to the lowest; the highest stands where it is used.
LGAMMA = (
    1.2149596649989984e-05, -8.054068286391483e-06, 1.317404358992477e-05, -2.737075942325888e-05, 4.3034037486474125e-05,
    -6.608821028189561e-05, 0.00010535325738809259, -0.0001689280627124171, 0.0002713140701328763, -0.0004379918290778365,
    0.000711519031097682, -0.0011644146796786665, 0.0019229163152252365, -0.003212074069366655, 0.00544645783903262,
    -0.009425622448635223, 0.01679709863127598, -0.03130848750100939, 0.06291140107456437, -0.14595989591430608,
)  # fmt: skip
LGAMMA_MIDDLE, LGAMMA_MIDDLE_REST = 0.4831289505409809, 1.7300720553883744e-17
LGAMMA_SINGLE = (
    0.000959174613157, -0.00110738433837, 0.00184877274778, -0.00322095567783, 0.00545637550173,
    -0.00942495831434, 0.0167965062954, -0.0313085086691, 0.0629114139347, -0.145959895722, 0.483128950496,
)  # fmt: skip
STIRLING = (
    0.0053389819146216905, -0.0018778476314387433, 0.0008408473280531172, -0.000595225664632022, 0.0007936506960875,
    -0.0027777777773943333, 0.08333333333333279,
)  # fmt: skip


def lgamma_f32(x: Any) -> Any:
    """log |Γ(x)|; +inf at the poles. At most 2 ulp; below zero, in float64, of the result or of 1, whichever is larger."""
    z = f64(x)
    value = _lgamma_single(z)
    if rarely(z <= -0.5):
        value = _lgamma_below(z)
    return f32(like(z, INFINITY) if z == 0.0 or abs(z) == INFINITY else value)


def lgamma_f64(x: Any) -> Any:
    """log |Γ(x)|; +inf at the poles. At most 2 ulp; below zero, in float64, of the result or of 1, whichever is larger."""
    high, low = _lgamma(x if x > -0.5 else -x)
    value = high if abs(high) == INFINITY else high + low
    if rarely(x <= -0.5):
        value = _reflected_lgamma(-x, high, low)
    return like(x, INFINITY) if x == 0.0 or abs(x) == INFINITY else value


@apart
def _lgamma_below(x: Any) -> Any:
    """Near the roots below zero a float32 needs nearly all digits."""
    return lgamma_f64(x)


def _lgamma(x: Any) -> tuple[Any, Any]:
    """For x > -1/2."""
    whole = floor(x)
    near, near_rest, span = _lgamma_unit(x, x - whole)
    large = x >= 5.0
    factors, _factors_rest = _factors(x)
    log, log_rest = log_in_parts(x if large or whole == 0.0 else span if whole < 0.0 else factors)
    near, lost = two_sum(-log if x < 1.0 else log, near)
    near_rest = lost + near_rest + (-log_rest if x < 1.0 else log_rest)
    w = 1.0 / x
    q = -0.011891444962779373
    for c in STIRLING:
        q = fma(q, w * w, c)
    factor, less = x - 0.5, log - 1.0
    far = factor * less
    far_rest = fma(factor, less, -far) + factor * ((log - less) - 1.0 + log_rest)
    far_rest = far_rest + fma(w, q, 0.4189385332046727)  # (log 2π - 1) / 2
    return far if large else near, far_rest if large else near_rest


def _factors(x: Any) -> tuple[Any, Any]:
    """(x - 1) (x - 2) and so on, to a factor from 1 to 2, for x < 5, in two parts."""
    factors, rest = like(x, 1.0), like(x, 0.0)
    for step in STEPS:
        more, more_rest = product(factors, rest, x - step, 0.0)
        factors, rest = more if x >= step + 1.0 else factors, more_rest if x >= step + 1.0 else rest
    return factors, rest


def _lgamma_unit(x: Any, u: Any) -> tuple[Any, Any, Any]:
    """lgamma(1 + u) for u = x - floor(x), and u (1 - u). Just below zero 1 - u is -x, and u is rounded."""
    little = -x if x < 0.0 else u
    other = 1.0 - little
    span, span_rest = product(little, 0.0, other, (1.0 - other) - little)
    v = u - 0.5
    p = -7.990280398298211e-06
    for c in LGAMMA:
        p = fma(p, v, c)
    sum = fma(p, v, LGAMMA_MIDDLE)
    value, rest = product(-span, -span_rest, sum, fma(p, v, LGAMMA_MIDDLE - sum) + LGAMMA_MIDDLE_REST)
    return value, rest, span


def _lgamma_single(x: Any) -> Any:
    """For x > -1/2, to 2^-32: the asymptotic series from 4 on."""
    whole = floor(x)
    u = x - whole
    span = x * (-1.0 - x) if x < 0.0 else u * (1.0 - u)
    p = -0.000608104497897
    for c in LGAMMA_SINGLE:
        p = fma(p, u - 0.5, c)
    large = x >= 4.0
    factors = (x - 1.0) * (x - 2.0) if whole == 3.0 else span if whole < 0.0 else x - 1.0 if whole == 2.0 else like(x, 1.0) if whole == 1.0 else x
    f = mantissa_f64(factors) - 1.0
    log = natural_f64(f, excess(f), exponent_f64(factors))
    w = 1.0 / x
    square = w * w
    far = fma(w, fma(square, fma(square, 0.000725338580491, -0.00277514452776), 0.0833333022127), 0.4189385332046727)
    return fma(x - 0.5, log - 1.0, far) if large else fma(-span, p, -log if x < 1.0 else log)


def _reflected_lgamma(t: Any, high: Any, low: Any) -> Any:
    """lgamma(-t) = log π - log |t sin πt| - lgamma(t)."""
    sine, sine_rest, _cosine, _cosine_rest = half_turn(t)
    size, size_rest = product(t, 0.0, sine, sine_rest)
    log, log_rest = log_in_parts(size)
    near, rest = two_sum(log, high)
    value, value_rest = two_sum(like(t, LOG_PI), -near)
    factors, factors_rest = _factors(t)
    low = low + factors_rest / factors if t < 5.0 else low  # the logarithm was of `factors` alone
    rest = rest + (log_rest + size_rest / size) + (low - LOG_PI_REST)
    return like(t, INFINITY) if sine == 0.0 else value + (value_rest - rest)


lgamma = by_dtype(lgamma_f32, lgamma_f64)
FUNCTIONS = (lgamma,)
