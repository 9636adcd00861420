"""A table of functions that use control ops, with arguments: what `test_control.py` states its laws over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import tracejit as tj

Case = tuple[Callable[..., Any], tuple[Any, ...]]


def real(*shape: int, low: float = -1.5, high: float = 1.5) -> tj.Tensor:
    return tj.asarray(np.random.default_rng([7, *shape]).uniform(low, high, shape))


W = real(4, 4)


def affine(x):
    return tj.fori_loop(0, 10, lambda i, v: v * 0.9 + i, x)


def to_a_tensor(x, n):
    return tj.fori_loop(2, n, lambda i, v: v * 0.9 + i, x)


def stencil(x, steps=7):
    return tj.fori_loop(0, steps, lambda i, v: (tj.roll(v, 1) + v * v + tj.roll(v, -1)) / 3, x)


def exchange(x, y):
    return tj.fori_loop(0, 5, lambda i, s: (s[1], s[0] + 1), (x, y))


def rotate(x, y, z):
    return tj.fori_loop(0, 5, lambda i, s: {"a": s["c"], "b": s["a"], "c": s["b"] + s["a"]}, {"a": x, "b": y, "c": z})


def recurrent(x, xs):
    return tj.scan(lambda c, u: (tj.tanh(c @ W + u), c.sum()), x, xs)


def backwards(x, xs):
    return tj.scan(lambda c, u: (tj.tanh(c @ W + u["u"]), {"c": c, "twice": c * 2}), x, {"u": xs}, reverse=True)


def same_out_and_carried(x, xs):
    def step(c, u):
        c = c * u
        return c, c

    return tj.scan(step, x, xs)


def counted(x):
    return tj.scan(lambda c, _: (c * 0.5, c), x, length=5)


def squares(xs):
    return tj.map(lambda u: (u * u).sum(), xs)


def newton(x, a):
    def body(state):
        x, _ = state
        y = 0.5 * (x + a / x)
        return y, tj.amax(tj.abs(y - x))

    return tj.while_loop(lambda state: state[1] > 1e-3, body, (x, tj.asarray(1.0, dtype=tj.float64)))


def captures(x, y):
    z = y * 2
    return tj.fori_loop(0, 3, lambda i, v: tj.sin(v * z) + y, x) * y


def transposed(x):
    wt = W.mT
    return tj.fori_loop(0, 3, lambda i, v: tj.tanh(v @ wt), x)


def choose(x, y):
    return tj.cond(x.sum() > 0, lambda v: v * y * y, lambda v: v + y, x) * y


def switched(i, x):
    return tj.switch(i, [lambda v: v + 1, lambda v: v * v, lambda v: tj.exp(v)], x)


def nested(x):
    return tj.fori_loop(0, 4, lambda i, v: tj.fori_loop(0, 3, lambda j, u: u * u * 0.5 + i + j, v) * 0.1, x)


def branches_in_a_loop(x):
    def body(state):
        k, v = state
        return k + 1, tj.cond(k % 2 == 0, lambda v: v * v, lambda v: v * 0.5, v)

    return tj.while_loop(lambda state: state[0] < 5, body, (0, x))[1]


def loop_in_a_branch(x):
    return tj.cond(x.sum() > 0, lambda v: affine(v), lambda v: stencil(v, 3), x)


def in_place(x):
    def body(i, v):
        v[i] = v[i - 1] * 0.5 + v[i]
        return v

    return tj.fori_loop(1, 8, body, x)


def inner_writes(x):
    def body(i, v):
        z = tj.zeros(8, dtype=tj.float64)
        z[2:5] = v[3:6]
        return v + z

    return tj.fori_loop(0, 4, body, x)


def written_in_a_branch(x):
    def body(i, v):
        def write(v):
            v[i] = v[i - 1] + 1
            return v

        return tj.cond(v[i] > 0, write, lambda v: v, v)

    return tj.fori_loop(1, 8, body, x)


def old_and_new_of_a_branch(x, y):
    def write(v, u):
        old = tj.roll(v, 1)
        new = u[0:2] * v[2:4].clone()
        v[1:3] = new
        return v, old * v.sum()

    def leave(v, u):
        return v, u + v

    return tj.fori_loop(0, 3, lambda i, s: tj.cond(s[0].sum() > i - 1, write, leave, *s), (x, y))


def triangular(x):
    """An LU decomposition, element by element."""

    def eliminate(k, a):
        def row(i, a):
            a[i, k] = a[i, k].clone() / a[k, k].clone()

            def column(j, a):
                a[i, j] = a[i, j] - a[i, k].clone() * a[k, j].clone()
                return a

            return tj.fori_loop(k + 1, 4, column, a)

        return tj.fori_loop(k + 1, 4, row, a)

    return tj.fori_loop(0, 4, eliminate, x)


def made_and_then_looped(x):
    def body(i, v):
        return tj.fori_loop(0, 3, lambda j, u: u * 0.5 + x[j], tj.sin(v) * 2)

    return tj.fori_loop(0, 4, body, x)


def whole_array_calls(x):
    def body(i, a):
        u, s, vh = tj.linalg.svd(a, full_matrices=False)
        return (u * s) @ vh * 0.5

    return tj.fori_loop(0, 3, body, x)


def whole_array_calls_until(x):
    def body(state):
        k, a = state
        return k + 1, tj.cond(k == 1, lambda a: tj.linalg.inv(a), lambda a: a * 2, a)

    return tj.while_loop(lambda state: state[0] < 3, body, (0, x))[1]


def no_turn(x):
    return tj.fori_loop(3, 3, lambda i, v: v + 1, x)


def no_turn_of_while(x):
    return tj.while_loop(lambda v: v.sum() > 1e9, lambda v: v * v, x)


def one_turn(x):
    return tj.fori_loop(0, 1, lambda i, v: v * v, x)


def without_gradient(x, y):
    def body(i, v):
        with tj.no_grad():
            factor = tj.exp(v)
        return v * factor + y.detach() * v

    return tj.fori_loop(0, 3, body, x)


def of_integers(n):
    return tj.while_loop(lambda s: s[0] != 1, lambda s: (tj.where(s[0] % 2 == 0, s[0] // 2, 3 * s[0] + 1), s[1] + 1), (n, 0))


def observing(x):
    return tj.fori_loop(0, 5, lambda i, v: tj.sin(v) if float(v[0]) > 0 else v + 2, x)


CASES: list[Case] = [
    (affine, (real(5),)), (to_a_tensor, (real(5), tj.asarray(6))), (stencil, (real(6),)), (stencil, (real(6), 8)), (exchange, (real(3), real(3))),
    (rotate, (real(3), real(3), real(3))), (recurrent, (real(4), real(6, 4))), (backwards, (real(4), real(6, 4))),
    (same_out_and_carried, (real(3), real(4, 3))), (counted, (real(3),)), (squares, (real(5, 3),)), (squares, (real(3, 5).mT,)),
    (newton, (real(5, low=1), real(5, low=1))), (captures, (real(4), real(4))), (transposed, (real(5, 4),)), (choose, (real(4) + 3, real(4))),
    (choose, (real(4) - 3, real(4))), (switched, (tj.asarray(1), real(3))), (switched, (tj.asarray(9), real(3))),
    (switched, (tj.asarray(-9), real(3))), (nested, (real(3),)), (branches_in_a_loop, (real(3),)), (loop_in_a_branch, (real(3) + 3,)),
    (loop_in_a_branch, (real(3) - 3,)), (in_place, (real(8),)), (inner_writes, (real(8),)), (written_in_a_branch, (real(8),)),
    (old_and_new_of_a_branch, (real(6), real(6))), (triangular, (real(4, 4) + tj.asarray(np.eye(4) * 5),)), (made_and_then_looped, (real(5),)),
    (whole_array_calls, (real(3, 3),)),
    (whole_array_calls_until, (real(3, 3),)), (no_turn, (real(3),)), (no_turn_of_while, (real(3),)), (one_turn, (real(3),)),
    (without_gradient, (real(3), real(3))), (of_integers, (tj.asarray(27),)), (observing, (real(4),)),
]  # fmt: skip
STOPPED = {without_gradient}  # their gradients are not those of finite differences
IN_PYTHON = {observing}
ONCE = {triangular}  # they have no gradients of gradients, and say so
