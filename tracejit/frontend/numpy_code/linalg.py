"""np.linalg, np.dot and its kin, np.einsum: LAPACK's and BLAS' routines as ops, with NumPy's dtypes, types and exceptions."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np

from ...dispatch import bind
from ...op import Library
from ...ops.casts import cast
from ...ops.decompose import cholesky_factor, hermitian_eigen, hermitian_eigenvalues, qr_factors, singular_values, svd_factors
from ...ops.einsum import einsum
from ...ops.linalg import matmul, tensordot, vdot
from ...ops.linalg import inner as inner_product
from ...ops.solve import determinant, inverse, log_determinant, solution
from ...ops.view import index_basic, permute, reshape
from ...precision import without_autocast
from ...spec import SMALL_FLOATS, broadcast_shapes, float64, is_inexact
from ...tensor import Tensor
from .array import Array, array_of
from .create import asarray
from .functions import function
from .host import OTHERS, host
from .manipulate import as_dtype
from .methods import method, view_of
from .ufunc_calls import write

c_einsum = np._core.multiarray.c_einsum  # type: ignore[attr-defined]

# LAPACK


def _plainly(op: Library, numpy: Callable[..., Any]) -> Library:
    """An op whose errors are NumPy's own."""

    def run(*values: Any, **attrs: Any) -> Any:
        return numpy(*values, **attrs)

    run.raises = True  # type: ignore[attr-defined]
    parameters, doc = str(op.__signature__)[1:-1], f"{op.__doc__} Its errors are NumPy's."
    return Library(f"numpy_{op.name}", numpy=run, spec=op.spec, vjp=op.vjp, outputs=op.outputs, parameters=parameters, doc=doc)


_inverse = _plainly(inverse, np.linalg.inv)
_solution = _plainly(solution, np.linalg.solve)
_factor = _plainly(cholesky_factor, np.linalg.cholesky)
_qr = _plainly(qr_factors, np.linalg.qr)
_svd = _plainly(svd_factors, lambda x, *, full: np.linalg.svd(x, full_matrices=full))
_svdvals = _plainly(singular_values, lambda x: np.linalg.svd(x, compute_uv=False))
_eigh = _plainly(hermitian_eigen, lambda x: np.linalg.eigh(x))
_eigvalsh = _plainly(hermitian_eigenvalues, lambda x: np.linalg.eigvalsh(x))


def _matrices(a: Any, square: bool = False) -> Tensor | None:
    """An array as a stack of matrices in a dtype of LAPACK's; None where NumPy raises."""
    x = asarray(a)
    if type(x) is not Array or x.ndim < 2 or x.dtype in SMALL_FLOATS or (square and x.shape[-1] != x.shape[-2]):
        return None
    return x.tensor if is_inexact(x.dtype) else cast(x.tensor, dtype=float64)


