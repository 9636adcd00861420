"""The words that elementary functions are written in: exact, against fractions and NumPy's own bits."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from tracejit.backends.text.bits import bits, by_dtype, fma, from_bits, like


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bits_and_back(dtype):
    for value in (0.0, -0.0, 1.5, -math.inf, 5e-324, 3.4e38):
        x = dtype(value)
        assert from_bits(bits(x)).tobytes() == x.tobytes()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_fma_is_the_nearest_float_to_the_exact_sum(dtype):
    draw = np.random.default_rng(0)
    scales = 2.0 ** draw.integers(-40, 40, (3000, 3))
    for a, b, c in (draw.standard_normal((3000, 3)) * scales).astype(dtype):
        near = fma(a, b, c)
        exact = Fraction(float(a)) * Fraction(float(b)) + Fraction(float(c))
        error = abs(Fraction(float(near)) - exact)
        for other in (np.nextafter(near, dtype(-math.inf)), np.nextafter(near, dtype(math.inf))):
            assert error <= abs(Fraction(float(other)) - exact)


def test_fma_at_the_ends():
    f = np.float32
    assert math.isnan(fma(f(math.inf), f(0), f(1)))
    assert fma(f(1e38), f(1e38), f(0)) == math.inf
    assert math.copysign(1, fma(f(-1), f(0), f(-0.0))) == -1
    assert math.copysign(1, fma(f(1), f(2), f(-2))) == 1
    assert fma(f(1 + 2**-23), f(1 - 2**-23), f(-1)) == f(-(2.0**-46))  # a product rounded first would give 0


def test_a_function_of_two_texts():
    def half_f32(x):
        return like(x, 0.5)

    def half_f64(x):
        return like(x, -0.5)

    half = by_dtype(half_f32, half_f64)
    assert half.__name__ == "half"
    assert [half(dtype(1)) for dtype in (np.float32, np.float64)] == [0.5, -0.5]
    assert half(np.float32(1)).dtype == np.float32
