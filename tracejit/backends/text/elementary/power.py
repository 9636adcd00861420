"""pow, power, cbrt, hypot.

`_low` names what a sum, product or quotient loses by rounding, computed exactly or nearly so.
"""

from __future__ import annotations

from typing import Any

from ..bits import by_dtype, copysign, f32, f64, fma, like, rarely, rint, sqrt
from .exponential import INFINITY, LN2, binary_tail_f32, binary_tail_f64, limited_f64, scaled_f64, shifted, shifted_f64, two_to, two_to_f64, whole, whole_f64
from .logarithm import NAN, TWO_64, exponent, exponent_f64, mantissa, mantissa_f64, normal, normal_f32, normal_f64, singular

THIRD, THIRD_LOW = 0.3333333333333333, 1.850371707708594e-17
TWICE_LOG2_E, TWICE_LOG2_E_LOW = 2.8853900817779268, 4.0710547481862066e-17
TWO_600, TWO_MINUS_600 = 2.0**600, 2.0**-600
CBRT_2, CBRT_HALF = 1.2599210498948732, 0.7937005259840998


def signed(x: Any, y: Any, size: Any) -> Any:
    """x to the y, of its size |x| to the y (C99, F.9.4.4)."""
    whole_y = rint(y) == y
    odd = whole_y and rint(0.5 * y) != 0.5 * y
    size = like(x, 1.0) if y == 0.0 or abs(x) == 1.0 and y == y else size
    size = like(x, NAN) if x < 0.0 and x > -INFINITY and not whole_y else size
    size = like(x, 1.0) if x == 1.0 else size
    return copysign(size, x) if odd else size


def pow_f32(x: Any, y: Any) -> Any:
    """2 to the power y log2|x|, in float64, where float32 has no denormal numbers: log2|x| to 2^-37, the power to 2^-28."""
    z = f64(abs(x))
    f = mantissa_f64(z) - 1.0
    s = f / (2.0 + f)
    w = s * s
    square = w * w
    high = fma(square, 0.34074255562634065, fma(w, 0.41167200026093886, 0.5770835979354495))
    log2_z = fma(s, fma(square, high, fma(w, 0.9617966732668205, 2.8853900817901543)), exponent_f64(z))
    p = f64(y) * log2_z
    t = shifted_f64(p, 1.0)
    r = p - whole_f64(t)
    fraction = fma(r, fma(r, binary_tail_f32(r), LN2), 1.0)
    size = f32(fraction * two_to_f64(t))
    if rarely(not (normal_f32(x) and abs(p) < 1000.0)):
        p = f64(y) * singular(z, log2_z)
        size = signed(x, y, like(x, INFINITY) if p > 1000.0 else like(x, 0.0) if p < -1000.0 else size if p == p else like(x, NAN))
    return size


def pow_f64(x: Any, y: Any) -> Any:
    """2 to the power y log2|x|, where log2|x| has two parts: 2^-64. With s = f / (2 + f), log(1 + f) = 2 (s + s w c(w)), w = s²."""
    z = abs(x)
    k, f = exponent_f64(z), mantissa_f64(z) - 1.0
    if rarely(not normal_f64(z)):
        k, f = singular(z, exponent_f64(z * TWO_64) - 64.0), mantissa_f64(z * TWO_64) - 1.0
    divisor = 2.0 + f
    inverse = 1.0 / divisor
    s = f * inverse
    s_low = inverse * (fma(-s, divisor, f) - s * (f - (divisor - 2.0)))
    w = s * s
    w_low = fma(s, s, -w) + 2.0 * s * s_low
    square = w * w
    high = fma(square, 0.06598222514797306, fma(w, 0.06628403172063776, 0.07693378881779056))
    low = fma(square, fma(w, 0.09090892179627674, 0.11111111259995379), fma(w, 0.1428571428504968, 0.20000000000001128))
    rest = w * fma(square * square, high, low)
    c = THIRD + rest
    c_low = (rest - (c - THIRD)) + THIRD_LOW
    v = w * c
    v_low = fma(w, c, -v) + fma(w, c_low, w_low * c)
    part = s * v
    part_low = fma(s, v, -part) + fma(s, v_low, fma(s_low, v, s_low))
    h = s + part
    h_low = (part - (h - s)) + part_low
    log2_f = h * TWICE_LOG2_E
    log2_f_low = fma(h, TWICE_LOG2_E, -log2_f) + fma(h, TWICE_LOG2_E_LOW, h_low * TWICE_LOG2_E)
    log2_z = k + log2_f
    log2_z_low = (log2_f - (log2_z - k)) + log2_f_low
    p = y * log2_z
    t = shifted_f64(p, 1.0)
    r = (p - whole_f64(t)) + fma(y, log2_z_low, fma(y, log2_z, -p))
    fraction = fma(r, fma(r, binary_tail_f64(r), LN2), 1.0)
    size = fraction * two_to_f64(t)
    if rarely(not (normal_f64(x) and abs(p) < 1020.0)):
        size = signed(x, y, limited_f64(p * LN2, p if p != p else scaled_f64(fraction, t)))
    return size