def _common(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    dtype = np.result_type(a.dtype, b.dtype)
    return as_dtype(a, dtype), as_dtype(b, dtype)


def _given(result: Any, made: Callable[..., Any] = tuple) -> Any:
    """Results as arrays, or as scalars where they have no axes."""
    if type(result) is tuple:
        arrays = [_given(r) for r in result]
        return made(arrays) if made is tuple else made(*arrays)
    return array_of(result, not result.ndim)


def _of_matrices(theirs: Callable[..., Any], op: Library, made: Callable[..., Any] = tuple, square: bool = True, **attrs: Any) -> None:
    def ours(a: Any) -> Any:
        x = _matrices(a, square)
        return NotImplemented if x is None else _given(bind(op, x, **attrs), made)

    function(theirs)(ours)


_of_matrices(np.linalg.inv, _inverse)
_of_matrices(np.linalg.det, determinant)
_of_matrices(np.linalg.slogdet, log_determinant, type(np.linalg.slogdet(np.eye(1))))
_of_matrices(np.linalg.svdvals, _svdvals, square=False)


@function(np.linalg.solve)
def solve(a: Any, b: Any) -> Any:
    """np.linalg.solve."""
    matrix, right = _matrices(a, True), asarray(b)
    if matrix is None or not right.ndim or right.dtype in SMALL_FLOATS or right.shape[max(right.ndim - 2, 0)] != matrix.shape[-1]:
        return NotImplemented
    matrix, value = _common(matrix, right.tensor)
    if right.ndim > 1:
        return _given(bind(_solution, matrix, value))
    found = bind(_solution, matrix, index_basic(value, (slice(None), None)))
    return array_of(reshape(found, tuple(found.shape[:-1])))


@function(np.linalg.cholesky)
def cholesky(a: Any, /, *, upper: bool = False) -> Any:
    """np.linalg.cholesky."""
    x = _matrices(a, True)
    return NotImplemented if x is None or upper else array_of(bind(_factor, x))


@function(np.linalg.qr)
def qr(a: Any, mode: str = "reduced") -> Any:
    """np.linalg.qr."""
    x = _matrices(a)
    if x is None or mode not in ("reduced", "complete", "r"):
        return NotImplemented
    found = _given(bind(_qr, x, mode="reduced" if mode == "r" else mode), _QRResult)
    return found.R if mode == "r" else found


@function(np.linalg.svd)
def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    """np.linalg.svd."""
    x = _matrices(a)
    if x is None or hermitian:
        return NotImplemented
    return _given(bind(_svd, x, full=bool(full_matrices)), _SVDResult) if compute_uv else _given(bind(_svdvals, x))


@function(np.linalg.eigh)
def eigh(a: Any, UPLO: str = "L") -> Any:
    """np.linalg.eigh."""
    x = _matrices(a, True)
    return NotImplemented if x is None or UPLO not in ("L", "l") else _given(bind(_eigh, x), _EighResult)


@function(np.linalg.eigvalsh)
def eigvalsh(a: Any, UPLO: str = "L") -> Any:
    """np.linalg.eigvalsh."""
    x = _matrices(a, True)
    return NotImplemented if x is None or UPLO not in ("L", "l") else _given(bind(_eigvalsh, x))


_QRResult, _SVDResult, _EighResult = (type(f(np.eye(1))) for f in (np.linalg.qr, np.linalg.svd, np.linalg.eigh))


# Products


@without_autocast
def product(a: Any, b: Any, compute: Callable[[Tensor, Tensor], Tensor]) -> Any:
    """A product of two arrays in their common dtype; a scalar where no axis is left."""
    x, y = asarray(a), asarray(b)
    dtype = np.result_type(x.dtype, y.dtype)
    if dtype == np.bool_ or dtype == np.float16:
        return NotImplemented
    return _given(compute(as_dtype(x.tensor, dtype), as_dtype(y.tensor, dtype)))


@function(np.dot)
def dot(a: Any, b: Any, out: Any = None) -> Any:
    """np.dot."""
    x, y = asarray(a), asarray(b)
    if not x.ndim or not y.ndim:
        result = np.multiply(x, y)
    else:
        result = product(x, y, _dot)
    return result if out is None or result is NotImplemented else NotImplemented if out.dtype != result.dtype else write(out, result)


def _dot(x: Tensor, y: Tensor) -> Tensor:
    if y.ndim == 1 or (x.ndim <= 2 and y.ndim == 2):
        return matmul(x, y)
    return tensordot(x, y, axes=((x.ndim - 1,), (y.ndim - 2,)))


@method("dot")
def _dot_method(x: Array, b: Any, out: Any = None) -> Any:
    """x.dot, which scalars have not."""
    return NotImplemented if x.is_scalar else dot(x, b, out)


@function(np.vdot)
def vector_dot(a: Any, b: Any, /) -> Any:
    """np.vdot."""
    return product(a, b, vdot)


@function(np.inner)
def inner(a: Any, b: Any, /) -> Any:
    """np.inner."""
    return product(a, b, inner_product)


@function(np.matmul)
def matrix_product(x1: Any, x2: Any, /, out: Any = None, **options: Any) -> Any:
    """np.matmul."""
    x, y = asarray(x1), asarray(x2)
    if options or out is not None or not x.ndim or not y.ndim or x.shape[-1] != y.shape[max(y.ndim - 2, 0)]:
        return NotImplemented
    broadcast_shapes(x.shape[:-2], y.shape[:-2])
    return product(x, y, matmul)


@function(c_einsum)
@without_autocast
def summed(*operands: Any, **options: Any) -> Any:
    """np.einsum of a subscript and arrays."""
    subscripts, *arrays = operands
    if type(subscripts) is not str or options:
        return NotImplemented
    if len(arrays) == 1:
        return _rearranged(subscripts.replace(" ", ""), asarray(arrays[0]))
    found = [asarray(a) for a in arrays]
    dtype = np.result_type(*[a.dtype for a in found])
    return NotImplemented if dtype.kind == "b" else _given(einsum(subscripts, *[as_dtype(a.tensor, dtype) for a in found]))


def _rearranged(subscripts: str, x: Array) -> Any:
    """np.einsum of one array: a view, if nothing is summed."""
    sample = np.zeros(x.shape, x.dtype)
    given = c_einsum(subscripts, sample)
    if not isinstance(given, np.ndarray) or not np.shares_memory(given, sample):
        return array_of(host("einsum_of_one", x.tensor, shape=np.shape(given), dtype=x.dtype, options={"subscripts": subscripts}), not np.ndim(given))
    taken, _, left = subscripts.partition("->")
    if not left.isalpha() or sorted(taken) != sorted(left) or len(set(taken)) != len(taken):
        return NotImplemented
    return view_of(x, bind(permute, x.tensor, axes=tuple(map(taken.index, left))))


OTHERS["einsum_of_one"] = lambda x, *, subscripts: c_einsum(subscripts, x)
