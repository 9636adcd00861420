"""The error functions and those of the gamma function: their text, run in plain Python, against mpmath."""

from __future__ import annotations

import numpy as np
import pytest
from elementary import DTYPES, INF, NAN, Case, check_accuracy, check_special, functions_of, in_python, mp

from tracejit.backends.elementary import error

CASES = {
    "erf": Case(mp.erf, ((-2.0, 2.0), (0.9, 1.2), (-6.5, 6.5), (10, -310, 2)), (1.0, -1.0, 4.0, 6.0)),
    "erfc": Case(mp.erfc, ((-2.0, 2.0), (0.7, 1.0), (-6.5, 11.0), (11.0, 27.3), (10, -310, 1)), (0.75, -0.75, 10.0, 26.5)),
}
FUNCTIONS = functions_of(error)
SPECIAL = {
    "erf": [(0.0, 0.0), (-0.0, -0.0), (7.0, 1.0), (-7.0, -1.0), (INF, 1.0), (-INF, -1.0), (NAN, NAN)],
    "erfc": [(0.0, 1.0), (-0.0, 1.0), (7e10, 0.0), (-7e10, 2.0), (INF, 0.0), (-INF, 2.0), (NAN, NAN)],
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
def test_erf_is_odd_to_the_last_bit(dtype):
    x = np.linspace(0.01, 6, 97).astype(dtype)
    assert np.array_equal(in_python(FUNCTIONS["erf"], -x), -in_python(FUNCTIONS["erf"], x))


def test_every_function_has_its_case_and_special_values():
    assert FUNCTIONS.keys() == CASES.keys() == SPECIAL.keys()
