"""Property tests by hypothesis's own array API strategies: what the public conformance suite checks, in our words."""

from __future__ import annotations

import operator
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.errors import HypothesisWarning
from hypothesis.extra.array_api import make_strategies_namespace

import tracejit as tj

with warnings.catch_warnings():
    warnings.simplefilter("ignore", HypothesisWarning)
    xps = make_strategies_namespace(tj, api_version="2022.12")

settings.register_profile("array api", max_examples=25, deadline=None, derandomize=True)
settings.load_profile("array api")

SHAPES = xps.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
ANY = xps.arrays(xps.scalar_dtypes(), SHAPES)
REAL = xps.arrays(xps.real_dtypes(), SHAPES)


def same(result, wanted):
    wanted = np.asarray(wanted)
    assert isinstance(result, tj.Tensor) and result.dtype == wanted.dtype and result.shape == wanted.shape
    np.testing.assert_array_equal(result.numpy(), wanted)


@given(ANY, st.data())
def test_basic_keys(x, data):
    key = data.draw(xps.indices(x.shape, allow_newaxis=True))
    same(x[key], x.numpy()[key])
    value = data.draw(xps.from_dtype(x.dtype))
    changed = x.numpy().copy()
    changed[key] = value
    target = tj.asarray(x, copy=True)
    target[key] = value
    same(target, changed)


@given(ANY, st.data())
def test_masks(x, data):
    whole = data.draw(st.sampled_from([x.shape[:k] for k in range(x.ndim + 1)]))
    shape = tuple(n if data.draw(st.booleans()) else 0 for n in whole) if data.draw(st.booleans()) else whole
    mask = data.draw(xps.arrays(tj.bool, shape))
    same(x[mask], x.numpy()[mask.numpy()])
    value = data.draw(xps.from_dtype(x.dtype))
    changed = x.numpy().copy()
    changed[mask.numpy()] = value
    target = tj.asarray(x, copy=True)
    target[mask] = value
    same(target, changed)


@given(xps.arrays(xps.scalar_dtypes(), xps.array_shapes(min_dims=1, max_dims=3)), st.data())
def test_take(x, data):
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    places = data.draw(st.lists(st.integers(0, x.shape[axis] - 1), max_size=5))
    same(tj.take(x, tj.asarray(places, dtype=tj.int64), axis=axis), np.take(x.numpy(), np.asarray(places, np.int64), axis))


@given(xps.mutually_broadcastable_shapes(3), st.data())
def test_broadcasting(shapes, data):
    arrays = [data.draw(xps.arrays(xps.scalar_dtypes(), s)) for s in shapes.input_shapes]
    for result, a in zip(tj.broadcast_arrays(*arrays), arrays):
        same(result, np.broadcast_to(a.numpy(), shapes.result_shape))
        same(tj.broadcast_to(a, shapes.result_shape), np.broadcast_to(a.numpy(), shapes.result_shape))
    assert tj.broadcast_shapes(*shapes.input_shapes) == shapes.result_shape


@given(ANY, st.data())
def test_manipulation(x, data):
    a, n = x.numpy(), x.ndim
    axis = data.draw(st.integers(-n, n - 1)) if n else None
    same(tj.flip(x), np.flip(a))
    same(tj.roll(x, 3), np.roll(a, 3))
    same(tj.expand_dims(x, axis=data.draw(st.just(0)) if axis is None else axis), np.expand_dims(a, 0 if axis is None else axis))
    same(tj.reshape(x, (-1,) if x.size else (0,)), a.reshape(-1))
    same(tj.tile(x, (2, 1)), np.tile(a, (2, 1)))
    same(tj.repeat(x, 2), np.repeat(a, 2))
    if axis is not None:
        shift = data.draw(st.integers(-9, 9))
        same(tj.roll(x, shift, axis=axis), np.roll(a, shift, axis))
        same(tj.flip(x, axis=axis), np.flip(a, axis))
        same(tj.concat([x, x], axis=axis), np.concatenate([a, a], axis))
        same(tj.stack([x, x], axis=axis), np.stack([a, a], axis))
        counts = data.draw(st.lists(st.integers(0, 3), min_size=x.shape[axis], max_size=x.shape[axis]))
        same(tj.repeat(x, tj.asarray(counts, dtype=tj.int64), axis=axis), np.repeat(a, np.asarray(counts, np.int64), axis))
        order = data.draw(st.permutations(range(n)))
        same(tj.permute_dims(x, tuple(order)), np.transpose(a, order))
        same(tj.moveaxis(x, axis, 0), np.moveaxis(a, axis, 0))
        for mine, theirs in zip(tj.unstack(x, axis=axis), np.unstack(a, axis=axis)):
            same(mine, theirs)


