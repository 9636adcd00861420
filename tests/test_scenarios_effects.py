"""What a function does beside its result: arguments changed, views written through, effects that happen at every call."""

from __future__ import annotations

import functools
import itertools
import logging
import sys
import types
import warnings

import numpy as np
from twins import Pair, array, both, same, same_made, vectors


# Arguments that change


@both
def test_in_place_operators(xp):
    def function(x, y):
        x += 1
        x *= y
        x -= x.sum()
        y /= 2
        return x

    same(function, vectors(xp, 5, count=2))


@both
def test_items_and_slices_are_assigned(xp):
    def function(x, y):
        x[0] = 7
        x[2:5] = 0
        x[-1] = y[1]
        x[::2] = y[::2] * 2
        x[...] = x + 1
        return x[1]

    same(function, vectors(xp, 8, count=2))


@both
def test_the_result_is_written_into_an_argument(xp):
    def function(x, out):
        out[:] = x * 2
        out[1:] += out[:-1]

    same(function, vectors(xp, 6, count=2))


@both
def test_masks_and_places_are_assigned(xp):
    def function(x, y, places):
        x[x > 1] = -1
        x[places] = y[places]
        y[places] += 1
        y[(x < 0) & (y > 0)] *= 3
        return x, y

    same(function, lambda n: (array(xp, 7, seed=n), array(xp, 7, seed=n + 9), xp.asarray([0, 2, n])))


@both
def test_writing_through_views(xp):
    def function(x):
        rows, column, back = x[1:], x[:, 0], x[::-1]
        rows += 10
        column[...] = -1
        back[0] = 5
        x.T[1] *= 2
        return rows, column, back

    same(function, vectors(xp, 3, 4))


@both
def test_writing_through_a_view_of_a_view(xp):
    def function(x):
        inner = x[1:][::2][0]
        inner += 1
        flat = x.reshape(-1)
        flat[3] = 100
        return inner, flat, x.reshape(2, -1)[1]

    same(function, vectors(xp, 4, 3))


@both
def test_shifting_within_one_array(xp):
    def function(x):
        x[1:] = x[:-1]
        x[:-1] += x[1:]
        x[::-1] = x
        return x

    same(function, vectors(xp, 9))


@both
def test_the_argument_is_a_view_of_the_callers(xp):
    owners = []

    def arguments(n):
        owners.append(array(xp, 4, 6, seed=n))
        return ([owners[-1][1:], owners[-1].T, owners[-1][::-1, ::2], owners[-1][2], owners[-1][1:]][n],)

    def function(x):
        x += 1
        x[0] = 3
        return x[1]

    same(function, arguments)
    assert all((a == b).all() for a, b in zip(owners[::2], owners[1::2]))


@both
def test_results_that_are_views_stay_views(xp):
    def function(x):
        y = x * 2
        return x[1:], y, y[::-1], x

    f = same(function, vectors(xp, 5))
    x = array(xp, 5)
    shown, made, back, given_back = f(x)
    shown[0] = 50
    made[0] = 60
    assert float(x[1]) == 50 and float(back[-1]) == 60 and given_back is x


@both
def test_copies_are_no_views(xp):
    def function(x):
        y = x.copy() if xp is np else x.clone()
        y += 1
        z = x + 0
        z[0] = 9
        return x, y, z

    same(function, vectors(xp, 5))


@both
def test_the_name_is_rebound_instead_of_the_array_changed(xp):
    def function(x, y):
        x = x + 1
        x += y
        y = y[1:]
        y += 1
        return x

    same(function, vectors(xp, 5, count=2))


@both
def test_lists_and_dicts_among_the_arguments_change(xp):
    def function(x, log, table):
        log.append(x * 2)
        log[0] += x
        table["new"] = x
        table["old"] = table.pop("first") + 1
        table.setdefault("rows", []).append(len(log))
        return log[-1]

    same(function, lambda n: (array(xp, 3, seed=n), [array(xp, 3, seed=n + 1), n], {"first": array(xp, 3, seed=n + 2), "z": 0}))


