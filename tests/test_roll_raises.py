"""Loops that are one op and raise midway: what earlier turns wrote into the caller's arrays stays written, as in Python."""

from __future__ import annotations

import numpy as np
import pytest
from twins import same

TURNS = 300


def past_the_end(y, m):
    for i in range(40):
        y[:] = m[i, i % 6]


def at_given_places(y, m):
    places = m[0].astype(int)
    for i in range(TURNS):
        y[places[i % 6]] += i


def of_an_unknown_number(y, m):
    i = 0
    while y[i] < 1000 and i < TURNS:
        y[i] += m[0, 0] * i
        i += 1


def in_an_inner_loop(y, m):
    for i in range(6):
        for j in range(TURNS):
            y[j % 6] += m[i, int(m[1, i]) % (j // 200 + 6)]


def in_a_branch(y, m):
    for i in range(TURNS):
        y[i % 6] = i
        if m[i % 6, 0] > 2:
            y[int(m[i % 6, 0]) + i // 50] = 1


def after_turns_that_were_run_alone(y, m):
    last, z = 0, np.zeros(9)
    for i in range(7):
        last = m[0, 0] % 5
        y[i - 1] = m[1, 1] + i
        z[i] = m[i + 2, 0]
    return last, z


def while_it_is_given_a_shape(y, m):
    z = y + 1
    for i in range(TURNS):
        z.shape = (6,) if i % 2 else (2, 3)
        y += z.reshape(6) * 0.5
        if m[0, 0] > 3:
            raise ValueError(i)
    return z


CASES = [while_it_is_given_a_shape, after_turns_that_were_run_alone, past_the_end, at_given_places, of_an_unknown_number, in_an_inner_loop, in_a_branch]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("function", CASES, ids=lambda f: f.__name__)
def test_what_was_written_before_stays(function):
    def arguments(n):
        chance = np.random.default_rng(n)
        return np.zeros(6), chance.integers(-5, 6 if n % 2 else 8, (6, 6)).astype(float)

    same(function, arguments, calls=8)
