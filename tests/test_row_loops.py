"""Loops over the rows of arrays: rolled where a turn can be traced, rows views of their arrays either way, and nothing that raises left out."""

from __future__ import annotations

import numpy as np
import pytest
from test_roll import outcome
from test_weave import alike

import tracejit as tj


def scalars(x):
    total = 0.0
    for value in x[:, 0]:
        total = total * 0.5 + value
    return total


def weighs(x):
    total = x[0] * 0
    for row in x:
        total = total * 0.9 + row * row.sum()
    return total


def enumerates(x):
    y = np.zeros(x.shape)
    for i, row in enumerate(x):
        y[i] = row * i + y[i - 1]
    return y


def side_by_side(x):
    total = x[0] * 0
    for i, (a, b) in enumerate(zip(x, x[::-1]), 3):
        total = total * 0.5 + a * b.sum() * i
    return total


def unpacks(x):
    total = 0.0
    for a, b, c, d in x:
        total = total + a * b - c * d
    return total


def backwards(x):
    total = x[0] * 0
    for i in reversed(range(1, len(x))):
        total = total * 0.5 + x[i] - x[i - 1] * i
    return total, i


def rows_backwards(x):
    total = x[0] * 0
    for i, (row, k) in enumerate(zip(reversed(x), range(600, 0, -2))):
        total = total * 0.5 + row * (k - i)
    return total


def numbers_its_numbers(x):
    total = x[0] * 0
    for i, k in enumerate(range(2, 300)):
        total = total * 0.5 + x[k] - x[i]
    return total, i, k


def rows_of_rows(x):
    total = x[0, 0] * 0
    for row in x:
        for value in row:
            total = total * 0.9 + value
    return total


def writes(x):
    for row in x:
        row += 1
        row[0] *= 2
    return x


def twice(row):
    row *= 2


def writes_in_a_helper(x):
    for row in x:
        twice(row)
    return x


def writes_two(x):
    y = x * 0.5
    for a, b in zip(x, y):
        a += 1
        b[1:] -= 2
    return x, y


def writes_one_of_two(x):
    total = 0.0
    for a, b in zip(x, x):
        a[0] = 1
        total = total + b.sum()
    return total, x


def writes_what_it_goes_through(x):
    for i, row in enumerate(x):
        x[i, 0] = row[1] + 1
        x[i, 2] = row[0]
    return x


def writes_and_reads(x):
    total = 0.0
    for i, row in enumerate(x):
        row[0] = i
        total = total + x[i].sum() + x[0, 0]
    return total


def leaves_the_last(x):
    total = 0.0
    for row in x:
        total = total + row.sum()
    row[0] = 99
    return total, row


def leaves_a_double(x):
    for row in x:
        row = row * 2
    row[0] = 99
    return row


def leaves_the_best(x):
    best = x[0]
    for row in x:
        if row.sum() > best.sum():
            best = row
    best[0] = 77
    return best


def leaves_where_it_broke(x):
    total = 0.0
    for row in x:
        total = total + row.sum()
        if total > 3:
            break
    row[1] = 55
    return row, total


def returns_a_row(x):
    for i, row in enumerate(x):
        if row.sum() > 4:
            row[0] = 11
            return i, row
    return None


def keeps_the_one_before(x):
    before, total = x[0], 0.0
    for row in x:
        row[1] = 0.5
        total = total + (row - before).sum()
        before = row
    return total


def rebinds_what_it_goes_through(x):
    for row in x:
        x = x + row
    return x


def leaves_a_row_by_number(x):
    row = x[0]
    for i in range(300):
        row = x[i % 7]
    row[0] = 99
    return row


def writes_beside_a_row_by_number(x):
    total = 0.0
    for i in range(300):
        row = x[i]
        x[i, 0] = 5.0 + i
        total = total + row[0]
    return total


def breaks_with_a_row_by_number(x):
    total = 0.0
    for i in range(len(x)):
        row = x[i]
        total = total + row.sum()
        if total > 3:
            break
    row[0] = 44
    return row


def changes_its_number(x):
    for i in range(300):
        x = x + i
        i = i + 1
    return x, i


def nothing_to_go_through(x):
    total = x[0]
    for row in x[:0]:
        total = total + row
    return total


def in_python(x):
    total = x[0] * 0
    for i, row in list(zip(reversed(range(3)), reversed(x))):
        total = total + row * i
    return total, [i for i in reversed(range(4))], [i * k for i, k in zip(range(3), range(5))], list(enumerate(range(2, 4), 7))


def begun_by_hand(x):
    numbered = enumerate(x)
    _, total = next(numbered)
    total = total * 2
    for i, row in numbered:
        total = total * 0.9 + row * i
    return total, next(numbered, None)


def goes_on_behind_a_loop(x):
    held = [enumerate(x)]
    total = x[0] * 0
    for (i, row), other in zip(held[0], x[:200, 1]):
        total = total * 0.9 + row * i * other
    return total, next(held[0])


def numbers_of_no_rows(x):
    total = 0.0
    for row in x[0, 0]:
        total = total + row
    return total


