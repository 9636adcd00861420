"""Products, quotients and magnitudes of complex numbers, for one element, as NumPy rounds them.

NumPy's vector instructions fuse additions into products where the processor can: then these are the functions `fused_…`. Division is Smith's
algorithm («Algorithm 116: complex division», Communications of the ACM 5, 1962), the magnitude is scaled by the larger part. Sums and
differences are the language's own.
"""

from __future__ import annotations

import math
from typing import Any, Callable

import numpy as np

from .bits import fma, like, quiet, rarely, sqrt

inf = math.inf


@quiet
def of_parts(real: Any, imag: Any) -> Any:
    """The complex number of two floats."""
    whole = (np.complex64 if isinstance(real, np.float32) else np.complex128)(real)
    return np.array([real, imag]).view(type(whole))[0]


def fused_product(a: Any, b: Any) -> Any:
    """a · b, one product of each part fused into the sum."""
    return of_parts(fma(a.real, b.real, -(a.imag * b.imag)), fma(a.real, b.imag, a.imag * b.real))


def plain_product(a: Any, b: Any) -> Any:
    """a · b, each operation rounded."""
    return of_parts(a.real * b.real - a.imag * b.imag, a.real * b.imag + a.imag * b.real)


def second_power(z: Any) -> Any:
    """z², as NumPy's powers have it, which its squares do not: of 0 both parts are 0 without a sign."""
    return unless_zero(z, plain_product(z, z))


def third_power(z: Any) -> Any:
    """z³, the same."""
    return unless_zero(z, plain_product(z, plain_product(z, z)))


def unless_zero(z: Any, power: Any) -> Any:
    """A power of z; 0 of 0."""
    zero = like(z.real, 0)
    return of_parts(zero, zero) if z.real == zero and z.imag == zero else power


def quotient(a: Any, b: Any) -> Any:
    """a / b."""
    wide = abs(b.real) >= abs(b.imag)
    large = b.real if wide else b.imag
    small = b.imag if wide else b.real
    first = a.real if wide else a.imag
    second = a.imag if wide else a.real
    ratio = small / large
    scale = like(ratio, 1) / (large + small * ratio)
    turned = first * ratio
    real = (first + second * ratio) * scale
    imag = (second - turned if wide else turned - second) * scale
    if rarely(wide and large == like(large, 0)):
        real = a.real / abs(b.real)
        imag = a.imag / abs(b.real)
    return of_parts(real, imag)


def inverse(z: Any) -> Any:
    """1 / z."""
    wide = abs(z.imag) <= abs(z.real)
    large = z.real if wide else z.imag
    small = z.imag if wide else z.real
    ratio = small / large
    divisor = large + small * ratio
    one = like(ratio, 1)
    return of_parts((one if wide else ratio) / divisor, -(ratio if wide else one) / divisor)


def fused_magnitude(z: Any) -> Any:
    """|z|, the sum of squares fused."""
    ratio = scaled(z)
    return magnitude_of(z, fma(ratio, ratio, like(ratio, 1)))


def plain_magnitude(z: Any) -> Any:
    """|z|, each operation rounded."""
    ratio = scaled(z)
    return magnitude_of(z, ratio * ratio + like(ratio, 1))


def scaled(z: Any) -> Any:
    """The smaller part by the larger, both without signs; 0 of 0."""
    real = abs(z.real)
    imag = abs(z.imag)
    wide = real >= imag
    large = real if wide else imag
    small = imag if wide else real
    return small if large == like(large, 0) else small / large


def magnitude_of(z: Any, square: Any) -> Any:
    """|z|, of the square of its quotient by the larger part. It is infinite where a part is, whatever the other."""
    real = abs(z.real)
    imag = abs(z.imag)
    large = real if real >= imag else imag
    return like(large, inf) if real == like(real, inf) or imag == like(imag, inf) else sqrt(square) * large


TEXTS: dict[str, Callable[..., Any]] = {
    f.__name__: f for f in (fused_product, plain_product, second_power, third_power, quotient, inverse, fused_magnitude, plain_magnitude)
}
FUNCTIONS: dict[str, Callable[..., Any]] = {"of_parts": of_parts, **TEXTS}
