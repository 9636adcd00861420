"""How each section of the array API standard 2024.12 behaves, by table, against NumPy: dtypes, shapes, special values."""

from __future__ import annotations

import inspect
import itertools
import math
import warnings

import numpy as np
import pytest

import tracejit as tj

INTEGERS = "int8 int16 int32 int64 uint8 uint16 uint32 uint64".split()
FLOATS = ["float32", "float64"]
COMPLEX = ["complex64", "complex128"]
KINDS = {"bool": ["bool"], "integer": INTEGERS, "floating": FLOATS, "complex": COMPLEX}

# Elementwise functions: dtypes, then special values

SPECIAL = [math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 3.0, -3.0, 1e30, -1e30, 1e-30, 2.5, -2.5, 3.5, 700.0]
ACCEPTS = {  # category of the operands → the functions that take them
    "bool": "bitwise_and bitwise_invert bitwise_or bitwise_xor equal not_equal logical_and logical_not logical_or logical_xor",
    "integer": (
        "abs add bitwise_and bitwise_invert bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor ceil conj equal floor "
        "floor_divide greater greater_equal isfinite isinf isnan less less_equal maximum minimum multiply negative not_equal positive pow "
        "remainder round sign square subtract trunc"
    ),
    "floating": (
        "abs acos acosh add asin asinh atan atan2 atanh ceil conj copysign cos cosh divide equal exp expm1 floor floor_divide greater "
        "greater_equal hypot isfinite isinf isnan less less_equal log log1p log2 log10 logaddexp maximum minimum multiply negative "
        "nextafter not_equal positive pow reciprocal remainder round sign signbit sin sinh square sqrt subtract tan tanh trunc"
    ),
    "complex": (
        "abs acos acosh add asin asinh atan atanh conj cos cosh divide equal exp expm1 imag isfinite isinf isnan log log1p log2 log10 "
        "multiply negative not_equal positive pow real reciprocal round sign sin sinh square sqrt subtract tan tanh"
    ),
}
CASES = [(category, name) for category, names in ACCEPTS.items() for name in names.split()]
BOOLEAN = (
    "equal greater greater_equal isfinite isinf isnan less less_equal logical_and logical_not logical_or logical_xor not_equal signbit"
).split()


def reference(name):
    return {"conj": np.conj, "bitwise_invert": np.invert}.get(name) or getattr(np, name)


def arity(name):
    return sum(p.kind is p.POSITIONAL_ONLY for p in inspect.signature(getattr(tj, name)).parameters.values())


@pytest.mark.parametrize(("category", "name"), CASES)
def test_elementwise_dtypes_and_values(category, name):
    for dtype in KINDS[category]:
        low = 1 if name in ("pow", "bitwise_left_shift", "bitwise_right_shift") and category == "integer" else 0
        a = np.array([low, 1, 2, 3], dtype) if category != "bool" else np.array([0, 1, 1, 0], bool)
        operands = [a, a[::-1].copy()][: arity(name)]
        if name in ("floor_divide", "remainder") and category == "integer":
            operands[1] = operands[1] + np.array(1, dtype)
        if name in ("acos", "asin", "atanh") and category == "floating":
            operands = [o / 4 for o in operands]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = getattr(tj, name)(*[tj.asarray(o) for o in operands])
            wanted = reference(name)(*operands)
        expected = "bool" if name in BOOLEAN else dtype
        if name in ("abs", "real", "imag") and category == "complex":
            expected = {"complex64": "float32", "complex128": "float64"}[dtype]
        assert result.dtype == np.dtype(expected)
        assert result.shape == wanted.shape
        np.testing.assert_allclose(result.numpy(), wanted, rtol=1e-6 if dtype in ("float32", "complex64") else 1e-14)


@pytest.mark.parametrize("name", ACCEPTS["floating"].split())
@pytest.mark.parametrize("dtype", FLOATS)
def test_special_values_of_floats(name, dtype):
    values = np.array(SPECIAL, dtype)
    pairs = list(itertools.product(values, values))
    check_special(name, [values] if arity(name) == 1 else [np.array(v, dtype) for v in zip(*pairs)], dtype)


