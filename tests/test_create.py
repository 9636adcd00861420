"""Creation: values and dtypes against NumPy's to the bit, what is shared and what is copied, data from outside, errors that teach."""

from __future__ import annotations

import array
import math

import numpy as np
import pytest
from gradients import check_gradients
from hypothesis import given, settings
from hypothesis import strategies as st
from support import assert_bits_equal

import tracejit as tj
from tracejit.spec import DTYPES, SMALL_FLOATS, bfloat16, is_complex, is_floating, is_integer

SHAPES = [(), (0,), (1,), (3,), (2, 3), (2, 0, 3)]


# Filled


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_filled_tensors(shape, dtype):
    like = tj.asarray(np.ones(shape, dtype))
    value = 1 if dtype.kind == "b" else 3
    for made, expected in [
        (tj.zeros(shape, dtype=dtype), 0), (tj.ones(shape, dtype=dtype), 1), (tj.full(shape, value, dtype=dtype), value),
        (tj.zeros_like(like), 0), (tj.ones_like(like), 1), (tj.full_like(like, value), value),
    ]:  # fmt: skip
        assert_bits_equal(made, np.full(shape, expected, dtype))
    for made in (tj.empty(shape, dtype=dtype), tj.empty_like(like)):
        assert made.shape == shape and made.dtype == dtype


def test_sizes_may_be_separate():
    assert tj.zeros(2, 3).shape == tj.ones((2, 3)).shape == tj.empty([2, 3]).shape == tj.zeros(shape=(2, 3)).shape == (2, 3)
    assert tj.zeros(()).shape == () and tj.ones(4).shape == (4,)


@pytest.mark.parametrize("value, dtype", [(True, "bool"), (3, "int64"), (3.0, "float32"), (3j, "complex64"), (np.float64(3), "float64")])
def test_default_dtypes_of_numbers(value, dtype):
    assert tj.full((2,), value).dtype.name == dtype
    assert tj.asarray(value).dtype.name == dtype
    assert tj.asarray([value, value]).dtype.name == dtype
    assert tj.tensor([[value]]).dtype.name == dtype


def test_the_default_dtype_can_be_set():
    tj.set_default_dtype(tj.float64)
    try:
        made = [tj.zeros(2), tj.full(2, 1.0), tj.asarray([1.0]), tj.linspace(0, 1, 3), tj.arange(0.0, 2), tj.eye(2), tj.asarray([])]
        assert {t.dtype.name for t in made} == {"float64"} and tj.asarray(1j).dtype == tj.complex128
    finally:
        tj.set_default_dtype(tj.float32)


@pytest.mark.parametrize("value, dtype", [(300, tj.uint8), (-1, tj.uint64), (1j, tj.float32), (math.nan, tj.int8), ("a", tj.float32)])
def test_a_fill_value_that_does_not_fit_is_an_error(value, dtype):
    with pytest.raises(tj.ArgumentError, match=dtype.name):
        tj.full((2,), value, dtype=dtype)


def test_full_of_a_tensor_keeps_its_history():
    check_gradients(lambda v: tj.full((2, 3), v) ** 2, np.array(1.5))


@pytest.mark.parametrize("make", [tj.zeros, tj.ones, tj.empty, lambda s, **k: tj.full(s, 2.0, **k)])
def test_requires_grad(make):
    assert make(3, requires_grad=True).requires_grad and not make(3).requires_grad
    with pytest.raises(tj.DTypeError, match="require grad"):
        make(3, dtype=tj.int32, requires_grad=True)


@pytest.mark.parametrize("shape", [-1, (2, -3), 1.5, "ab"], ids=str)
def test_bad_shapes(shape):
    with pytest.raises(tj.ShapeError):
        tj.zeros(shape)


def test_bad_devices():
    with pytest.raises(tj.TracejitError, match="tpu"):
        tj.ones(2, device="tpu")


# Ranges


@settings(max_examples=300, deadline=None)
@given(st.integers(-50, 50), st.integers(-50, 50), st.integers(-7, 7).filter(bool), st.sampled_from(["int64", "float32", "float64", "int16"]))
def test_arange_of_ints(start, stop, step, dtype):
    assert_bits_equal(tj.arange(start, stop, step, dtype=tj.asarray(0, dtype=dtype).dtype), np.arange(start, stop, step, dtype=dtype))


@settings(max_examples=300, deadline=None)
@given(st.floats(-20, 20, width=32), st.floats(-20, 20, width=32), st.floats(0.05, 5) | st.floats(-5, -0.05), st.sampled_from(["float32", "float64"]))
def test_arange_of_floats(start, stop, step, dtype):
    assert_bits_equal(tj.arange(start, stop, step, dtype=np.dtype(dtype)), np.arange(start, stop, step, dtype=dtype))


