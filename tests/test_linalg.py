"""Linear algebra: values against NumPy and SciPy, gradients by finite differences, errors that teach."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import scipy.linalg
from gradients import check_gradients

import tracejit as tj
from tracejit import linalg
from tracejit.autograd import grad
from tracejit.ops.linalg import adjoint, multi_dot
from tracejit.spec import complex_dtype
from tracejit.tensor import Tensor, wrap

RNG = np.random.default_rng(7)
REAL, COMPLEX = ("float32", "float64"), ("complex64", "complex128")
INEXACT = REAL + COMPLEX
TOLERANCE = {"float32": 2e-4, "complex64": 2e-4, "float64": 1e-10, "complex128": 1e-10, "float16": 2e-2, "bfloat16": 1e-1}


def normal(*shape: int, dtype: Any = "float64") -> np.ndarray:
    values = RNG.standard_normal(shape)
    if np.dtype(dtype).kind == "c":
        values = values + 1j * RNG.standard_normal(shape)
    return np.asarray(values, dtype)


def integers(*shape: int, dtype: Any = "int64") -> np.ndarray:
    return RNG.integers(0, 5, shape).astype(dtype)


def well_conditioned(*shape: int, dtype: Any = "float64") -> np.ndarray:
    """Random matrices with 3 added along the diagonal."""
    return np.asarray(normal(*shape, dtype=dtype) + 3 * np.eye(*shape[-2:]), dtype)


def positive(*shape: int, dtype: Any = "float64") -> np.ndarray:
    x = normal(*shape, dtype=dtype)
    return np.asarray(x @ x.conj().swapaxes(-1, -2) + 2 * np.eye(shape[-1]), dtype)


def hermitian(*shape: int, dtype: Any = "float64") -> np.ndarray:
    x = normal(*shape, dtype=dtype)
    return x + x.conj().swapaxes(-1, -2)


def close(found: Any, wanted: Any, dtype: Any = None) -> None:
    """Equal shape and dtype, and values within the tolerance of the dtype."""
    found, wanted = found.numpy(), np.asarray(wanted)
    assert found.shape == wanted.shape
    assert found.dtype == (wanted.dtype if dtype is None else dtype)
    if found.dtype.kind in "biu":
        np.testing.assert_array_equal(found, wanted)
        return
    limit = TOLERANCE[found.dtype.name]
    scale = max(1.0, np.abs(wanted).max(initial=0))
    np.testing.assert_allclose(found.astype(complex), wanted.astype(complex), rtol=limit, atol=limit * scale)


# Products

SHAPES = [
    ((3,), (3,)), ((3,), (3, 4)), ((2, 3), (3,)), ((2, 3), (3, 4)), ((1, 3), (3, 1)), ((5, 2, 3), (3, 4)), ((5, 2, 3), (5, 3, 4)),
    ((2, 3), (5, 3, 4)), ((6, 1, 2, 3), (5, 3, 4)), ((3,), (5, 3, 4)), ((5, 2, 3), (3,)), ((2, 0), (0, 4)), ((0, 3), (3, 4)),
    ((0, 2, 3), (3, 4)), ((4, 0, 3), (3, 2)), ((2, 5, 2, 3), (3, 4)),
]  # fmt: skip


@pytest.mark.parametrize("shapes", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", INEXACT + ("int64", "int8", "uint32", "bool"))
def test_matmul_is_numpys(shapes: Any, dtype: str) -> None:
    make = integers if np.dtype(dtype).kind in "iub" else normal
    a, b = (make(*s, dtype=dtype) for s in shapes)
    close(wrap(a) @ wrap(b), a @ b)
    close(tj.matmul(a, wrap(b)), a @ b)


PAIRS = [("int8", "float32"), ("float32", "float64"), ("float64", "complex64"), ("int32", "uint32"), ("bool", "int8")]


@pytest.mark.parametrize("dtypes", PAIRS)
def test_matmul_promotes(dtypes: tuple[str, str]) -> None:
    a, b = (integers(3, 3, dtype=d) for d in dtypes)
    close(wrap(a) @ wrap(b), a @ b)


@pytest.mark.parametrize("dtype", [tj.float16, tj.bfloat16], ids=str)
def test_small_floats_are_multiplied_in_float32(dtype: Any) -> None:
    a, b = normal(4, 300).astype(dtype), normal(300, 5).astype(dtype)
    exact = (a.astype(np.float32) @ b.astype(np.float32)).astype(dtype)
    assert (wrap(a) @ wrap(b)).numpy().tobytes() == exact.tobytes()


LAYOUTS = {
    "transposed": lambda x: np.ascontiguousarray(x.swapaxes(-1, -2)).swapaxes(-1, -2),
    "sliced": lambda x: np.repeat(np.repeat(x, 2, -1), 3, -2)[..., ::3, ::2],
    "reversed": lambda x: np.ascontiguousarray(x[..., ::-1, ::-1])[..., ::-1, ::-1],
    "padded": lambda x: np.pad(x, [(0, 0)] * (x.ndim - 2) + [(1, 2), (3, 1)])[..., 1:-2, 3:-1],
    "broadcast": lambda x: np.broadcast_to(x[..., :1, :], x.shape),
}


@pytest.mark.parametrize("left", LAYOUTS)
@pytest.mark.parametrize("right", LAYOUTS)
@pytest.mark.parametrize("batch", [(), (4,)])
def test_matmul_of_any_layout(left: str, right: str, batch: tuple[int, ...]) -> None:
    a, b = LAYOUTS[left](normal(*batch, 5, 6)), LAYOUTS[right](normal(*batch, 6, 7))
    close(wrap(a) @ wrap(b), np.ascontiguousarray(a) @ np.ascontiguousarray(b))


PRODUCTS = {
    "tensordot": (lambda a, b: tj.tensordot(a, b), lambda a, b: np.tensordot(a, b), (2, 3, 4), (3, 4, 5)),
    "tensordot 0": (lambda a, b: tj.tensordot(a, b, axes=0), lambda a, b: np.tensordot(a, b, 0), (2, 3), (4,)),
    "tensordot pairs": (
        lambda a, b: tj.tensordot(a, b, axes=((2, -3), (0, 1))), lambda a, b: np.tensordot(a, b, ((2, -3), (0, 1))), (2, 3, 4), (4, 2, 5),
    ),
    "tensordot all": (lambda a, b: tj.tensordot(a, b, axes=2), lambda a, b: np.tensordot(a, b, 2), (3, 4), (3, 4)),
    "vecdot": (tj.vecdot, np.vecdot, (2, 3, 4), (3, 4)),
    "vecdot axis": (lambda a, b: tj.vecdot(a, b, axis=-2), lambda a, b: np.vecdot(a, b, axis=-2), (2, 3, 4), (3, 4)),
    "dot 1": (tj.dot, np.dot, (4,), (4,)),
    "dot 0": (tj.dot, np.dot, (), (4, 2)),
    "dot n": (tj.dot, np.dot, (2, 3, 4), (5, 4, 3)),
    "dot n1": (tj.dot, np.dot, (2, 3, 4), (4,)),
    "vdot": (tj.vdot, np.vdot, (2, 3), (2, 3)),
    "inner": (tj.inner, np.inner, (2, 4), (3, 4)),
    "outer": (tj.outer, np.outer, (3,), (4,)),
    "kron": (tj.kron, np.kron, (2, 3), (3, 2)),
    "kron ranks": (tj.kron, np.kron, (2,), (2, 3, 2)),
    "mm": (tj.mm, np.matmul, (2, 3), (3, 4)),
    "mv": (tj.mv, np.matmul, (2, 3), (3,)),
    "bmm": (tj.bmm, np.matmul, (5, 2, 3), (5, 3, 4)),
    "cross": (linalg.cross, np.cross, (4, 3), (3,)),
    "cross axis": (lambda a, b: linalg.cross(a, b, axis=0), lambda a, b: np.cross(a, b, axis=0), (3, 4), (3, 4)),
    "addmm": (lambda a, b: tj.addmm(a, a, b, beta=2, alpha=3), lambda a, b: 2 * a + 3 * (a @ b), (3, 3), (3, 3)),
    "multi_dot": (lambda a, b: multi_dot([a, b, a, b]), lambda a, b: a @ b @ a @ b, (2, 3), (3, 2)),
}


@pytest.mark.parametrize("name", PRODUCTS)
@pytest.mark.parametrize("dtype", INEXACT + ("int64",))
def test_products_are_numpys(name: str, dtype: str) -> None:
    ours, numpys, *shapes = PRODUCTS[name]
    make = integers if dtype == "int64" else normal
    a, b = (make(*s, dtype=dtype) for s in shapes)
    close(ours(wrap(a), wrap(b)), numpys(a, b))


@pytest.mark.parametrize("dtype", INEXACT + ("int8", "bool"))
@pytest.mark.parametrize("offset", [0, 1, -2])
def test_diagonal_and_trace(dtype: str, offset: int) -> None:
    x = normal(2, 3, 4, dtype=dtype) if dtype in INEXACT else integers(2, 3, 4, dtype=dtype)
    close(linalg.diagonal(wrap(x), offset=offset), np.linalg.diagonal(x, offset=offset))
    close(linalg.trace(wrap(x), offset=offset), np.linalg.trace(x, offset=offset))


def test_multi_dot_takes_the_cheapest_order() -> None:
    a, b, c, v = normal(10, 100), normal(100, 5), normal(5, 50), normal(50)
    close(multi_dot([wrap(a), wrap(b), wrap(c)]), a @ b @ c)
    close(multi_dot([wrap(a), wrap(b), wrap(c), wrap(v)]), a @ b @ c @ v)
    close(multi_dot([wrap(a)]), a)


def test_matmul_in_place() -> None:
    x, y = normal(3, 3), normal(3, 3)
    t = same = wrap(x.copy())
    t @= wrap(y)
    assert t is same
    close(t, x @ y)
    with pytest.raises(tj.ShapeError, match="x = x @ y"):
        t @= wrap(normal(3, 2))


def test_array_on_the_left() -> None:
    a, b = normal(2, 3), normal(3, 2)
    result = a @ wrap(b)
    assert isinstance(result, Tensor)
    close(result, a @ b)


# Decompositions and solvers, against NumPy

FUNCTIONS = {
    "cholesky": (linalg.cholesky, np.linalg.cholesky, positive, (2, 4, 4)),
    "cholesky upper": (lambda x: linalg.cholesky(x, upper=True), lambda x: np.linalg.cholesky(x, upper=True), positive, (4, 4)),
    "qr": (linalg.qr, np.linalg.qr, normal, (2, 5, 3)),
    "qr wide": (linalg.qr, np.linalg.qr, normal, (3, 5)),
    "qr complete": (lambda x: linalg.qr(x, mode="complete"), lambda x: np.linalg.qr(x, "complete"), normal, (5, 3)),
    "svd": (linalg.svd, np.linalg.svd, normal, (2, 3, 5)),
    "svd thin": (lambda x: linalg.svd(x, full_matrices=False), lambda x: np.linalg.svd(x, full_matrices=False), normal, (5, 3)),
    "svd values": (lambda x: linalg.svd(x, compute_uv=False), lambda x: np.linalg.svd(x, compute_uv=False), normal, (5, 3)),
    "svdvals": (linalg.svdvals, np.linalg.svdvals, normal, (2, 4, 3)),
    "eigh": (linalg.eigh, np.linalg.eigh, hermitian, (2, 4, 4)),
    "eigvalsh": (linalg.eigvalsh, np.linalg.eigvalsh, hermitian, (4, 4)),
    "inv": (linalg.inv, np.linalg.inv, well_conditioned, (2, 4, 4)),
    "det": (linalg.det, np.linalg.det, well_conditioned, (2, 3, 3)),
    "slogdet": (linalg.slogdet, np.linalg.slogdet, well_conditioned, (2, 3, 3)),
    "pinv": (linalg.pinv, np.linalg.pinv, normal, (2, 5, 3)),
    "pinv wide": (linalg.pinv, np.linalg.pinv, normal, (3, 5)),
    "matrix_rank": (linalg.matrix_rank, np.linalg.matrix_rank, normal, (2, 5, 3)),
    "power 5": (lambda x: linalg.matrix_power(x, 5), lambda x: np.linalg.matrix_power(x, 5), normal, (2, 3, 3)),
    "power -3": (lambda x: linalg.matrix_power(x, -3), lambda x: np.linalg.matrix_power(x, -3), well_conditioned, (3, 3)),
    "power 0": (lambda x: linalg.matrix_power(x, 0), lambda x: np.linalg.matrix_power(x, 0), normal, (2, 3, 3)),
    "power 1": (lambda x: linalg.matrix_power(x, 1), lambda x: np.linalg.matrix_power(x, 1), normal, (3, 3)),
    "cond": (linalg.cond, np.linalg.cond, well_conditioned, (2, 3, 3)),
    "cond 1": (lambda x: linalg.cond(x, 1), lambda x: np.linalg.cond(x, 1), well_conditioned, (3, 3)),
    "matrix_transpose": (linalg.matrix_transpose, np.linalg.matrix_transpose, normal, (2, 3, 4)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("dtype", INEXACT)
def test_functions_are_numpys(name: str, dtype: str) -> None:
    ours, numpys, make, shape = FUNCTIONS[name]
    x = make(*shape, dtype=dtype)
    found, wanted = ours(wrap(x)), numpys(x)
    if not isinstance(wanted, tuple):
        found, wanted = (found,), (wanted,)
    assert len(found) == len(wanted)
    for f, w in zip(found, wanted):
        close(f, w)


@pytest.mark.parametrize("name", [n for n in FUNCTIONS if "power" not in n and "cholesky" not in n and "transpose" not in n])
def test_integers_become_float64(name: str) -> None:
    ours, numpys, _, shape = FUNCTIONS[name]
    x = integers(*shape) + 4 * np.eye(*shape[-2:], dtype=np.int64)
    found, wanted = ours(wrap(x)), numpys(x)
    for f, w in zip(found if isinstance(wanted, tuple) else (found,), wanted if isinstance(wanted, tuple) else (wanted,)):
        close(f, w)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("dtype", INEXACT)
def test_the_spec_is_the_results(name: str, dtype: str) -> None:
    """What the op says of its result before it runs is what comes out, for stacks of no matrices too."""
    ours, _, make, shape = FUNCTIONS[name]
    if "transpose" in name:
        return
    x = make(*shape, dtype=dtype)
    seen: list[Any] = []

    class Spy:
        def __getattr__(self, attribute: str) -> Any:
            return getattr(tj.dispatch.EAGER, attribute)

        def apply(self, op: Any, args: Any, attrs: Any) -> Any:
            result = tj.dispatch.EAGER.apply(op, args, attrs)
            if op.kind == "library":
                spec = op.spec(*[a.spec for a in args], **attrs)
                seen.append((op.name, spec if op.outputs > 1 else (spec,), result if op.outputs > 1 else (result,)))
            return result

    before = tj.dispatch.mode.interpreter
    tj.dispatch.mode.interpreter = Spy()  # type: ignore[assignment]
    try:
        ours(wrap(x))
    finally:
        tj.dispatch.mode.interpreter = before
    for op, specs, results in seen:
        for spec, result in zip(specs, results):
            assert (spec.shape, spec.dtype) == (result.shape, result.dtype), op


@pytest.mark.parametrize("dtype", INEXACT)
@pytest.mark.parametrize("shape", [(3,), (3, 2), (1, 3, 2), (2, 3, 2), (5, 1, 3, 2)], ids=str)
def test_solve(dtype: str, shape: tuple[int, ...]) -> None:
    a, b = well_conditioned(2, 3, 3, dtype=dtype), normal(*shape, dtype=dtype)
    close(linalg.solve(wrap(a), wrap(b)), np.linalg.solve(a, b))
    close(linalg.solve(wrap(a[0]), wrap(b)), np.linalg.solve(a[0], b))


@pytest.mark.parametrize("dtype", INEXACT)
@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize("left", [False, True])
@pytest.mark.parametrize("unit", [False, True])
def test_solve_triangular_reads_one_triangle(dtype: str, upper: bool, left: bool, unit: bool) -> None:
    a, b = well_conditioned(2, 3, 3, dtype=dtype), normal(2, 3, 3, dtype=dtype)
    triangle = np.triu(a) if upper else np.tril(a)
    if unit:
        triangle = triangle - triangle * np.eye(3) + np.eye(3)
    x = linalg.solve_triangular(wrap(a), wrap(b), upper=upper, left=left, unitriangular=unit).numpy()
    assert x.dtype == a.dtype
    limit = 1e-3 if dtype in ("float32", "complex64") else 1e-10
    np.testing.assert_allclose(triangle @ x if left else x @ triangle, b, rtol=limit, atol=limit)
    other = np.tril(a, -1) if upper else np.triu(a, 1)
    again = linalg.solve_triangular(wrap(a - other), wrap(b), upper=upper, left=left, unitriangular=unit).numpy()
    assert again.tobytes() == x.tobytes()
    if left:
        close(wrap(x[0]), scipy.linalg.solve_triangular(a[0], b[0], lower=not upper, unit_diagonal=unit))


@pytest.mark.parametrize("dtype", INEXACT)
def test_eig_is_complex_and_diagonalises(dtype: str) -> None:
    x = normal(2, 4, 4, dtype=dtype)
    values, vectors = linalg.eig(wrap(x))
    assert values.dtype == vectors.dtype == complex_dtype(np.dtype(dtype))
    close(wrap(x) @ vectors, (vectors * tj.expand_dims(values, axis=-2)).numpy())
    close(linalg.eigvals(wrap(x)), values.numpy())
    np.testing.assert_allclose(np.linalg.norm(vectors.numpy(), axis=-2), 1, rtol=1e-5)


@pytest.mark.parametrize("dtype", INEXACT)
def test_one_triangle_is_read(dtype: str) -> None:
    x = positive(4, 4, dtype=dtype)
    junk = normal(4, 4, dtype=dtype)
    for upper in (False, True):
        dirty = np.asarray(np.triu(x) + np.tril(junk, -1) if upper else np.tril(x) + np.triu(junk, 1), dtype)
        close(linalg.cholesky(wrap(dirty), upper=upper), np.linalg.cholesky(x, upper=upper))
        close(linalg.eigvalsh(wrap(dirty), UPLO="U" if upper else "L"), np.linalg.eigvalsh(x))
        close(linalg.eigh(wrap(dirty), UPLO="U" if upper else "L").eigenvalues, np.linalg.eigvalsh(x))


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0), (2, 0, 3), (0, 2, 3)], ids=str)
@pytest.mark.parametrize("ord", ["fro", "nuc", 1, 2, float("inf")])
def test_norms_of_nothing_are_0(shape: tuple[int, ...], ord: Any) -> None:
    x = np.zeros(shape)
    close(linalg.matrix_norm(wrap(x), ord=ord), np.zeros(shape[:-2]))
    if not isinstance(ord, str):
        close(linalg.vector_norm(wrap(x), ord=ord, keepdims=True), np.zeros((1,) * len(shape)))
        close(linalg.vector_norm(wrap(x), ord=ord, axis=-1), np.zeros(shape[:-1]))


EMPTY = ["qr", "svd", "svdvals", "eigh", "inv", "det", "slogdet", "pinv", "matrix_rank", "cholesky", "eigvalsh"]


@pytest.mark.parametrize("name", EMPTY)
@pytest.mark.parametrize("shape", [(0, 0), (2, 0, 0), (0, 3, 3)], ids=str)
def test_empty_matrices(name: str, shape: tuple[int, ...]) -> None:
    ours, numpys, *_ = FUNCTIONS[name]
    x = np.zeros(shape)
    if name == "matrix_rank" and shape[-1] == 0:
        close(ours(wrap(x)), np.zeros(shape[:-2], np.int64))
        return
    found, wanted = ours(wrap(x)), numpys(x)
    for f, w in zip(found if isinstance(wanted, tuple) else (found,), wanted if isinstance(wanted, tuple) else (wanted,)):
        close(f, w)


# Norms, rank, least squares

VECTOR_ORDERS = (2, 1, 3, 0.5, -1, -2, 0, float("inf"), float("-inf"))
MATRIX_ORDERS = ("fro", "nuc", 1, -1, 2, -2, float("inf"), float("-inf"))


@pytest.mark.parametrize("dtype", INEXACT)
@pytest.mark.parametrize("order", VECTOR_ORDERS)
@pytest.mark.parametrize("axis", [None, 1, (0, 2), -1])
def test_vector_norm(dtype: str, order: float, axis: Any) -> None:
    x = normal(2, 3, 4, dtype=dtype)
    for keepdims in (False, True):
        options = {"axis": axis, "ord": order, "keepdims": keepdims}
        close(linalg.vector_norm(wrap(x), **options), np.linalg.vector_norm(x, **options))


@pytest.mark.parametrize("dtype", INEXACT)
@pytest.mark.parametrize("order", MATRIX_ORDERS)
def test_matrix_norm(dtype: str, order: Any) -> None:
    x = normal(2, 3, 4, dtype=dtype)
    for keepdims in (False, True):
        close(linalg.matrix_norm(wrap(x), ord=order, keepdims=keepdims), np.linalg.matrix_norm(x, ord=order, keepdims=keepdims))
        close(linalg.norm(wrap(x), order, (2, 0), keepdims), np.linalg.norm(x, order, (2, 0), keepdims))


def test_norm_chooses_by_rank() -> None:
    x, m, cube = normal(4), normal(3, 4), normal(2, 3, 4)
    close(linalg.norm(wrap(x), 3), np.linalg.norm(x, 3))
    close(linalg.norm(wrap(m), 1), np.linalg.norm(m, 1))
    close(linalg.norm(wrap(cube)), np.linalg.norm(cube))
    close(linalg.norm(wrap(cube), axis=1), np.linalg.norm(cube, axis=1))
    close(linalg.norm(wrap(cube), axis=(0, 1), keepdims=True), np.linalg.norm(cube, axis=(0, 1), keepdims=True))
    close(wrap(cube).norm(dim=1, keepdim=True), np.linalg.norm(cube, axis=1, keepdims=True))
    close(linalg.norm(wrap(cube), dim=1, keepdim=True), np.linalg.norm(cube, axis=1, keepdims=True))
    close(wrap(m).norm(1), np.abs(m).sum())
    close(wrap(m).norm("nuc"), np.linalg.norm(m, "nuc"))
    assert linalg.norm(wrap(x.astype(np.float16))).dtype == tj.float16


def test_matrix_rank_of_low_rank() -> None:
    x = normal(5, 2) @ normal(2, 4)
    y = np.stack([x, normal(5, 4)])
    close(linalg.matrix_rank(wrap(y)), np.array([2, 4]))
    close(linalg.matrix_rank(wrap(y), rtol=wrap(np.array([1e-30, 0.999]))), np.array([np.linalg.matrix_rank(x, rtol=1e-30), 1]))
    close(linalg.matrix_rank(wrap(y), 1e-8), np.array([2, 4]))


@pytest.mark.parametrize("dtype", INEXACT)
def test_pinv_of_low_rank(dtype: str) -> None:
    x = np.asarray(normal(5, 2, dtype=dtype) @ normal(2, 4, dtype=dtype), dtype)
    close(linalg.pinv(wrap(x), rtol=1e-3), np.linalg.pinv(x, rtol=1e-3))
    close(linalg.pinv(wrap(np.zeros((2, 3), dtype))), np.zeros((3, 2), dtype))


@pytest.mark.parametrize("shape", [(5, 3), (3, 3), (3, 5)], ids=str)
def test_lstsq(shape: tuple[int, int]) -> None:
    a, b = normal(*shape), normal(shape[0], 2)
    found, wanted = linalg.lstsq(wrap(a), wrap(b)), np.linalg.lstsq(a, b)
    close(found.solution, wanted[0])
    close(found.residuals, wanted[1] if shape[0] > shape[1] else np.zeros(0))
    assert found.rank.item() == wanted[2]
    close(found.singular_values, wanted[3])
    close(linalg.lstsq(wrap(a), wrap(b[:, 0])).solution, wanted[0][:, 0])


# Gradients


def invariant_svd(x: Tensor, full: bool = False) -> tuple[Tensor, ...]:
    """What of a singular value decomposition does not depend on the vectors' signs and phases."""
    u, s, vh = linalg.svd(x, full_matrices=full)
    weights = tj.asarray(np.arange(1.0, s.shape[-1] + 1))
    return s, (u * weights) @ vh, (u * weights) @ adjoint(u), (adjoint(vh) * weights) @ vh


