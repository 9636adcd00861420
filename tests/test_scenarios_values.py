"""What is done with values: asked for, looped over, returned in containers, kept and fed back."""

from __future__ import annotations

import collections

import numpy as np
from twins import array, both, same, vectors


# Observations


@both
def test_a_branch_on_a_value(xp):
    def function(x):
        if x.sum() > 0:
            return x * 2
        elif x[0] > 0:
            return x - 1
        return x[::-1] + 5

    same(function, vectors(xp), calls=9)


@both
def test_branches_nested_and_one_after_another(xp):
    def function(x, y):
        if x[0] > 0:
            x = x * 2
            if y[0] > 0:
                y = y + x
        else:
            y = -y
        if (x > y).any() and not (x == y).all():
            return x
        return x if y[1] > 0 or x[1] > 0 else y

    same(function, vectors(xp, count=2), calls=12)


@both
def test_a_while_loop_until_a_value_is_small(xp):
    def function(x):
        steps = 0
        while abs(x).sum() > 1:
            x = x / 2
            steps += 1
            if steps == 7:
                break
        else:
            steps = -steps
        return x, steps

    same(function, lambda n: (array(xp, 4, seed=n) * 10.0**n,), calls=6)


@both
def test_a_loop_with_break_continue_and_early_return(xp):
    def function(x):
        total = x[0] * 0
        for k in range(x.shape[0]):
            if x[k] == 0:
                continue
            if x[k] < -3:
                break
            total += x[k]
            if total > 6:
                return "early", total, k
        return "late", total

    same(function, vectors(xp, 8), calls=8)


@both
def test_float_int_bool_complex_and_item(xp):
    def function(x):
        return float(x[0]), int(x[1]), bool(x[2]), complex(x[3]), x[4].item(), x.tolist(), x[0].item() + 1

    same(function, vectors(xp))


@both
def test_a_range_over_a_value(xp):
    def function(x, n):
        for k in range(int(n[0])):
            x = x * 2 + k
        return x, len(range(int(n[0])))

    same(function, lambda k: (array(xp, 3, seed=k), xp.asarray([k % 3])), calls=6)


@both
def test_a_value_as_an_index_and_as_a_slice(xp):
    def function(x, places):
        first, last = int(places[0]), int(places[1])
        return x[first], x[first:last], [10, 20, 30][first], x[places[1]]

    same(function, lambda n: (array(xp, 6, seed=n), xp.asarray([n % 3, 2 + n % 3])))


@both
def test_a_value_as_a_key_and_in_comparisons_of_python(xp):
    def function(x):
        table = collections.defaultdict(int)
        for k in range(4):
            table[float(x[k])] += 1
        best = max(range(4), key=lambda k: float(x[k]))
        return dict(table), best, sorted(x.tolist()), float(x[0]) in table, {int(v) for v in x.tolist()}

    same(function, vectors(xp, 4))


@both
def test_asarray_of_a_value_and_computing_on_it(xp):
    def function(x):
        seen = np.asarray(x * 2)
        return x + float(seen.max()), seen.shape, seen.sum()

    same(function, vectors(xp))


@both
def test_a_value_in_text(xp):
    def function(x):
        return f"{float(x[0]):.2f}", f"{int(x[1]):>5}", format(int(x[2]), "05d"), str(float(x[3]))

    same(function, vectors(xp))


@both
def test_chained_comparisons_and_truth_of_arrays(xp):
    def function(x):
        inside = 0 < x[0] < 3
        return bool(inside), x if x.size else None, bool(x.any()), not x[1]

    same(function, vectors(xp), calls=8)


@both
def test_the_truth_of_many_elements_is_an_error(xp):
    same(lambda x: x if x > 0 else -x, lambda n: (array(xp, 1 if n % 2 else 3, seed=n),))


@both
def test_very_many_outcomes(xp):
    def function(x):
        n = int(x[0])
        return x + n, n

    same(function, lambda n: (array(xp, 3, seed=n) * 0 + n,), calls=30)


@both
def test_an_observation_after_a_change(xp):
    def function(x):
        x += 1
        if x[0] > 0:
            x[1:] = 0
        else:
            x[:2] *= 3
        y = x.sum()
        x -= float(y)
        return y

    same(function, vectors(xp), calls=8)


@both
def test_a_comprehension_over_rows_with_a_condition(xp):
    def function(x):
        return [row * 2 for row in x if row[0] > 0], {k: float(row.sum()) for k, row in enumerate(x)}, sum(v for v in x[0])

    same(function, vectors(xp, 4, 3))


@both
def test_rows_by_iteration_unpacking_zip_and_enumerate(xp):
    def function(x, y):
        first, *others = x
        a, b, c = y
        total = first * 0
        for k, (u, v) in enumerate(zip(x, y)):
            total = total + u * v * k
        return total, others, a - b, c, list(reversed(others)), len(x)

    same(function, vectors(xp, 3, 2, count=2))


# Loops


@both
def test_a_loop_over_the_elements(xp):
    def function(x):
        for k in range(1, x.shape[0]):
            x[k] = x[k - 1] * 0.5 + x[k]
        return x

    same(function, lambda n: (array(xp, 10 + n % 2, seed=n),))


@both
def test_a_triangle_of_loops(xp):
    def function(x):
        total = 0.0
        for i in range(x.shape[0]):
            for j in range(i):
                x[i, j] -= x[j, i] * 0.5
                total = total + x[i, j]
        return total

    same(function, vectors(xp, 5, 5))


@both
def test_many_steps(xp):
    def function(x, n):
        for k in range(n):
            x = x * 0.5 + 1
            if k == 30:
                x = x - 3
        return x

    same(function, lambda n: (array(xp, 3, seed=n), [50, 50, 200, 1, 0][n]))


@both
def test_shapes_that_change_in_a_loop(xp):
    def function(x):
        sizes = []
        while x.shape[0] > 1:
            sizes.append(x.shape[0])
            x = x[::2] + x[: (x.shape[0] + 1) // 2]
        return x, sizes

    same(function, lambda n: (array(xp, [8, 8, 5, 1, 13][n], seed=n),))


@both
def test_arrays_that_shrink_by_a_mask(xp):
    def function(x):
        rounds = 0
        while x.shape[0] and rounds < 20:
            x = x[x > 0] - 1
            rounds += 1
        return rounds, x

    same(function, vectors(xp, 9), calls=6)
