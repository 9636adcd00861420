"""exp, exp2, expm1, and the logistic functions.

exp(x) = 2ᵏ exp(r): k is the integer nearest to x / log 2, r = x - k log 2, and exp(r) = 1 + r + r² tail(r) for |r| ≤ (log 2) / 2.
Coefficients are minimax, rounded one after the other with the rest refitted. How far functions err, here and in the other modules, is
told in docs/accuracy.md.
"""

from __future__ import annotations

from typing import Any

from ..bits import bits, by_dtype, copysign, fma, from_bits, like, rarely
from .logarithm import log1p_unit, log2_e_rest
from .pairs import product, two_sum

LOG2_E, LN2 = 1.4426950408889634, 0.6931471805599453
LN2_HIGH_F32, LN2_LOW_F32 = 0.6931471824645996, -1.9046542121259336e-09
LN2_HIGH_F64, LN2_LOW_F64 = 0.6931471805599453, 2.3190468138462996e-17
# A number this large is rounded to an integer, and its lowest bits are that integer plus the bias of an exponent.
SHIFT_F32, BIAS_F32 = 12583039.0, 127  # 1.5·2²³ + 127
SHIFT_F64, BIAS_F64 = 6755399441056767.0, 1023  # 1.5·2⁵² + 1023
INFINITY = float("inf")


# k and 2ᵏ


def shifted_f32(x: Any, factor: Any) -> Any:
    """t = k + SHIFT, k being the integer nearest to x times a factor."""
    return fma(x, factor, SHIFT_F32)


def shifted_f64(x: Any, factor: Any) -> Any:
    """t = k + SHIFT, k being the integer nearest to x times a factor."""
    return fma(x, factor, SHIFT_F64)


def whole_f32(t: Any) -> Any:
    """k."""
    return t - SHIFT_F32


def whole_f64(t: Any) -> Any:
    """k."""
    return t - SHIFT_F64


def two_to_f32(t: Any) -> Any:
    """2ᵏ, which must be a normal number."""
    return from_bits(bits(t) << 23)


def two_to_f64(t: Any) -> Any:
    """2ᵏ, which must be a normal number."""
    return from_bits(bits(t) << 52)


def scaled_f32(y: Any, t: Any) -> Any:
    """2ᵏ y, also where 2ᵏ is no normal number. Of the two products the first is exact, so it is rounded once."""
    k = bits(t) - bits(like(t, SHIFT_F32))
    half = k >> 1
    return y * from_bits((half + BIAS_F32) << 23) * from_bits((k - half + BIAS_F32) << 23)


def scaled_f64(y: Any, t: Any) -> Any:
    """2ᵏ y, also where 2ᵏ is no normal number. Of the two products the first is exact, so it is rounded once."""
    k = bits(t) - bits(like(t, SHIFT_F64))
    half = k >> 1
    return y * from_bits((half + BIAS_F64) << 52) * from_bits((k - half + BIAS_F64) << 52)


def tame_f32(x: Any) -> Any:
    """Whether exp(x) is a normal number."""
    return abs(x) < 87.0


def tame_f64(x: Any) -> Any:
    """Whether exp(x) is a normal number."""
    return abs(x) < 708.0


def limited_f32(x: Any, y: Any) -> Any:
    """y, unless exp(x) is far too large or too small."""
    return like(x, INFINITY) if x > 88.73 else like(x, 0.0) if x < -104.0 else y


def limited_f64(x: Any, y: Any) -> Any:
    """y, unless exp(x) is far too large or too small."""
    return like(x, INFINITY) if x > 709.79 else like(x, 0.0) if x < -746.0 else y


# r = high + low, and exp(r)


def reduced_f32(x: Any, k: Any) -> Any:
    """The high part of x - k log 2: exact."""
    return fma(k, -LN2_HIGH_F32, x)


def reduced_f64(x: Any, k: Any) -> Any:
    """The high part of x - k log 2: exact."""
    return fma(k, -LN2_HIGH_F64, x)