def invariant_eigh(x: Tensor) -> tuple[Tensor, ...]:
    values, vectors = linalg.eigh(x + adjoint(x))
    return values, (vectors * tj.asarray(np.arange(1.0, values.shape[-1] + 1))) @ adjoint(vectors)


def invariant_eig(x: Tensor) -> tuple[Tensor, ...]:
    values, vectors = linalg.eig(x)
    return values, vectors * vectors.conj()


def gram(x: Tensor) -> Tensor:
    return x @ adjoint(x) + tj.asarray(np.eye(x.shape[-1]))


def triangular(upper: bool, left: bool, unit: bool) -> Any:
    return lambda a, b: linalg.solve_triangular(a + tj.asarray(2 * np.eye(3)), b, upper=upper, left=left, unitriangular=unit)


DIFFERENTIABLE = {
    "matmul": (lambda a, b: a @ b, (2, 3, 4), (4, 5)),
    "matmul batch": (lambda a, b: a @ b, (3, 4), (2, 4, 5)),
    "matmul vector": (lambda a, b: a @ b, (4,), (2, 4, 5)),
    "matmul columns": (lambda a, b: a @ b, (2, 3, 4), (4,)),
    "matmul broadcast": (lambda a, b: a @ b, (2, 1, 3, 4), (3, 4, 2)),
    "vecdot": (tj.vecdot, (2, 4), (4,)),
    "tensordot": (tj.tensordot, (2, 3, 4), (3, 4, 2)),
    "kron": (tj.kron, (2, 3), (3, 2)),
    "cross": (linalg.cross, (2, 3), (3,)),
    "trace": (lambda x: linalg.trace(x, offset=1), (2, 3, 4)),
    "solve": (lambda a, b: linalg.solve(a + tj.asarray(3 * np.eye(3)), b), (2, 3, 3), (3, 2)),
    "solve vector": (lambda a, b: linalg.solve(a + tj.asarray(3 * np.eye(3)), b), (2, 3, 3), (3,)),
    **{f"triangular {flags}": (triangular(*flags), (2, 3, 3), (3, 3)) for flags in itertools.product((False, True), repeat=3)},
    "inv": (lambda x: linalg.inv(x + tj.asarray(3 * np.eye(3))), (2, 3, 3)),
    "det": (linalg.det, (2, 3, 3)),
    "slogdet": (lambda x: linalg.slogdet(x + tj.asarray(3 * np.eye(3))), (2, 3, 3)),
    "cholesky": (lambda x: linalg.cholesky(gram(x)), (2, 3, 3)),
    "cholesky upper": (lambda x: linalg.cholesky(gram(x), upper=True), (3, 3)),
    "qr": (linalg.qr, (2, 4, 3)),
    "qr wide": (linalg.qr, (3, 5)),
    "qr complete": (lambda x: linalg.qr(x, mode="complete"), (3, 3)),
    "svd": (lambda x: invariant_svd(x, True), (2, 3, 3)),
    "svd tall": (invariant_svd, (4, 3)),
    "svd wide": (invariant_svd, (2, 3, 4)),
    "svdvals": (linalg.svdvals, (3, 4)),
    "eigh": (invariant_eigh, (2, 3, 3)),
    "eigvalsh": (lambda x: linalg.eigvalsh(x + adjoint(x), UPLO="U"), (3, 3)),
    "eig": (invariant_eig, (3, 3)),
    "pinv tall": (linalg.pinv, (4, 3)),
    "pinv wide": (linalg.pinv, (2, 3, 4)),
    "matrix_power": (lambda x: linalg.matrix_power(x + tj.asarray(3 * np.eye(3)), -3), (3, 3)),
    "cond": (lambda x: linalg.cond(x + tj.asarray(3 * np.eye(3))), (3, 3)),
    "lstsq": (lambda a, b: linalg.lstsq(a, b)[:2], (4, 3), (4, 2)),
    **{f"vector_norm {o}": (lambda x, o=o: linalg.vector_norm(x, axis=1, ord=o), (3, 4)) for o in (2, 1, 3, 0.5, -2, float("inf"))},
    **{f"matrix_norm {o}": (lambda x, o=o: linalg.matrix_norm(x, ord=o), (2, 3, 4)) for o in MATRIX_ORDERS},
}


