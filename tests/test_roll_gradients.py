"""Gradients of tensor code with loops, rolled or not: those that PyTorch's rules give of the undecorated function."""

from __future__ import annotations

import numpy as np
import pytest
from support import assert_bits_equal

import tracejit as tj


def grown(x):
    y = x * 1.0
    for _ in range(100):
        y += y * 0.01 * x
    return y.sum()


def written_by_turns(x):
    y = x * 1.0
    for i in range(100):
        y[i % 4] += y[(i + 1) % 4] * 0.01
    return y.sum()


def until_large(x):
    y, n = x * 1.0, 0
    while tj.sum(y) < 100 and n < 200:
        if y[0] > 1:
            y *= 1.01
        else:
            y += 0.05
        n += 1
    return (y * y).sum()


def even_and_odd(x):
    y = x * 2
    for i in range(100):
        if i % 2 == 0:
            y *= 1.01
        else:
            y -= 0.01 * x
    return y.sum()


def nested(x):
    s = tj.zeros(4, dtype=tj.float64)
    for i in range(4):
        for j in range(60):
            s[i] += x[i] * x[j % 4]
    return (s * x).sum()


def number(x):
    s = x.sum()
    for i in range(150):
        s *= 1.001
        s += x[i % 4] * 0.1
    return s


def replaced_and_written(x):
    y = x * 1
    for _ in range(90):
        y = y * 1.01 + x
        y[0] = 0.5 * y[1]
    return y.sum()


def left_early(x):
    s = 0.0
    for i in range(len(x)):
        s += x[i] * i
        if s > 3:
            break
    return s


def sum_until(x):
    s, i = 0.0, 0
    while s < 3:
        s += x[i] * (i + 1)
        i += 1
    return s


LOOPS = (grown, written_by_turns, until_large, even_and_odd, nested, number, replaced_and_written, left_early, sum_until)


@pytest.mark.parametrize("function", LOOPS, ids=lambda f: f.__name__)
def test_gradients_of_loops_that_write_into_what_they_carry(function):
    compiled = tj.compile(function)
    for n in range(6):
        given = [tj.tensor(np.arange(4.0) + n % 3, requires_grad=True) for _ in range(2)]
        results = [f(x) for f, x in zip((function, compiled), given)]
        for result in results:
            result.backward()
        assert_bits_equal(results[1], results[0].detach().numpy())
        assert_bits_equal(given[1].grad, given[0].grad.numpy())
    assert "python" not in compiled.cache_info().modes


@pytest.mark.parametrize("function", LOOPS, ids=lambda f: f.__name__)
def test_gradients_by_grad_inside_and_outside_of_compile(function):
    x = np.arange(4.0)
    wanted = tj.grad(function)(x).numpy()
    for made in (tj.grad(tj.compile(function)), tj.compile(tj.grad(function))):
        for _ in range(3):
            np.testing.assert_allclose(made(x).numpy(), wanted, rtol=1e-13)
