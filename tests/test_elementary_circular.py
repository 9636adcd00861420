"""Circular functions and their inverses: their text, run in plain Python, against mpmath and C99's table of special values."""

from __future__ import annotations

import math

import numpy as np
import pytest
from elementary import DTYPES, INF, NAN, Case, check_accuracy, check_compiled, check_float32, check_special, functions_of, in_python, mp

from tracejit.backends.text.elementary import arcs, circular

PI = math.pi
QUARTERS = tuple(k * PI / 2 for k in (1, 2, 3, 4, 5, 37, 622, 100003, 600001))
CIRCLES = ((-8.0, 8.0), (-1000.0, 1000.0), (10, -40, 0), (10, -310, -290), (10, 2, 6), (10, 2, 38), (10, 38, 308))
FAR = (1000.0, 1e6, 1e22, 2.0**127, 6381956970095103 * 2.0**797)  # the last is nearer to a multiple of π/2 than any other float64
UNIT = ((-1.0, 1.0), (0.45, 0.55), (-0.55, -0.45), (10, -310, 0))
CASES = {
    "sin": Case(mp.sin, CIRCLES, (*QUARTERS, *FAR)),
    "cos": Case(mp.cos, CIRCLES, (*QUARTERS, *FAR)),
    "tan": Case(mp.tan, CIRCLES, (*QUARTERS, *FAR, PI / 4, 3 * PI / 4)),
    "asin": Case(mp.asin, UNIT, (0.5, -0.5, 1.0, -1.0)),
    "acos": Case(mp.acos, UNIT, (0.5, -0.5, 1.0, -1.0)),
    "atan": Case(mp.atan, ((-3.0, 3.0), (0.8, 1.2), (10, -310, 308)), (1.0, -1.0)),
    "atan2": Case(mp.atan2, ((-3.0, 3.0), (0.9, 1.1), (10, -38, 38), (10, -310, -280), (10, 280, 308)), (1.0, -1.0)),
}
FUNCTIONS = functions_of(circular, arcs)
ODD = [(0.0, 0.0), (-0.0, -0.0), (NAN, NAN)]
SPECIAL = {
    "sin": [*ODD, (INF, NAN), (-INF, NAN)],
    "cos": [(0.0, 1.0), (-0.0, 1.0), (INF, NAN), (-INF, NAN), (NAN, NAN)],
    "tan": [*ODD, (INF, NAN), (-INF, NAN)],
    "asin": [*ODD, (1.0, PI / 2), (-1.0, -PI / 2), (1.5, NAN), (-1.5, NAN), (INF, NAN), (-INF, NAN)],
    "acos": [(1.0, 0.0), (-1.0, PI), (0.0, PI / 2), (-0.0, PI / 2), (1.5, NAN), (-1.5, NAN), (INF, NAN), (-INF, NAN), (NAN, NAN)],
    "atan": [*ODD, (INF, PI / 2), (-INF, -PI / 2)],
    "atan2": [
        (0.0, 0.0, 0.0), (0.0, -0.0, PI), (-0.0, 0.0, -0.0), (-0.0, -0.0, -PI),
        (0.0, 2.0, 0.0), (-0.0, 2.0, -0.0), (0.0, -2.0, PI), (-0.0, -2.0, -PI), (0.0, INF, 0.0), (-0.0, -INF, -PI),
        (2.0, 0.0, PI / 2), (2.0, -0.0, PI / 2), (-2.0, 0.0, -PI / 2), (-2.0, -0.0, -PI / 2),
        (2.0, -INF, PI), (-2.0, -INF, -PI), (2.0, INF, 0.0), (-2.0, INF, -0.0),
        (INF, 2.0, PI / 2), (-INF, -2.0, -PI / 2), (INF, 0.0, PI / 2), (-INF, -0.0, -PI / 2),
        (INF, INF, PI / 4), (-INF, INF, -PI / 4), (INF, -INF, 3 * PI / 4), (-INF, -INF, -3 * PI / 4),
        (NAN, 1.0, NAN), (1.0, NAN, NAN), (NAN, NAN, NAN), (NAN, INF, NAN), (INF, NAN, NAN), (NAN, 0.0, NAN), (0.0, NAN, NAN),
    ],
}  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CASES)
def test_a_text_errs_by_less_than_its_bound(name, dtype):
    check_accuracy(FUNCTIONS[name], CASES[name], dtype, 60, arity=2 if name == "atan2" else 1)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CASES)
def test_special_values(name, dtype):
    check_special(FUNCTIONS[name], SPECIAL[name], dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["sin", "tan", "asin", "atan"])
def test_denormal_numbers_come_back(name, dtype):
    tiny = np.finfo(dtype).smallest_subnormal
    x = np.array([tiny, -tiny, 5 * tiny, np.finfo(dtype).smallest_normal], dtype)
    assert np.array_equal(in_python(FUNCTIONS[name], x), x)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CASES)
def test_compiled_a_text_gives_the_bits_that_it_gives_in_python(name, dtype):
    check_compiled(FUNCTIONS[name], CASES[name], dtype, arity=2 if name == "atan2" else 1)


@pytest.mark.parametrize("name, reference, high", [
    ("sin", np.sin, 3e38), ("cos", np.cos, 3e38), ("tan", np.tan, 3e38), ("asin", np.arcsin, 1.0), ("acos", np.arccos, 1.0), ("atan", np.arctan, 3e38),
])  # fmt: skip
def test_float32_of_all_sizes(name, reference, high):
    check_float32(name, reference, 0.0, high)


def test_every_function_has_its_case_and_special_values():
    assert FUNCTIONS.keys() == CASES.keys() == SPECIAL.keys()
