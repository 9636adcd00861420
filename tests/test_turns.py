"""Loops turned inside out: all turns of some elements before those of the next ones, where no element needs another; and loops that must stay as they are."""

from __future__ import annotations

import numpy as np
import pytest

import tracejit as tj
from tracejit.lowering import turns

TURNS = 300
SIZES = 0, 1, 5, 64, 257, 3000


def each_of_itself(x, y):
    for _ in range(TURNS):
        x = 3.5 * x * (1.0 - x) + 0.001 * y
    return x


def several_kinds(x, y):
    out, count, half = np.zeros(x.shape, bool), np.zeros(x.shape, np.int32), x.astype(np.float16)
    for _ in range(TURNS):
        x = 3.6 * x * (1.0 - x)
        out |= x > 0.89
        count += ~out
        half = half * np.float16(0.9) + x.astype(np.float16)
    return x, out, count, half


def change_places(x, y):
    for _ in range(TURNS):
        x, y = y, 0.5 * x + 0.4 * y
    return x, y


def one_behind_the_other(x, y):
    older = y.copy()
    for _ in range(TURNS):
        older, y, x = y, x, 0.3 * x + 0.3 * y + 0.3 * older
    return x, y, older


def by_the_number_of_the_turn(x, y):
    for k in range(TURNS, 0, -1):
        x = x / k + y * (k % 7)
    return x


def in_place(x, y):
    for _ in range(TURNS):
        x *= 0.9
        x += y
    return x


def a_part_of_itself(x, y):
    for _ in range(TURNS):
        x[1:-1] = 0.5 * x[1:-1] + y[2:]
    return x


def a_row_for_all(x, y):
    z = np.outer(x[:40], y[:40])
    for _ in range(TURNS):
        z = 0.5 * z + y[:40]
    return z


def left_unchanged(x, y):
    for _ in range(TURNS):
        z = 0.5 * x + y
        y = np.where(z > 0.7, x, y)
    return x, y


def reads_elsewhere_what_none_writes(x, y):
    for _ in range(TURNS):
        x = 0.5 * x + y[::-1]
    return x


def backwards(x, y):
    for _ in range(TURNS):
        x = 0.5 * x[::-1] + y
    return x


def neighbours(x, y):
    for _ in range(TURNS):
        x[1:-1] = 0.25 * (x[:-2] + x[2:]) + y[1:-1]
    return x


def neighbours_of_the_other(x, y):
    for _ in range(TURNS):
        x[1:] = 0.25 * x[1:] + y[:-1]
        y[1:] = 0.25 * y[1:] + x[:-1]
    return x, y


def a_shifted_part(x, y):
    for _ in range(TURNS):
        x[:-1] = 0.5 * x[1:] + y[1:]
    return x


def two_parts(x, y):
    middle = len(x) // 2
    for _ in range(TURNS):
        x[:middle] = 0.5 * x[:middle] + y[:1]
        x[middle:] = 0.25 * x[middle:] + x[:1]
    return x


def a_maximum_of_all(x, y):
    for _ in range(TURNS):
        x = 0.5 * x + y.max(initial=0.0) + x.max(initial=0.0)
    return x


def until(x, y):
    turns = 0
    while np.abs(x).max(initial=0.0) > 1e-3 and turns < TURNS:
        x = 0.9 * x
        turns += 1
    return x, turns


def a_break(x, y):
    for k in range(TURNS):  # noqa: B007
        x = 0.9 * x + 0.001 * y
        if x.sum() < 5.0:
            break
    return x, k


def read_in_the_middle(x, y):
    kept = np.zeros((TURNS, len(x)))
    for k in range(TURNS):
        x = 0.9 * x + y
        kept[k] = x
    return x, kept


def a_histogram_for_each(x, y):
    counts, rows = np.zeros((len(x), 5), np.int64), np.arange(len(x))
    for _ in range(TURNS):
        x = 3.7 * x * (1.0 - x)
        counts[rows, (x * 5).astype(int)] += 1
    return x, counts


def places_of_others(x, y):
    counts, numbers = np.zeros((5, len(x) + 1)), np.arange(len(x))
    for k in range(TURNS):
        counts[(numbers + k) % 5, numbers + 1] += x
        counts[:, 0] += y.sum()
    return counts


def the_turn_before(x, y):
    kept = np.zeros((TURNS, len(x)))
    for k in range(1, TURNS):
        kept[k] = 0.5 * kept[k - 1] + y
    return kept


def a_place_of_each_that_moves(x, y):
    kept = np.zeros((len(x) + 1, 2))
    for k in range(TURNS):
        kept[np.arange(len(x)) + k % 2, 0] += x
    return kept


def an_element_for_all(x, y):
    if len(x):
        for _ in range(TURNS):
            x = 0.5 * x + x[0]
    return x


