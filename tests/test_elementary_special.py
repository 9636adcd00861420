"""The error functions and those of the gamma function: their text, run in plain Python, against mpmath."""

from __future__ import annotations

import numpy as np
import pytest
from elementary import DTYPES, INF, NAN, Case, check_accuracy, check_compiled, check_float32, check_special, functions_of, in_python, mp
from scipy import special

from tracejit.backends.text.elementary import error, gamma



def lgamma(x):
    return mp.log(abs(mp.gamma(x))) if abs(x) < 1e5 else mp.loggamma(x)


CASES = {
    "erf": Case(mp.erf, ((-2.0, 2.0), (0.9, 1.2), (-6.5, 6.5), (10, -310, 2)), (1.0, -1.0, 4.0, 6.0)),
    "erfc": Case(mp.erfc, ((-2.0, 2.0), (0.7, 1.0), (-6.5, 11.0), (11.0, 27.3), (10, -310, 1)), (0.75, -0.75, 10.0, 26.5)),
    # Below zero it has roots near which the error is that of what cancels.
    "lgamma": Case(lgamma, ((0.0, 3.0), (0.9, 1.1), (1.9, 2.1), (2.5, 9.0), (9.0, 1e3), (1e3, 1e30), (10, -300, -1)), (1.0, 2.0, 1.5, 2.5, 8.0), bound=2.5),
    "digamma": Case(mp.digamma, ((0.0, 8.0), (-0.5, 0.0), (8.0, 40.0), (10, -3, 0), (40.0, 1e6)), (1.5, 2.5, 8.0, -1.25), bound=2.0, floor=1.0),
    "trigamma": Case(lambda x: mp.polygamma(1, x), ((0.0, 8.0), (8.0, 40.0), (-9.0, 0.0), (10, -3, 0)), (1.5, 2.5, 8.0), bound=4.5),
}
BELOW_ZERO = Case(lgamma, ((-0.5, 0.0), (-5.0, 0.0), (-60.0, -5.0)), (-0.5, -1.5, -2.457024738220801, -2.5), bound=4.0, floor=1.0)
FUNCTIONS = functions_of(error, gamma)
SPECIAL = {
    "erf": [(0.0, 0.0), (-0.0, -0.0), (7.0, 1.0), (-7.0, -1.0), (INF, 1.0), (-INF, -1.0), (NAN, NAN)],
    "erfc": [(0.0, 1.0), (-0.0, 1.0), (7e10, 0.0), (-7e10, 2.0), (INF, 0.0), (-INF, 2.0), (NAN, NAN)],
    "lgamma": [(1.0, 0.0), (2.0, 0.0), (0.0, INF), (-0.0, INF), (-1.0, INF), (-7.0, INF), (-1e30, INF), (INF, INF), (-INF, INF), (NAN, NAN)],
    "digamma": [(0.0, -INF), (-0.0, INF), (-1.0, NAN), (-1e30, NAN), (INF, INF), (-INF, NAN), (NAN, NAN)],
    "trigamma": [(0.0, INF), (-0.0, INF), (-1.0, INF), (-1e30, INF), (INF, 0.0), (-INF, INF), (NAN, NAN)],
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CASES)
def test_a_text_errs_by_less_than_its_bound(name, dtype):
    check_accuracy(FUNCTIONS[name], CASES[name], dtype, 60)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CASES)
def test_special_values(name, dtype):
    check_special(FUNCTIONS[name], SPECIAL[name], dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_lgamma_below_zero(dtype):
    check_accuracy(FUNCTIONS["lgamma"], BELOW_ZERO, dtype, 60)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CASES)
def test_compiled_a_text_gives_the_bits_that_it_gives_in_python(name, dtype):
    check_compiled(FUNCTIONS[name], CASES[name], dtype)


@pytest.mark.parametrize("name, reference, low, high", [
    ("erf", special.erf, 0.0, 3e38), ("erfc", special.erfc, 0.0, 3e38), ("lgamma", special.gammaln, 1e-38, 1e36),
])  # fmt: skip
def test_float32_of_all_sizes(name, reference, low, high):
    check_float32(name, reference, low, high)


@pytest.mark.parametrize("dtype", DTYPES)
def test_erf_is_odd_to_the_last_bit(dtype):
    x = np.linspace(0.01, 6, 97).astype(dtype)
    assert np.array_equal(in_python(FUNCTIONS["erf"], -x), -in_python(FUNCTIONS["erf"], x))


def test_every_function_has_its_case_and_special_values():
    assert FUNCTIONS.keys() == CASES.keys() == SPECIAL.keys()
