"""What is read on the fly, what is stored first, and what of an array is copied before a part of it is written."""

from __future__ import annotations

import itertools
from math import prod

import numpy as np
import pytest
from support import assert_bits_equal

import tracejit as tj
from tracejit.lowering.index import box_of, without

X = np.random.default_rng(0).normal(size=(24, 30)).astype("float32")


def diffused(x):
    inner = x[1:-1, 1:-1]
    return inner * 0.5 + (x[:-2, 1:-1] + x[2:, 1:-1] + x[1:-1, :-2] + x[1:-1, 2:]) * 0.125


def shrinking(x):
    for _ in range(10):
        x = diffused(x)
    return x


def padded(x):
    for _ in range(10):
        y = tj.zeros_like(x)
        y[1:-1, 1:-1] = diffused(x)
        x = y
    return x


def laplacian(x):
    x = x.reshape(4, 6, 30)
    c = x[1:-1, 1:-1, 1:-1]
    return x[:-2, 1:-1, 1:-1] + x[2:, 1:-1, 1:-1] + x[1:-1, :-2, 1:-1] + x[1:-1, 2:, 1:-1] + x[1:-1, 1:-1, :-2] + x[1:-1, 1:-1, 2:] - 6 * c


# The function, and the kernels that compute it; those that only fill the frame of a padded array are not counted.
TABLE = {
    "ten steps of a stencil": (shrinking, 10),
    "ten steps of a padded stencil": (padded, 10),
    "seven points": (laplacian, 1),
    "doubled neighbours": (lambda x: (x * 2)[1:] - (x * 2)[:-1], 1),
    "exponentials of neighbours": (lambda x: tj.exp(x)[1:] - tj.exp(x)[:-1], 2),
    "halves": (lambda x: tj.tanh(x)[:, :15] * tj.tanh(x)[:, 15:], 1),
    "a transpose, flattened": (lambda x: tj.relu(x.T.reshape(-1)) + 1, 1),
    "heads": (lambda x: (x.reshape(24, 5, 6).permute(1, 0, 2) * 2).reshape(5, -1), 1),
    "concatenated": (lambda x: tj.concatenate([x * 2, x + 1, x], 1), 3),
    "rolled round": (lambda x: tj.roll(x, 1, axis=0) + tj.roll(x, -1, axis=0) + tj.roll(x, (2, -5), axis=(0, 1)) - tj.roll(x, 7), 1),
    "stacked": (lambda x: tj.stack([x, x + 1], -1), 1),
}  # fmt: skip


def steps(compiled) -> list[str]:
    return [line.split("kernel")[1].strip() for line in compiled.plan(tj.asarray(X)).splitlines() if "kernel" in line]


@pytest.mark.parametrize("name", TABLE)
def test_kernels(name):
    function, kernels = TABLE[name]
    compiled = tj.compile(function)
    assert_bits_equal(compiled(tj.asarray(X)), function(tj.asarray(X)).numpy(), name)
    assert len([step for step in steps(compiled) if step != "copy"]) == kernels, compiled.plan(tj.asarray(X))


@pytest.mark.parametrize("name", TABLE)
def test_no_index_is_divided(name):
    compiled = tj.compile(TABLE[name][0])
    compiled(tj.asarray(X))
    assert "//" not in compiled.source(tj.asarray(X))


def test_what_puts_overwrite_is_not_copied():
    for name in ("concatenated", "stacked"):
        compiled = tj.compile(TABLE[name][0])
        compiled(tj.asarray(X))
        assert "copy" not in steps(compiled), name

    def read_in_between(x):
        y = x * 2
        y[:12] = 1
        before = y + 1
        y[12:] = before[:12]
        return y, before

    compiled = tj.compile(read_in_between)
    for a, b in zip(compiled(tj.asarray(X)), read_in_between(tj.asarray(X))):
        assert_bits_equal(a, b.numpy())


@pytest.mark.parametrize("shape", [(0, 5), (4, 0), (4, 3, 0), (1, 1), (0,)])
def test_puts_into_little_or_nothing(shape):
    def put(x):
        y = x * 2
        y[:-4:3] = 0.0
        y[..., 1:] = x[..., 1:]
        z = tj.concatenate([y, x], 0)
        z[1:, ...] = 3.0
        return y, z

    for a, b in zip(tj.compile(put)(tj.ones(shape)), put(tj.ones(shape))):
        assert_bits_equal(a, b.numpy())


# Boxes


def cells(box) -> set[tuple[int, ...]]:
    return set(itertools.product(*[range(start, stop) for start, stop in box]))


def test_boxes_without_boxes():
    rng = np.random.default_rng(0)
    for _ in range(200):
        shape = rng.integers(1, 5, rng.integers(1, 4))
        left, expected = [tuple((0, int(n)) for n in shape)], cells([(0, n) for n in shape])
        for _ in range(3):
            taken = tuple(tuple(sorted(int(v) for v in rng.integers(0, n + 1, 2))) for n in shape)
            left, expected = without(left, taken), expected - cells(taken)
        assert set().union(*map(cells, left)) == expected
        assert sum(len(cells(box)) for box in left) == len(expected)


@pytest.mark.parametrize("view", [
    np.s_[1:3], np.s_[:, 2:], np.s_[1], np.s_[:, 3], np.s_[2:3, 1:2], np.s_[..., None, 0], np.s_[::2], np.s_[::-1], np.s_[:, ::3], np.s_[:],
], ids=str)  # fmt: skip
def test_the_box_that_a_view_shows(view):
    for shape in ((4, 5), (4, 5, 3), (1, 5), (4, 1)):
        array = np.arange(prod(shape)).reshape(shape)
        try:
            shown = array[view]
        except IndexError:
            continue
        start = int(shown.reshape(-1)[0]) if shown.size else 0
        box = box_of(shown.shape, tuple(s // array.itemsize for s in shown.strides), start, shape)
        if box is not None:
            assert sorted(array[c] for c in cells(box)) == sorted(shown.reshape(-1))
        else:
            assert not shown.size or any(s is not None and s.step not in (None, 1) for s in (view if isinstance(view, tuple) else (view,)) if isinstance(s, slice))