@given(REAL, st.booleans())
def test_sorting_and_searching(x, descending):
    a = x.numpy()
    if a.dtype.kind == "f" and np.isnan(a).any() or not a.ndim:
        return
    for axis in range(a.ndim):
        wanted = np.sort(a, axis=axis, stable=True)
        same(tj.sort(x, axis=axis, descending=descending), np.flip(wanted, axis) if descending else wanted)
        if a.shape[axis] and a.size:
            same(tj.argmax(x, axis=axis), np.argmax(a, axis))
            same(tj.argmin(x, axis=axis, keepdims=True), np.argmin(a, axis, keepdims=True))
    for mine, theirs in zip(tj.nonzero(x), np.nonzero(a)):
        same(mine, theirs)
    values, counts = tj.unique_counts(x)
    for mine, theirs in zip((values, counts), np.unique_counts(a)):
        same(mine, theirs)
    keys = np.sort(a.reshape(-1))
    for side in ("left", "right"):
        same(tj.searchsorted(tj.asarray(keys), x, side=side), np.searchsorted(keys, a, side))


BINARY = {
    "add": "if", "subtract": "if", "multiply": "if", "divide": "f", "floor_divide": "f", "remainder": "f", "pow": "f", "atan2": "f",
    "copysign": "f", "hypot": "f", "logaddexp": "f", "maximum": "if", "minimum": "if", "nextafter": "f", "equal": "bif", "not_equal": "bif",
    "less": "if", "less_equal": "if", "greater": "if", "greater_equal": "if", "bitwise_and": "bi", "bitwise_or": "bi", "bitwise_xor": "bi",
    "bitwise_left_shift": "i", "bitwise_right_shift": "i", "logical_and": "b", "logical_or": "b", "logical_xor": "b",
}  # fmt: skip
SCALARS = {"b": True, "i": 3, "f": 2.5}
DTYPES = {"b": ["bool"], "i": ["int8", "uint8", "int16", "int64", "uint64"], "f": ["float32", "float64"]}


@pytest.mark.parametrize("name", BINARY)
def test_functions_take_python_scalars_on_either_side(name):
    function, reference = getattr(tj, name), getattr(np, name)
    for kind in BINARY[name]:
        for dtype in DTYPES[kind]:
            a = np.array([1, 2, 3], dtype)
            for scalar in (SCALARS[kind], *([2] if kind == "f" else [])):
                for x, y in ((a, scalar), (scalar, a)):
                    wanted = reference(x, y)
                    result = function(*(tj.asarray(v) if isinstance(v, np.ndarray) else v for v in (x, y)))
                    assert result.dtype == wanted.dtype
                    np.testing.assert_allclose(result.numpy(), wanted, rtol=1e-6)
    assert tj.where(tj.asarray([True, False]), tj.asarray([1, 2], dtype=tj.int8), 3).dtype == tj.int8
    assert tj.clip(tj.asarray([1, 2], dtype=tj.int8), 0, tj.asarray(1, dtype=tj.int8)).tolist() == [1, 1]


