"""The elementary functions: their text, run in plain Python and compiled, against mpmath, C99's table of special values, and itself in float64."""

from __future__ import annotations

import numpy as np
import pytest
from elementary import DTYPES, FUNCTIONS, INF, NAN, Case, compiled, distances, errors, in_python, points
from elementary_cases import BELOW_ZERO, CASES
from support import assert_bits_equal


def check_accuracy(name: str, case: Case, dtype: type) -> None:
    operands = points(case, dtype, 60)
    got = in_python(name, *operands)
    found = errors(case, got, *operands)
    worst = int(np.argmax(found))
    assert found[worst] <= case.bound, f"{name}{tuple(x[worst] for x in operands)} gives {got[worst]!r}: {found[worst]:.2f} ulp"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CASES)
def test_a_text_errs_by_less_than_its_bound(name, dtype):
    check_accuracy(name, CASES[name], dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", BELOW_ZERO)
def test_between_poles_a_text_errs_by_less_than_its_bound(name, dtype):
    check_accuracy(name, BELOW_ZERO[name], dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CASES)
def test_special_values(name, dtype):
    for *operands, wanted in CASES[name].special:
        got = in_python(name, *(np.array([x], dtype) for x in operands))[0]
        same = got != got if wanted != wanted else got == dtype(wanted) and np.signbit(got) == np.signbit(wanted)
        assert same, f"{name}{tuple(operands)} gives {got!r}, not {wanted}"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CASES)
def test_compiled_a_text_gives_the_bits_that_it_gives_in_python(name, dtype):
    """Whatever stands beside an element in a vector: special values are strewn among the others."""
    case = CASES[name]
    drawn = points(case, dtype, 40) if name not in BELOW_ZERO else [np.concatenate([points(c, dtype, 40)[0] for c in (case, BELOW_ZERO[name])])]
    rows = [*(row[: case.arity] for row in case.special), *([x] * case.arity for x in (0.0, -0.0, INF, -INF, NAN, 1.0, -1.0, 0.5, -2.0, 3.0))]
    special = np.array(rows, dtype).T
    operands = [np.concatenate([x, s]) for x, s in zip(drawn, special)]
    order = np.random.default_rng(3).permutation(operands[0].size)
    operands = [x[order] for x in operands]
    assert_bits_equal(compiled(name, *operands), in_python(name, *operands), name)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.arity == 1])
def test_float32_of_all_sizes_err_by_less_than_the_bound(name):
    """One in some 40,000 of all float32, against float64. (`python tests/accuracy.py` goes through all of them.)"""
    step = 40_009
    found = distances(name, -(2**31), np.empty(2**32 // step), step)
    worst = int(np.argmax(found))
    x = np.array(-(2**31) + worst * step).astype(np.int32).view(np.float32)
    assert found[worst] <= CASES[name].bound, f"{name}({x!r}) errs by {found[worst]:.2f} ulp"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["expm1", "log1p", "sinh", "tanh", "asinh", "atanh", "sin", "tan", "asin", "atan"])
def test_denormal_numbers_come_back_where_a_function_is_near_the_identity(name, dtype):
    tiny = np.finfo(dtype).smallest_subnormal
    x = np.array([tiny, -tiny, 5 * tiny, np.finfo(dtype).smallest_normal], dtype)
    assert np.array_equal(in_python(name, x), x)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["sinh", "tanh", "asinh", "atanh", "sin", "tan", "asin", "atan", "erf", "cbrt"])
def test_odd_functions_are_odd_to_the_last_bit(name, dtype):
    x = np.linspace(0.01, 0.99, 97).astype(dtype)
    assert np.array_equal(in_python(name, -x), -in_python(name, x))


def test_every_function_has_its_case():
    assert FUNCTIONS.keys() == CASES.keys()
