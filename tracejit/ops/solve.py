"""Solvers, inverses and determinants: LAPACK's routines as ops, each with its VJP; and what matrix ops share."""

from __future__ import annotations

from typing import Any, Callable, NamedTuple

import numpy as np

from ..dispatch import bind
from ..errors import DTypeError, LinAlgError, ShapeError, fail
from ..op import Library
from ..spec import SMALL_FLOATS, TensorSpec, broadcast_shapes, float64, int64, is_complex, is_inexact, promote, real_dtype
from ..tensor import Tensor, method
from .create import iota
from .elementwise import cast, conjugate, where
from .lazy import scipy
from .linalg import adjoint, matmul
from .manipulate import as_tensor, matrix_transpose
from .reduce import sum
from .view import index_basic, reshape


class SlogdetResult(NamedTuple):
    sign: Tensor
    logabsdet: Tensor


# Operands


def inexact(x: Any, what: str) -> Tensor:
    """`x` in a dtype that LAPACK computes in: integers and bools become float64, as in NumPy."""
    x = as_tensor(x)
    if x.dtype in SMALL_FLOATS:
        fail(DTypeError, f"{what} of {x.spec}", "It is computed in float32 or wider: cast with .astype(tj.float32).")
    return x if is_inexact(x.dtype) else cast(x, dtype=float64)


def matrices(x: Any, what: str, square: bool = False) -> Tensor:
    """`x` as a stack of matrices for `what`; an error that teaches, if it is not one."""
    x = inexact(x, what)
    if x.ndim < 2:
        fail(LinAlgError, f"{what} of {x.spec}", "It takes a matrix: two axes or more. x[None, :] is a row, x[:, None] a column.")
    if square and x.shape[-1] != x.shape[-2]:
        fail(LinAlgError, f"{what} of {x.spec}: not square", "The last two extents must be equal; lstsq and pinv take any matrix.")
    return x


def lapack(function: Callable, instead: str) -> Callable:
    """A NumPy or SciPy function whose LinAlgError becomes one that teaches."""

    def run(*values: np.ndarray, **attrs: Any) -> Any:
        try:
            return function(*values, **attrs)
        except np.linalg.LinAlgError as error:
            message = str(error)
        fail(LinAlgError, message, instead)

    run.raises = True  # type: ignore[attr-defined]
    return run


SINGULAR = "The matrix has no inverse. pinv and lstsq give the least-squares answer; x + eps * eye(n) regularises."


def column(x: Tensor) -> Tensor:
    """A stack of scalars (...) as one of 1 by 1 matrices (..., 1, 1)."""
    return index_basic(x, (..., None, None))


def row(x: Tensor) -> Tensor:
    """A stack of vectors (..., n) as one of rows (..., 1, n)."""
    return index_basic(x, (..., None, slice(None)))


def places(x: Tensor) -> tuple[Tensor, Tensor]:
    """The row and the column index of each element of the last two axes."""
    rows, columns = (bind(iota, shape=(n,), dtype=int64) for n in x.shape[-2:])
    return index_basic(rows, (slice(None), None)), columns


# Solving


def _solve_spec(a: TensorSpec, b: TensorSpec, **_: Any) -> TensorSpec:
    if a.shape[-1] != b.shape[-2]:
        fail(ShapeError, f"solve of {a} and {b}", "The matrix and the right-hand side must have equally many rows.")
    return TensorSpec((*broadcast_shapes(a.shape[:-2], b.shape[:-2]), *b.shape[-2:]), promote(a.dtype, b.dtype))


def _solve_vjp(g: Tensor, y: Tensor, a: Tensor, _b: TensorSpec) -> tuple[Any, ...]:
    to_b = solution(adjoint(a), g)
    return (lambda: -matmul(to_b, adjoint(y)), to_b)


solution = Library(
    "solve", numpy=lapack(np.linalg.solve, SINGULAR), spec=_solve_spec, vjp=_solve_vjp, parameters="a, b, /",
    doc="X of a X = b, for stacks of matrices.",
)  # fmt: skip


def solve(x1: Tensor, x2: Tensor, /) -> Tensor:
    """X of x1 @ X = x2.

    x1: (..., M, M); x2: (M,), or (..., M, K). The leading axes broadcast. LinAlgError if x1 is singular or not square.
    """
    a, b = matrices(x1, "solve", square=True), inexact(x2, "solve")
    if b.ndim == 0 or b.shape[max(b.ndim - 2, 0)] != a.shape[-1]:
        fail(ShapeError, f"solve of {a.spec} and {b.spec}", f"x2 must have {a.shape[-1]} rows: shape (M,) or (..., M, K).")
    a, b = same_dtype(a, b)
    if b.ndim > 1:
        return bind(solution, a, b)
    x = bind(solution, a, index_basic(b, (slice(None), None)))
    return reshape(x, x.shape[:-1])