pow = by_dtype(pow_f32, pow_f64)


def fifth_f32(x: Any) -> Any:
    """x⁵, in float64, where it neither overflows nor vanishes."""
    z = f64(x)
    square = z * z
    return f32(square * square * z)


def fifth_f64(x: Any) -> Any:
    """x⁵, made good for what the squares lose: the three products alone may err by 2.6 units in the last place."""
    square = x * x
    fourth = square * square
    fourth_low = fma(square, square, -fourth) + 2.0 * square * fma(x, x, -square)
    y = fma(fourth, x, fourth_low * x)
    if rarely(not (abs(x) < 1e60 and abs(x) > 1e-50)):
        y = pow_f64(x, like(x, 5.0))
    return y


fifth = by_dtype(fifth_f32, fifth_f64)


def power(x: Any, y: Any) -> Any:
    """x to the y. The exponents of everyday are arithmetic; where the exponent is one scalar, the loop tests it once."""
    if y == 2:
        return x * x
    if y == 1:
        return x
    if y == 3:
        return x * x * x
    if y == 4:  # within 1.92 units in the last place
        return x * x * (x * x)
    if y == 5:
        return fifth(x)
    if y == 0.5:  # the root of -inf is NaN and that of -0.0 is -0.0; IEEE 754's power gives inf and 0.0
        return like(x, INFINITY) if x == -INFINITY else sqrt(x + 0.0)
    if y == -1:
        return 1.0 / x
    return pow(x, y)


def cbrt_start_f32(m: Any) -> Any:
    """The cube root of m in [√½, √2], to 2^-16.7."""
    square = m * m
    return fma(square, fma(square, -0.037786108, fma(m, 0.2169311, -0.5356242)), fma(m, 0.9048167, 0.45166677))


def cbrt_start_f64(m: Any) -> Any:
    """The cube root of m in [√½, √2], to 2^-33."""
    start = cbrt_start_f32(m)
    return start - THIRD * (start - m / (start * start))


cbrt_start = by_dtype(cbrt_start_f32, cbrt_start_f64)


def cbrt(x: Any) -> Any:
    """The cube root: |x| = 2^(3q + j) m with j in {-1, 0, 1}; 2^q times a polynomial in m, improved by Newton's method."""
    z = abs(x)
    k, m = exponent(z), mantissa(z)
    if rarely(not normal(z)):
        k, m = exponent(z * TWO_64) - 64.0, mantissa(z * TWO_64)
    t = shifted(k, THIRD)
    j = fma(whole(t), -3.0, k)
    root = cbrt_start(m) * (like(x, CBRT_2) if j > 0.5 else like(x, CBRT_HALF) if j < -0.5 else like(x, 1.0))
    cube = m * (like(x, 2.0) if j > 0.5 else like(x, 0.5) if j < -0.5 else like(x, 1.0))
    square = root * root
    excess = fma(square, root, -cube) + fma(root, root, -square) * root
    y = (root - THIRD * excess / square) * two_to(t)
    if rarely(not (z > 0.0 and z < INFINITY)):
        y = z
    return copysign(y, x)


def hypot_f32(a: Any, b: Any) -> Any:
    """√(a² + b²), in float64, where the squares are exact. Infinite if a or b is, whatever the other."""
    a, b = abs(a), abs(b)
    y = f32(sqrt(fma(f64(a), f64(a), f64(b) * f64(b))))
    return like(a, INFINITY) if a == INFINITY or b == INFINITY else y


def root_of_squares(a: Any, b: Any) -> Any:
    """√(a² + b²) for a ≥ b ≥ 0, made good for what the squares, their sum and the root lose."""
    square, other = a * a, b * b
    sum = square + other
    sum_low = (other - (sum - square)) + (fma(a, a, -square) + fma(b, b, -other))
    root = sqrt(sum)
    return root + 0.5 * (fma(-root, root, sum) + sum_low) / root


def hypot_f64(a: Any, b: Any) -> Any:
    """√(a² + b²), without overflow. Infinite if a or b is, whatever the other."""
    a, b = abs(a), abs(b)
    larger, smaller = a if a > b else b, b if a > b else a
    y = root_of_squares(larger, smaller)
    if rarely(not (larger < 1e150 and larger > 1e-150)):
        scale = like(a, TWO_MINUS_600) if larger > 1.0 else like(a, TWO_600)
        y = root_of_squares(larger * scale, smaller * scale) / scale
        y = larger if smaller == 0.0 else y
    return like(a, INFINITY) if a == INFINITY or b == INFINITY else y


hypot = by_dtype(hypot_f32, hypot_f64)

FUNCTIONS = (pow, power, cbrt, hypot)
