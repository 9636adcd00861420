"""sinh, cosh, tanh, and their inverses."""

from __future__ import annotations

from typing import Any

from ..bits import bits, by_dtype, copysign, fma, from_bits, like
from .exponential import (
    LN2_HIGH_F32, LN2_HIGH_F64, LN2_LOW_F64, LOG2_E, SHIFT_F32, SHIFT_F64, tail_f32, tail_f64,
)  # fmt: skip

TWICE_LOG2_E = 2.0 * LOG2_E


def tanh_f32(x: Any) -> Any:
    """1 - 2 / (exp(2|x|) + 1), a single rounding in the divisor; below 0.975 an odd polynomial of degree 15, 2^-28. 0.89 ulp."""
    z = abs(x)
    z = like(z, 10.0) if z > 10.0 else z
    u = z * z
    high = fma(u, fma(u, fma(u, -0.00037965286, 0.0023680574), -0.008027726), 0.021535506)
    small = fma(z * u, fma(u, fma(u, fma(u, high, -0.053894483), 0.13332546), -0.33333305), z)
    t = fma(z, TWICE_LOG2_E, SHIFT_F32)
    r = fma(t - SHIFT_F32, -LN2_HIGH_F32, z + z)
    power = from_bits(bits(t) << 23)
    divisor = fma(power, fma(r * r, tail_f32(r), r), power + 1.0)
    return copysign(small if z < 0.975 else fma(-2.0, 1.0 / divisor, 1.0), x)


def tanh_f64(x: Any) -> Any:
    """n / (n + 2) for n = exp(2|x|) - 1, the quotient made good for the roundings of n and n + 2."""
    z = abs(x)
    z = like(z, 22.0) if z > 22.0 else z
    t = fma(z, TWICE_LOG2_E, SHIFT_F64)
    k = t - SHIFT_F64
    high, low = fma(k, -LN2_HIGH_F64, z + z), k * -LN2_LOW_F64
    r = high + low
    power = from_bits(bits(t) << 52)
    less = power - 1.0
    total = fma(power, high, less)
    rest = fma(r * r, tail_f64(r), fma(r, low - (r - high), low))
    n = fma(power, rest, total)
    n_low = fma(power, rest, total - n) + fma(power, high, less - total)
    divisor = n + 2.0
    divisor_low = n_low + (n - (divisor - 2.0))
    inverse = 1.0 / divisor
    y = n * inverse
    return copysign(fma(inverse, fma(-y, divisor_low, fma(-y, divisor, n) + n_low), y), x)


tanh = by_dtype(tanh_f32, tanh_f64)

FUNCTIONS = (tanh,)
