"""A scalar that is assigned to elements of integers is refused where it does not fit, as the Python number that it is; an array is cast."""

from __future__ import annotations

import numpy as np
import pytest
from in_world import same
from test_roll import outcome

import tracejit as tj


def to_one(a, v):
    a[0] = v[0]
    return a


def to_a_slice(a, v):
    a[1:3] = v[0] * 2
    return a


def to_all(a, v):
    a[...] = v.sum()
    return a


def in_turns(a, v):
    for i in range(12):
        a[i % 4] = v[0] + i
    return a


def at_a_traced_number(a, v):
    i = (v[1] > 0) * 1
    a[i] = v[0]
    return a


def by_lists_and_masks(a, v):
    a[[0, 1]] = v[0]
    a[a == 0] = v[0]
    return a


def of_its_own_dtype(a, v):
    a[0] = a[1] + a[2]
    a[1] += 1
    a[2] = len(v)
    return a


def of_reductions(a, v):
    a[0] = v.argmax()
    a[1] = v.max()
    return a


FUNCTIONS = [to_one, to_a_slice, to_all, in_turns, at_a_traced_number, by_lists_and_masks, of_its_own_dtype, of_reductions]
VALUES = [(3, 1), (100, 2), (-5, 1), (300, -1), (2**40, 1), (1e30, 1), (np.nan, 1), (3, 1), (-0.5, 1), (255.9, 2), (2.0**63, 1), (-(2.0**63), 1)]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("given", ["i8", "u8", "f8", "f4"])
@pytest.mark.parametrize("target", ["i4", "u1", "i8"])
def test_what_does_not_fit_is_refused(target, given):
    wrong = []
    for function in FUNCTIONS:
        compiled = tj.compile(function)
        for values in VALUES:
            v = np.array(values).astype(given)
            a, b = np.arange(4).astype(target), np.arange(4).astype(target)
            got, wanted = outcome(lambda a, v=v, run=compiled: run(a, v), a), outcome(lambda b, v=v, run=function: run(b, v), b)
            if not (same(got, wanted) and same(a, b)):
                wrong.append(f"{function.__name__} of {v!r} gives {got!r}, NumPy {wanted!r}")
    assert not wrong, "\n".join(wrong)
