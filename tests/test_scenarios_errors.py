"""Exceptions in and out of the body, and the ways in which functions call one another."""

from __future__ import annotations

import contextlib
import functools

import numpy as np
import pytest
from twins import array, both, given, same, same_made, vectors

import tracejit as tj

# Exceptions


@both
def test_exceptions_leave_the_body(xp):
    def function(x, n):
        x += 1
        if n % 2:
            raise KeyError("odd", n)
        x *= 2
        return x

    same(function, lambda n: (array(xp, 3, seed=n), n), calls=6)


@both
def test_exceptions_that_carry_arrays(xp):
    def function(x):
        raise ValueError(x * 2, x[0], [x])

    same(function, vectors(xp))


@both
def test_exceptions_that_depend_on_a_value(xp):
    def function(x):
        x[0] = 1
        if x.sum() > 0:
            raise ValueError(f"sum {float(x.sum())}")
        assert x[1] < 0, "not negative"
        return x * 2

    same(function, vectors(xp), calls=8)


@both
def test_exceptions_are_caught_in_the_body(xp):
    def function(x, table):
        try:
            y = x * table["factor"]
            x += 1
        except KeyError as error:
            return x, str(error)
        else:
            y = y + 1
        finally:
            table["seen"] = True
        return y

    same(function, lambda n: (array(xp, 3, seed=n), {"factor": 2.0} if n % 2 else {}))


@both
def test_an_array_error_is_caught_in_the_body(xp):
    def function(x, y):
        try:
            return x + y
        except ValueError:
            return x[: y.shape[0]] + y[: x.shape[0]]

    same(function, lambda n: (array(xp, 5, seed=n), array(xp, 5 if n % 2 else 3, seed=n)))


@both
def test_errors_that_depend_on_values_are_caught_where_they_are_raised(xp):
    def function(x, places):
        log = []
        try:
            x[0] = 100
            y = x[places]
            x[1] = 200
            log.append("read")
            x[places] = 7
            log.append("written")
            z = xp.linalg.inv(x[:2, None] * places[:2])
        except IndexError:
            x[2] = 300
            return "out of bounds", x.sum(), log
        except np.linalg.LinAlgError:  # tracejit's is one too
            return "singular", y, log
        return z

    places = [[0, 1], [0, 9], [1, 2], [-9, 0], [2, 0]]
    same(function, lambda n: (array(xp, 4, seed=n), xp.asarray(places[n % 5])), calls=10)


@both
def test_array_errors_leave_the_body(xp):
    def function(x, y, n):
        x[0] = 9
        return [lambda: x + y, lambda: x[7], lambda: x.reshape(3, 4), lambda: x @ y, lambda: x[y > 0]][n]()

    same(function, lambda n: (array(xp, 5, seed=n), array(xp, 3, seed=n), n))


@both
def test_an_error_in_place_leaves_the_array_as_it_was(xp):
    def function(x, y):
        x += 1
        x += y
        return x

    same(function, lambda n: (array(xp, 5, seed=n), array(xp, *[(5,), (3,), (2, 5), (1,), ()][n], seed=n)))


@both
def test_finally_runs_on_every_path(xp):
    def make():
        log = []

        def function(x, n):
            try:
                if n == 1:
                    return x
                if n == 2:
                    raise RuntimeError("two")
                y = x * 2
            finally:
                log.append(n)
                x += 1
            return y

        return function, log

    same_made(make, lambda n: (array(xp, 3, seed=n), n % 3), calls=6)


@both
def test_context_managers(xp):
    def make():
        log = []

        @contextlib.contextmanager
        def scope(name):
            log.append(f"enter {name}")
            try:
                yield len(log)
            except ZeroDivisionError:
                log.append("swallowed")
            finally:
                log.append(f"leave {name}")

        def function(x, n):
            with scope("a") as k, scope("b"):
                x = x * k
                if n % 2:
                    x = x / (n - n)
                return x
            return -x

        return function, log

    same_made(make, lambda n: (array(xp, 3, seed=n), 0))
    same_made(make, lambda n: (xp.ones(3), n))


@both
def test_exceptions_with_a_cause_and_of_ones_own(xp):
    class Mine(Exception):
        def __init__(self, value):
            super().__init__("mine")
            self.value = value

    def inner(x):
        try:
            return x[100]
        except IndexError as error:
            raise Mine(3) from error

    def function(x, catch):
        try:
            return inner(x)
        except Mine as error:
            if catch:
                return error.value, type(error.__cause__).__name__
            raise

    same(function, lambda n: (array(xp, 3, seed=n), n % 2 == 0))