@pytest.mark.parametrize("name", DIFFERENTIABLE)
@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_gradients(name: str, dtype: str) -> None:
    function, *shapes = DIFFERENTIABLE[name]
    rng = np.random.default_rng(3)
    arrays = [rng.standard_normal(s) + (1j * rng.standard_normal(s) if dtype == "complex128" else 0) for s in shapes]
    check_gradients(function, *arrays)


def gradient_of(function: Any, x: np.ndarray) -> np.ndarray:
    leaf = wrap(x).requires_grad_()
    return grad(function(leaf), leaf)[0].numpy()


def test_gradients_where_formulas_divide_by_zero() -> None:
    """Equal singular values, equal eigenvalues, a zero vector, singular matrices: functions that are smooth there."""
    eye = np.eye(3)
    np.testing.assert_allclose(gradient_of(lambda x: linalg.svd(x).S.sum(), eye), eye, atol=1e-12)
    np.testing.assert_allclose(gradient_of(lambda x: linalg.eigh(x).eigenvalues.sum(), eye), eye, atol=1e-12)
    np.testing.assert_array_equal(gradient_of(lambda x: linalg.vector_norm(x), np.zeros(3)), np.zeros(3))
    np.testing.assert_array_equal(gradient_of(lambda x: linalg.vector_norm(x, ord=3), np.zeros(3)), np.zeros(3))
    singular = np.array([[1.0, 2, 3], [2, 4, 6], [1, 0, 1]])
    minors = np.array([[(-1) ** (i + j) * np.linalg.det(np.delete(np.delete(singular, i, 0), j, 1)) for j in range(3)] for i in range(3)])
    np.testing.assert_allclose(gradient_of(linalg.det, singular), minors, atol=1e-12)
    turned = singular + 1j * singular
    wanted = np.conj([[(-1) ** (i + j) * np.linalg.det(np.delete(np.delete(turned, i, 0), j, 1)) for j in range(3)] for i in range(3)])
    np.testing.assert_allclose(gradient_of(lambda x: tj.real(linalg.det(x)), turned), wanted, atol=1e-10)


