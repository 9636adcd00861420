"""NumPy programs as people write them: compiled, they give what they give undecorated, and do to their arguments what they do undecorated."""

from __future__ import annotations

import copy
import warnings
from typing import Any, Callable

import numpy as np
import pytest
from programs import PROGRAMS, Program

import tracejit as tj

SEEDS = (0, 1, 0, 2)  # of one call after another


@pytest.fixture(autouse=True)
def quiet():
    """NumPy warns of divisions by zero and the like; compiled code does not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_a_program_gives_what_numpy_gives(program: Program):
    compiled = tj.compile(program.function)
    for call, seed in enumerate(SEEDS):
        expected, found = (observed(function, program.arguments(seed=seed), seed) for function in (program.function, compiled))
        same(found, expected, program.rounding, f"call {call}")


RAISING: dict[str, Callable[[], tuple[Any, ...]]] = {
    "cholesky": lambda: (np.diag([1.0, -1.0, 1.0, 1.0]), np.ones(4)),
    "conjugate_gradient": lambda: (np.ones((6, 6)), 1e-8, 3),
    "fft_by_hand": lambda: (np.ones(96),),
    "lu": lambda: (np.ones((5, 5)),),
    "spline": lambda: (np.zeros(6), np.ones(6), np.ones(15)),
}


@pytest.mark.parametrize("name", RAISING)
def test_a_program_raises_what_it_raises_undecorated(name: str):
    """Between calls that succeed; arguments are left as they are left undecorated."""
    program = PROGRAMS[name]
    compiled = tj.compile(program.function)
    for bad in (True, False, True, True, False):
        arguments = RAISING[name]() if bad else program.arguments()
        expected, found = (observed(function, arguments, 0) for function in (program.function, compiled))
        assert isinstance(expected["result"], Raised) == bad
        same(found, expected, program.rounding, "call")


class Raised(tuple):
    """The class and the text of an exception."""


def observed(function: Callable[..., Any], arguments: tuple[Any, ...], seed: int) -> dict[str, Any]:
    """What a call shows to the outside: its result or exception, its arguments after it, and where it leaves the global generator."""
    arguments = copy.deepcopy(arguments)
    np.random.seed(seed)
    try:
        result = function(*arguments)
    except Exception as error:
        result = Raised((type(error).__name__, str(error)))
    return {"result": result, "arguments": arguments, "next random number": np.random.random()}


def same(found: Any, expected: Any, rounding: float, where: str) -> None:
    """Types, dtypes, shapes and bits agree, all the way down; finite floating-point numbers may differ by `rounding`."""
    assert type(found) is type(expected), f"{where}: {type(found)} instead of {type(expected)}"
    if isinstance(expected, dict):
        assert list(found) == list(expected), where
        for key, value in expected.items():
            same(found[key], value, rounding, f"{where}, {key}")
    elif isinstance(expected, (tuple, list)):
        assert len(found) == len(expected), where
        for place, value in enumerate(expected):
            same(found[place], value, rounding, f"{where}[{place}]")
    elif isinstance(expected, (np.ndarray, np.generic, float)):
        same_numbers(np.asarray(found), np.asarray(expected), rounding, where)
    else:
        assert found == expected, where


def same_numbers(found: np.ndarray, expected: np.ndarray, rounding: float, where: str) -> None:
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape), where
    if expected.dtype.kind == "c":
        found, expected = (np.stack([array.real, array.imag]) for array in (found, expected))
    if rounding == 0 or expected.dtype.kind != "f":
        np.testing.assert_array_equal(found, expected, err_msg=where)
        if expected.dtype.kind == "f":
            signed = ~np.isnan(expected)
            np.testing.assert_array_equal(np.signbit(found[signed]), np.signbit(expected[signed]), err_msg=f"{where}: the zeros' signs")
        return
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(found[~finite], expected[~finite], err_msg=where)
    largest = np.abs(expected[finite]).max(initial=0.0)
    difference = np.abs(found[finite] - expected[finite]).max(initial=0.0)
    allowed = rounding * np.finfo(expected.dtype).eps * largest
    assert difference <= allowed, f"{where}: off by {difference / (np.finfo(expected.dtype).eps * largest):.3g} units of the largest magnitude"