@pytest.mark.parametrize("name", ACCEPTS["complex"].split())
def test_special_values_of_complex_numbers(name):
    parts = [math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0, -1.0, 2.5]
    values = np.array([complex(*p) for p in itertools.product(parts, parts)])
    if name == "expm1":
        values = values[np.isfinite(values)]  # the others: the next test
    operands = [values] if arity(name) == 1 else [np.repeat(values[::3], 22), np.tile(values[::3], 22)]
    check_special(name, operands, "complex128")


def test_expm1_of_complex_numbers_that_are_not_finite():
    """The table of the standard, and its mirror: expm1(conj(z)) is conj(expm1(z))."""
    inf, nan, cis = math.inf, math.nan, complex(math.cos(2), math.sin(2))
    table = [
        ((1, inf), (nan, nan)), ((1, nan), (nan, nan)), ((inf, 0), (inf, 0)), ((-inf, 2), (-1, 0)), ((inf, 2), (inf * cis.real, inf * cis.imag)),
        ((-inf, inf), (-1, 0)), ((inf, inf), (inf, nan)), ((-inf, nan), (-1, 0)), ((inf, nan), (inf, nan)), ((nan, 0), (nan, 0)),
        ((nan, 2), (nan, nan)), ((nan, nan), (nan, nan)),
    ]  # fmt: skip
    for dtype, sign in itertools.product(COMPLEX, (1, -1)):
        z = np.array([complex(a, sign * b) for (a, b), _ in table], dtype)
        with np.errstate(invalid="ignore"):
            found = tj.expm1(tj.asarray(z)).numpy()
        assert found.dtype == dtype
        np.testing.assert_array_equal(found.real, [w[0] for _, w in table])
        np.testing.assert_array_equal(found.imag, [sign * w[1] for _, w in table])


def check_special(name, operands, dtype):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = getattr(tj, name)(*[tj.asarray(o) for o in operands]).numpy()
        wanted = reference(name)(*operands)
    assert result.dtype == wanted.dtype
    np.testing.assert_allclose(result, wanted, rtol=4e-7 if dtype == "float32" else 4e-15, atol=0)
    for part in (np.real, np.imag):
        zeros = (part(wanted) == 0) & (part(result) == 0)
        if name not in ("maximum", "minimum") and wanted.dtype.kind in "fc":
            where = np.argwhere(zeros & (np.signbit(part(result)) != np.signbit(part(wanted))))
            assert not where.size, f"the sign of 0 at {[tuple(o[w[0]] for o in operands) for w in where[:5]]}"


def test_clip():
    a = np.array([-3, -1, 0, 2, 9], np.float32)
    for low, high in [(None, None), (-1, None), (None, 2), (-2, 3), (0.5, 0.5)]:
        np.testing.assert_array_equal(tj.clip(tj.asarray(a), low, high).numpy(), a if low is high is None else np.clip(a, low, high))
        np.testing.assert_array_equal(tj.clip(tj.asarray(a), min=low, max=high).numpy(), tj.clip(tj.asarray(a), low, high).numpy())
    bounds = tj.asarray([[0.0], [1.0]])
    assert tj.clip(tj.asarray(a), bounds, 4).shape == (2, 5)
    assert tj.clip(tj.asarray([1, 2, 3], dtype=tj.int8), 2).dtype == tj.int8
    assert math.isnan(tj.clip(tj.asarray(math.nan), 0, 1).item())


# Creation

