"""Sorting, searching, counting and sets: laws and NumPy's results over tables of dtype, shape and axis; gradients; errors that teach."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from gradients import check_gradients
from hypothesis import given, settings
from hypothesis import strategies as st
from support import FLOATING, assert_bits_equal

import tracejit as tj
from tracejit.dispatch import bind
from tracejit.ops.interp import interval_op
from tracejit.ops.sort import histogram, kthvalue, unique
from tracejit.spec import DTYPES, SMALL_FLOATS, is_complex

RNG = np.random.default_rng(5)
SHAPES = [(1,), (5,), (0,), (3, 4), (1, 4), (3, 0), (2, 3, 4), (40,)]
ORDERED = [d for d in DTYPES if not is_complex(d)]


def draw(shape, dtype):
    """Few distinct values, so that many are equal; zeros of both signs, NaN and infinities among floats."""
    if dtype.kind == "b":
        return RNG.integers(0, 2, shape).astype(dtype)
    if dtype.kind in "iu":
        return RNG.integers(0, 5, shape).astype(dtype)
    return RNG.choice([-math.inf, -1.5, -0.0, 0.0, 0.5, 2.0, math.inf, math.nan], shape).astype(dtype)


def rank(x):
    """Numbers that order as the elements do, NaN last."""
    wide = x.astype(np.float64)
    return np.where(np.isnan(wide), math.inf, wide), np.isnan(wide)


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("dtype", ORDERED, ids=str)
def test_sorting_is_a_stable_permutation_into_order(dtype, descending):
    for shape in SHAPES:
        for axis in range(-len(shape), len(shape)):
            x = draw(shape, dtype)
            t = tj.asarray(x)
            order = tj.argsort(t, axis=axis, descending=descending).numpy()
            assert order.dtype == np.int64 and order.shape == shape
            assert np.array_equal(np.sort(order, axis), np.broadcast_to(np.moveaxis(np.arange(shape[axis])[(...,) + (None,) * (len(shape) - 1)], 0, axis), shape))
            values = np.take_along_axis(x, order, axis)
            assert_bits_equal(tj.sort(t, axis=axis, descending=descending), values)
            value, nan = (np.moveaxis(v, axis, 0) for v in rank(values))
            order = np.moveaxis(order, axis, 0)
            first, second = (slice(None, -1), slice(1, None)) if not descending else (slice(1, None), slice(None, -1))
            below = (nan[first] < nan[second]) | (nan[first] == nan[second]) & (value[first] < value[second])
            equal = (nan[first] == nan[second]) & (value[first] == value[second])
            assert (below | equal).all()
            assert (~equal | (order[1:] > order[:-1])).all(), "equals did not keep their order"


@pytest.mark.parametrize("dtype", [d for d in ORDERED if d not in SMALL_FLOATS], ids=str)
def test_sorting_is_numpys(dtype):
    for shape in SHAPES:
        x = draw(shape, dtype)
        assert_bits_equal(tj.sort(tj.asarray(x), axis=0), np.sort(x, 0, stable=True))
        assert_bits_equal(tj.argsort(tj.asarray(x), axis=0), np.argsort(x, 0, stable=True))
        np.testing.assert_array_equal(tj.sort(tj.asarray(x), stable=False).numpy(), np.sort(x))


def test_sorting_0d_and_leaving_the_argument_alone():
    assert tj.sort(tj.asarray(3.0)).item() == 3 and tj.argsort(tj.asarray(3.0)).item() == 0
    x = np.array([2.0, 1.0])
    tj.sort(tj.asarray(x))
    assert x.tolist() == [2, 1]
    with pytest.raises(tj.AxisError):
        tj.sort(tj.ones(3), axis=1)


def test_pytorchs_sort():
    t = tj.asarray([[3.0, 1.0], [0.0, 2.0]])
    for pair in (t.sort(dim=1), tj.sort(t, dim=1)):
        assert pair.values.tolist() == [[1, 3], [0, 2]] and pair.indices.tolist() == [[1, 0], [0, 1]]
    assert t.argsort(dim=0, descending=True).tolist() == [[0, 1], [1, 0]]


@pytest.mark.parametrize("largest", [True, False])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_topk_and_kthvalue(axis, largest):
    x = RNG.integers(0, 6, (5, 4)).astype(np.float32)
    t = tj.asarray(x)
    whole = np.sort(x, axis)
    for k in range(x.shape[axis] + 1):
        values, indices = tj.topk(t, k, axis=axis, largest=largest)
        expected = np.take(np.flip(whole, axis) if largest else whole, range(k), axis)
        assert_bits_equal(values, expected)
        assert_bits_equal(values, np.take_along_axis(x, indices.numpy(), axis))
        if k:
            values, indices = kthvalue(t, k, axis=axis)
            assert_bits_equal(values, np.take(whole, k - 1, axis))
            assert_bits_equal(values, np.take_along_axis(x, np.expand_dims(indices.numpy(), axis), axis).squeeze(axis))
    assert t.topk(2, dim=1).values.shape == (5, 2)
    with pytest.raises(tj.ArgumentError, match="topk of 9"):
        tj.topk(t, 9, axis=axis)
    with pytest.raises(tj.ArgumentError, match="kthvalue of 0"):
        kthvalue(t, 0)


# Searching


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(-5, 5), max_size=8), st.lists(st.integers(-6, 6), max_size=6), st.sampled_from(["left", "right"]), st.sampled_from(ORDERED))
def test_searchsorted(line, wanted, side, dtype):
    x, v = (np.abs(np.array(a, np.int64)).astype(dtype) for a in (line, wanted))
    wide = np.float32 if dtype in SMALL_FLOATS else dtype
    expected = np.searchsorted(np.sort(x.astype(wide)), v.astype(wide), side)
    assert_bits_equal(tj.searchsorted(tj.asarray(np.sort(x.astype(wide)).astype(dtype)), tj.asarray(v), side=side), expected)
    order = tj.argsort(tj.asarray(x))
    assert_bits_equal(tj.searchsorted(tj.asarray(x), tj.asarray(v), side=side, sorter=order), expected)


def test_searchsorted_forms():
    line = tj.asarray([1, 3, 3, 5])
    assert tj.searchsorted(line, 3).item() == 1 and tj.searchsorted(line, 3.5).item() == 3
    assert tj.searchsorted(line, tj.asarray([[0, 6], [3, 5]]), right=True).tolist() == [[0, 4], [3, 4]]
    with pytest.raises(tj.ArgumentError, match="left"):
        tj.searchsorted(line, 3, side="middle")
    with pytest.raises(tj.ShapeError, match="one axis"):
        tj.searchsorted(tj.ones((2, 2)), 1.0)


@pytest.mark.parametrize("invert", [False, True])
def test_isin(invert):
    x, v = RNG.integers(0, 9, (3, 4)), RNG.integers(0, 9, 4)
    assert_bits_equal(tj.isin(tj.asarray(x), tj.asarray(v), invert=invert), np.isin(x, v, invert=invert))
    assert tj.isin(tj.asarray(x), [0.5]).shape == (3, 4)


# Counting


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 9), max_size=20), st.integers(0, 12))
def test_bincount(values, minlength):
    x, w = np.array(values, np.int64), RNG.normal(size=len(values))
    assert_bits_equal(tj.bincount(tj.asarray(x), minlength=minlength), np.bincount(x, minlength=minlength))
    assert_bits_equal(tj.bincount(tj.asarray(x), tj.asarray(w), minlength), np.bincount(x, w, minlength).astype(np.float64))


def test_bincount_of_what_cannot_be_counted():
    with pytest.raises(tj.ArgumentError, match="1-D"):
        tj.bincount(tj.ones(3))
    with pytest.raises(tj.ArgumentError, match="negative"):
        tj.bincount(tj.asarray([1, -1]))
    with pytest.raises(tj.ShapeError, match="weight for each"):
        tj.bincount(tj.asarray([1, 2]), tj.ones(3))


@pytest.mark.parametrize("bounds, density", itertools.product([None, (-1, 1)], [False, True]))
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32"])
def test_histogram(dtype, bounds, density):
    x = (RNG.normal(size=(20, 3)) * 2).astype(dtype)
    wide = x if dtype != "int32" else x.astype(np.float64)
    for found, expected in zip(histogram(tj.asarray(x), 7, bounds, density), np.histogram(wide, 7, bounds, density=density)):
        assert_bits_equal(found, expected)


# Sets


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(), (0,), (7,), (3, 4)], ids=str)
def test_unique(shape, dtype):
    x = draw(shape, dtype) if not is_complex(dtype) else (draw(shape, tj.int8) + 1j).astype(dtype)
    t = tj.asarray(x)
    found = tj.unique_all(t)
    values, indices, inverse, counts = (np.asarray(f) for f in found)
    flat = x.reshape(-1)
    assert_bits_equal(values, flat[indices])
    assert inverse.shape == shape and indices.dtype == inverse.dtype == counts.dtype == np.int64
    comparable = np.float32 if dtype in SMALL_FLOATS else dtype
    np.testing.assert_array_equal(values[inverse].astype(comparable), x.astype(comparable))
    assert counts.sum() == x.size and np.array_equal(np.bincount(inverse.reshape(-1), minlength=len(values)), counts)
    plain = values[values == values].astype(np.complex128)
    assert (np.diff(plain.real) >= 0).all() and len(set(plain.tolist())) == len(plain)
    assert (values != values).sum() == (x != x).sum(), "each NaN is distinct"
    for index, value in zip(indices, values):
        assert value != value or index == np.flatnonzero(flat == value)[0]
    assert_bits_equal(tj.unique_values(t), values)
    assert_bits_equal(tj.unique_counts(t).counts, counts)
    assert_bits_equal(tj.unique_inverse(t).inverse_indices, inverse)


def test_pytorchs_unique():
    values, inverse, counts = unique(tj.asarray([3, 1, 3]), return_inverse=True, return_counts=True)
    assert (values.tolist(), inverse.tolist(), counts.tolist()) == ([1, 3], [1, 0, 1], [1, 2])
    assert unique(tj.asarray([3, 1, 3])).tolist() == [1, 3]


# Gradients

X = RNG.normal(size=(3, 4))
GRADIENTS = {
    "sort": lambda x: tj.sort(x, axis=1), "descending": lambda x: tj.sort(x, axis=0, descending=True), "topk": lambda x: tj.topk(x, 2, axis=1)[0],
    "kthvalue": lambda x: kthvalue(x, 2, axis=0)[0], "unique": lambda x: tj.unique_values(x),
    "bincount": lambda x: tj.bincount(tj.asarray([0, 2, 2]), x[:, 0]),
}  # fmt: skip


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients(name):
    check_gradients(lambda x: GRADIENTS[name](x) ** 2, X)


@pytest.mark.parametrize("dtype", FLOATING, ids=str)
def test_the_gradient_of_sort_goes_where_the_element_was(dtype):
    x = tj.asarray([3.0, 1.0, 2.0]).astype(dtype).requires_grad_()
    (tj.sort(x) * tj.asarray([1.0, 10.0, 100.0]).astype(dtype)).sum().backward()
    assert x.grad.tolist() == [100, 1, 10]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("knots", [1, 2, 3, 7, 8, 9, 1000])
def test_interval_is_numpys_search(knots, dtype):
    """The native search against NumPy's, between the knots, at them and beyond."""
    rng = np.random.default_rng(knots)
    xp = np.sort(rng.normal(size=knots)).astype(dtype)
    x = np.concatenate([2 * rng.normal(size=333), xp, xp[:1], [np.nan, np.inf, -np.inf, 0.0, -0.0]]).astype(dtype)
    found = bind(interval_op, tj.asarray(x), tj.asarray(xp)).numpy()
    np.testing.assert_array_equal(found, np.maximum(np.searchsorted(xp, x, side="right") - 1, 0))
