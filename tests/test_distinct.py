"""Writes at indices: those that certainly name each place once read and write in one loop; the others as NumPy does, all reads before all writes."""

from __future__ import annotations

import numpy as np
import pytest

import tracejit as tj

ROWS, COLUMNS = 40, 7
ONE_LOOP = {
    "rows": lambda c: (np.arange(ROWS), c),
    "rows after": lambda c: (c % 4, np.arange(COLUMNS)[c * 0 + np.arange(ROWS) % COLUMNS]),
    "rows shifted": lambda c: (np.arange(ROWS - 3) + 3, c[3:]),
    "rows from the end": lambda c: (np.arange(ROWS) - ROWS, c),
    "a grid": lambda c: (np.arange(ROWS)[:, None], np.arange(COLUMNS)),
    "a grid turned": lambda c: (np.arange(ROWS), np.arange(COLUMNS)[:, None]),
    "columns alone": lambda c: (np.arange(ROWS) % 5, c),
    "rows twice": lambda c: (np.arange(ROWS) // 2, c * 0),
    "rows of rows": lambda c: (np.arange(ROWS)[:, None], c[:4]),
    "every other row": lambda c: (np.arange(ROWS)[::2], c[::2]),
    "rows backwards": lambda c: (np.arange(ROWS)[::-1], c),
    "rows alone": lambda c: (np.arange(ROWS),),
    "small rows": lambda c: (np.arange(ROWS, dtype=np.int8) + np.int8(100) - np.int8(100), c),
    "one row": lambda c: (np.arange(1), c),
    "the same place": lambda c: (c * 0, c * 0),
}


def added(a, i):
    a[i] += 1.5
    return a


def written_from_itself(a, i):
    a[i] = 0.5 * a[i] + a[i] ** 2
    return a


def read_elsewhere(a, i):
    a[i] = a[::-1][i] + 1.0
    return a


def again_and_again(a, i):
    for k in range(60):
        a[i] += 0.25 * k
        a[i] *= 0.5
    return a


def drawn():
    draw = np.random.default_rng(0)
    return draw.normal(size=(ROWS, COLUMNS)), draw.integers(0, COLUMNS, ROWS)


@pytest.mark.parametrize("function", [added, written_from_itself, read_elsewhere, again_and_again], ids=lambda f: f.__name__)
@pytest.mark.parametrize("name", ONE_LOOP)
def test_what_is_written_at_indices_is_numpys(name, function):
    def at(a, columns):
        return function(a, ONE_LOOP[name](columns))

    (a, columns), compiled = drawn(), tj.compile(at)
    given, expected = a.copy(), a.copy()
    np.testing.assert_array_equal(compiled(given, columns), at(expected, columns), strict=True)
    np.testing.assert_array_equal(given, expected)


def test_each_row_at_a_column_of_its_own_is_read_and_written_in_one_loop():
    def counted(a, columns):
        a[np.arange(ROWS), columns] += 1.0
        return a

    (a, columns), compiled = drawn(), tj.compile(counted)
    compiled(a, columns)
    assert [line.split()[1:] for line in str(compiled.plan(a, columns)).splitlines()[:-1]] == [["kernel", "bounds", "of", "gather"], ["kernel", "index_put"]]


@pytest.mark.parametrize("wrong", [COLUMNS, -COLUMNS - 1])
@pytest.mark.parametrize("place", [0, ROWS // 2, ROWS - 1])
def test_an_index_out_of_bounds_is_found_before_anything_is_written(place, wrong):
    @tj.compile
    def counted(a, columns):
        a[np.arange(ROWS), columns] += 1.0

    (a, columns), before = drawn(), drawn()[0]
    counted(a, columns)
    np.copyto(a, before)
    columns[place] = wrong
    with pytest.raises(IndexError):
        counted(a, columns)
    np.testing.assert_array_equal(a, before)
