"""The laws of stand-ins, through `compile`: a function of arrays gives at every call what it gives undecorated, whatever the mode."""

from __future__ import annotations

import copy
from typing import Any, Callable

import numpy as np
import pytest
from in_world import again, plainly, same
from test_numpy_arrays import PROGRAMS, array

import tracejit as tj

pytestmark = pytest.mark.filterwarnings("ignore")


def agrees(function: Callable, calls: list[tuple[Any, ...]], ulps: int = 0) -> str:
    """"" if each call of the compiled function gives what NumPy gives, and leaves its arguments so."""
    compiled = tj.compile(function)
    for number, args in enumerate(calls):
        first, second = [again(a) for a in args], [again(a) for a in args]
        with np.errstate(all="ignore"):
            ours, numpys = plainly(compiled, *first), plainly(function, *second)
        if not same(ours, numpys, ulps):
            return f"call {number} gives {ours!r:.600}, NumPy {numpys!r:.600}"
        if not all(same(a, b, ulps) for a, b in zip(first, second) if isinstance(a, np.ndarray)):
            return f"call {number} leaves {first}, NumPy {second}"
    return ""


@pytest.mark.parametrize("laid_out", ["C", "F"])
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_programs(program, laid_out):
    x = np.asarray(array(), order=laid_out)
    wrong = agrees(program, [(copy.deepcopy(x),), (x + 1,), (x * 2 - 3,), (x,)])
    assert not wrong, wrong


def arithmetic(x, y, n):
    a, b = x + y, x - n
    c = x * 2.5 + n / 3 - y**2
    d = (x // 2, x % 3, -x, abs(x), 2**n, n % 4, n << 1, n // 2, n & 3)
    return a, b, c, d, x < y, n == 2, ~n, divmod(x, 0.7), np.floor_divide(n, 2), x @ y.T, x[0] @ y[0]


def ufuncs_with_places(x, y, n):
    out = np.zeros_like(x)
    np.add(x, y, out=out)
    np.multiply(out, 2, out=out, where=x > y)
    np.subtract(x, y, x)
    q, r = np.divmod(x, 2)
    f, w = np.modf(y * 1.7)
    m, e = np.frexp(y)
    np.add.at(out, ([0, 1, 0], [1, 2, 1]), 1.5)
    return out, q, r, f, w, m, e, np.add.outer(x[0], n[0]), np.maximum.reduce(n, axis=1), np.hypot(x, y), np.add.accumulate(n, axis=1)


def sums(x, y, n):
    z = x.T * y.T
    return (
        x.sum(), x.sum(0), z.sum(1), z.mean(), x[:, ::2].sum(), n.sum(), n.mean(0), x.var(), z.std(axis=0, ddof=1), n.max(), n.argmax(1), x.min(axis=(0, 1)),
        (x > 1).any(), (x > -99).all(axis=1), x.prod(1), n.cumsum(), z.cumsum(1), (n > 2).sum(), x.astype("f4").sum(1), x.sum(keepdims=True),
        x.sum(where=n > 2), x.max(initial=3.0), z.strides, z.flags.f_contiguous, z.ravel("K"),
    )  # fmt: skip


def indices(x, y, n):
    i = n[0] % x.shape[0]
    x[i, [0, 1, 2]] = [7.0, 8.0, 9.0]
    x[x > 6] *= -1
    y[np.arange(3), n[1] % 3] += 1
    k = int(n[0, 0]) % 3
    return x[i], x[:, n[0] % 3], y[n[1, 1] % 3], x[k:], x[n[1] % 2 == 0], y[..., None].shape, x[k, k], y.T[::-1][1:], x[0][x[0] > 0]


def scalars_all_along(x, y, n):
    total = 0.0
    for row in x:
        total += row.max()
    s = x[0, 0]
    s *= 2
    t = float(s) + n[0, 1]
    return total, s, t, isinstance(total, np.float64), s > t, round(s, 2), max(s, t), [v for v in n[0]], sum(n[1]), f"{s:.2f}", x.tolist()[0][0]


def complexes(x, y, n):
    z = x + 1j * y
    z.real[0] = 5
    w = z.imag
    z *= 1j
    z[1].imag = n[1]
    return z, w, z.real, abs(z), z.conj(), z.sum(), z.mean(0), (z * z.conj()).real.sum(), np.angle(z)


@pytest.mark.parametrize("function", [arithmetic, ufuncs_with_places, sums, indices, scalars_all_along, complexes], ids=lambda f: f.__name__)
@pytest.mark.parametrize("laid_out", ["C", "F"])
def test_functions(function, laid_out):
    rng = np.random.default_rng(0)
    draw = lambda: np.asarray(rng.standard_normal((3, 3)) * 3, order=laid_out)
    calls = [(draw(), draw(), np.asarray(rng.integers(0, 9, (3, 3)), order=laid_out)) for _ in range(5)]
    wrong = agrees(function, calls, ulps=4)
    assert not wrong, wrong
