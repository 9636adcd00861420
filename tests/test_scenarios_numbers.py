"""Numbers drawn at random, computed at their limits, and differentiated."""

from __future__ import annotations

import random

import numpy as np
import pytest
from twins import array, both, given, same, same_made, vectors

import tracejit as tj

# Random numbers


def test_the_streams_of_tj_go_on_over_the_calls():
    def function(x):
        y = x + tj.rand(3) + tj.randn(3) * tj.randint(0, 10, (3,))
        return tj.dropout(y, 0.5, True) if hasattr(tj, "dropout") else y

    same(function, lambda n: (array(tj, 3, seed=n, dtype="float32"),))
    compiled, results = tj.compile(function), []
    for run in (function, compiled):
        tj.manual_seed(7)
        results.append([run(array(tj, 3)).tolist() for _ in range(5)])
    assert results[0] == results[1] and len({str(r) for r in results[0]}) == 5


@both
def test_the_functions_of_numpys_random_module(xp):
    def function(x):
        noise = np.random.normal(size=3) + np.random.rand(3)
        return x + xp.asarray(noise), np.random.randint(10), xp.asarray(np.random.permutation(3)) * x

    same(function, vectors(xp, 3))


@both
def test_generator_objects_inside_outside_and_as_arguments(xp):
    def make():
        outer = np.random.default_rng(5)

        def function(x, generator):
            inner = np.random.default_rng(3)
            drawn = outer.normal(size=3) + inner.random(3) + generator.integers(0, 9, 3)
            return x + xp.asarray(drawn)

        return function

    same_made(make, lambda n: (array(xp, 3, seed=n), np.random.default_rng(n)))


@both
def test_the_random_module(xp):
    def make():
        own = random.Random(4)

        def function(x, rows):
            random.shuffle(rows)
            return x * random.random() + own.randint(1, 9), random.choice([1, 2, 3]), x if random.random() > 0.5 else -x

        return function

    same_made(make, lambda n: (array(xp, 3, seed=n), [1, 2, 3, 4]), calls=8)


# Numbers at their limits


@both
def test_nan_through_one_plus_x_times_zero(xp):
    def function(x):
        return 1 + x * 0, x - x, x / x, x * 0 == 0, -x * 0, x + 0.0

    same(function, lambda n: (xp.asarray([np.nan, np.inf, -np.inf, -0.0, 0.0, 2.0][n:]),))


@both
@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "uint32", "int64"])
def test_integers_overflow(xp, dtype):
    def function(x):
        return x + x, x * x, -x, x - 1, x + 1, abs(x), x << 1, x**2

    info = np.iinfo(dtype)
    same(function, lambda n: (xp.asarray(np.array([info.max, info.min, info.max // 2 + 1, 3, n], dtype)),))


@both
def test_integers_divided(xp):
    def function(x, y):
        return x / y, x // y, x % y, x // 3, x % -3, x / 2, 7 // y, -7 % y

    def arguments(n):
        dtype = ["int64", "int32", "uint8"][n % 3]
        return xp.asarray(np.array([7, -7, 8, -8, 0]).astype(dtype)), xp.asarray(np.array([2, 3, -3, 5, 1 + n]).astype(dtype))

    same(function, arguments, calls=2)
    same(divmod, lambda n: (np.array([7, -7, 8]), np.array([2, n + 1, -3])))


def test_integers_divided_by_zero():
    def function(x, y):
        return x // y, x % y, x / y

    same(function, lambda n: (np.array([7, -7, 0, n]), np.array([0, 0, 0, n])))


@both
def test_dtypes_meet(xp):
    def function(x, y):
        return x + y, x * 2, x * 2.5, y + 1, x > y, x + True, (x > 0) + (y > 0), y * 2j if xp is np else None

    pairs = [("int8", "float32"), ("uint8", "int8"), ("int64", "float32"), ("bool", "int32"), ("float32", "float64"), ("bool", "bool")]
    pairs = pairs if xp is np else [p for p in pairs if p != ("int64", "float32")]
    same(function, lambda n: (array(xp, 3, seed=n, dtype=pairs[n % len(pairs)][0]), array(xp, 3, seed=n + 9, dtype=pairs[n % len(pairs)][1])), calls=6)


@both
def test_elementary_functions(xp):
    def function(x):
        return xp.exp(x) + xp.sin(x) * xp.tanh(x), xp.log(abs(x) + 1), xp.sqrt(abs(x)), xp.floor(x * 1.5), xp.sign(x)

    same(function, vectors(xp), allowed=0 if xp is tj else 4)


@both
def test_sums_means_and_extremes(xp):
    def function(x):
        return x.sum(), x.mean(axis=0), x.sum(axis=1), x.max(), x.min(axis=1), x.prod(), x.argmax(), (x > 0).any(), (x > 0).all(axis=0), x.std(), x.var(axis=0)

    same(function, vectors(xp, 5, 7))


# Gradients


def test_backward_inside_and_through():
    def inside(x, w):
        loss = ((x @ w) ** 2).sum()
        loss.backward()
        w.data -= 0.1 * w.grad
        return loss.detach()

    def through(x, w):
        y = (x @ w) ** 2
        return y.sum() * 2 if y.detach().sum() > 40 else y.sum()

    def arguments(n):
        return array(tj, 3, 4, seed=n), array(tj, 4, 2, seed=n + 9).requires_grad_()

    same(inside, arguments)
    compiled = tj.compile(through)
    for n in range(6):
        grads = []
        for run in (through, compiled):
            x, w = arguments(n)
            run(x, w).backward()
            grads.append(w.grad.tolist())
        assert grads[0] == grads[1]


@both
def test_grad_of_compiled_and_compiled_grad(xp):
    def function(x):
        y = x * x * 3 + x
        for k in range(3):
            y = y * (k + 1)
        return (y * y).sum()

    wanted = tj.grad(function)
    for run in (tj.grad(tj.compile(function)), tj.compile(tj.grad(function)), tj.compile(tj.grad(tj.compile(function)))):
        for n in range(4):
            x = array(xp, 5, seed=n)
            assert type(run(x)) is type(wanted(x)) and (run(x) == wanted(x)).all()


def test_gradients_are_switched_off_and_on():
    def function(x, w):
        with tj.no_grad():
            y = x * w
        return (y * w).sum(), y.requires_grad, tj.is_grad_enabled()

    same(function, lambda n: (array(tj, 3, seed=n), array(tj, 3, seed=n + 9).requires_grad_()))
    with tj.no_grad():
        same(function, lambda n: (array(tj, 3, seed=n), array(tj, 3, seed=n + 9).requires_grad_()))


def test_a_training_step():
    def make():
        tj.manual_seed(0)
        model = tj.nn.Linear(4, 2)
        optimizer = tj.optim.Adam(model.parameters(), lr=0.1)

        def function(x, rate):
            optimizer.param_groups[0]["lr"] = rate
            optimizer.zero_grad()
            loss = (model(x) ** 2).mean()
            loss.backward()
            optimizer.step()
            return loss.detach()

        return function, list(model.parameters())

    same_made(make, lambda n: (array(tj, 3, 4, seed=n, dtype="float32"), 0.1 if n < 3 else 0.01), calls=6)


def test_given_keywords_only():
    same(lambda *, x, y=None: x if y is None else x + y, lambda n: given(x=array(np, 3, seed=n), **({"y": array(np, 3)} if n % 2 else {})))
