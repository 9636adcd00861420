"""Loops whose turns exchange arrays that they write into: one op, and behind it each name has the array that it has in Python."""

from __future__ import annotations

import numpy as np
import pytest
from test_roll import outcome
from test_weave import alike

import tracejit as tj


def double(x, y, turns):
    for _ in range(turns):
        y[1:-1] = 0.5 * (x[2:] - x[:-2])
        x, y = y, x
    return x, y


def by_elements(x, y, turns):
    for turn in range(turns):
        for k in range(1, len(x)):
            y[k] = x[k - 1] * 0.5 + x[k] - turn
        y[0] = x[0]
        x, y = y, x
    return x


def by_a_third_name(x, y, turns):
    for _ in range(turns):
        y[1:] = x[:-1] * 0.5
        kept = x
        x = y
        y = kept
    return y, x


def triple(x, y, turns):
    z = x * 0.25
    for turn in range(turns):
        z[1:-1] = 2 * y[1:-1] - x[1:-1] + 0.1 * (y[2:] - 2 * y[1:-1] + y[:-2])
        z[0] = turn
        x, y, z = y, z, x
    return z, x, y


def with_a_sum(x, y, turns):
    total = x[0] * 0
    for _ in range(turns):
        np.multiply(x, 0.5, out=y)
        y += 1
        total = total + y.sum()
        x, y = y, x
    return total, x


def known_by_others(x, y, turns):
    first, second = x, y[2:]
    for _ in range(turns):
        y[1:] = x[:-1] + 0.5
        x, y = y, x
    first[0] = 7
    x[1] = 5
    return first, second, x, y, x is first, y is first


def written_behind(x, y, turns):
    for _ in range(turns):
        y[:] = x[::-1] * 0.5
        x, y = y, x
    x[0], y[1] = 3, 4
    return x.sum(), y


def exchanged_only(x, y, turns):
    total = 0.0
    for turn in range(turns):
        total = total + x[0] * turn
        x, y = y, x
    x[0] = total
    return x, y


def in_a_loop(x, y, turns):
    for _ in range(turns):
        for _ in range(3):
            y[1:] = x[:-1] * 0.5 + x[1:]
            x, y = y, x
        x[0] = 1
    return x, y


def exchanged_in_an_arm(x, y, turns):
    for turn in range(turns):
        y[1:] = x[:-1] + turn
        if turn % 3 == 1:
            x, y = y, x
    return x, y


def until_it_breaks(x, y, turns):
    for turn in range(turns):
        y[1:] = x[:-1] * 0.5 + turn
        x, y = y, x
        if x[3] > 20:
            break
    return x, y


def in_a_while_loop(x, y, turns):
    while turns > 0:
        y[1:] = x[:-1] * 0.5
        x, y = y, x
        turns -= 1
    return x, y


def one_is_a_copy(x, y, turns):
    for turn in range(turns):
        y[1:] = x[:-1] + turn
        x, y = y, x.copy()
    return x, y


def two_names_for_one(x, y, turns):
    for turn in range(turns):
        y[1:] = x[:-1] + turn
        x, y = y, y
    return x, y


def left_by_its_name(x, y, turns):
    for _ in range(turns):
        y[1:] = x[:-1] + 0.5
        kept = y
        y = x * 2
        x = y + kept
    return x, y


def halves(x, y, turns):
    a, b = x[: len(x) // 2], x[len(x) // 2 :]
    for turn in range(turns):
        b[1:] = a[:-1] + turn
        a, b = b, a
    return a, b, x


def reads_beyond(x, y, turns):
    last = x[0]
    for turn in range(turns):
        last = x[turn * (turn == 90)]
        y[:] = x * 0.5
        x, y = y, x
    return x, y, last


ROLLED = (double, by_elements, by_a_third_name, triple, with_a_sum, in_a_loop)
OTHERS = (
    known_by_others, written_behind, exchanged_only, exchanged_in_an_arm, until_it_breaks, in_a_while_loop, one_is_a_copy, two_names_for_one, left_by_its_name,
    halves, reads_beyond,
)  # fmt: skip


def arguments(seed, size=12):
    rng = np.random.default_rng(seed)
    return rng.normal(size=size), rng.normal(size=size)


def same_arrays(result, given):
    """Which array each result is, or is a view of: by the arguments, and by each other."""
    known = [*result, *given] if isinstance(result, tuple) else [result, *given]
    arrays = [a for a in known if isinstance(a, np.ndarray)]
    return [[(a is b, np.may_share_memory(a, b)) for b in arrays] for a in arrays]


@pytest.mark.parametrize("turns", (0, 1, 2, 3, 97, 98, 99))
@pytest.mark.parametrize("function", (*ROLLED, *OTHERS), ids=lambda f: f.__name__)
def test_arrays_are_exchanged_as_in_python(function, turns):
    compiled = tj.compile(function)
    for seed in (0, 1, 0):
        given, expected = arguments(seed), arguments(seed)
        found, known = outcome(lambda x: compiled(x, given[1], turns), given[0]), outcome(lambda x: function(x, expected[1], turns), expected[0])  # noqa: B023
        assert alike(found, known) and alike(given, expected) and same_arrays(found, given) == same_arrays(known, expected)


@pytest.mark.parametrize("function", ROLLED, ids=lambda f: f.__name__)
def test_the_number_of_turns_makes_no_difference_to_the_trace(function):
    sizes = [tj.compile(function).graph(*arguments(0), turns).count("\n") for turns in (300, 402)]
    assert sizes[0] == sizes[1] < 200


def energy(x):
    y = x * 0
    for turn in range(61):
        y[1:-1] = 0.5 * (x[2:] - x[:-2]) + x[1:-1]
        y[0] = x[0] * turn
        x, y = y, x
    return (x * x).sum() + y.sum()


def of_a_copy(x):
    return energy(x * 0.5)


def test_gradients_go_through_the_exchange():
    for function in (of_a_copy, tj.grad(of_a_copy)):
        compiled = tj.compile(function)
        for seed in (0, 1, 0):
            x = tj.asarray(arguments(seed)[0] * 0.1)
            assert alike(compiled(x).numpy(), function(x).numpy())