def test_arange_forms():
    assert_bits_equal(tj.arange(4), np.arange(4))
    assert_bits_equal(tj.arange(2.5), np.arange(2.5, dtype=np.float32))
    assert_bits_equal(tj.arange(tj.asarray(1), tj.asarray(4)), np.arange(1, 4))
    assert_bits_equal(tj.arange(3, 0, -1, dtype=tj.uint8), np.array([3, 2, 1], np.uint8))
    assert_bits_equal(tj.arange(1, 4, dtype=tj.complex64), np.arange(1, 4, dtype=np.complex64))
    assert_bits_equal(tj.arange(5, dtype=bfloat16), np.arange(5).astype(bfloat16))
    assert tj.arange(5, 2).shape == (0,) and tj.arange(2.0, requires_grad=True).requires_grad
    with pytest.raises(tj.ArgumentError, match="step of 0"):
        tj.arange(0, 3, 0)
    with pytest.raises(tj.ArgumentError, match="finite"):
        tj.arange(0.0, math.inf)
    with pytest.raises(tj.ArgumentError, match="uint8"):
        tj.arange(250, 260, 20, dtype=tj.uint8) + tj.arange(300, 301, dtype=tj.uint8)


@settings(max_examples=300, deadline=None)
@given(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3), st.integers(0, 20), st.booleans(), st.sampled_from(["float32", "float64", "int64", "complex64"]))
def test_linspace(start, stop, num, endpoint, dtype):
    made = tj.linspace(start, stop, num, endpoint=endpoint, dtype=np.dtype(dtype))
    assert_bits_equal(made, np.linspace(start, stop, num, endpoint=endpoint, dtype=dtype))


def test_linspace_forms():
    assert tj.linspace(0, 1, 5).dtype == tj.float32 and tj.linspace(0, 1j, 5).dtype == tj.complex64
    assert_bits_equal(tj.linspace(2, 2, 4, dtype=tj.float64), np.linspace(2, 2, 4))
    assert_bits_equal(tj.linspace(1j, 2, 5, dtype=tj.complex128), np.linspace(1j, 2, 5))
    with pytest.raises(tj.ArgumentError, match="-1"):
        tj.linspace(0, 1, -1)


# Matrices and grids


@pytest.mark.parametrize("k", [-5, -1, 0, 2, 5])
@pytest.mark.parametrize("rows, columns", [(3, None), (2, 4), (4, 2), (0, 3), (3, 0), (1, 1)])
def test_eye_and_triangles(rows, columns, k):
    wide = rows if columns is None else columns
    for dtype in (tj.float32, tj.bool, tj.int16, tj.complex128, bfloat16):
        assert_bits_equal(tj.eye(rows, columns, k=k, dtype=dtype), np.eye(rows, columns, k).astype(dtype))
        x = np.ones((2, rows, wide)).astype(dtype)
        assert_bits_equal(tj.tril(tj.asarray(x), k=k), np.tril(x, k))
        assert_bits_equal(tj.triu(tj.asarray(x), k=k), np.triu(x, k))


def test_indices_of_triangles():
    for rows, columns, k in ((3, 3, 0), (2, 4, 1), (4, 2, -1)):
        assert_bits_equal(tj.tril_indices(rows, columns, k), np.stack(np.tril_indices(rows, k, columns)))
        assert_bits_equal(tj.triu_indices(rows, columns, k), np.stack(np.triu_indices(rows, k, columns)))
        x = np.ones((rows, columns))
        assert_bits_equal(tj.asarray(x).tril(k), np.tril(x, k))
        assert_bits_equal(tj.asarray(x).triu(diagonal=k), np.triu(x, k))
        assert_bits_equal(tj.tri(rows, columns, k), np.tri(rows, columns, k, np.float32))


def test_triangles_of_vectors_are_errors_and_nan_is_cut_out():
    with pytest.raises(tj.ShapeError, match="two axes"):
        tj.tril(tj.ones(3))
    assert tj.tril(tj.full((2, 2), math.nan))[0, 1] == 0
    check_gradients(lambda x: tj.tril(x, k=1) * tj.triu(x), np.random.default_rng(0).normal(size=(3, 4)))


@pytest.mark.parametrize("indexing", ["xy", "ij"])
@pytest.mark.parametrize("sizes", [(), (3,), (2, 3), (2, 3, 4), (2, 0)], ids=str)
def test_meshgrid(indexing, sizes):
    lines = [np.arange(n, dtype=np.float32) + n for n in sizes]
    for made, expected in zip(tj.meshgrid(*map(tj.asarray, lines), indexing=indexing), np.meshgrid(*lines, indexing=indexing), strict=True):
        assert_bits_equal(made, expected)
    with pytest.raises(tj.ArgumentError, match="rows"):
        tj.meshgrid(tj.ones(2), indexing="rows")
    with pytest.raises(tj.ShapeError, match="1-D"):
        tj.meshgrid(tj.ones((2, 2)))


