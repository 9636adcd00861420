"""NumPy's functions on tensors: arrays without copying, ufuncs, functions, `out=`, DLPack."""

from __future__ import annotations

import numpy as np
import pytest

import tracejit as tj

RNG = np.random.default_rng(3)
A = RNG.uniform(0.1, 0.9, (4, 4)).astype(np.float32)
B = RNG.uniform(0.1, 0.9, (4, 4)).astype(np.float32)


def tensors(*arrays):
    return [tj.asarray(a.copy()) for a in arrays]


# Arrays


def test_asarray_shares_memory_both_ways():
    a = A.copy()
    t = tj.asarray(a)
    assert np.shares_memory(np.asarray(t), a)
    a[0, 0] = 42
    assert t[0, 0].item() == 42
    assert not np.shares_memory(np.array(t), a)
    assert np.asarray(t, dtype=np.float64).dtype == np.float64
    with pytest.raises(ValueError, match="copy"):
        np.asarray(t, dtype=np.float64, copy=False)


def test_asarray_of_a_tensor_with_history_names_detach():
    x = tj.ones(2).requires_grad_()
    for read in (np.asarray, lambda t: np.asarray(t * 2), lambda t: t.numpy(), lambda t: np.nanmedian(t)):
        with pytest.raises(RuntimeError, match="detach") as caught:
            read(x)
        assert __file__ in str(caught.value)


def test_arrays_and_tensors_mix():
    (t,) = tensors(A)
    for result in (A + t, t + A, np.float32(2) * t, t * np.float32(2)):
        assert isinstance(result, tj.Tensor) and result.dtype == tj.float32
    a = A.copy()
    a += t
    assert isinstance(a, np.ndarray)
    np.testing.assert_array_equal(a, A + A)
    a[:] = t
    np.testing.assert_array_equal(a, A)


def test_dlpack_shares_memory_both_ways():
    (t,) = tensors(A)
    assert np.shares_memory(np.from_dlpack(t), t.numpy())
    again = tj.from_dlpack(A.copy())
    np.testing.assert_array_equal(again.numpy(), A)
    ours = tj.from_dlpack(t)
    assert isinstance(ours, tj.Tensor) and np.shares_memory(ours.numpy(), t.numpy())
    assert t.__dlpack_device__() == (1, 0)
    with pytest.raises(TypeError, match="bfloat16"):
        t.bfloat16().__dlpack__()
    with pytest.raises(RuntimeError, match="detach"):
        t.requires_grad_().__dlpack__()


# Ufuncs

UNARY = [
    "abs", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctanh", "cbrt", "ceil", "conj", "cos", "cosh", "exp", "exp2", "expm1",
    "fabs", "floor", "isfinite", "isinf", "isnan", "log", "log10", "log1p", "log2", "logical_not", "negative", "positive", "reciprocal",
    "rint", "sign", "signbit", "sin", "sinh", "sqrt", "square", "tan", "tanh", "trunc",
]  # fmt: skip
BINARY = [
    "add", "arctan2", "copysign", "divide", "equal", "floor_divide", "fmod", "greater", "greater_equal", "hypot", "less", "less_equal",
    "logaddexp", "logical_and", "logical_or", "logical_xor", "matmul", "maximum", "minimum", "multiply", "nextafter", "not_equal",
    "power", "remainder", "subtract", "true_divide",
]  # fmt: skip
INTEGER = ["bitwise_and", "bitwise_or", "bitwise_xor", "left_shift", "right_shift", "invert", "gcd"]


@pytest.mark.parametrize("name", UNARY + BINARY)
def test_a_ufunc_is_our_op(name):
    ufunc = getattr(np, name)
    arrays = (A + (name == "arccosh"), B)[: ufunc.nin]
    result = ufunc(*tensors(*arrays))
    assert isinstance(result, tj.Tensor)
    wanted = ufunc(*arrays)
    assert result.dtype == wanted.dtype
    np.testing.assert_allclose(result.numpy(), wanted, rtol=1e-6)


@pytest.mark.parametrize("name", INTEGER)
def test_a_ufunc_of_integers(name):
    ufunc = getattr(np, name)
    arrays = (np.arange(1, 5), np.array([3, 1, 2, 2]))[: ufunc.nin]
    np.testing.assert_array_equal(ufunc(*tensors(*arrays)).numpy(), ufunc(*arrays))


@pytest.mark.parametrize("name", [n for n in UNARY if n not in ("isfinite", "isinf", "isnan", "logical_not", "signbit", "fabs")])
def test_a_ufunc_has_a_gradient(name):
    (x,) = tensors(A.astype(np.float64) + (name == "arccosh"))
    x.requires_grad_()
    y = getattr(np, name)(x)
    assert y.requires_grad, name
    h = 1e-6
    (g,) = tj.autograd.grad(y.sum(), x)
    values = x.detach().numpy()
    difference = (getattr(np, name)(values + h) - getattr(np, name)(values - h)) / (2 * h)
    np.testing.assert_allclose(g.numpy(), np.real(difference), rtol=1e-5, atol=1e-8)