def test_unwanted_cotangents_are_not_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    """With one operand that requires grad the backward of a product is one product."""
    from tracejit.ops.linalg import matrix_product

    calls: list[Any] = []
    eager = matrix_product.eager
    monkeypatch.setattr(matrix_product, "eager", lambda *values: calls.append(values) or eager(*values))
    x, w = wrap(normal(3, 4)), wrap(normal(4, 2)).requires_grad_()
    (x @ w).sum().backward()
    assert len(calls) == 2


TORCH_CASES = {
    "inv": (tj.linalg.inv, "inv", (3, 3)),
    "det": (tj.linalg.det, "det", (3, 3)),
    "slogdet": (tj.linalg.slogdet, "slogdet", (3, 3)),
    "qr": (tj.linalg.qr, "qr", (4, 3)),
    "svdvals": (tj.linalg.svdvals, "svdvals", (4, 3)),
    "pinv": (tj.linalg.pinv, "pinv", (4, 3)),
    "matrix_norm": (tj.linalg.matrix_norm, "matrix_norm", (4, 3)),
}


@pytest.mark.parametrize("name", TORCH_CASES)
@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_gradients_are_pytorchs(name: str, dtype: str) -> None:
    torch = pytest.importorskip("torch")
    function, theirs, shape = TORCH_CASES[name]
    x = normal(*shape, dtype=dtype)

    def loss(result: Any, library: Any) -> Any:
        parts = result if isinstance(result, tuple) else (result,)
        return sum((library.abs(p * (1 + 2j) + 1) ** 2).sum() for p in parts)

    leaf = torch.tensor(x, requires_grad=True)
    loss(getattr(torch.linalg, theirs)(leaf), torch).backward()
    np.testing.assert_allclose(gradient_of(lambda t: loss(function(t), tj), x), leaf.grad.numpy(), rtol=1e-8, atol=1e-8)


