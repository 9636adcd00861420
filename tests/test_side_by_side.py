"""Rows side by side: sums over short rows take vector lanes from neighbouring rows, and keep NumPy's bits."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from support import assert_bits_equal

import tracejit as tj
from tracejit.lowering.kernel import Kernel


def distances(xp, x, y):
    difference = x[:, None] - y[None]
    return xp.sqrt((difference * difference).sum(-1))


def batches(xp, x, y):
    """Along a batch and with an outer reduced axis: reduced axes around a kept one."""
    return (x[:, None, :3, None] * y[None, :, None, :]).sum((2, 3))


def farthest(xp, x, y):
    difference = abs(x[:, None] - y[None])
    return xp.amax(difference, -1) - difference.sum(-1) / 3


def shorter(xp, x, y):
    """Two sums over different parts of the same rows, in one kernel."""
    difference = x[:, None] - y[None]
    return xp.sqrt((difference * difference).sum(-1)) + difference[..., :3].sum(-1)


def columns(xp, x, y):
    """In the order of a contiguous array, which a reshape makes in NumPy."""
    return x.T.reshape(-1).reshape(x.shape[::-1]).sum(-1)


def normalised(xp, x, y):
    """What is computed from a row's sum, for each of its elements."""
    return x / (x * x).sum(-1, keepdims=True)


FUNCTIONS = {f.__name__: f for f in (distances, batches, shorter, farthest, columns, normalised)}
EXTENTS = (1, 2, 7, 8, 9, 15, 16, 64, 100, 128, 129)


def draw(*shape: int, dtype: str = "float32") -> np.ndarray:
    return np.random.default_rng(shape).normal(1, 1, shape).astype(dtype)


def kernels(function, *args) -> list[Kernel]:
    compiled = tj.compile(function)
    compiled(*args)
    (entries,) = compiled._entries.values()
    return [step for step in entries[-1].executable.plan.steps if isinstance(step, Kernel)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_bits_are_those_of_numpy(name, dtype):
    function = FUNCTIONS[name]
    for width, (n, m) in itertools.product(EXTENTS, ((1, 40), (20, 33))):
        x, y = draw(n, width, dtype=dtype), draw(m, width, dtype=dtype)
        ours = tj.compile(lambda a, b: function(tj, a, b))(tj.asarray(x), tj.asarray(y))
        assert_bits_equal(ours, function(np, x, y), f"{n} and {m} rows of {width}")
        assert_bits_equal(ours, function(tj, tj.asarray(x), tj.asarray(y)), f"eager, {n} and {m} rows of {width}")


def test_blocks_keep_bits_on_any_number_of_threads():
    """Copies that outgrow a cache are walked in blocks of rows: blocks first where they are many, else within the other rows."""
    before = tj.get_num_threads()
    try:
        for (n, m, width), threads in itertools.product(((40, 1100, 65), (1100, 70, 128), (65, 517, 20)), (1, 2, 3)):
            tj.set_num_threads(threads)
            x, y = draw(n, width), draw(m, width)
            found = tj.compile(lambda a, b: distances(tj, a, b))(tj.asarray(x), tj.asarray(y))
            assert_bits_equal(found, distances(np, x, y), f"{n} by {m} of {width}, {threads} threads")
    finally:
        tj.set_num_threads(before)


@pytest.mark.parametrize(
    "function, shapes, beside",
    [
        (lambda x, y: distances(tj, x, y), ((40, 3), (40, 3)), [False, True]),  # a copy, and what reads it
        (lambda x, y: distances(tj, x, y), ((40, 128), (40, 128)), [False, True]),
        (lambda x, y: distances(tj, x, y), ((40, 129), (40, 129)), [False]),  # too long
        (lambda x, y: distances(tj, x, y), ((2, 64), (40, 64)), [False]),  # a copy would be read twice
        (lambda x, y: distances(tj, x, y), ((40, 64), (4, 64)), [False]),  # too few for the lanes
        (lambda x: x.mT.sum(-1), ((64, 100),), [True]),  # side by side as they are
        (lambda x: x.sum(-1), ((100, 64),), [False]),
        (lambda x: x.sum(-1), ((100, 5),), [True]),  # gathered: better than one by one
    ],
)
def test_which_rows_run_side_by_side(function, shapes, beside):
    assert [kernel.side_by_side for kernel in kernels(function, *(tj.asarray(draw(*s)) for s in shapes))] == beside
