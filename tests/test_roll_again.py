"""Loops in loops that Python runs: an inner loop, one op, begins with what it left when it was run before."""

from __future__ import annotations

import numpy as np
import pytest
from twins import same, vectors

TURNS = 300


def keeps_a_scalar(x):
    seen, total = [], x[0]
    for _ in range(3):
        seen.append(x.sum())
        for j in range(TURNS):
            total = total * 0.5 + x[j % 6]
            x[j % 6] = total * 0.25
    return seen, x


def keeps_an_array(x):
    seen, y = [], x * 2
    for _ in range(3):
        seen.append(x.sum())
        for j in range(TURNS):
            y = y * 0.5 + x[j % 6]
            x = x * 0.25 + y[0]
    return seen, x


def swaps_a_number_and_a_scalar(x):
    one, two = 1.5, x.sum()
    for i in range(3):
        if x[0] > i:
            x = x + 1
        j = 0
        while j < 5:
            one, two = two, one
            x[j] = np.diff(x, append=x[:1])[j] * x[1]
            j += 1
    return x, one


def keeps_within_a_while(x):
    total, best, left = 0.0, x[0], 4
    while left > 0:
        print(left)
        left -= 1
        for j in range(TURNS):
            total += x[j % 6] * 0.5
            if total > best:
                best, total = total, -total
                x[j % 6] = best * 1e-3
    return x


CASES = [keeps_a_scalar, keeps_an_array, swaps_a_number_and_a_scalar, keeps_within_a_while]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("function", CASES, ids=lambda f: f.__name__)
def test_an_inner_loop_begins_with_what_it_left(function):
    same(function, vectors(np, 6))