def a_table(x, y):
    table, place = np.arange(8.0), np.arange(len(x)) % 8
    for _ in range(TURNS):
        x = 0.5 * x + table[place]
        place = (place * 5 + 3) & 7
    return x, place


INSIDE_OUT = [each_of_itself, several_kinds, in_place, a_part_of_itself, a_row_for_all, left_unchanged, reads_elsewhere_what_none_writes,
              by_the_number_of_the_turn, read_in_the_middle, a_histogram_for_each]  # fmt: skip
AS_THEY_ARE = [backwards, neighbours, neighbours_of_the_other, a_shifted_part, two_parts, a_maximum_of_all, until, a_break, the_turn_before,
               a_place_of_each_that_moves, an_element_for_all]  # fmt: skip
EITHER = [places_of_others, change_places, one_behind_the_other, a_table]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("function", [*INSIDE_OUT, *AS_THEY_ARE, *EITHER], ids=lambda f: f.__name__)
def test_all_turns_give_numpys_bits(function, size):
    x, y = np.random.default_rng(size).uniform(0, 1, (2, size))
    given, expected, compiled = (x.copy(), y.copy()), (x.copy(), y.copy()), tj.compile(function)
    with np.errstate(all="ignore"):
        results, wanted = compiled(*given), function(*expected)
    for a, b in zip((*given, *(results if type(results) is tuple else (results,))), (*expected, *(wanted if type(wanted) is tuple else (wanted,)))):
        np.testing.assert_array_equal(a, b, strict=isinstance(b, np.ndarray))


@pytest.mark.parametrize("function", [*INSIDE_OUT, *AS_THEY_ARE], ids=lambda f: f.__name__)
def test_a_loop_is_turned_inside_out_where_no_element_needs_another(function):
    x, y = np.random.default_rng(0).uniform(0, 1, (2, 3000))
    compiled = tj.compile(function)
    compiled(x.copy(), y.copy())
    assert ("for turn in range" in compiled.source(x, y)) == (function in INSIDE_OUT)


def leapfrog(u, before, older):
    return 0.5 * tj.roll(u, 1) - 0.25 * before, u, older * 0.5


def three_in_a_row(u, before, older):
    return 0.5 * tj.roll(u, 1) - 0.1 * older + 0.2 * before, u, before


def two_heirs(u, before, older):
    return 0.5 * tj.roll(u, 1) - 0.1 * before + 0.2 * older, u, u


def read_by_another(u, before, older):
    return 0.5 * tj.roll(u, 1) - 0.1 * before, u, 0.5 * older + tj.roll(before, 2)


def two_pairs(u, before, older):
    return 0.5 * tj.roll(older, 1) - 0.1 * before, u, 0.5 * tj.roll(u, 2)


def all_change(u, before, older):
    return before, older, u


def of_itself_alone(u, before, older):
    return 0.5 * u - 0.25 * before, u, older


@pytest.mark.parametrize("loop", ["for", "while"])
@pytest.mark.parametrize("size", [5, 64, 300])
@pytest.mark.parametrize("turn", [leapfrog, three_in_a_row, two_heirs, read_by_another, two_pairs, all_change, of_itself_alone], ids=lambda f: f.__name__)
def test_memory_that_is_handed_on_holds_what_it_should_after_any_number_of_turns(turn, size, loop):
    for count in (1, 2, 3, 4, 5, 6, 7):
        start = [tj.asarray(x) for x in np.random.default_rng(count).normal(size=(3, size))]

        @tj.compile
        def looped(*states):
            if loop == "for":
                return tj.fori_loop(0, count, lambda _, states: turn(*states), states)
            return tj.while_loop(lambda given: given[0] < count, lambda given: (given[0] + 1, *turn(*given[1:])), (tj.asarray(0), *states))[1:]

        expected = start
        for _ in range(count):
            expected = turn(*expected)
        for _ in range(2):
            for a, b in zip(looped(*start), expected):
                np.testing.assert_array_equal(a.numpy(), b.numpy())


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_share_the_elements_of_all_turns(threads):
    before = tj.get_num_threads()
    tj.set_num_threads(threads)
    try:
        x, y = np.random.default_rng(0).uniform(0, 1, (2, 20_000))
        np.testing.assert_array_equal(tj.compile(each_of_itself)(x, y), each_of_itself(x, y))
    finally:
        tj.set_num_threads(before)


def test_a_loop_too_long_to_be_interrupted_stays_a_loop(monkeypatch):
    def halved(x):
        for _ in range(TURNS):
            x = 0.5 * x + 1.25
        return x

    monkeypatch.setattr(turns, "LONGEST", TURNS)
    x, compiled = np.linspace(0, 1, 10), tj.compile(halved)
    np.testing.assert_array_equal(compiled(x), halved(x))
    assert "for turn in range" not in compiled.source(x)