def test_ufunc_out():
    t, u = tensors(A, B)
    held = t.numpy()
    assert np.add(t, u, out=t) is t
    np.testing.assert_array_equal(held, A + B)
    target = np.empty_like(A)
    assert np.multiply(t, u, out=target) is target
    np.testing.assert_array_equal(target, (A + B) * B)
    assert np.exp(u, out=(u,)) is u
    np.testing.assert_allclose(u.numpy(), np.exp(B), rtol=1e-6)


def test_ufunc_dtype_and_where():
    t, u = tensors(A, B)
    assert np.add(t, u, dtype=np.float64).dtype == tj.float64
    target = tj.zeros((4, 4))
    np.add(t, u, out=target, where=A > 0.5)
    np.testing.assert_array_equal(target.numpy(), np.where(A > 0.5, A + B, 0))


@pytest.mark.parametrize("name", ["add", "multiply", "maximum", "minimum", "logical_and", "logical_or"])
def test_ufunc_reduce(name):
    ufunc = getattr(np, name)
    (t,) = tensors(A)
    for arguments in ({}, {"axis": 1}, {"axis": None}, {"axis": (0, 1)}, {"axis": 0, "keepdims": True}):
        result, wanted = ufunc.reduce(t, **arguments), ufunc.reduce(A, **arguments)
        assert isinstance(result, tj.Tensor) and result.shape == np.shape(wanted)
        np.testing.assert_allclose(result.numpy(), wanted, rtol=1e-6)


def test_ufunc_accumulate_outer_at():
    t, u = tensors(A, B)
    np.testing.assert_allclose(np.add.accumulate(t).numpy(), np.add.accumulate(A), rtol=1e-6)
    np.testing.assert_allclose(np.multiply.accumulate(t, axis=1).numpy(), np.multiply.accumulate(A, 1), rtol=1e-6)
    np.testing.assert_array_equal(np.subtract.outer(t, u).numpy(), np.subtract.outer(A, B))
    wanted = A.copy()
    np.add.at(wanted, [0, 0, 1], 1)
    np.add.at(t, [0, 0, 1], 1)
    np.testing.assert_array_equal(t.numpy(), wanted)


def test_unknown_ufuncs_run_on_the_values():
    (t,) = tensors(A)
    result = np.spacing(t)
    assert isinstance(result, tj.Tensor)
    np.testing.assert_array_equal(result.numpy(), np.spacing(A))
    fraction, whole = np.modf(t * 3)
    np.testing.assert_array_equal((fraction + whole).numpy(), np.add(*np.modf(A * 3)))


def test_scipy_special_is_our_op():
    special = pytest.importorskip("scipy.special")
    x = tj.asarray(A).requires_grad_()
    for name in ("erf", "erfc", "expit", "gammaln", "psi"):
        y = getattr(special, name)(x)
        assert y.requires_grad
        np.testing.assert_allclose(y.detach().numpy(), getattr(special, name)(A), rtol=2e-6)


# Functions: the call is made on arrays and on tensors alike