def correction_f32(k: Any) -> Any:
    """The low part of x - k log 2."""
    return k * -LN2_LOW_F32


def correction_f64(k: Any) -> Any:
    """The low part of x - k log 2."""
    return k * -LN2_LOW_F64


def remainder_f32(x: Any, k: Any) -> Any:
    """r."""
    return fma(k, -LN2_LOW_F32, reduced_f32(x, k))


def remainder_f64(x: Any, k: Any) -> Any:
    """r."""
    return fma(k, -LN2_LOW_F64, reduced_f64(x, k))


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


def beyond_f32(r: Any, e: Any) -> Any:
    """exp(r) - 1 - r + e, for a small e."""
    return fma(r * r, tail_f32(r), e)


def beyond_f64(r: Any, e: Any) -> Any:
    """exp(r) - 1 - r + e, for a small e: r² / 2 without its rounding, and r³ by a polynomial of degree 9, exp(r) - 1 to 2^-61."""
    square = r * r
    fourth = square * square
    low = fma(square, fma(r, 0.00138888888889426, 0.008333333333322165), fma(r, 0.04166666666666658, 0.16666666666666677))
    high = fma(square, fma(r, 2.755738697934818e-07, 2.755724531495017e-06), fma(r, 2.4801587198325193e-05, 0.00019841269884924206))
    top = fma(r, 2.087892470342386e-09, 2.5108678497721142e-08)
    return fma(0.5 * r, r, fma(square * r, fma(fourth, fma(fourth, top, high), low), e))


def binary_tail_f32(r: Any) -> Any:
    """(2^r - 1 - r log 2) / r² for |r| ≤ ½. Degree 4: 2^r to 2^-28."""
    return fma(r, fma(r, fma(r, fma(r, 0.00015462865, 0.0013390986), 0.0096180625), 0.055503596), 0.2402265)


def binary_tail_f64(r: Any) -> Any:
    """(2^r - 1 - r log 2) / r² for |r| ≤ ½. Degree 9: 2^r to 2^-58."""
    square = r * r
    fourth = square * square
    low = fma(square, fma(r, 0.0013333558146255526, 0.009618129107597672), fma(r, 0.05550410866482261, 0.2402265069591012))
    high = fma(square, fma(r, 1.0178021380312324e-07, 1.321543678814689e-06), fma(r, 1.5252733948638472e-05, 0.00015403530453516416))
    top = fma(r, 4.460349162399297e-10, 7.073559173704309e-09)
    return fma(fourth, fma(fourth, top, high), low)


shifted, whole, two_to = by_dtype(shifted_f32, shifted_f64), by_dtype(whole_f32, whole_f64), by_dtype(two_to_f32, two_to_f64)
scaled, tame, limited = by_dtype(scaled_f32, scaled_f64), by_dtype(tame_f32, tame_f64), by_dtype(limited_f32, limited_f64)
reduced, correction = by_dtype(reduced_f32, reduced_f64), by_dtype(correction_f32, correction_f64)
remainder, beyond = by_dtype(remainder_f32, remainder_f64), by_dtype(beyond_f32, beyond_f64)
tail, binary_tail = by_dtype(tail_f32, tail_f64), by_dtype(binary_tail_f32, binary_tail_f64)


# The functions


def exp(x: Any) -> Any:
    """The exponential."""
    t = shifted(x, LOG2_E)
    r = remainder(x, whole(t))
    fraction = fma(r, fma(r, tail(r), 1.0), 1.0)
    y = fraction * two_to(t)
    if rarely(not tame(x)):
        y = limited(x, scaled(fraction, t))
    return y


def exp2(x: Any) -> Any:
    """2 to the power x, of which x less the nearest integer is exact."""
    t = shifted(x, 1.0)
    r = x - whole(t)
    fraction = fma(r, fma(r, binary_tail(r), LN2), 1.0)
    y = fraction * two_to(t)
    if rarely(not tame(x * LN2)):
        y = limited(x * LN2, scaled(fraction, t))
    return y


