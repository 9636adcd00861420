"""Norms, rank, pseudo-inverse, powers and other functions of vectors and matrices, made of products and decompositions."""

from __future__ import annotations

import builtins
import operator
from typing import Any, NamedTuple

import numpy as np

from ..dispatch import bind
from ..errors import ArgumentError, AxisError, ShapeError, fail
from ..op import Library
from ..precision import precision
from ..spec import SMALL_FLOATS, TensorSpec, as_axes, as_axis, float32, float64, int64, is_complex, is_inexact, real_dtype, reduced_shape
from ..tensor import Tensor, method
from .create import fill
from .decompose import CONVERGENCE, svdvals
from .elementwise import abs, cast, conjugate, copy, real, sqrt, where
from .join import stack
from .linalg import adjoint, matmul
from .manipulate import as_tensor, broadcast_arrays, moveaxis, slice_axis
from .reduce import max, min, sum
from .solve import inv, lapack, matrices, places, same_dtype
from .view import index_basic, reshape


class LstsqResult(NamedTuple):
    solution: Tensor
    residuals: Tensor
    rank: Tensor
    singular_values: Tensor


# Norms


@precision("full")
def vector_norm(x: Tensor, /, *, axis: Any = None, keepdims: bool = False, ord: float = 2) -> Tensor:
    """(Σ |x|^ord)^(1/ord) over `axis` (an int or a tuple; all axes, if None); real.

    ord: any number; inf is the largest magnitude (0 of nothing), −inf the smallest, 0 the number of elements that are not 0.
    Where the norm is 0 the gradient is 0. Integers become float64; float16 and bfloat16 are computed in float32.
    """
    x = as_tensor(x)
    if x.dtype in SMALL_FLOATS:
        return cast(vector_norm(cast(x, dtype=float32), axis=axis, keepdims=keepdims, ord=ord), dtype=x.dtype)
    if not is_inexact(x.dtype):
        x = cast(x, dtype=float64)
    axes = as_axes(axis, x.ndim)
    if ord == 2:
        total = sum(_squares(x), axis=axes, keepdims=keepdims)
        return where(total == 0, 0, sqrt(where(total == 0, 1, total)))
    size = abs(x)
    if ord == float("inf"):
        return _largest(size, axes, keepdims)
    if ord == float("-inf"):
        return min(size, axis=axes, keepdims=keepdims)
    if ord == 0:
        return sum(cast(x != 0, dtype=size.dtype), axis=axes, keepdims=keepdims)
    if ord == 1:
        return sum(size, axis=axes, keepdims=keepdims)
    if not isinstance(ord, (int, float)):
        fail(ArgumentError, f"a vector norm with ord={ord!r}", 'Give a number; "fro" and "nuc" are matrix norms.')
    total = sum(size**ord, axis=axes, keepdims=keepdims)
    return where(total == 0, 0, where(total == 0, 1, total) ** (1 / ord)) if ord > 0 else total ** (1 / ord)


def _squares(x: Tensor) -> Tensor:
    return real(x * conjugate(x)) if is_complex(x.dtype) else x * x


def _largest(sizes: Tensor, axes: tuple[int, ...], keepdims: bool = False) -> Tensor:
    """The largest of magnitudes; of none, 0, as the sum is."""
    reduce = max if all(sizes.shape[axis] for axis in axes) else sum
    return reduce(sizes, axis=axes, keepdims=keepdims)


@precision("full")
def matrix_norm(x: Tensor, /, *, keepdims: bool = False, ord: Any = "fro") -> Tensor:
    """The norm of each matrix (..., M, N), of shape (...); real.

    ord: "fro" (of all elements), "nuc" (the sum of the singular values), 2 or −2 (the largest, the smallest singular value),
    1 or −1 (the largest, the smallest sum of magnitudes of a column), inf or −inf (of a row).
    """
    x = as_tensor(x)
    if x.ndim < 2:
        fail(AxisError, f"matrix_norm of {x.spec}", "It takes two axes or more; vector_norm takes any.")
    if ord == "fro":
        return vector_norm(x, axis=(-2, -1), keepdims=keepdims)
    if ord == "nuc":
        result = sum(svdvals(x), axis=-1)
    elif ord in (2, -2):
        values = svdvals(x)
        result = _largest(values, (-1,)) if ord == 2 else min(values, axis=-1)
    elif ord in (1, -1, float("inf"), float("-inf")):
        sums = vector_norm(x, axis=-2 if builtins.abs(ord) == 1 else -1, ord=1)
        result = _largest(sums, (-1,)) if ord > 0 else min(sums, axis=-1)
    else:
        fail(ArgumentError, f"a matrix norm with ord={ord!r}", 'Give "fro", "nuc", 1, -1, 2, -2, inf or -inf.')
    return reshape(result, reduced_shape(tuple(x.shape), (x.ndim - 2, x.ndim - 1), True)) if keepdims else result


