"""The law of the op table: every elementwise op, every dtype it takes, compiled and eager, to the bit."""

from __future__ import annotations

import numpy as np
import pytest

import tracejit as tj
from tracejit.errors import DTypeError
from tracejit.op import OPS, Elementwise, Reduction
from tracejit.spec import DTYPES, TensorSpec

ELEMENTWISE = sorted((op for op in OPS.values() if isinstance(op, Elementwise)), key=lambda op: op.name)
REDUCTIONS = sorted((op for op in OPS.values() if isinstance(op, Reduction)), key=lambda op: op.name)


def values(dtype, shape, low, high, seed):
    rng = np.random.default_rng(seed)
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(bool)
    if dtype.kind in "iu":
        return rng.integers(0 if dtype.kind == "u" else -9, 10, shape).astype(dtype)
    drawn = rng.uniform(low, high, shape)
    return (drawn + 1j * rng.uniform(low, high, shape) if dtype.kind == "c" else drawn).astype(dtype)


def same_bits(a, b):
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    return a.tobytes() == b.tobytes() or bool(np.array_equal(a, b, equal_nan=a.dtype.kind in "fc") and a.dtype.kind != "f")


def arguments(op, dtype, shape):
    dtypes = [tj.bool if op.name == "where" and i == 0 else dtype for i in range(op.arity)]
    return [tj.asarray(values(d, shape, *op.domain[i], seed=i)) for i, d in enumerate(dtypes)]


def attrs_of(op):
    return {"cast": {"dtype": tj.float32}, "polygamma": {"n": 1}}.get(op.name, {})


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("op", ELEMENTWISE, ids=lambda op: op.name)
def test_elementwise(op, dtype):
    xs = arguments(op, dtype, (3, 5))
    attrs = attrs_of(op)
    try:
        spec = op.spec(*(TensorSpec(x.shape, x.dtype) for x in xs), **attrs)
    except DTypeError:
        with pytest.raises(DTypeError):
            tj.compile(lambda *xs: op(*xs, **attrs))(*xs)
        return
    with np.errstate(all="ignore"):
        try:
            eager = op(*xs, **attrs)
        except ValueError:
            pytest.skip("an operation NumPy refuses for these values")
        compiled = tj.compile(lambda *xs: op(*xs, **attrs))(*xs)
    assert (eager.shape, eager.dtype) == (spec.shape, spec.dtype)
    assert same_bits(eager, compiled)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("op", REDUCTIONS, ids=lambda op: op.name)
@pytest.mark.parametrize("axes", [(0,), (1,), (2,), (0, 2), (0, 1, 2)], ids=str)
def test_reductions(op, dtype, axes):
    if dtype in (tj.float16, tj.bfloat16):
        return  # the functions reduce these in float32
    x = tj.asarray(values(dtype, (4, 3, 150), 0.5, 1.5, 0))
    try:
        spec = op.spec(TensorSpec(x.shape, x.dtype), axes=axes)
    except DTypeError:
        return
    eager = op(x, axes=axes, keepdims=False)
    compiled = tj.compile(lambda x: op(x, axes=axes, keepdims=False))(x)
    assert (eager.shape, eager.dtype) == (spec.shape, spec.dtype)
    assert same_bits(eager, compiled)
    if op.name == "sum" and dtype in (tj.float32, tj.float64):
        assert same_bits(eager, np.asarray(x).sum(axis=axes))
