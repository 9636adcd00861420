"""Loops that change lists and dicts: those of a turn's own are gone when it ends; what others know is what Python's own loop makes of it."""

from __future__ import annotations

import numpy as np
import pytest
from test_roll import close, outcome

import tracejit as tj

TURNS = 300
KNOWN: list = []
COUNTS: dict = {}


class Holder:
    def __init__(self, value):
        self.value = value


# Of the turn's own


def parts_of_a_turn(x):
    for _ in range(TURNS):
        parts = []
        parts.append(x[0])
        parts.append(x[1] * 2)
        x = x * 0.9 + sum(parts)
    return x


def a_key_made_in_steps(x):
    for _ in range(TURNS):
        key = [slice(None)] * x.ndim
        key[0] = slice(1, 3)
        x = x * 0.9 + x[tuple(key)].sum() * 0.01
    return x


def a_dict_of_lists(x):
    for _ in range(TURNS):
        found = {"half": x * 0.5}
        found.setdefault("sums", []).append(x.sum())
        x = found["half"] + found["sums"][0] * 0.01
    return x


def in_a_helper(x):
    def ends(v):
        found = [0, 0]
        found[0], found[1] = v[0], v[-1]
        found += [1.0]
        return found

    for _ in range(TURNS):
        a, b, c = ends(x)
        x = x * 0.5 + (a - b) * 0.1 + c
    return x


def in_arms(x):
    for i in range(TURNS):
        if x[i % 5] > 0.5:
            x = x - sum([v * 0.1 for v in x]) * 0.01
        else:
            x = np.diff(x, prepend=0.0) + 0.5
    return x


def by_numpys_functions(x):
    for _ in range(TURNS):
        x = np.clip(np.gradient(x) * 0.5 + x, x.min() + 0.01, x.max() - 0.01)
        x = np.cumsum(np.diff(x, prepend=0.0)) + np.trapezoid(x) * 0.01
    return x


# Known to others


def longer_by_an_operator(x):
    kept = []
    for i in range(TURNS):
        kept += [i]
        x = x * 0.9
    return len(kept), kept[-1], x


def counted_in_a_list(x):
    counts = [0]
    for _ in range(TURNS):
        counts[0] += 1
        x = x * 0.9 + counts[0]
    return counts, x


def a_set_and_a_dict(x):
    met, last = set(), {}
    for i in range(TURNS):
        met |= {i % 7}
        last |= {i % 3: i}
        x = x * 0.9 + len(met)
    return met, last, x


def kept_by_an_object(x):
    holder = Holder([])
    for i in range(TURNS):
        holder.value += [i]
        x = x * 0.9
    return len(holder.value), x


def of_the_module(x):
    for i in range(TURNS):
        KNOWN.append(i)
        COUNTS["turns"] = COUNTS.get("turns", 0) + 1
        x = x * 0.9
    return len(KNOWN), dict(COUNTS), x


def of_a_default(x):
    def more(v, seen=[]):  # noqa: B006
        seen.append(1)
        return v * 0.9 + len(seen)

    for _ in range(TURNS):
        x = more(x)
    return x


def inside_another(x):
    rows = [[0]]
    for _ in range(TURNS):
        rows[0][0] += 1
        x = x * 0.9
    return rows, x


def known_by_two_names(x):
    first, second = [], None
    for i in range(TURNS):
        second = first
        second += [i]
        x = x * 0.9
    return len(first), second is first, x


def in_one_arm(x):
    met = []
    for i in range(TURNS):
        own = []
        if x[i % 5] > 0.5:
            own.append(i)
            met.append(i)
        x = x * 0.99 + len(own) * 0.001
    return len(met), x


def shorter_and_sorted(x):
    numbers = list(range(1000))[::-1]
    for i in range(TURNS):
        del numbers[0]
        numbers.sort(reverse=i % 2 == 0)
        x = x * 0.9 + numbers[0]
    return numbers[:3], x


OWN = [parts_of_a_turn, a_key_made_in_steps, a_dict_of_lists, in_a_helper, in_arms, by_numpys_functions]
OTHERS = [
    longer_by_an_operator, counted_in_a_list, a_set_and_a_dict, kept_by_an_object, of_the_module, of_a_default, inside_another, known_by_two_names,
    in_one_arm, shorter_and_sorted,
]  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("function", [*OWN, *OTHERS], ids=lambda f: f.__name__)
def test_containers_are_what_they_are_in_python(function):
    compiled = tj.compile(function)
    for seed in (0, 1, 2, 0):
        found = []
        for run in (compiled, function):
            KNOWN[:], COUNTS["turns"] = [0], 5
            x = np.random.default_rng(seed).uniform(0, 1, 5)
            found.append((outcome(run, x), x, list(KNOWN), dict(COUNTS)))
        assert close(*found)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("function", OWN, ids=lambda f: f.__name__)
def test_a_loop_that_changes_its_own_is_one_op(function):
    assert str(tj.compile(function).graph(np.random.default_rng(0).uniform(0, 1, 5))).count("\n") < 100