@given(st.data())
def test_operators_are_the_functions(data):
    shape = data.draw(SHAPES)
    dtype = data.draw(xps.floating_dtypes())
    x, y = (data.draw(xps.arrays(dtype, shape)) for _ in range(2))
    pairs = {"add": "add", "sub": "subtract", "mul": "multiply", "truediv": "divide", "lt": "less", "ge": "greater_equal", "eq": "equal"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for symbol, name in pairs.items():
            same(getattr(operator, symbol)(x, y), getattr(tj, name)(x, y).numpy())
            same(getattr(operator, symbol)(x, y), getattr(operator, symbol)(x.numpy(), y.numpy()))
        for symbol in ("iadd", "isub", "imul", "itruediv"):
            changed = tj.asarray(x, copy=True)
            assert getattr(operator, symbol)(changed, y) is changed
            same(changed, getattr(operator, symbol[1:])(x.numpy(), y.numpy()))


@given(xps.arrays(xps.scalar_dtypes(), ()))
def test_zero_d_tensors_convert_like_numpys(x):
    value = x.item()
    assert type(value) is {"b": bool, "i": int, "u": int, "f": float, "c": complex}[x.dtype.kind]
    assert value == x.numpy().item() or value != value
    if x.dtype.kind in "iu":
        assert operator.index(x) == int(x) == value
    if x.dtype.kind in "b":
        assert bool(x) is value
    same(tj.asarray(value, dtype=x.dtype), x.numpy())


@given(ANY)
def test_asarray_of_nested_lists(x):
    same(tj.asarray(x.tolist(), dtype=x.dtype).reshape(x.shape), x.numpy())


@given(
    xps.arrays(xps.scalar_dtypes(), xps.array_shapes(max_side=2)),
    st.fixed_dictionaries(
        {},
        optional={
            "copy": st.none() | st.booleans(),
            "max_version": st.sampled_from([(0, 0), (1, 0), (2, 0)]),
            "dl_device": st.just((1, 0)),
        },
    ),
)
def test_dlpack(x, arguments):
    x.__dlpack__(**arguments)
    same(tj.from_dlpack(x), x.numpy())
    same(tj.from_dlpack(x, device="cpu", copy=arguments.get("copy")), x.numpy())


@given(
    st.floats(-1e3, 1e3, width=32),
    st.floats(-1e3, 1e3, width=32),
    st.integers(0, 20),
    st.booleans(),
    st.sampled_from(["float32", "float64"]),
)
def test_linspace_keeps_its_ends(start, stop, num, endpoint, dtype):
    result = tj.linspace(start, stop, num, dtype=getattr(tj, dtype), endpoint=endpoint)
    assert result.shape == (num,) and result.dtype == np.dtype(dtype)
    if num:
        assert result[0].item() == start
    if num > 1 and endpoint:
        assert result[-1].item() == stop


@given(st.integers(-50, 50), st.integers(-50, 50), st.integers(-7, 7).filter(bool), st.sampled_from(["int8", "int64", "float32", None]))
def test_arange_is_pythons_range(start, stop, step, dtype):
    if start < 0 and dtype == "uint8":
        return
    result = tj.arange(start, stop, step, dtype=dtype and getattr(tj, dtype))
    assert result.tolist() == list(range(start, stop, step))
    assert result.dtype == np.dtype(dtype or "int64")


@given(xps.arrays(xps.floating_dtypes(), SHAPES), st.data())
def test_statistics(x, data):
    axis = data.draw(st.none() | (st.integers(-x.ndim, x.ndim - 1) if x.ndim else st.none()))
    keepdims = data.draw(st.booleans())
    a = x.numpy()
    extent = a.size if axis is None else a.shape[axis]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in ("sum", "prod", "mean", "max", "min", "std", "var"):
            if name in ("max", "min") and not extent or name in ("max", "min") and 0 in a.shape:
                continue
            result, wanted = getattr(tj, name)(x, axis=axis, keepdims=keepdims), getattr(np, name)(a, axis=axis, keepdims=keepdims)
            assert result.dtype == a.dtype and result.shape == np.shape(wanted)
            if name in ("sum", "max", "min", "mean"):
                np.testing.assert_array_equal(result.numpy(), wanted)
