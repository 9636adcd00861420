"""Reductions, running sums, statistics, softmax: values, dtypes and shapes against NumPy over tables; gradients; errors that teach."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from gradients import check_gradients
from support import FLOATING, INTEGERS, assert_bits_equal

import tracejit as tj
from tracejit.ops import reduce
from tracejit.ops.scan import recurrence
from tracejit.ops.statistics import METHODS, median, percentile, quantile
from tracejit.spec import DTYPES, SMALL_FLOATS, is_complex, is_inexact

RNG = np.random.default_rng(3)
SHAPES = [(), (1,), (5,), (0,), (3, 4), (1, 4), (3, 0), (2, 3, 4), (4, 1, 3), (2, 130)]


def draw(shape, dtype):
    """Values of which few products overflow; zeros and equal elements among them."""
    if dtype.kind == "b":
        return RNG.integers(0, 2, shape).astype(dtype)
    if dtype.kind in "iu":
        return RNG.integers(0 if dtype.kind == "u" else -3, 4, shape).astype(dtype)
    values = RNG.integers(-4, 5, shape) / 2 + RNG.integers(0, 2, shape) * RNG.normal(size=shape)
    return (values + 1j * RNG.normal(size=shape)).astype(dtype) if is_complex(dtype) else values.astype(dtype)


def axes_of(ndim):
    """None, each axis from both ends, pairs, all, and no axis at all."""
    yield from (None, (), tuple(range(ndim)))
    yield from range(-ndim, ndim)
    yield from itertools.combinations(range(ndim), 2)


def cases():
    for shape in SHAPES:
        for axis in dict.fromkeys(axes_of(len(shape))):
            yield shape, axis


CASES = list(cases())
WIDE = {"float16": np.float32, "bfloat16": np.float32}
REDUCTIONS = {
    "sum": (tj.sum, np.sum), "prod": (tj.prod, np.prod), "max": (tj.amax, np.max), "min": (tj.amin, np.min), "all": (tj.all, np.all),
    "any": (tj.any, np.any), "mean": (tj.mean, np.mean), "var": (tj.var, np.var), "std": (tj.std, np.std),
    "count_nonzero": (tj.count_nonzero, np.count_nonzero),
}  # fmt: skip


def takes(name, dtype):
    return not (name in ("max", "min") and is_complex(dtype))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions_are_numpys(name, dtype):
    if not takes(name, dtype):
        with pytest.raises(tj.DTypeError):
            REDUCTIONS[name][0](tj.ones(3, dtype=dtype))
        return
    ours, numpys = REDUCTIONS[name]
    for (shape, axis), keepdims in itertools.product(CASES, (False, True)):
        x = draw(shape, dtype)
        what = f"{name} of {dtype}{shape} over {axis}, keepdims={keepdims}"
        gone = range(len(shape)) if axis is None else [a % len(shape) for a in (axis if isinstance(axis, tuple) else (axis,))]
        left = [n for d, n in enumerate(shape) if d not in gone]
        if name in ("max", "min") and x.size == 0 and 0 not in left:
            with pytest.raises(ValueError, match="no elements"):
                ours(tj.asarray(x), axis=axis, keepdims=keepdims)
            continue
        wide = x.astype(WIDE.get(dtype.name, dtype))
        expected = np.asarray(numpys(wide, axis=axis, keepdims=keepdims))
        if dtype in SMALL_FLOATS and is_inexact(expected.dtype):
            expected = expected.astype(dtype)
        found = ours(tj.asarray(x), axis=axis, keepdims=keepdims)
        if expected.dtype.kind == "f" and name in ("max", "min"):
            found, expected = found + 0.0, (expected + np.array(0, dtype)).astype(dtype)  # of 0 and -0 either is the largest
        assert_bits_equal(found, expected, what)


def test_the_mean_of_many_is_divided_once():
    n = 2**24 + 1
    x = np.full(n, 3.0, np.float32)
    assert_bits_equal(tj.mean(tj.asarray(x)), x.mean())


@pytest.mark.parametrize("dtype", ["int8", "uint16", "float32", "float64", "complex64"])
@pytest.mark.parametrize("name", ["sum", "prod", "cumulative_sum", "cumulative_prod"])
def test_dtype_is_cast_to_first(name, dtype):
    x = np.array([1.75, 2.5, 0.25])
    expected = getattr(np, name)(x.astype(dtype), dtype=dtype)
    assert_bits_equal(getattr(tj, name)(tj.asarray(x), dtype=np.dtype(dtype)), np.asarray(expected))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("correction", [0, 1, 1.5, 3, 9])
def test_corrections(correction):
    x = draw((2, 3), tj.float64)
    for ours, numpys in ((tj.var, np.var), (tj.std, np.std)):
        assert_bits_equal(ours(tj.asarray(x), axis=1, correction=correction), numpys(x, axis=1, ddof=correction))


@pytest.mark.parametrize("dtype", FLOATING, ids=str)
def test_nan_is_the_extreme(dtype):
    x = np.array([[1, math.nan, 3], [math.inf, 2, -math.inf]]).astype(dtype)
    t = tj.asarray(x)
    assert np.isnan(tj.amax(t, axis=1).numpy().astype(float)).tolist() == np.isnan(tj.amin(t, axis=1).numpy().astype(float)).tolist() == [True, False]
    assert tj.argmax(t, axis=1).tolist() == [1, 0] and tj.argmin(t, axis=1).tolist() == [1, 2]
    assert tj.all(t) and bool(tj.any(t))


@pytest.mark.parametrize("count", [1, 9, 64, 300])
def test_nan_is_the_extreme_wherever_it_stands(count):
    """In every lane, in what is left of a row, and in none of the last row."""
    x = np.where(np.eye(count + 1, count, dtype=bool), np.nan, np.random.default_rng(0).normal(size=(count + 1, count))).astype(np.float32)
    for ours, numpys in ((tj.amax, np.max), (tj.amin, np.min)):
        for axis in (0, 1):
            for function in (ours, tj.compile(ours)):
                assert_bits_equal(function(tj.asarray(x), axis=axis), numpys(x, axis=axis))


@pytest.mark.parametrize("dtype", [d for d in DTYPES if not is_complex(d)], ids=str)
@pytest.mark.parametrize("name", ["argmax", "argmin"])
def test_positions(name, dtype):
    ours, numpys = getattr(tj, name), getattr(np, name)
    for shape, axis in CASES:
        if isinstance(axis, tuple):
            continue
        x = draw(shape, dtype)
        if not (x.size if axis is None else shape[axis]):
            with pytest.raises(ValueError, match="no elements"):
                ours(tj.asarray(x), axis=axis)
            continue
        for keepdims in (False, True):
            assert_bits_equal(ours(tj.asarray(x), axis=axis, keepdims=keepdims), np.asarray(numpys(x, axis=axis, keepdims=keepdims)))


@pytest.mark.parametrize("function", [tj.sum, tj.amax, tj.mean, tj.all, tj.softmax, tj.argmax, tj.cumsum, median], ids=lambda f: f.__name__)
def test_bad_axes(function):
    t = tj.ones((2, 3))
    for axis in (2, -3, 1.5):
        with pytest.raises(tj.AxisError, match=str(axis)):
            function(t, axis=axis)
    if function in (tj.sum, tj.amax, tj.mean, tj.all):
        with pytest.raises(tj.AxisError, match="twice"):
            function(t, axis=(0, -2))


def test_methods_and_pytorchs_names():
    x = draw((3, 4), tj.float64)
    t = tj.asarray(x)
    assert_bits_equal(t.sum(dim=1, keepdim=True), x.sum(1, keepdims=True))
    assert_bits_equal(t.mean(0), x.mean(0))
    assert_bits_equal(t.std(dim=0), x.std(0))
    assert_bits_equal(t.cumsum(dim=1), x.cumsum(1))
    assert_bits_equal(t.argmax(dim=1), x.argmax(1))
    assert_bits_equal(t.amax(dim=(0, 1)), x.max())
    assert_bits_equal(t.softmax(dim=0), tj.softmax(t, axis=0).numpy())
    assert_bits_equal(t.all(dim=0), x.all(0))
    assert_bits_equal(t.any(), x.any())
    with pytest.raises(tj.ArgumentError, match="both axis and dim"):
        t.sum(axis=0, dim=0)


# Running sums and products


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", ["sum", "prod"])
def test_running(name, dtype):
    numpys = {"sum": np.cumsum, "prod": np.cumprod}[name]
    standard = {"sum": np.cumulative_sum, "prod": np.cumulative_prod}[name]
    for shape in SHAPES:
        x = draw(shape, dtype)
        wide, t = x.astype(WIDE.get(dtype.name, dtype)), tj.asarray(x)
        narrow = dtype if dtype in SMALL_FLOATS else None
        for axis in (None, *range(-len(shape), len(shape))):
            expected = numpys(wide, axis=axis)
            assert_bits_equal(getattr(tj, f"cum{name}")(t, axis), expected if narrow is None else expected.astype(narrow))
            if axis is not None or x.ndim == 1:
                for initial in (False, True):
                    expected = standard(wide, axis=axis, include_initial=initial)
                    found = getattr(tj, f"cumulative_{name}")(t, axis=axis, include_initial=initial)
                    assert_bits_equal(found, expected if narrow is None else expected.astype(narrow), f"{shape} along {axis}")


def test_running_sums_of_a_matrix_need_an_axis():
    with pytest.raises(tj.ShapeError, match="axis="):
        tj.cumulative_sum(tj.ones((2, 2)))


@pytest.mark.parametrize("reverse", [False, True])
def test_recurrence(reverse):
    a, b = RNG.normal(size=(2, 3, 5))
    h, expected = np.zeros(3), np.empty((3, 5))
    for i in range(5)[:: -1 if reverse else 1]:
        h = expected[:, i] = b[:, i] + a[:, i] * h
    np.testing.assert_allclose(recurrence(tj.asarray(a), tj.asarray(b), axis=1, reverse=reverse).numpy(), expected, rtol=1e-14)
    check_gradients(lambda a, b: recurrence(a, b, axis=1, reverse=reverse), a, b)


# Statistics


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("dtype", [*FLOATING, *INTEGERS], ids=str)
def test_medians(dtype):
    for shape, axis in CASES:
        x = draw(shape, dtype)
        gone = shape if axis is None else tuple(shape[a] for a in (axis if isinstance(axis, tuple) else (axis,)))
        if 0 in gone:
            with pytest.raises(tj.ShapeError, match="no elements"):
                median(tj.asarray(x), axis=axis)
            continue
        if axis == ():
            continue
        wide = x.astype(WIDE.get(dtype.name, dtype))
        expected = np.asarray(np.median(wide, axis=axis, keepdims=True))
        assert_bits_equal(median(tj.asarray(x), axis=axis, keepdims=True), expected.astype(dtype) if dtype in SMALL_FLOATS else expected)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("axis", [None, 0, 1, (0, 2), -1])
def test_quantiles(method, axis):
    x = RNG.normal(size=(3, 4, 5))
    for q in (0, 0.25, 0.3, 1.0, [0.1, 0.9], [[0.5], [0.7]]):
        for keepdims in (False, True):
            expected = np.quantile(x, q, axis=axis, method=method, keepdims=keepdims)
            np.testing.assert_allclose(quantile(tj.asarray(x), q, axis, keepdims, method=method).numpy(), expected, rtol=1e-14)
    np.testing.assert_allclose(percentile(tj.asarray(x), 30, axis).numpy(), np.percentile(x, 30, axis=axis), rtol=1e-14)


def test_medians_and_quantiles_of_nan_are_nan_and_bad_ones_errors():
    x = tj.asarray([[1.0, math.nan], [2.0, 3.0]])
    assert np.isnan(median(x, axis=1).numpy()).tolist() == np.isnan(quantile(x, 0.2, axis=1).numpy()).tolist() == [True, False]
    with pytest.raises(tj.ArgumentError, match="percentile"):
        quantile(x, 30)
    with pytest.raises(tj.ArgumentError, match="linear"):
        quantile(x, 0.5, method="cubic")
    with pytest.raises(tj.ArgumentError, match="no order"):
        median(tj.ones(3, dtype=tj.complex64))


@pytest.mark.parametrize("n", [0, 1, 2, 7])
@pytest.mark.parametrize("axis", [0, -1])
@pytest.mark.parametrize("dtype", ["float32", "int16", "uint8", "bool", "complex128"])
def test_diff(dtype, axis, n):
    x = draw((4, 5), np.dtype(dtype))
    assert_bits_equal(tj.diff(tj.asarray(x), axis=axis, n=n), np.diff(x, n, axis))
    ends = {"prepend": x[:1, :1] if axis else x[:2], "append": x.dtype.type(1)}
    ends["prepend"] = x[:, :1] if axis else x[:2]
    assert_bits_equal(tj.diff(tj.asarray(x), axis=axis, n=n, **{k: tj.asarray(v) for k, v in ends.items()}), np.diff(x, n, axis, **ends))


# Softmax and its kin


@pytest.mark.parametrize("dtype", [*FLOATING, tj.int32], ids=str)
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_softmax(dtype, axis):
    x = (RNG.normal(size=(3, 4)) * 5).astype(dtype)
    exact = x.astype(np.float64)
    grown = np.exp(exact - exact.max(axis, keepdims=True))
    total = grown.sum(axis, keepdims=True)
    t = tj.asarray(x)
    result = tj.float64 if dtype == tj.int32 else dtype
    for found, expected in [
        (tj.softmax(t, axis=axis), grown / total),
        (tj.log_softmax(t, axis=axis), np.log(grown / total)),
        (tj.logsumexp(t, axis=axis, keepdims=True), np.log(total) + exact.max(axis, keepdims=True)),
    ]:
        assert found.dtype == result
        unit = float(tj.finfo(result).eps)
        np.testing.assert_allclose(found.numpy().astype(float), expected, rtol=8 * unit, atol=8 * unit)


def test_softmax_of_extremes():
    huge = tj.asarray([[1e30, -1e30, 0.0], [-1e4, -1e4, -1e4]])
    assert tj.softmax(huge, axis=1).tolist()[0] == [1, 0, 0]
    assert tj.logsumexp(huge, axis=1)[0].item() == np.float32(1e30)
    assert tj.logsumexp(tj.asarray([-math.inf, -math.inf])).item() == -math.inf
    assert tj.logsumexp(tj.asarray([math.inf, 1.0])).item() == math.inf
    assert tj.softmax(tj.zeros((2, 0)), axis=1).shape == (2, 0) and tj.softmax(tj.asarray(3.0)).item() == 1
    assert tj.logsumexp(tj.zeros((0, 2)), axis=0).tolist() == [-math.inf, -math.inf]


# Gradients

X = RNG.normal(size=(3, 4))
WITH_ZEROS = np.array([[0.0, 2.0, 0.0, -1.0], [1.5, 0.0, 2.0, 1.0], [1.0, 2.0, 0.5, -2.0]])
COMPLEX_X = X + 1j * X[::-1]
GRADIENTS = {
    "sum": (lambda x: tj.sum(x, axis=0), X), "sum over both": (lambda x: tj.sum(x, axis=(0, 1), keepdims=True), X),
    "prod": (lambda x: tj.prod(x, axis=1), X), "prod with zeros": (lambda x: tj.prod(x, axis=1), WITH_ZEROS),
    "prod of all": (lambda x: tj.prod(x), X), "prod of one": (lambda x: tj.prod(x, axis=1), X[:, :1]),
    "prod of complex": (lambda x: tj.prod(x, axis=0), COMPLEX_X), "max": (lambda x: tj.amax(x, axis=1), X), "min": (lambda x: tj.amin(x), X),
    "mean": (lambda x: tj.mean(x, axis=1), X), "var": (lambda x: tj.var(x, axis=0, correction=1), X), "std": (lambda x: tj.std(x), X),
    "var of complex": (lambda x: tj.var(x, axis=0), COMPLEX_X), "cumsum": (lambda x: tj.cumsum(x, axis=1), X),
    "cumprod": (lambda x: tj.cumprod(x, axis=0), X), "cumprod with zeros": (lambda x: tj.cumprod(x, axis=1), WITH_ZEROS),
    "cumprod of complex": (lambda x: tj.cumprod(x, axis=1), COMPLEX_X),
    "cumulative_prod": (lambda x: tj.cumulative_prod(x, axis=1, include_initial=True), X),
    "softmax": (lambda x: tj.softmax(x, axis=1), X), "log_softmax": (lambda x: tj.log_softmax(x, axis=0), X),
    "logsumexp": (lambda x: tj.logsumexp(x, axis=(0, 1)), X), "median": (lambda x: median(x, axis=1), X),
    "quantile": (lambda x: quantile(x, [0.2, 0.7], axis=0), X), "diff": (lambda x: tj.diff(x, axis=1, n=2, prepend=x[:, :1] * 2), X),
}  # fmt: skip


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients(name):
    function, x = GRADIENTS[name]
    check_gradients(lambda t: function(t) * function(t), x)


def test_equal_extremes_share_the_gradient():
    x = tj.tensor([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]], requires_grad=True)
    tj.amax(x, axis=1).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), [[0, 0.5, 0.5], [1 / 3] * 3], rtol=1e-6)


def test_sums_of_nothing():
    x = tj.zeros((0, 3), requires_grad=True)
    total = x.sum(axis=0) + x.prod(axis=0)
    assert total.tolist() == [1, 1, 1]
    total.sum().backward()
    assert x.grad.shape == (0, 3)


def test_one_definition_serves_namespace_and_method():
    assert reduce.sum.__doc__ == tj.sum.__doc__ == tj.Tensor.sum.__doc__


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_sum_of_negative_zeros_is_numpys_compiled_too(shape):
    """0.0, over nothing as well: NumPy's sums begin at 0.0."""
    x = np.full(shape, -0.0, np.float32)
    for axis in axes_of(x.ndim):
        wanted = x.sum(axis=axis)
        assert_bits_equal(tj.asarray(x).sum(axis=axis), wanted)
        assert_bits_equal(tj.compile(lambda t: t.sum(axis=axis))(tj.asarray(x)), wanted)  # noqa: B023
        assert_bits_equal(tj.compile(lambda t: (t * 3).sum(axis=axis))(tj.asarray(x)), wanted)  # noqa: B023