# Data from outside


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_numpy_memory_is_shared(dtype):
    a = np.arange(6).astype(dtype).reshape(2, 3)[:, ::2]
    for copy in (None, False):
        assert np.shares_memory(tj.asarray(a, copy=copy).numpy(), a)
    for made in (tj.asarray(a, copy=True), tj.tensor(a)):
        assert_bits_equal(made, a)
        assert not np.shares_memory(made.numpy(), a)
    t = tj.asarray(a)
    assert tj.asarray(t) is t and tj.asarray(t, copy=True) is not t
    other = tj.complex128 if dtype != tj.complex128 else tj.complex64
    assert tj.asarray(a, dtype=other).dtype == other
    with pytest.raises(tj.ArgumentError, match="copy=False"):
        tj.asarray(a, dtype=other, copy=False)


def test_what_offers_its_memory_is_shared():
    numbers = array.array("d", [1.0, 2.0])
    t = tj.asarray(numbers)
    t[0] = 5.0
    assert numbers[0] == 5.0
    assert tj.asarray(bytearray(b"ab")).tolist() == [97, 98]


def test_dlpack():
    a = np.arange(6.0)
    t = tj.from_dlpack(a)
    assert np.shares_memory(t.numpy(), a)
    assert np.shares_memory(np.from_dlpack(t), a) and np.shares_memory(tj.from_dlpack(t).numpy(), a)
    assert not np.shares_memory(tj.from_dlpack(a, copy=True).numpy(), a)
    with pytest.raises(tj.ArgumentError, match="__dlpack__"):
        tj.from_dlpack([1, 2])


NESTED = st.recursive(st.integers(-5, 5) | st.floats(-2, 2, width=32), lambda part: st.lists(part, min_size=1, max_size=3), max_leaves=8)


@settings(max_examples=200, deadline=None)
@given(NESTED)
def test_nested_lists(data):
    try:
        expected = np.array(data)
    except ValueError:
        with pytest.raises(tj.ShapeError, match="unequal"):
            tj.asarray(data)
        return
    made = tj.asarray(data)
    assert_bits_equal(made, expected.astype(np.float32 if expected.dtype.kind == "f" else np.int64))
    assert_bits_equal(tj.asarray(data, dtype=tj.float64), expected.astype(np.float64))


@pytest.mark.parametrize(
    "data, dtype",
    [
        ([1, True], "int64"), ([True, 1.5], "float32"), ([1, 2j], "complex64"), ([[]], "float32"), (range(3), "int64"),
        ([np.float64(1), 2], "float64"), ([np.int8(1), 2], "int8"), ([np.int8(1), 2.5], "float64"), ([np.float16(1), 2.5], "float16"),
        ([np.ones(2, np.float32), [1, 2]], "float32"), ((1, (2)), "int64"),
    ],
    ids=str,
)  # fmt: skip
def test_dtypes_of_lists(data, dtype):
    assert tj.asarray(data).dtype.name == dtype


def test_lists_of_tensors_are_stacked_with_their_history():
    check_gradients(lambda a, b: tj.asarray([[a[0], 2.0], [b, a[1]]]) ** 2, np.array([1.0, 3.0]), np.array(0.5))
    x = tj.ones(2, requires_grad=True)
    assert tj.asarray([x, [1, 2]]).requires_grad
    assert not tj.tensor([x, x]).requires_grad and not tj.tensor(x).requires_grad
    assert tj.tensor(x, requires_grad=True).is_leaf
    with pytest.raises(tj.ShapeError, match="one shape"):
        tj.asarray([x, [1, 2, 3]])


@pytest.mark.parametrize("order", ["<", ">"])
def test_the_byte_order_of_other_machines_is_an_error(order):
    a = np.arange(3, dtype=f"{order}f4")
    if a.dtype.isnative:
        assert tj.asarray(a).dtype == tj.float32
    else:
        with pytest.raises(tj.DTypeError, match="newbyteorder"):
            tj.asarray(a)


@pytest.mark.parametrize(
    "data, words",
    [
        (np.array(["a"]), "dtype <U1"), (np.array([object()]), "dtype object"), (np.array(["2020"], "M8[Y]"), "datetime"),
        ("text", "str"), (None, "NoneType"), ([1, None], "NoneType"), ({1: 2}, "dict"), ([2**70], "does not fit"),
    ],
    ids=lambda v: v if isinstance(v, str) else type(v).__name__,
)  # fmt: skip
def test_data_that_is_no_tensor(data, words):
    with pytest.raises(tj.TracejitError, match=words):
        tj.asarray(data)


@pytest.mark.parametrize("dtype", [d for d in DTYPES if d not in SMALL_FLOATS], ids=str)
def test_lists_in_every_dtype(dtype):
    values = [0, 1, 1] if dtype.kind == "b" else [0, 1, 7]
    assert_bits_equal(tj.asarray(values, dtype=dtype), np.array(values, dtype))
    if is_integer(dtype):
        assert_bits_equal(tj.asarray([1.9, -0.5], dtype=dtype), np.array([1, 0], dtype))
    if is_floating(dtype) or is_complex(dtype):
        assert_bits_equal(tj.asarray([0.1, math.inf], dtype=dtype), np.array([0.1, math.inf], dtype))
    elif is_integer(dtype):
        with pytest.raises(tj.TracejitError, match=dtype.name):
            tj.asarray([1j], dtype=dtype)