CREATED = {
    "zeros": lambda xp, **k: xp.zeros((2, 3), **k),
    "ones of an int shape": lambda xp, **k: xp.ones(3, **k),
    "full": lambda xp, **k: xp.full((2,), 7, **k),
    "zeros_like": lambda xp, **k: xp.zeros_like(xp.ones((2, 2)), **k),
    "ones_like": lambda xp, **k: xp.ones_like(xp.zeros((2, 2)), **k),
    "full_like": lambda xp, **k: xp.full_like(xp.zeros((2, 2)), 3, **k),
    "eye": lambda xp, **k: xp.eye(3, **k),
    "eye of a rectangle": lambda xp, **k: xp.eye(2, 4, k=1, **k),
    "eye below": lambda xp, **k: xp.eye(4, 2, k=-1, **k),
    "arange": lambda xp, **k: xp.arange(5, **k),
    "arange between": lambda xp, **k: xp.arange(2, 11, 3, **k),
    "arange downwards": lambda xp, **k: xp.arange(9, 2, -2, **k),
    "arange of nothing": lambda xp, **k: xp.arange(3, 1, **k),
    "linspace": lambda xp, **k: xp.linspace(0, 8, 5, **k),
    "linspace without its end": lambda xp, **k: xp.linspace(0, 10, 5, endpoint=False, **k),
    "linspace of one": lambda xp, **k: xp.linspace(3, 10, 1, **k),
    "linspace of none": lambda xp, **k: xp.linspace(3, 10, 0, **k),
    "asarray": lambda xp, **k: xp.asarray([[1, 0], [3, 4]], **k),
    "tril": lambda xp, **k: xp.tril(xp.ones((2, 3, 4), **k), k=1),
    "triu": lambda xp, **k: xp.triu(xp.ones((3, 3), **k), k=-1),
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64", "int16", "uint8", "complex64"])
@pytest.mark.parametrize("name", CREATED)
def test_creation(name, dtype):
    if name.startswith("linspace") and dtype in ("int16", "uint8"):
        pytest.skip("linspace makes floats")
    result, wanted = CREATED[name](tj, dtype=getattr(tj, dtype)), CREATED[name](np, dtype=dtype)
    assert result.dtype == wanted.dtype and result.shape == wanted.shape
    np.testing.assert_allclose(result.numpy(), wanted, rtol=1e-6)


def test_default_dtypes():
    for made, wanted in [
        (tj.zeros(1), tj.float32), (tj.full(1, 2), tj.int64), (tj.full(1, 2.0), tj.float32), (tj.full(1, True), tj.bool),
        (tj.full(1, 1j), tj.complex64), (tj.arange(3), tj.int64), (tj.arange(3.0), tj.float32), (tj.arange(0, 1, 0.5), tj.float32),
        (tj.linspace(0, 1, 3), tj.float32), (tj.linspace(0, 1j, 3), tj.complex64), (tj.eye(2), tj.float32), (tj.empty(2), tj.float32),
        (tj.asarray(1), tj.int64), (tj.asarray(1.0), tj.float32), (tj.asarray(True), tj.bool), (tj.asarray([1, 2.0]), tj.float32),
        (tj.asarray([True, 2]), tj.int64), (tj.asarray(1j), tj.complex64),
    ]:  # fmt: skip
        assert made.dtype == wanted


def test_asarray_copy():
    a = np.ones(3, np.float32)
    assert np.shares_memory(tj.asarray(a).numpy(), a) and np.shares_memory(tj.asarray(a, copy=False).numpy(), a)
    assert not np.shares_memory(tj.asarray(a, copy=True).numpy(), a)
    t = tj.asarray(a)
    assert not np.shares_memory(tj.asarray(t, copy=True).numpy(), a)
    assert np.shares_memory(tj.asarray(t).numpy(), a)
    with pytest.raises(ValueError):
        tj.asarray([1.0, 2.0], copy=False)
    with pytest.raises(ValueError):
        tj.asarray(a, dtype=tj.float64, copy=False)


@pytest.mark.parametrize("indexing", ["xy", "ij"])
@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_meshgrid(indexing, count):
    arrays = [np.arange(n, dtype=np.float32) for n in (2, 3, 4)[:count]]
    result, wanted = tj.meshgrid(*map(tj.asarray, arrays), indexing=indexing), np.meshgrid(*arrays, indexing=indexing)
    assert len(result) == len(wanted)
    for mine, theirs in zip(result, wanted):
        np.testing.assert_array_equal(mine.numpy(), theirs)


# Reductions, scans, searching, sorting, sets

A = np.random.default_rng(11).integers(-5, 6, (3, 4, 5))
AXES = [None, 0, 1, -1, (0, 2), (0, 1, 2), ()]
REDUCTIONS = {"sum": np.sum, "prod": np.prod, "max": np.max, "min": np.min, "mean": np.mean, "var": np.var, "std": np.std, "all": np.all,
              "any": np.any, "count_nonzero": np.count_nonzero}  # fmt: skip


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint16", "int64", "uint64", "float32", "float64", "complex64"])
@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions(name, dtype):
    kind = np.dtype(dtype).kind
    if (
        name in ("mean", "var", "std")
        and kind not in "fc"
        or name in ("max", "min")
        and kind in "bc"
        or name in ("var", "std")
        and kind == "c"
    ):
        pytest.skip("not in the standard")
    a = (np.abs(A) if kind == "u" else A % 2 if name == "prod" else A).astype(dtype)
    for axis, keepdims in itertools.product(AXES, [False, True]):
        result, wanted = getattr(tj, name)(tj.asarray(a), axis=axis, keepdims=keepdims), REDUCTIONS[name](a, axis=axis, keepdims=keepdims)
        expected = np.asarray(wanted).dtype if name in ("sum", "prod", "count_nonzero", "all", "any") else a.dtype
        assert result.dtype == expected and result.shape == np.shape(wanted)
        np.testing.assert_allclose(result.numpy(), wanted, rtol=2e-6, atol=1e-6)


def test_reduction_arguments():
    t = tj.asarray(A.astype(np.float32))
    np.testing.assert_allclose(tj.var(t, correction=1, axis=0).numpy(), A.var(0, ddof=1), rtol=1e-6)
    np.testing.assert_allclose(tj.std(t, correction=0.5).item(), A.std(ddof=0.5), rtol=1e-6)
    assert tj.sum(t, dtype=tj.float64).dtype == tj.float64 and tj.prod(tj.asarray([2], dtype=tj.int8), dtype=tj.int8).dtype == tj.int8
    for axis in (3, -4, (0, 0), (0, -3)):
        with pytest.raises((ValueError, IndexError)):
            tj.sum(t, axis=axis)
    empty = tj.zeros((0, 3))
    assert tj.sum(empty, axis=0).tolist() == [0.0] * 3 and tj.prod(empty).item() == 1.0 and tj.all(empty).item() is True
    assert tj.sum(tj.zeros((0,))).item() == 0 and not tj.any(empty).item()
    with pytest.raises(ValueError):
        tj.max(empty)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert math.isnan(tj.mean(empty).item())
    for function in (tj.max, tj.min, tj.sum, tj.mean, tj.prod):
        assert math.isnan(function(tj.asarray([1.0, math.nan, 2.0])).item())


@pytest.mark.parametrize("dtype", ["int8", "uint8", "float32", "complex128"])
def test_cumulative(dtype):
    a = np.abs(A).astype(dtype) % 3 if dtype != "complex128" else A.astype(dtype)
    for name, theirs in (("cumulative_sum", np.cumulative_sum), ("cumulative_prod", np.cumulative_prod)):
        for axis, initial in itertools.product((0, 1, -1), (False, True)):
            result, wanted = (
                getattr(tj, name)(tj.asarray(a), axis=axis, include_initial=initial),
                theirs(a, axis=axis, include_initial=initial),
            )
            assert result.dtype == wanted.dtype
            np.testing.assert_allclose(result.numpy(), wanted, rtol=1e-6)
        flat = a.reshape(-1)[:8]
        np.testing.assert_allclose(getattr(tj, name)(tj.asarray(flat)).numpy(), theirs(flat), rtol=1e-6)
        assert getattr(tj, name)(tj.asarray(flat), dtype=tj.complex128).dtype == tj.complex128


@pytest.mark.parametrize("name", ["argmax", "argmin"])
def test_arg_extremes(name):
    for axis, keepdims in itertools.product((None, 0, -1), (False, True)):
        result = getattr(tj, name)(tj.asarray(A), axis=axis, keepdims=keepdims)
        wanted = getattr(np, name)(A, axis=axis, keepdims=keepdims)
        assert result.dtype == tj.int64 and result.shape == np.shape(wanted)
        np.testing.assert_array_equal(result.numpy(), wanted)


def test_nonzero_and_searchsorted():
    for mine, wanted in zip(tj.nonzero(tj.asarray(A)), np.nonzero(A)):
        assert mine.dtype == tj.int64
        np.testing.assert_array_equal(mine.numpy(), wanted)
    row = np.array([1, 2, 2, 5, 9])
    keys = np.array([[0, 2], [5, 10]])
    for side in ("left", "right"):
        result = tj.searchsorted(tj.asarray(row), tj.asarray(keys), side=side)
        assert result.dtype == tj.int64
        np.testing.assert_array_equal(result.numpy(), np.searchsorted(row, keys, side))
    mixed = np.array([5, 1, 9, 2, 2])
    order = np.argsort(mixed)
    np.testing.assert_array_equal(
        tj.searchsorted(tj.asarray(mixed), tj.asarray(keys), sorter=tj.asarray(order)).numpy(), np.searchsorted(mixed, keys, sorter=order)
    )


@pytest.mark.parametrize("dtype", ["int8", "uint64", "float32", "float64"])
@pytest.mark.parametrize("descending", [False, True])
def test_sort_and_argsort(dtype, descending):
    a = np.abs(A).astype(dtype)
    for axis in (0, 1, -1):
        wanted = np.sort(a, axis=axis)
        wanted = np.flip(wanted, axis) if descending else wanted
        for stable in (True, False):
            result = tj.sort(tj.asarray(a), axis=axis, descending=descending, stable=stable)
            assert result.dtype == a.dtype
            np.testing.assert_array_equal(result.numpy(), wanted)
            places = tj.argsort(tj.asarray(a), axis=axis, descending=descending, stable=stable)
            assert places.dtype == tj.int64
            np.testing.assert_array_equal(np.take_along_axis(a, places.numpy(), axis), wanted)
        places = tj.argsort(tj.asarray(a), axis=axis, descending=descending).numpy()
        sorted_places = np.diff(places, axis=axis)
        ties = np.diff(wanted, axis=axis) == 0
        assert (sorted_places[ties] > 0).all(), "equal elements must keep their order"


def test_sets():
    a = np.array([[3, 1, 2], [3, 3, 1]])
    t = tj.asarray(a)
    everything = tj.unique_all(t)
    assert everything._fields == ("values", "indices", "inverse_indices", "counts")
    wanted = np.unique_all(a)
    for mine, theirs in zip(everything, wanted):
        np.testing.assert_array_equal(mine.numpy(), theirs)
    assert tj.unique_counts(t)._fields == ("values", "counts") and tj.unique_inverse(t)._fields == ("values", "inverse_indices")
    np.testing.assert_array_equal(tj.unique_inverse(t).inverse_indices.numpy(), np.unique_inverse(a).inverse_indices)
    assert tj.unique_values(t).tolist() == [1, 2, 3] and tj.unique_counts(t).counts.tolist() == [2, 1, 3]
    assert tj.unique_values(tj.asarray([math.nan, 1.0, math.nan])).size == 3
    assert tj.unique_values(tj.asarray([0.0, -0.0])).size == 1


def test_diff_take_and_where():
    a = A.astype(np.float32)
    t = tj.asarray(a)
    for axis, n in itertools.product((0, -1), (0, 1, 2)):
        np.testing.assert_array_equal(tj.diff(t, axis=axis, n=n).numpy(), np.diff(a, n, axis))
    ends = np.ones((3, 4, 1), np.float32)
    np.testing.assert_array_equal(
        tj.diff(t, prepend=tj.asarray(ends), append=tj.asarray(ends * 2)).numpy(), np.diff(a, prepend=ends, append=ends * 2)
    )
    places = np.array([2, 0, 2, -1])
    np.testing.assert_array_equal(tj.take(t, tj.asarray(places), axis=1).numpy(), np.take(a, places, 1))
    np.testing.assert_array_equal(tj.take(t[0, 0], tj.asarray(places)).numpy(), np.take(a[0, 0], places))
    along = np.argsort(a, axis=1)
    np.testing.assert_array_equal(tj.take_along_axis(t, tj.asarray(along), axis=1).numpy(), np.take_along_axis(a, along, 1))
    np.testing.assert_array_equal(tj.where(t > 0, t, 0.5).numpy(), np.where(a > 0, a, np.float32(0.5)))
    assert tj.where(tj.asarray(True), 1, tj.asarray([1.5])).dtype == tj.float32


KEYS = [
    (), 0, -1, slice(None), slice(1, None, 2), slice(None, None, -1), slice(4, 0, -2), slice(9, 20), slice(-20, 2), ..., None, (0, 1),
    (0, ..., 2),
    (None, 1), (..., None), (slice(None), None, 0), (1, slice(None, None, -2), slice(1, 4)), (slice(0, 0),), (..., slice(-1, -9, -3)),
    (slice(2, 2), ..., 3), (-1, -1, -1),
]  # fmt: skip


@pytest.mark.parametrize("key", KEYS, ids=map(repr, KEYS))
def test_basic_indexing(key):
    t = tj.asarray(A.copy())
    wanted = A[key]
    result = t[key]
    assert isinstance(result, tj.Tensor) and result.shape == np.shape(wanted)
    np.testing.assert_array_equal(result.numpy(), wanted)
    again = A.copy()
    again[key] = 99
    t[key] = 99
    np.testing.assert_array_equal(t.numpy(), again)
    np.testing.assert_array_equal(result.numpy(), again[key], err_msg="an index is a view")


ARRAY_KEYS = [
    np.array([0, 2, 2]), np.array([[0, 1], [2, -1]]), (np.array([0, 2]), np.array([1, 3])), (slice(None), np.array([3, 0])),
    (np.array([0, 1, 2]), np.array([0, 1, 2]), np.array([4, 4, 0])), (0, np.array([1, 1])),
    (np.array([0, 2]), slice(None), np.array([1, 4])),
    A > 0, A[:, 0, 0] > -9, (np.array([True, False, True]), 0), np.array(True), (..., np.array([1, -1])),
]  # fmt: skip


@pytest.mark.parametrize("key", ARRAY_KEYS, ids=map(repr, ARRAY_KEYS))
def test_indexing_by_arrays(key):
    def ours(k):
        return tuple(map(ours, k)) if isinstance(k, tuple) else tj.asarray(k) if isinstance(k, np.ndarray) else k

    t = tj.asarray(A.copy())
    np.testing.assert_array_equal(t[ours(key)].numpy(), A[key])
    again = A.copy()
    again[key] = -7
    t[ours(key)] = -7
    np.testing.assert_array_equal(t.numpy(), again)


def test_index_errors():
    t = tj.asarray(A)
    for key in (3, -4, (0, 4), (0, 0, 0, 0), (..., ...), tj.asarray([5]), (slice(None), slice(None), tj.asarray([-6]))):
        with pytest.raises(IndexError):
            t[key]


# Linear algebra


def test_products():
    a, b = A.astype(np.float32), A.astype(np.float32).transpose(0, 2, 1).copy()
    t, u = tj.asarray(a), tj.asarray(b)
    for mine, wanted in [
        (tj.matmul(t, u), a @ b), (tj.matmul(t[0], u), a[0] @ b), (tj.matmul(t, u[0, :, 0]), a @ b[0, :, 0]),
        (tj.matmul(t[0, 0], u), a[0, 0] @ b),
        (tj.matmul(t[0, 0], t[0, 0]), a[0, 0] @ a[0, 0]), (tj.tensordot(t, u[0], axes=1), np.tensordot(a, b[0], 1)),
        (tj.tensordot(t, t, axes=3), np.tensordot(a, a, 3)),
        (tj.tensordot(t, u, axes=((0, 2), (0, 1))), np.tensordot(a, b, ((0, 2), (0, 1)))),
        (tj.tensordot(t[0, 0], t[0, 0], axes=0), np.tensordot(a[0, 0], a[0, 0], 0)), (tj.vecdot(t, t), np.vecdot(a, a)),
        (tj.vecdot(t, t[0], axis=-2), np.vecdot(a, a[0], axis=-2)), (tj.matrix_transpose(t), a.mT),
        (tj.linalg.outer(t[0, 0], t[0, 1]), np.outer(a[0, 0], a[0, 1])),
    ]:  # fmt: skip
        assert mine.dtype == tj.float32 and mine.shape == wanted.shape
        np.testing.assert_allclose(mine.numpy(), wanted, rtol=1e-6)
    assert tj.matmul(tj.asarray(A), tj.asarray(A.transpose(0, 2, 1))).dtype == tj.int64
    c = tj.asarray([1 + 2j, 3j])
    assert tj.vecdot(c, c).item() == 14
    for bad in (
        lambda: tj.matmul(t, t),
        lambda: tj.matmul(tj.asarray(1.0), t),
        lambda: tj.tensordot(t, u, axes=2),
        lambda: tj.vecdot(t, u),
    ):
        with pytest.raises((ValueError, TypeError)):
            bad()


def test_named_results():
    square = tj.asarray(np.array([[2.0, 1.0], [1.0, 3.0]]))
    assert tj.linalg.eigh(square)._fields == ("eigenvalues", "eigenvectors")
    assert tj.linalg.qr(square)._fields == ("Q", "R")
    assert tj.linalg.slogdet(square)._fields == ("sign", "logabsdet")
    assert tj.linalg.svd(square)._fields == ("U", "S", "Vh")