CALLS = {
    "all": lambda a: np.all(a > 0.5, axis=0),
    "allclose": lambda a: np.allclose(a, a),
    "amax": lambda a: np.amax(a, axis=1),
    "any": lambda a: np.any(a > 0.5),
    "argmax": lambda a: np.argmax(a, axis=1),
    "argmin": lambda a: np.argmin(a),
    "argsort": lambda a: np.argsort(a, axis=0),
    "array_equal": lambda a: np.array_equal(a, a),
    "around": lambda a: np.around(a, 1),
    "atleast_3d": lambda a: np.atleast_3d(a),
    "broadcast_to": lambda a: np.broadcast_to(a, (2, 4, 4)),
    "clip": lambda a: np.clip(a, 0.2, 0.6),
    "clip low": lambda a: np.clip(a, 0.2, None),
    "concatenate": lambda a: np.concatenate([a, a], axis=1),
    "concatenate flat": lambda a: np.concatenate((a, a), None),
    "copy": lambda a: np.copy(a),
    "cumprod": lambda a: np.cumprod(a, axis=1),
    "cumsum": lambda a: np.cumsum(a, axis=0),
    "cumsum flat": lambda a: np.cumsum(a),
    "diag": lambda a: np.diag(a),
    "diagonal": lambda a: np.diagonal(a, 1),
    "diff": lambda a: np.diff(a, axis=0),
    "diff twice": lambda a: np.diff(a, 2),
    "dot": lambda a: np.dot(a, a[0]),
    "einsum": lambda a: np.einsum("ij,kj->ik", a, a),
    "expand_dims": lambda a: np.expand_dims(a, 1),
    "fft": lambda a: np.fft.fft(a),
    "flip": lambda a: np.flip(a, 0),
    "full_like": lambda a: np.full_like(a, 3),
    "hstack": lambda a: np.hstack([a, a]),
    "inner": lambda a: np.inner(a, a),
    "inv": lambda a: np.linalg.inv(a),
    "isclose": lambda a: np.isclose(a, a + 1),
    "matrix_transpose": lambda a: np.matrix_transpose(a),
    "max": lambda a: np.max(a, axis=0, keepdims=True),
    "mean": lambda a: np.mean(a, axis=1),
    "mean in float64": lambda a: np.mean(a, dtype=np.float64),
    "median": lambda a: np.median(a),
    "min": lambda a: np.min(a),
    "moveaxis": lambda a: np.moveaxis(a, 0, 1),
    "nan_to_num": lambda a: np.nan_to_num(a),
    "nonzero": lambda a: np.nonzero(a > 0.5),
    "norm": lambda a: np.linalg.norm(a),
    "ones_like": lambda a: np.ones_like(a),
    "outer": lambda a: np.outer(a[0], a[1]),
    "pad": lambda a: np.pad(a, 1),
    "pad reflect": lambda a: np.pad(a, ((1, 2), (0, 0)), mode="reflect"),
    "percentile": lambda a: np.percentile(a, 30),
    "prod": lambda a: np.prod(a, 1),
    "ravel": lambda a: np.ravel(a),
    "real": lambda a: np.real(a),
    "repeat": lambda a: np.repeat(a, 2, axis=1),
    "reshape": lambda a: np.reshape(a, (2, -1)),
    "roll": lambda a: np.roll(a, 1, axis=0),
    "rot90": lambda a: np.rot90(a),
    "searchsorted": lambda a: np.searchsorted(np.sort(a[0]), a[1]),
    "shape": lambda a: np.shape(a),
    "size": lambda a: np.size(a),
    "solve": lambda a: np.linalg.solve(a, a[0]),
    "sort": lambda a: np.sort(a, axis=0),
    "split": lambda a: np.split(a, 2, axis=1)[1],
    "split at": lambda a: np.split(a, [1, 3])[1],
    "squeeze": lambda a: np.squeeze(a[:1]),
    "stack": lambda a: np.stack([a, a], axis=2),
    "std": lambda a: np.std(a, axis=0),
    "std of a sample": lambda a: np.std(a, ddof=1),
    "sum": lambda a: np.sum(a, axis=0, keepdims=True),
    "sum in float64": lambda a: np.sum(a, dtype=np.float64),
    "swapaxes": lambda a: np.swapaxes(a, 0, 1),
    "take": lambda a: np.take(a, [0, 2], axis=1),
    "take_along_axis": lambda a: np.take_along_axis(a, np.argsort(a, axis=1), axis=1),
    "tensordot": lambda a: np.tensordot(a, a, axes=1),
    "tile": lambda a: np.tile(a, (2, 1)),
    "trace": lambda a: np.trace(a),
    "transpose": lambda a: np.transpose(a),
    "transpose to": lambda a: np.transpose(a, (1, 0)),
    "tril": lambda a: np.tril(a),
    "triu": lambda a: np.triu(a, 1),
    "unique": lambda a: np.unique(np.round(a, 1)),
    "var": lambda a: np.var(a, axis=1),
    "vstack": lambda a: np.vstack([a, a]),
    "where": lambda a: np.where(a > 0.5, a, 0),
    "where alone": lambda a: np.where(a > 0.5),
    "zeros_like": lambda a: np.zeros_like(a, dtype=np.int8),
}


def flat(result):
    return list(result) if isinstance(result, (tuple, list)) else [result]


@pytest.mark.parametrize("name", CALLS)
def test_a_numpy_function_takes_tensors(name):
    ours, theirs = flat(CALLS[name](tj.asarray(A))), flat(CALLS[name](A))
    assert len(ours) == len(theirs)
    for mine, wanted in zip(ours, theirs):
        assert isinstance(mine, tj.Tensor) == isinstance(wanted, (np.ndarray, np.floating)) or np.ndim(wanted) == 0
        assert np.shape(mine) == np.shape(wanted)
        assert np.asarray(mine).dtype == np.asarray(wanted).dtype
        np.testing.assert_allclose(np.asarray(mine), wanted, rtol=2e-4 if name in ("inv", "solve") else 2e-6, atol=1e-6)


DIFFERENTIABLE = [
    "concatenate", "sum", "mean", "prod", "max", "stack", "reshape", "transpose", "dot", "where", "clip", "cumsum", "std", "take", "roll",
    "diff", "einsum", "tile", "pad", "split", "tensordot", "sort", "inv", "solve", "norm", "outer", "trace", "var", "squeeze", "repeat",
]  # fmt: skip


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_a_numpy_function_has_a_gradient(name):
    x = tj.asarray(A).requires_grad_()
    result = flat(CALLS[name](x))[0]
    assert result.requires_grad
    result.sum().backward()
    assert x.grad.shape == A.shape and bool(tj.any(x.grad != 0))


def test_function_out():
    (t,) = tensors(A)
    target = tj.zeros(4)
    assert np.sum(t, axis=0, out=target) is target
    np.testing.assert_array_equal(target.numpy(), A.sum(0))
    np.copyto(target, 7)
    assert target.tolist() == [7.0] * 4