def norm(x: Tensor, /, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Tensor:
    """A vector norm, or a matrix norm where `ord` is given and `axis` (or, without it, `x`) has two axes.

    ord: as `vector_norm` and `matrix_norm` take it; None is the 2-norm of all elements over `axis`.
    """
    x = as_tensor(x)
    axes = None if axis is None else tuple(as_axis(a, x.ndim) for a in (axis if isinstance(axis, (tuple, list)) else (axis,)))
    count = x.ndim if axes is None else len(axes)
    if ord is None or count == 1:
        return vector_norm(x, axis=axes, keepdims=keepdims, ord=2 if ord is None else ord)
    if count != 2:
        fail(AxisError, f"norm with ord={ord!r} over {count} axes", "Name one axis (a vector norm) or two (a matrix norm).")
    chosen = axes or (0, 1)
    result = matrix_norm(moveaxis(x, chosen, (-2, -1)), ord=ord)
    return reshape(result, reduced_shape(tuple(x.shape), chosen, True)) if keepdims else result


@method("norm")
def norm_method(x: Tensor, p: Any = 2, dim: Any = None, keepdim: bool = False, *, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The p-norm over `dim` (all axes, if None), as PyTorch's `norm`. p: a number, "fro" or "nuc"."""
    over, kept = dim if axis is None else axis, bool(keepdim or keepdims)
    if p == "nuc":
        return norm(x, "nuc", (-2, -1) if over is None else over, kept)
    return vector_norm(x, axis=over, keepdims=kept, ord=2 if p in (None, "fro") else p)


def cond(x: Tensor, /, p: Any = None) -> Tensor:
    """The condition number of each matrix in the norm p (2, if None): ‖x‖ · ‖x⁻¹‖, inf of a singular one in the 2-norm."""
    x = matrices(x, "cond")
    if p in (None, 2, -2):
        values = svdvals(x)
        first, last = index_basic(values, (..., 0)), index_basic(values, (..., -1))
        return last / first if p == -2 else first / last
    return matrix_norm(x, ord=p) * matrix_norm(inv(x), ord=p)


# Rank and pseudo-inverse


def _tolerance(rtol: Any, x: Tensor) -> Tensor:
    """The relative tolerance, one for all matrices or one for each, as a tensor that broadcasts with their singular values."""
    dtype = real_dtype(x.dtype)
    if rtol is None:
        rtol = builtins.max(x.shape[-2:]) * float(np.finfo(dtype).eps)
    if isinstance(rtol, (int, float)):
        return bind(fill, shape=(1,), dtype=dtype, value=float(rtol))
    return index_basic(cast(as_tensor(rtol), dtype=dtype), (..., None))


def matrix_rank(x: Tensor, /, tol: Any = None, *, rtol: Any = None) -> Tensor:
    """How many singular values of each matrix are larger than `tol`, or than `rtol` times the largest; int64.

    rtol: max(M, N) · eps, if None; a number or one for each matrix.
    """
    x = matrices(x, "matrix_rank")
    values = svdvals(x)
    limit: Any
    if tol is None:
        limit = _tolerance(rtol, x) * slice_axis(values, values.ndim - 1, 0, builtins.min(1, values.shape[-1]))
    else:
        limit = tol if isinstance(tol, (int, float)) else index_basic(as_tensor(tol), (..., None))
    return sum(cast(values > limit, dtype=int64), axis=-1)


def _pinv(x: np.ndarray, rtol: np.ndarray) -> np.ndarray:
    u, s, vh = np.linalg.svd(x, full_matrices=False)
    large = s > rtol * s[..., :1]
    inverses = np.divide(1, s, out=np.zeros_like(s), where=large)
    return np.matmul(vh.conj().swapaxes(-1, -2), inverses[..., None] * u.conj().swapaxes(-1, -2))


def _pinv_vjp(g: Tensor, y: Tensor, x: Tensor, _rtol: TensorSpec) -> tuple[Any, ...]:
    # Golub and Pereyra (1973), at constant rank: dy = −y dx y + y yᴴ dxᴴ (1 − x y) + (1 − y x) dxᴴ yᴴ y.
    yh, gh = adjoint(y), adjoint(g)
    along = matmul(matmul(gh, y), yh)
    across = matmul(yh, matmul(y, gh))
    result = -matmul(yh, matmul(g, yh)) + along - matmul(x, matmul(y, along)) + across - matmul(matmul(across, y), x)
    return (result, None)


pseudo_inverse = Library(
    "pinv", numpy=lapack(_pinv, CONVERGENCE), spec=lambda x, _rtol: TensorSpec((*x.shape[:-2], x.shape[-1], x.shape[-2]), x.dtype),
    vjp=_pinv_vjp, parameters="x, rtol, /", doc="The Moore-Penrose inverses of a stack of matrices.",
)  # fmt: skip


def pinv(x: Tensor, /, *, rtol: Any = None) -> Tensor:
    """The Moore-Penrose inverse (..., N, M) of matrices (..., M, N). Singular values up to `rtol` times the largest count as 0
    (max(M, N) · eps, if None). The gradient is that of a change that keeps the rank."""
    x = matrices(x, "pinv")
    return bind(pseudo_inverse, x, _tolerance(rtol, x))


def lstsq(a: Tensor, b: Tensor, /, rcond: Any = None) -> LstsqResult:
    """(solution, residuals, rank, singular_values) of the least-squares problem min ‖a @ x − b‖, by the pseudo-inverse.

    a: (..., M, N); b: (..., M, K), or (M,). residuals: Σ |a @ x − b|² of each column; of no columns, if M ≤ N.
    rcond: singular values up to `rcond` times the largest count as 0 (max(M, N) · eps, if None).
    """
    left = matrices(a, "lstsq")
    right = as_tensor(b)
    vector = right.ndim == 1
    left, right = same_dtype(left, index_basic(right, (slice(None), None)) if vector else right)
    if right.ndim < 2 or right.shape[-2] != left.shape[-2]:
        fail(ShapeError, f"lstsq of {left.spec} and {right.spec}", f"b must have {left.shape[-2]} rows: shape (M,) or (..., M, K).")
    solution = matmul(pinv(left, rtol=rcond), right)
    misfit = sum(_squares(matmul(left, solution) - right), axis=-2)
    if left.shape[-2] <= left.shape[-1]:
        misfit = slice_axis(misfit, misfit.ndim - 1, 0, 0)
    if vector:
        solution = index_basic(solution, (..., 0))
    return LstsqResult(solution, misfit, matrix_rank(left, rtol=rcond), svdvals(left))


# Products


def matrix_power(x: Tensor, n: int, /) -> Tensor:
    """Each square matrix multiplied n times by itself; the inverse's power, if n is negative; the identity, if 0."""
    x, n = as_tensor(x), operator.index(n)
    if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        matrices(x, "matrix_power", square=True)
    if n == 0:
        rows, columns = places(x)
        return where(rows == columns, bind(fill, shape=tuple(x.shape), dtype=x.dtype, value=1), 0)
    if n < 0:
        return matrix_power(inv(x), -n)
    if n == 1:
        return bind(copy, x)
    half = matrix_power(matmul(x, x), n // 2) if n > 3 else matmul(x, x)
    return matmul(half, x) if n % 2 else half


def cross(x1: Tensor, x2: Tensor, /, *, axis: int = -1) -> Tensor:
    """The cross product of vectors of 3 elements along `axis`; the other axes broadcast."""
    a, b = broadcast_arrays(x1, x2)
    at = as_axis(axis, a.ndim)
    if as_tensor(x1).shape[axis] != 3 or as_tensor(x2).shape[axis] != 3:
        fail(ShapeError, f"cross of {as_tensor(x1).spec} and {as_tensor(x2).spec} along axis {axis}", "Vectors have 3 elements there.")
    first, second = (tuple(index_basic(t, (*(slice(None),) * at, i)) for i in range(3)) for t in (a, b))
    parts = [first[i - 2] * second[i - 1] - first[i - 1] * second[i - 2] for i in range(3)]
    return stack(parts, axis=at)