@both
def test_a_good_call_after_a_bad_one_uses_the_trace(xp):
    def function(x, y):
        return x + y

    def arguments(n):
        return array(xp, 4, seed=n), (array(xp, 3) if n in (2, 4) else array(xp, 4, seed=n + 7))

    same(function, arguments, calls=7)


@both
def test_assertions_hold_and_fail(xp):
    def function(x):
        assert x.ndim == 1
        assert (x > -4).all(), "too small"
        return x * 2

    same(function, lambda n: (array(xp, *[(3,), (3,), (3, 1), (5,), (3,)][n], seed=n),))


@both
def test_the_key_board_interrupts(xp):
    def function(x, stop):
        x += 1
        if stop:
            raise KeyboardInterrupt
        return x * 2

    f = tj.compile(function)
    for stop in (False, True, False, True):
        x = array(xp, 3)
        if stop:
            with pytest.raises(KeyboardInterrupt):
                f(x, stop)
        else:
            assert (f(x, stop) == (array(xp, 3) + 1) * 2).all()
        assert (x == array(xp, 3) + 1).all()


# Helpers


@both
def test_generators_as_helpers(xp):
    def pieces(x):
        for k in range(3):
            yield x * k
        yield from (x + k for k in range(2))

    def function(x):
        return sum(pieces(x)), [piece[0] for piece in pieces(x)]

    same(function, vectors(xp))


@both
def test_generators_that_take_values_and_clean_up(xp):
    def running():
        total = 0
        try:
            while True:
                total = total + (yield total)
        finally:
            print("closed")

    def function(x):
        sums = running()
        next(sums)
        results = [sums.send(x), sums.send(x * 2)]
        sums.close()
        return results

    same(function, vectors(xp))


@both
def test_recursion_in_python(xp):
    def power(x, n):
        return x if n == 1 else power(x, n // 2) * power(x, n - n // 2)

    same(power, lambda n: (array(xp, 3, seed=n), 1 + n))


@both
def test_recursion_of_a_compiled_function(xp):
    def power(x, n):
        return x if n == 0 else compiled(x, n - 1) * x

    compiled = tj.compile(power)
    same(power, lambda n: (array(xp, 3, seed=n), n), compile=lambda f: compiled)


@both
def test_recursion_until_a_value_is_reached(xp):
    def halve(x):
        return x if (abs(x) < 1).all() else halve(x / 2)

    same(halve, lambda n: (array(xp, 3, seed=n) * 2**n,))


@both
def test_compiled_functions_within_compiled_functions(xp):
    @tj.compile
    def inner(x, scale=2):
        x[0] = 5
        return x * scale

    @tj.compile
    def middle(x):
        print("middle")
        return inner(x) + inner(x + 1, scale=3)

    same(lambda x: middle(x) - inner(x), vectors(xp))


@both
def test_functions_made_inside(xp):
    def function(x, n):
        total = 0

        def add(value):
            nonlocal total
            total = total + value
            return total

        class Adder:
            def __init__(self, by):
                self.by = by

            def __call__(self, value):
                return add(value * self.by)

        return [(lambda k=k: add(x * k))() for k in range(n)], Adder(3)(x), total

    same(function, lambda n: (array(xp, 3, seed=n), n % 3))


@both
def test_map_filter_sorted_and_reduce(xp):
    def function(x, y):
        parts = list(map(lambda a, b: a - b, [x, y], [y, x]))
        order = sorted([y, x], key=lambda v: float(v[0]))
        kept = list(filter(lambda v: v.sum() > 0, parts))
        return functools.reduce(lambda a, b: a * 2 + b, parts), order, len(kept), max(x, key=float)

    same(function, vectors(xp, 3, count=2))


@both
def test_operators_by_name_and_star_arguments(xp):
    import operator

    def helper(a, *rest, scale=1, **named):
        return a * scale + len(rest) + len(named)

    def function(x, *args, **kwargs):
        first, *others = [x, *args]
        return helper(*others, first, **{"scale": 2, **kwargs}), operator.mul(x, 3), operator.itemgetter(0)(x)

    same(function, lambda n: given(array(xp, 3, seed=n), *[array(xp, 3, seed=9)] * n, **{"extra": 1} if n % 2 else {}))