# Surface and errors


def test_the_extension_is_complete() -> None:
    standard = """cholesky cross det diagonal eigh eigvalsh inv matmul matrix_norm matrix_power matrix_rank matrix_transpose outer pinv qr
        slogdet solve svd svdvals tensordot trace vecdot vector_norm""".split()
    assert set(standard) <= set(linalg.__all__)
    assert all(getattr(linalg, name).__doc__ for name in linalg.__all__)
    x = wrap(positive(3, 3))
    assert linalg.eigh(x)._fields == ("eigenvalues", "eigenvectors")
    assert linalg.qr(x)._fields == ("Q", "R")
    assert linalg.slogdet(x)._fields == ("sign", "logabsdet")
    assert linalg.svd(x)._fields == ("U", "S", "Vh")


def test_methods() -> None:
    x = wrap(positive(3, 3))
    for name in ("matmul", "mm", "dot", "outer", "kron", "vdot", "inner"):
        close(getattr(x, name)(x), getattr(tj, name)(x, x).numpy())
    for name in ("det", "inverse", "cholesky", "trace"):
        close(getattr(x, name)(), getattr(linalg, "inv" if name == "inverse" else name)(x).numpy())
    close(x.addmm(x, x), (x + x @ x).numpy())
    close(x.mv(wrap(np.ones(3))), (x @ np.ones(3)).numpy())