ROLLED = (scalars, weighs, enumerates, side_by_side, unpacks, backwards, rows_backwards, numbers_its_numbers, rows_of_rows, writes, writes_in_a_helper, writes_two)
TURN_BY_TURN = (
    writes_one_of_two, writes_what_it_goes_through, writes_and_reads, leaves_the_last, leaves_a_double, leaves_the_best, leaves_where_it_broke, returns_a_row,
    keeps_the_one_before, rebinds_what_it_goes_through, leaves_a_row_by_number, writes_beside_a_row_by_number, breaks_with_a_row_by_number,
    changes_its_number, nothing_to_go_through, in_python, begun_by_hand, goes_on_behind_a_loop, numbers_of_no_rows,
)  # fmt: skip
TABLE = lambda seed, rows=300: np.random.default_rng(seed).normal(size=(rows, 4))  # noqa: E731


def views_of(result, x):
    """Which of the arrays of a result are views of an argument."""
    parts = result if isinstance(result, tuple) else (result,)
    return [p is x or p.base is x for p in parts if isinstance(p, np.ndarray)]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("function", (*ROLLED, *TURN_BY_TURN), ids=lambda f: f.__name__)
def test_rows_are_what_they_are_in_numpy(function):
    compiled = tj.compile(function)
    for seed in (0, 1, 0, 2, 1):
        x, y = TABLE(seed), TABLE(seed)
        given, expected = outcome(compiled, x), outcome(function, y)
        assert alike(given, expected) and alike(x, y) and views_of(given, x) == views_of(expected, y)


@pytest.mark.parametrize("function", ROLLED, ids=lambda f: f.__name__)
def test_the_number_of_rows_makes_no_difference_to_the_trace(function):
    compiled = tj.compile(function)
    sizes = [compiled.graph(TABLE(0, rows)).count("\n") for rows in (400, 500)]
    assert sizes[0] == sizes[1] < 100


# What raises


def reads_beyond(x):
    total = x[0, 0] * 0
    for i in range(301):
        unread = x[i, 0]  # noqa: F841
        total = total + 1
    return total


def writes_beyond(x):
    total = x[0, 0] * 0
    for i in range(300):
        places = np.zeros(299)
        places[i] = 2
        total = total + x[i, 0]
    return total


def inverts(x):
    total = x.sum() * 0
    for _ in range(300):
        np.linalg.inv(x[:4] * 0)
        total = total + 1
    return total


def reads_beyond_in_one_arm(x):
    total = x[0, 0] * 0
    for i in range(300):
        if x[i, 0] > -9:
            after = x[i + 1, 0]
            total = total + 1
        else:
            after = x[i + 1, 0]
            total = total + after
    return total


@pytest.mark.parametrize("function", (reads_beyond, writes_beyond, inverts, reads_beyond_in_one_arm), ids=lambda f: f.__name__)
def test_an_exception_is_raised_though_nobody_reads_what_raises_it(function):
    compiled = tj.compile(function)
    for seed in (0, 1, 0, 2, 1):
        expected = outcome(function, TABLE(seed))
        assert isinstance(expected, tuple) and issubclass(expected[0], Exception) and outcome(compiled, TABLE(seed)) == expected


# Tensors, and gradients


def tensor_keeps(x):
    x = x * 1
    kept = x[0]
    for i in range(300):
        kept = x[i]
    kept[0] = 7
    return (x * x).sum()


def tensor_writes_beside(x):
    x = x * 1
    total = (x[0] * 0).sum()
    for i in range(300):
        row = x[i]
        x[i, 0] = 5.0 + i
        total = total + row[0]
    return total


def tensor_writes(x):
    x = x * 1
    for row in x:
        row *= 2
    return (x * x).sum()


def weighs_all(x):
    return (weighs(x) ** 2).sum()


def counts_rows(x):
    total = (x[0] * 0).sum()
    for i, (a, b) in enumerate(zip(x, x[:, 1])):
        total = total * 0.9 + a[2] * b * i
    return total


LOSSES = (weighs_all, counts_rows, tensor_keeps, tensor_writes_beside, tensor_writes)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda f: f.__name__)
def test_rows_of_tensors_and_their_gradients_are_those_of_eager_mode(loss):
    for function in (loss, tj.grad(loss)):
        compiled = tj.compile(function)
        for seed in (0, 1, 0, 2, 1):
            x = tj.asarray(TABLE(seed))
            assert alike(compiled(x).numpy(), function(x).numpy())


@pytest.mark.parametrize("loss", LOSSES, ids=lambda f: f.__name__)
def test_gradients_through_rows_are_the_limits_of_differences(loss):
    compiled = tj.compile(tj.grad(loss))
    for seed in range(3):
        x = TABLE(seed)
        found = compiled(x)
        for place in ((0, 0), (150, 1), (298, 2), (299, 1)):
            step = np.zeros(x.shape)
            step[place] = 1e-6
            assert np.isclose(found[place], (loss(x + step) - loss(x - step)) / 2e-6, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("loss", (weighs_all, counts_rows), ids=lambda f: f.__name__)
def test_gradients_through_rows_are_rolled(loss):
    compiled = tj.compile(tj.grad(loss))
    assert compiled.graph(tj.asarray(TABLE(0))).count("\n") < 150
