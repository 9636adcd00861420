"""Matrix decompositions: LAPACK's routines as ops, each with its VJP.

The VJPs follow M. Giles, «An extended collection of matrix derivative results for forward and reverse mode algorithmic
differentiation» (2008), and for complex matrices the gauge conventions of PyTorch. Where a gap between eigenvalues or
singular values is zero the term divided by it is left out: a loss that has a gradient there does not need it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..dispatch import bind
from ..errors import ArgumentError, GradError, fail
from ..op import Library
from ..spec import TensorSpec, complex_dtype, is_complex, real_dtype
from ..tensor import Tensor, method
from .elementwise import cast, conjugate, real, where
from .join import concat
from .linalg import adjoint, matmul
from .solve import lapack, matrices, places, row, solution, triangular_solution
from .view import index_basic

CONVERGENCE = "The iteration did not converge, most often because of a NaN or an infinity: check with isfinite(x).all()."


class EighResult(NamedTuple):
    eigenvalues: Tensor
    eigenvectors: Tensor


class EigResult(NamedTuple):
    eigenvalues: Tensor
    eigenvectors: Tensor


class QRResult(NamedTuple):
    Q: Tensor
    R: Tensor


class SVDResult(NamedTuple):
    U: Tensor
    S: Tensor
    Vh: Tensor


def _mirrored(x: Tensor, upper: bool) -> Tensor:
    """The Hermitian matrix whose upper (or lower) triangle is that of x; the diagonal real."""
    rows, columns = places(x)
    over, under = (x, adjoint(x)) if upper else (adjoint(x), x)
    diagonal = cast(real(x), dtype=x.dtype) if is_complex(x.dtype) else x
    return where(columns > rows, over, where(rows > columns, under, diagonal))


def _over_gaps(x: Tensor, values: Tensor) -> Tensor:
    """x[i, j] / (values[j] − values[i]), and 0 where that gap is 0."""
    gap = row(values) - index_basic(values, (..., None))
    return where(gap == 0, 0, x / where(gap == 0, 1, gap))


def _safe_inverse(x: Tensor) -> Tensor:
    return where(x == 0, 0, 1 / where(x == 0, 1, x))


def _cholesky_vjp(g: Tensor, y: Tensor, _x: TensorSpec) -> tuple[Tensor]:
    inside = _mirrored(matmul(adjoint(y), g), upper=False) * 0.5
    half = triangular_solution(adjoint(y), inside, upper=True, unit=False)
    return (triangular_solution(adjoint(y), adjoint(half), upper=True, unit=False),)


cholesky_factor = Library(
    "cholesky", numpy=lapack(np.linalg.cholesky, "The matrix must be Hermitian and positive definite; x + eps * eye(n) may make it so."),
    spec=lambda x: x, vjp=_cholesky_vjp, doc="The lower triangular L of x = L Lᴴ.",
)  # fmt: skip


@method()
def cholesky(x: Tensor, /, *, upper: bool = False) -> Tensor:
    """The lower triangular L of x = L @ L.mH (the upper U of x = U.mH @ U, if `upper`), reading only that triangle of x.

    x: (..., M, M), Hermitian. LinAlgError if it is not positive definite.
    """
    x = matrices(x, "cholesky", square=True)
    return adjoint(bind(cholesky_factor, adjoint(x))) if upper else bind(cholesky_factor, x)


def _qr_spec(x: TensorSpec, *, mode: str) -> tuple[TensorSpec, TensorSpec]:
    m, n = x.shape[-2:]
    k = m if mode == "complete" else min(m, n)
    return TensorSpec((*x.shape[:-2], m, k), x.dtype), TensorSpec((*x.shape[:-2], k, n), x.dtype)


def _qr_vjp(g: Any, y: Any, _x: TensorSpec, *, mode: str) -> tuple[Tensor]:
    (to_q, to_r), (q, r) = g, y
    m, n = _x.shape[-2:]
    if mode == "complete" and m > n:
        fail(GradError, f"the gradient of qr(mode='complete') of {_x}", "The further columns of Q are arbitrary; use mode='reduced'.")
    if m >= n:
        return (_qr_tall_vjp(to_q, to_r, q, r),)
    square, rest = (..., slice(0, m)), (..., slice(m, None))  # x = [X | Y], r = [U | V]: X = q U, and Y = q V follows
    to_v = index_basic(to_r, rest)
    to_q = to_q + matmul(matmul(q, index_basic(r, rest)), adjoint(to_v))
    to_x = _qr_tall_vjp(to_q, index_basic(to_r, square), q, index_basic(r, square))
    return (concat([to_x, matmul(q, to_v)], axis=-1),)


def _qr_tall_vjp(to_q: Tensor, to_r: Tensor, q: Tensor, r: Tensor) -> Tensor:
    inside = _mirrored(matmul(to_r, adjoint(r)) - matmul(adjoint(q), to_q), upper=True)
    return adjoint(triangular_solution(r, adjoint(to_q + matmul(q, inside)), upper=True, unit=False))


qr_factors = Library(
    "qr", numpy=lapack(np.linalg.qr, CONVERGENCE), spec=_qr_spec, outputs=2, vjp=_qr_vjp, parameters="x, /, *, mode",
    doc="Q with orthonormal columns and the upper triangular R of x = Q R.",
)  # fmt: skip


@method()
def qr(x: Tensor, /, mode: str = "reduced") -> QRResult:
    """(Q, R) of x = Q @ R: Q (..., M, K) with orthonormal columns, R (..., K, N) upper triangular.

    mode: "reduced" (K = min(M, N)) or "complete" (K = M, no gradient if M > N).
    """
    if mode not in ("reduced", "complete"):
        fail(ArgumentError, f"qr with mode={mode!r}", 'Give mode="reduced" or mode="complete".')
    return QRResult(*bind(qr_factors, matrices(x, "qr"), mode=mode))


def _svd_spec(x: TensorSpec, *, full: bool) -> tuple[TensorSpec, ...]:
    (m, n), batch = x.shape[-2:], x.shape[:-2]
    k = min(m, n)
    u, vh = ((m, m), (n, n)) if full else ((m, k), (k, n))
    return TensorSpec((*batch, *u), x.dtype), TensorSpec((*batch, k), real_dtype(x.dtype)), TensorSpec((*batch, *vh), x.dtype)


def _svd_vjp(g: Any, y: Any, _x: TensorSpec, *, full: bool) -> tuple[Tensor]:
    (to_u, to_s, to_vh), (u, s, vh) = g, y
    m, n = _x.shape[-2:]
    if full and m != n:
        fail(GradError, f"the gradient of svd(full_matrices=True) of {_x}", "The further vectors are arbitrary; use full_matrices=False.")
    along_u, along_v = matmul(adjoint(u), to_u), matmul(vh, adjoint(to_vh))
    turn_u, turn_v = along_u - adjoint(along_u), along_v - adjoint(along_v)
    rows, columns = places(turn_u)
    squares, column = s * s, index_basic(s, (..., None))
    inside = _over_gaps(turn_u * row(s) + column * turn_v, squares)
    diagonal = cast(row(to_s), dtype=u.dtype)
    if is_complex(u.dtype):  # the phase that U and Vᴴ share
        diagonal = diagonal + turn_u * _safe_inverse(row(s)) / 2
    inside = where(rows == columns, diagonal, inside)
    result = matmul(matmul(u, inside), vh)
    if m > n:
        result = result + matmul((to_u - matmul(u, along_u)) * row(_safe_inverse(s)), vh)
    elif n > m:
        result = result + matmul(u, index_basic(_safe_inverse(s), (..., None)) * (to_vh - matmul(adjoint(along_v), vh)))
    return (result,)


svd_factors = Library(
    "svd", numpy=lapack(lambda x, *, full: np.linalg.svd(x, full_matrices=full), CONVERGENCE), spec=_svd_spec, outputs=3, vjp=_svd_vjp,
    parameters="x, /, *, full", doc="U, S and Vᴴ of x = U diag(S) Vᴴ.",
)  # fmt: skip


def _svdvals_vjp(g: Tensor, _y: TensorSpec, x: Tensor) -> tuple[Tensor]:
    u, _, vh = svd_factors(x, full=False)
    return (matmul(u * row(g), vh),)


singular_values = Library(
    "svdvals", numpy=lapack(lambda x: np.linalg.svd(x, compute_uv=False), CONVERGENCE), vjp=_svdvals_vjp,
    spec=lambda x: TensorSpec((*x.shape[:-2], min(x.shape[-2:])), real_dtype(x.dtype)), doc="The singular values, the largest first.",
)  # fmt: skip


def svd(x: Tensor, /, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """(U, S, Vh) of x = U @ diag(S) @ Vh; S real, the largest first. Only S, if not `compute_uv`.

    x: (..., M, N). U (..., M, K) and Vh (..., K, N) with K = min(M, N), or square if `full_matrices` (then a gradient needs
    M = N). The gradient of U and Vh is that of a loss that does not depend on their signs or phases.
    """
    x = matrices(x, "svd")
    return SVDResult(*bind(svd_factors, x, full=bool(full_matrices))) if compute_uv else bind(singular_values, x)


def svdvals(x: Tensor, /) -> Tensor:
    """The singular values of each matrix, real, the largest first."""
    return bind(singular_values, matrices(x, "svdvals"))


def _eigh_spec(x: TensorSpec) -> tuple[TensorSpec, TensorSpec]:
    return TensorSpec(x.shape[:-1], real_dtype(x.dtype)), x


def _eigh_vjp(g: Any, y: Any, _x: TensorSpec) -> tuple[Tensor]:
    (to_values, to_vectors), (values, vectors) = g, y
    rows, columns = places(vectors)
    inside = _over_gaps(matmul(adjoint(vectors), to_vectors), values)
    inside = where(rows == columns, cast(row(to_values), dtype=vectors.dtype), inside)
    return (matmul(vectors, matmul(inside, adjoint(vectors))),)


hermitian_eigen = Library(
    "eigh", numpy=lapack(np.linalg.eigh, CONVERGENCE), spec=_eigh_spec, outputs=2, vjp=_eigh_vjp,
    doc="The eigenvalues, ascending, and eigenvectors of Hermitian matrices.",
)  # fmt: skip


def _eigvalsh_vjp(g: Tensor, _y: TensorSpec, x: Tensor) -> tuple[Tensor]:
    _, vectors = hermitian_eigen(x)
    return (matmul(vectors * row(g), adjoint(vectors)),)


hermitian_eigenvalues = Library(
    "eigvalsh", numpy=lapack(np.linalg.eigvalsh, CONVERGENCE), spec=lambda x: _eigh_spec(x)[0], vjp=_eigvalsh_vjp,
    doc="The eigenvalues of Hermitian matrices, ascending.",
)  # fmt: skip


def _hermitian(x: Any, what: str, UPLO: str) -> Tensor:
    if UPLO not in ("L", "U", "l", "u"):
        fail(ArgumentError, f"{what} with UPLO={UPLO!r}", 'Give "L" to read the lower triangle or "U" for the upper.')
    x = matrices(x, what, square=True)
    return x if UPLO in "Ll" else adjoint(x)


def eigh(x: Tensor, /, UPLO: str = "L") -> EighResult:
    """(eigenvalues, eigenvectors) of Hermitian matrices (..., M, M): real and ascending; vectors in columns.

    Only the lower (UPLO="L") or upper ("U") triangle is read. The gradient is that of a loss that does not depend on the
    vectors' signs or phases.
    """
    return EighResult(*bind(hermitian_eigen, _hermitian(x, "eigh", UPLO)))


def eigvalsh(x: Tensor, /, UPLO: str = "L") -> Tensor:
    """The eigenvalues of Hermitian matrices (..., M, M), real and ascending."""
    return bind(hermitian_eigenvalues, _hermitian(x, "eigvalsh", UPLO))


def _complex_eig(x: np.ndarray) -> tuple[np.ndarray, ...]:
    values, vectors = np.linalg.eig(x)
    return values.astype(complex_dtype(x.dtype)), vectors.astype(complex_dtype(x.dtype))


def _eig_spec(x: TensorSpec) -> tuple[TensorSpec, TensorSpec]:
    return TensorSpec(x.shape[:-1], complex_dtype(x.dtype)), TensorSpec(x.shape, complex_dtype(x.dtype))


def _eig_vjp(g: Any, y: Any, _x: TensorSpec) -> tuple[Tensor]:
    (to_values, to_vectors), (values, vectors) = g, y
    rows, columns = places(vectors)
    along = matmul(adjoint(vectors), to_vectors)
    length = cast(real(where(rows == columns, along, 0)), dtype=vectors.dtype)  # the vectors are kept at length 1
    inside = _over_gaps(along - matmul(adjoint(vectors), matmul(vectors, length)), conjugate(values))
    inside = where(rows == columns, row(to_values), inside)
    return (solution(adjoint(vectors), matmul(inside, adjoint(vectors))),)


general_eigen = Library(
    "eig", numpy=lapack(_complex_eig, CONVERGENCE), spec=_eig_spec, outputs=2, vjp=_eig_vjp,
    doc="The eigenvalues and eigenvectors of square matrices, complex.",
)  # fmt: skip


def eig(x: Tensor, /) -> EigResult:
    """(eigenvalues, eigenvectors) of matrices (..., M, M), always complex, in no order; vectors of length 1 in columns.

    The gradient is that of a loss that does not depend on the vectors' phases.
    """
    return EigResult(*bind(general_eigen, matrices(x, "eig", square=True)))


def eigvals(x: Tensor, /) -> Tensor:
    """The eigenvalues of matrices (..., M, M), always complex, in no order."""
    return eig(x).eigenvalues