def expm1(x: Any) -> Any:
    """exp(x) - 1 = 2ᵏ (exp(r) - 1) + (2ᵏ - 1), with what the sum's roundings lose."""
    z = like(x, -40.0) if x < -40.0 else x
    t = shifted(z, LOG2_E)
    k = whole(t)
    high, low = reduced(z, k), correction(k)
    r = high + low
    scale = two_to(t)
    less = scale - 1.0
    total = fma(scale, high, less)
    lost = fma(scale, high, less - total) + ((scale - less) - 1.0)
    rest = beyond(r, fma(r, low - (r - high), low))
    y = total + fma(scale, rest, lost)
    if rarely(x > 88.0):
        y = exp(x)
    return copysign(y, x)


def sigmoid(x: Any) -> Any:
    """s = 1 / (1 + exp|x|), made good for its divisor's rounding, or 1 - s."""
    z = abs(x)
    z = like(z, 80.0) if z > 80.0 else z
    t = shifted(z, LOG2_E)
    r = remainder(z, whole(t))
    scale = two_to(t)
    rest = fma(r * r, tail(r), r)
    divisor = fma(scale, rest, scale + 1.0)
    lost = fma(scale, rest, (scale - divisor) + 1.0)
    s = 1.0 / divisor
    s = fma(s, fma(-s, lost, fma(-s, divisor, 1.0)), s)
    if rarely(x < -80.0):
        s = exp(x)
    return s if x < 0.0 else 1.0 - s


def log1p_exp(z: Any, z_rest: Any) -> tuple[Any, Any]:
    """log(1 + exp(z + z_rest)) for z ≤ 0, in two parts. Where exp(z) is no normal number, it is the value."""
    y = like(z, -80.0) if z < -80.0 else z
    t = shifted(y, LOG2_E)
    k = whole(t)
    high, low = reduced(y, k), correction(k) + z_rest
    r = high + low
    one = 1.0 + high
    rest = fma(r * r, tail(r), low) + (high - (one - 1.0))
    e = one + rest
    scale = two_to(t)
    near, far = log1p_unit(scale * e, scale * ((one - e) + rest))
    if rarely(z < -80.0):
        near, far = exp(z), like(z, 0.0)
    return near, far


def more_by(larger: Any, near: Any, rest: Any) -> Any:
    """larger + near + rest; infinite if larger is."""
    total, lost = two_sum(larger, near)
    return total if abs(larger) == INFINITY else total + (lost + rest)


def softplus(x: Any) -> Any:
    """log(1 + exp(x))."""
    near, rest = log1p_exp(-abs(x), 0.0)
    return more_by(x if x > 0.0 else like(x, 0.0), near, rest)


def logaddexp(a: Any, b: Any) -> Any:
    """log(exp(a) + exp(b)); equal infinities give themselves. Errors are those of a result no smaller than ½."""
    larger, smaller = a if a >= b or a != a else b, b if a >= b or a != a else a
    fall, fall_rest = two_sum(smaller, -larger)
    near, rest = log1p_exp(like(a, 0.0) if a == b else fall, like(a, 0.0) if a == b else fall_rest)
    return more_by(larger, near, rest)


def logaddexp2(a: Any, b: Any) -> Any:
    """log2(2^a + 2^b); equal infinities give themselves. Errors are those of a result no smaller than ½."""
    larger, smaller = a if a >= b or a != a else b, b if a >= b or a != a else a
    fall, fall_rest = two_sum(smaller, -larger)
    fall, fall_rest = product(fall, fall_rest, like(a, LN2), -correction(like(a, 1.0)))
    near, rest = log1p_exp(like(a, 0.0) if a == b else fall, like(a, 0.0) if a == b else fall_rest)
    near, rest = product(near, rest, like(a, LOG2_E), log2_e_rest(a))
    return more_by(larger, near, rest)


FUNCTIONS = (exp, exp2, expm1, sigmoid, softplus, logaddexp, logaddexp2)
