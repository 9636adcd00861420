"""sinh, cosh, tanh, and their inverses.

`_low` names what a sum, product or quotient loses by rounding, computed exactly or nearly so.
"""

from __future__ import annotations

from typing import Any

from ..bits import by_dtype, copysign, fma, like, rarely, sqrt
from .exponential import INFINITY, LOG2_E, beyond_f64, correction, limited, reduced, scaled, shifted, tail, tame, two_to, whole
from .logarithm import NAN, artanh_rest, excess, exponent, log1p_sum, mantissa, natural, singular, unscale

TWICE_LOG2_E = 2.0 * LOG2_E
HUGE = 1e9  # √(x² ± 1) is x from here on


def sinh_tail_f32(u: Any) -> Any:
    """(sinh z - z) / z³, u being z² ≤ 1: 2^-31 of sinh z."""
    return fma(u, fma(u, fma(u, 2.7822132e-06, 0.00019842896), 0.0083333105), 0.16666667)


def sinh_tail_f64(u: Any) -> Any:
    """(sinh z - z) / z³, u being z² ≤ 1: 2^-61 of sinh z."""
    square = u * u
    high = fma(square, 7.776600394523351e-13, fma(u, 1.6056659158874068e-10, 2.505213099881447e-08))
    low = fma(square, fma(u, 2.7557319106756376e-06, 0.0001984126984159341), fma(u, 0.008333333333332912, 0.16666666666666669))
    return fma(square * square, high, low)


sinh_tail = by_dtype(sinh_tail_f32, sinh_tail_f64)


def in_parts(z: Any) -> Any:
    """For exp(z) = 2ᵏ (one + rest): t, which tells k, then one, rest, 2ᵏ / 2 and 1 / (2 exp(z))."""
    t = shifted(z, LOG2_E)
    high, low = reduced(z, whole(t)), correction(whole(t))
    r = high + low
    one = 1.0 + high
    rest = fma(r * r, tail(r), low) + (high - (one - 1.0))
    half = 0.5 * two_to(t)
    return t, one, rest, half, 0.25 / (half * (one + rest))


def sinh(x: Any) -> Any:
    """(exp|x| - 1 / exp|x|) / 2; below 1 an odd polynomial."""
    z = abs(x)
    t, one, rest, half, inverse = in_parts(z)
    y = fma(half, one, fma(half, rest, -inverse))
    y = fma(z * z * z, sinh_tail(z * z), z) if z < 1.0 else y
    if rarely(not tame(z)):
        y = limited(z - 0.6931, scaled(one + rest, t - 1.0))
    return copysign(y, x)


def cosh(x: Any) -> Any:
    """(exp|x| + 1 / exp|x|) / 2."""
    z = abs(x)
    t, one, rest, half, inverse = in_parts(z)
    y = fma(half, one, fma(half, rest, inverse))
    if rarely(not tame(z)):
        y = limited(z - 0.6931, scaled(one + rest, t - 1.0))
    return y


def tanh_f32(x: Any) -> Any:
    """1 - 2 / (exp(2|x|) + 1), with a single rounding in the divisor; below 0.975 an odd polynomial of degree 15."""
    z = abs(x)
    z = like(z, 10.0) if z > 10.0 else z
    u = z * z
    high = fma(u, fma(u, fma(u, -0.00037965286, 0.0023680574), -0.008027726), 0.021535506)
    small = fma(z * u, fma(u, fma(u, fma(u, high, -0.053894483), 0.13332546), -0.33333305), z)
    t = shifted(z, TWICE_LOG2_E)
    r = reduced(z + z, whole(t))
    scale = two_to(t)
    divisor = fma(scale, fma(r * r, tail(r), r), scale + 1.0)
    return copysign(small if z < 0.975 else fma(-2.0, 1.0 / divisor, 1.0), x)


def tanh_f64(x: Any) -> Any:
    """n / (n + 2) for n = exp(2|x|) - 1, the quotient made good for the roundings of n and n + 2."""
    z = abs(x)
    z = like(z, 22.0) if z > 22.0 else z
    t = shifted(z, TWICE_LOG2_E)
    high, low = reduced(z + z, whole(t)), correction(whole(t))
    r = high + low
    scale = two_to(t)
    less = scale - 1.0
    total = fma(scale, high, less)
    rest = beyond_f64(r, fma(r, low - (r - high), low))
    n = fma(scale, rest, total)
    n_low = fma(scale, rest, total - n) + fma(scale, high, less - total)
    divisor = n + 2.0
    divisor_low = n_low + (n - (divisor - 2.0))
    inverse = 1.0 / divisor
    y = n * inverse
    return copysign(fma(inverse, fma(-y, divisor_low, fma(-y, divisor, n) + n_low), y), x)


tanh = by_dtype(tanh_f32, tanh_f64)


# Inverses


def log_twice(x: Any) -> Any:
    """log 2x, without overflow."""
    f = mantissa(x) - 1.0
    return natural(f, excess(f), singular(x, exponent(x) + 1.0))


def asinh(x: Any) -> Any:
    """log(1 + (z + z² / (1 + √(1 + z²)))) with z = |x|, whose inner sum has two parts."""
    z = abs(x)
    square = z * z
    square_low = fma(z, z, -square)
    sum = 1.0 + square
    part = sum - 1.0
    sum_low = (1.0 - (sum - part)) + (square - part) + square_low
    root = sqrt(sum)
    root_low = 0.5 * (fma(-root, root, sum) + sum_low) / root
    divisor = 1.0 + root
    divisor_low = (1.0 - (divisor - root)) + root_low
    quotient = square / divisor
    quotient_low = (fma(-quotient, divisor, square) + fma(-quotient, divisor_low, square_low)) / divisor
    y = z + quotient
    y = log1p_sum(y, (quotient - (y - z)) + quotient_low)
    if rarely(z > HUGE):
        y = log_twice(z)
    return copysign(y, x)


def acosh(x: Any) -> Any:
    """log(1 + (t + √(t (x + 1)))) with t = x - 1, whose inner sum has two parts."""
    t = x - 1.0
    more = x + 1.0
    product = t * more
    product_low = fma(t, more, -product) + t * (1.0 - (more - x))
    root = sqrt(product)
    root_low = 0.5 * (fma(-root, root, product) + product_low) / (root if root > 0.0 else more)
    y = root + t
    y = log1p_sum(y, (t - (y - root)) + root_low)
    if rarely(not (x >= 1.0 and x < HUGE)):
        y = log_twice(x) if x >= HUGE else y if x >= 1.0 else like(x, NAN)
    return y


def atanh(x: Any) -> Any:
    """½ log(a / b), a = 1 + |x| and b = 1 - |x|: half of k log 2 + 2 artanh s, where s = (2⁻ᵏ a - b) / (2⁻ᵏ a + b)."""
    z = abs(x)
    a, b = 1.0 + z, 1.0 - z
    a_low, b_low = z - (a - 1.0), (1.0 - b) - z
    k, scale = exponent(a / b), unscale(a / b)
    a, a_low = scale * a, scale * a_low
    above, below = a - b, a + b
    part = below - a
    below_low = (a - (below - part)) + (b - part) + (a_low + b_low)
    s = above / below
    s_low = (fma(-s, below, above) + fma(-s, below_low, a_low - b_low)) / below
    y = 0.5 * natural(2.0 * s, fma(s * s * s, artanh_rest(s * s), 2.0 * s_low), k)
    if rarely(not z < 1.0):
        y = like(x, INFINITY) if z == 1.0 else like(x, NAN)
    return copysign(y, x)


FUNCTIONS = (sinh, cosh, tanh, asinh, acosh, atanh)