@both
def test_objects_among_the_arguments_change(xp):
    def function(x, pair):
        pair.left, pair.right = pair.right, x + pair.left
        pair.right[0] = 3
        pair.new = [x, pair.right]

    same(function, lambda n: (array(xp, 3, seed=n), Pair(array(xp, 3, seed=n + 1), array(xp, 3, seed=n + 2))))


# Effects


@both
def test_prints(xp):
    def function(x, n):
        print("begin", n, x.shape, end=";")
        y = x * 2
        print(y, y[0])
        print(f"{y.sum():.3f} {y[1]!r}", file=sys.stderr)
        return y

    same(function, lambda n: (array(xp, 3, seed=n), n // 2))


@both
def test_logging(xp):
    def make():
        records = []
        handler = logging.Handler()
        handler.emit = lambda record: records.append((record.levelname, record.getMessage()))
        logger = logging.Logger("scenario")
        logger.addHandler(handler)

        def function(x):
            logger.info("shape %s", x.shape)
            if x.sum() > 0:
                logger.warning("sum is %s", float(x.sum()))
            return x * 2

        return function, records

    same_made(make, vectors(xp))


@both
def test_files_are_written(xp, tmp_path):
    names = itertools.count()

    def make():
        path = tmp_path / str(next(names))
        path.write_text("")

        def function(x):
            with open(path, "a") as file:
                file.write(f"{x.shape} {float(x[0])}\n")
            return x + len(path.read_text().splitlines())

        return function

    same_made(make, vectors(xp))


@both
def test_a_list_grows(xp):
    def make():
        log = []

        def function(x):
            log.append(len(log))
            return x * len(log)

        return function, log

    same_made(make, vectors(xp), calls=7)


@both
def test_a_cache_of_ones_own(xp):
    def make():
        cache = {}

        def function(x, n):
            if n not in cache:
                cache[n] = x * n
            return cache[n] + x

        return function, cache

    same_made(make, lambda n: (array(xp, 3, seed=n), n // 2), calls=6)


@both
def test_memoised_helpers(xp):
    def make():
        calls = []

        @functools.lru_cache
        def table(n):
            calls.append(n)
            return [i * i for i in range(n)]

        return (lambda x, n: x + sum(table(n))), calls

    same_made(make, lambda n: (array(xp, 3, seed=n), n // 2), calls=6)


counter = 0


@both
def test_a_global_is_counted_up(xp):
    def function(x):
        global counter
        counter += 1
        return x * counter

    def arguments(n):
        global counter
        counter = n // 2
        return (array(xp, 3, seed=n),)

    same(function, arguments)


@both
def test_warnings_of_the_users(xp):
    def function(x):
        warnings.warn(f"shape {x.shape}", UserWarning, stacklevel=1)
        if x[0] > 0:
            warnings.warn("positive", DeprecationWarning, stacklevel=1)
        return x + 1

    same(function, vectors(xp))


@both
def test_iterators_and_counters_go_on(xp):
    def make():
        ticks, rows = itertools.count(), iter([1.0, 2.0, 3.0])
        return lambda x: x * next(ticks) + next(rows, 9.0)

    same_made(make, vectors(xp))


@both
def test_an_attribute_of_the_function_itself(xp):
    def make():
        def function(x):
            function.calls = getattr(function, "calls", 0) + 1
            return x * function.calls

        return function

    same_made(make, vectors(xp))


@both
def test_values_that_are_kept_become_real(xp):
    def make():
        kept, holder = [], types.SimpleNamespace(last=None)

        def function(x):
            y = x * 2
            kept.append(y)
            kept.append({"row": y[1:], "sum": y.sum()})
            holder.last = y + 1
            return y[0]

        return function, (kept, holder)

    same_made(make, vectors(xp, 4))


@both
def test_values_kept_from_the_call_before_are_used(xp):
    def make():
        state = {}

        def function(x):
            before = state.get("x")
            state["x"] = x * 2
            return x if before is None else x + before

        return function

    same_made(make, vectors(xp, 4))
