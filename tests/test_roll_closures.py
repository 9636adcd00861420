"""Loops whose variables functions beside them know: what those read while a loop runs is what Python's own loop gives them."""

from __future__ import annotations

import numpy as np
import pytest
from test_roll import close, outcome

import tracejit as tj

TURNS = 500


def read_by_a_function(x):
    n = 0.0

    def get():
        return n

    for _ in range(TURNS):
        n = n + 1.0
        x = x * 0.9 + get()
    return x


def an_array_read_by_a_function(x):
    y = x * 1

    def total():
        return y.sum()

    for _ in range(TURNS):
        y = y * 0.99
        x = x * 0.5 + total()
    return x, y


def read_by_a_lambda_in_a_list(x):
    total = x[0] * 0
    reads = [lambda: total]
    for i in range(TURNS):
        total = total + x[i % 5]
        x = x * 0.99 + reads[0]()
    return x, total, reads[0]()


def the_number_of_the_turn(x):
    i = 7

    def turn():
        return i

    total = x[0] * 0
    for i in range(TURNS):  # noqa: B007
        total = total + turn() * x[0]
    return total, i, turn()


def read_by_a_method(x):
    class Sum:
        def get(self):
            return y.sum()

    y, found = x * 1, Sum()
    for _ in range(TURNS):
        y = y * 0.99
        x = x * 0.5 + found.get()
    return x, y


def read_by_a_generator(x):
    scale = 2.0
    scaled = (scale * v for v in range(1000))
    for _ in range(TURNS):
        x = x * 0.5 + next(scaled)
        scale = scale * 0.9
    return x


def changed_by_a_function(x):
    n = 0.0

    def add():
        nonlocal n
        n = n + 1

    for _ in range(TURNS):
        add()
        x = x * 0.9 + n
    return x, n


def changed_in_a_loop_of_a_function(x):
    n = 0.0

    def get():
        return n

    def run():
        nonlocal n
        for i in range(TURNS):
            n = n * 0.5 + x[i % 5] + get() * 0.1

    run()
    return n


def lambdas_made_in_turns(x):
    total, made = 0.0, []
    for i in range(TURNS):
        total = total * 0.5 + x[i % 5]
        made.append(lambda: total)
        x = x * 0.9 + made[0]()
    return x, made[0](), made[-1]()


def lambdas_that_read_what_is_set_after_the_loop(x):
    scale, total, made, i = x[0], 1.5, [], 0
    while i < TURNS:
        total += x[i % 5] > 0
        made.append(lambda k=i: k + scale)
        i += 1
    scale = x[-1]
    return total, [made[n]() for n in (0, 1, 7)]


def written_by_a_function(x):
    y = x * 0

    def put(i):
        y[i % 5] += 1

    for i in range(TURNS):
        put(i)
        x = x * 0.9 + y.sum()
    return x, y


def written_in_a_loop_of_a_function(x):
    out = np.zeros(TURNS)

    def fill(scale):
        for i in range(TURNS):
            out[i] = x[i % 5] * scale
        return out

    first = fill(2).copy()
    fill(3)
    return first, out


def written_in_loops_in_loops(x):
    parents = np.arange(10)

    def find(i):
        while parents[i] != i:
            parents[i] = parents[parents[i]]
            i = parents[i]
        return i

    for i in range(9):
        for j in range(9):
            if x[i % 5] > 0.3:
                parents[find(i)] = find(i + 1)
                parents[find(j)] = find(j + 1)
    return parents


def functions_in_functions(x):
    def outer(y):
        def inner(z):
            for i in range(TURNS):
                y[i % 5] = y[i % 5] * 0.9 + z
            return y

        return inner

    run = outer(x * 1)
    first = run(x[1]).copy()
    return first, run(x[0])


def read_after_the_loop_only(x):
    best, where = np.inf, -1
    for i in range(TURNS):
        score = (x[i % 5] - i * 0.01) ** 2
        if score < best:
            best, where = score, i
    return best, where, [v for v in x * best]


FUNCTIONS = [f for name, f in list(globals().items()) if getattr(f, "__module__", None) == __name__ and name.islower()]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_functions_beside_a_loop_see_its_variables(function):
    compiled = tj.compile(function)
    for seed in (0, 1, 2, 0):
        x, y = (np.random.default_rng(seed).uniform(0, 1, 5) for _ in range(2))
        assert close(outcome(compiled, x), outcome(function, y))
        assert close(x, y)


OF_TENSORS = [read_by_a_function, an_array_read_by_a_function, read_by_a_lambda_in_a_list, the_number_of_the_turn, read_by_a_method, changed_by_a_function]


@pytest.mark.parametrize("function", OF_TENSORS, ids=lambda f: f.__name__)
def test_the_same_of_tensors(function):
    compiled = tj.compile(function)
    for seed in (0, 1, 0):
        x = tj.asarray(np.random.default_rng(seed).uniform(0, 1, 5))
        for got, wanted in zip(*map(flat, (compiled(x), function(x))), strict=True):
            assert got == wanted if not isinstance(wanted, tj.Tensor) else got.numpy().tobytes() == wanted.numpy().tobytes()


def flat(found):
    return found if isinstance(found, tuple) else (found,)