def same_dtype(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Both in their common dtype."""
    dtype = promote(a.dtype, b.dtype)
    return tuple(t if t.dtype == dtype else cast(t, dtype=dtype) for t in (a, b))  # type: ignore[return-value]


def _solve_triangles(a: np.ndarray, b: np.ndarray, *, upper: bool, unit: bool) -> np.ndarray:
    solver = scipy("linalg").solve_triangular
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    result = np.empty((*batch, *b.shape[-2:]), b.dtype)
    a, b = np.broadcast_to(a, (*batch, *a.shape[-2:])), np.broadcast_to(b, result.shape)
    for i in np.ndindex(batch):
        if b[i].size:
            result[i] = solver(a[i], b[i], lower=not upper, unit_diagonal=unit, check_finite=False)
    return result


def _triangular_vjp(g: Tensor, y: Tensor, a: Tensor, _b: TensorSpec, *, upper: bool, unit: bool) -> tuple[Any, ...]:
    to_b = triangular_solution(adjoint(a), g, upper=not upper, unit=unit)
    return (lambda: -triangle(matmul(to_b, adjoint(y)), upper, unit), to_b)


def triangle(x: Tensor, upper: bool, unit: bool) -> Tensor:
    """One triangle of x, zeros elsewhere; without the diagonal if `unit`."""
    rows, columns = places(x)
    outside, inside = (rows > columns, columns > rows) if upper else (columns > rows, rows > columns)
    return where(inside, x, 0) if unit else where(outside, 0, x)


triangular_solution = Library(
    "solve_triangular", numpy=lapack(_solve_triangles, SINGULAR), spec=_solve_spec, vjp=_triangular_vjp,
    parameters="a, b, /, *, upper, unit", doc="X of a X = b, a triangular: the other triangle is not read.",
)  # fmt: skip


def solve_triangular(a: Tensor, b: Tensor, /, *, upper: bool, left: bool = True, unitriangular: bool = False) -> Tensor:
    """X of a @ X = b (of X @ a = b, if not `left`), reading only the upper (or lower) triangle of a.

    a: (..., M, M); b: (..., M, K) ((..., K, M), if not `left`). unitriangular: the diagonal of a is taken to be 1.
    """
    a, b = same_dtype(matrices(a, "solve_triangular", square=True), matrices(b, "solve_triangular"))
    if not left:
        turned = solve_triangular(matrix_transpose(a), matrix_transpose(b), upper=not upper, unitriangular=unitriangular)
        return matrix_transpose(turned)
    if b.shape[-2] != a.shape[-1]:
        fail(ShapeError, f"solve_triangular of {a.spec} and {b.spec}", f"b must have {a.shape[-1]} rows.")
    return bind(triangular_solution, a, b, upper=bool(upper), unit=bool(unitriangular))


inverse = Library(
    "inv", numpy=lapack(np.linalg.inv, SINGULAR), spec=lambda x: x,
    vjp=lambda g, y, _x: (-matmul(adjoint(y), matmul(g, adjoint(y))),), doc="The inverses of a stack of matrices.",
)  # fmt: skip


@method("inverse", "inv")
def inv(x: Tensor, /) -> Tensor:
    """The inverse of each matrix (..., M, M); LinAlgError if one is singular. `solve` is faster and closer than inv(a) @ b."""
    return bind(inverse, matrices(x, "inv", square=True))


# Determinants


def _scalars(x: TensorSpec) -> TensorSpec:
    return TensorSpec(x.shape[:-2], x.dtype)


determinant = Library(
    "det", numpy=np.linalg.det, spec=_scalars, vjp=lambda g, _y, x: (column(g) * conjugate(cofactors(x)),),
    doc="The determinants of a stack of matrices.",
)  # fmt: skip


def _cofactors(x: np.ndarray) -> np.ndarray:
    try:
        return np.linalg.det(x)[..., None, None] * np.linalg.inv(x).swapaxes(-1, -2)
    except np.linalg.LinAlgError:
        u, s, vh = np.linalg.svd(x)
        others = np.where(np.eye(s.shape[-1], dtype=bool), 1, s[..., None, :]).prod(-1, dtype=s.dtype)
        gauge = (np.linalg.det(u) * np.linalg.det(vh))[..., None, None]
        return gauge * ((u * others[..., None, :]) @ vh).conj() if np.isrealobj(x) else (
            gauge * (u.conj() * others[..., None, :]) @ vh.conj()
        )


def _cofactors_vjp(g: Tensor, y: Tensor, x: Tensor) -> tuple[Tensor]:
    # y = det(x) w, where w is the inverse's transpose; so dy = ⟨y, dx⟩ w − y dxᵀ w.
    w = matrix_transpose(inverse(x))
    weight = sum(conjugate(g) * w, axis=(-2, -1), keepdims=True)
    return (conjugate(weight * y - matmul(y, matmul(adjoint(g), w))),)


cofactors = Library(
    "cofactors", numpy=_cofactors, spec=lambda x: x, vjp=_cofactors_vjp,
    doc="The matrices of signed minors: the derivatives of the determinants, of singular matrices too.",
)  # fmt: skip


@method()
def det(x: Tensor, /) -> Tensor:
    """The determinant of each matrix (..., M, M), of shape (...)."""
    return bind(determinant, matrices(x, "det", square=True))


def _slogdet_vjp(g: Any, y: Any, x: Tensor) -> tuple[Tensor]:
    to_sign, weight = g
    if is_complex(x.dtype):
        turn = conjugate(to_sign) * y[0]  # its imaginary part turns the phase
        weight = weight - (turn - conjugate(turn)) / 2
    return (column(weight) * adjoint(inverse(x)),)


log_determinant = Library(
    "slogdet", numpy=np.linalg.slogdet, spec=lambda x: (_scalars(x), TensorSpec(x.shape[:-2], real_dtype(x.dtype))), outputs=2,
    vjp=_slogdet_vjp, doc="The determinants' signs and the logarithms of their absolute values.",
)  # fmt: skip


@method()
def slogdet(x: Tensor, /) -> SlogdetResult:
    """(sign, logabsdet): det = sign · exp(logabsdet), without overflow. Of a singular matrix (0, −inf)."""
    return SlogdetResult(*bind(log_determinant, matrices(x, "slogdet", square=True)))