ERRORS = {
    "matmul": (lambda: wrap(normal(2, 3)) @ wrap(normal(4, 2)), tj.ShapeError, r"f64\[2,3\] by f64\[4,2\]"),
    "matmul batch": (lambda: wrap(normal(2, 2, 3)) @ wrap(normal(3, 3, 2)), tj.ShapeError, "broadcast"),
    "matmul scalar": (lambda: wrap(normal(2, 3)) @ 2.0, tj.ShapeError, r"use \* for scalars"),
    "mm": (lambda: tj.mm(wrap(normal(2, 2, 2)), wrap(normal(2, 2))), tj.ShapeError, "2-d"),
    "bmm": (lambda: tj.bmm(wrap(normal(2, 2, 2)), wrap(normal(3, 2, 2))), tj.ShapeError, "equally long"),
    "tensordot": (lambda: tj.tensordot(wrap(normal(2, 3)), wrap(normal(4, 2)), axes=1), tj.ShapeError, "extents"),
    "tensordot axes": (lambda: tj.tensordot(wrap(normal(2, 3)), wrap(normal(4, 2)), axes=3), tj.AxisError, "3 axes"),
    "vecdot": (lambda: tj.vecdot(wrap(normal(2, 3)), wrap(normal(2, 4))), tj.ShapeError, "equal"),
    "vecdot axis": (lambda: tj.vecdot(wrap(normal(2, 3)), wrap(normal(3)), axis=0), tj.AxisError, "negative axis"),
    "cross": (lambda: linalg.cross(wrap(normal(2, 2)), wrap(normal(2, 2))), tj.ShapeError, "3 elements"),
    "not square": (lambda: linalg.inv(wrap(normal(2, 3))), tj.LinAlgError, "not square"),
    "vector": (lambda: linalg.det(wrap(normal(3))), tj.LinAlgError, "two axes"),
    "singular": (lambda: linalg.inv(wrap(np.zeros((2, 2)))), tj.LinAlgError, "pinv"),
    "singular solve": (lambda: linalg.solve(wrap(np.zeros((2, 2))), wrap(normal(2))), tj.LinAlgError, "no inverse"),
    "solve rows": (lambda: linalg.solve(wrap(normal(2, 2)), wrap(normal(3))), tj.ShapeError, "2 rows"),
    "indefinite": (lambda: linalg.cholesky(wrap(-np.eye(2))), tj.LinAlgError, "positive definite"),
    "half": (lambda: linalg.inv(wrap(np.eye(2, dtype=np.float16))), tj.DTypeError, "float32"),
    "qr mode": (lambda: linalg.qr(wrap(normal(2, 2)), mode="full"), tj.ArgumentError, "reduced"),
    "uplo": (lambda: linalg.eigh(wrap(normal(2, 2)), UPLO="X"), tj.ArgumentError, "lower triangle"),
    "norm order": (lambda: linalg.matrix_norm(wrap(normal(2, 2)), ord=7), tj.ArgumentError, "nuc"),
    "vector norm order": (lambda: linalg.vector_norm(wrap(normal(2, 2)), ord="nuc"), tj.ArgumentError, "matrix norms"),
    "norm axes": (lambda: linalg.norm(wrap(normal(2, 2, 2)), 1), tj.AxisError, "one axis"),
    "qr gradient": (lambda: gradient_of(lambda x: linalg.qr(x, mode="complete").R.sum(), normal(3, 2)), tj.GradError, "reduced"),
    "svd gradient": (lambda: gradient_of(lambda x: linalg.svd(x).U.sum(), normal(3, 2)), tj.GradError, "full_matrices=False"),
    "trace of a vector": (lambda: linalg.trace(wrap(normal(3))), tj.AxisError, "two axes"),
    "lstsq rows": (lambda: linalg.lstsq(wrap(normal(3, 2)), wrap(normal(4))), tj.ShapeError, "3 rows"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_teach(name: str) -> None:
    function, kind, text = ERRORS[name]
    with pytest.raises(kind, match=text) as caught:
        function()
    assert "test_linalg.py" in str(caught.value)


def test_linalg_errors_are_numpys_too() -> None:
    with pytest.raises(np.linalg.LinAlgError):
        linalg.inv(wrap(np.zeros((2, 2))))
    with pytest.raises(ValueError):
        linalg.cholesky(wrap(-np.eye(2)))
