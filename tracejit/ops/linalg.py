"""Products of vectors and matrices. `matrix_product` is the backend's BLAS; all else here is made of it and of views."""

from __future__ import annotations

from math import prod
from typing import Any, Sequence

import numpy as np

from ..backend import get_backend
from ..dispatch import bind
from ..errors import ArgumentError, AxisError, ShapeError, fail
from ..op import Library
from ..precision import precision
from ..spec import SMALL_FLOATS, DType, TensorSpec, as_axis, broadcast_shapes, float32, promote
from ..tensor import Tensor, method
from . import manipulate
from .elementwise import cast, conjugate, multiply
from .manipulate import as_tensor, matrix_transpose
from .reduce import sum
from .view import index_basic, permute, reshape, written


def _matmul_spec(a: TensorSpec, b: TensorSpec) -> TensorSpec:
    if a.ndim < 2 or b.ndim < 2 or a.shape[-1] != b.shape[-2]:
        _misfit(a, b)
    batch = broadcast_shapes(a.shape[:-2], b.shape[:-2])
    return TensorSpec((*batch, a.shape[-2], b.shape[-1]), promote(a.dtype, b.dtype))


def _misfit(a: TensorSpec, b: TensorSpec) -> None:
    fail(
        ShapeError,
        f"matmul of {a} by {b}",
        "The last extent of the first must equal the last but one of the second; write x.mT to transpose a matrix x.",
    )


# Operands have one dtype and two axes or more; `matmul` sees to it.
matrix_product = Library(
    "matmul", numpy=np.matmul, spec=_matmul_spec, native=True, parameters="a, b, /",
    vjp=(lambda g, _y, _a, b: matrix_product(g, adjoint(b)), lambda g, _y, a, _b: matrix_product(adjoint(a), g)),
    doc="Matrix products of the last two axes, broadcast over the leading ones; by BLAS.",
)  # fmt: skip


def adjoint(x: Tensor, /) -> Tensor:
    """The conjugate transpose of the matrices of the last two axes; of real ones a view."""
    transposed = matrix_transpose(x)
    return conjugate(transposed)


@method()
@precision("low")
def matmul(x1: Tensor, x2: Tensor, /) -> Tensor:
    """The matrix product, as `x1 @ x2`.

    (..., M, K) by (..., K, N) gives (..., M, N), the leading axes broadcast; a 1-d operand is a row on the left, a column on
    the right, and its axis is absent from the result. dtypes are promoted; products of float16 and bfloat16 are summed in
    float32, and rounded once.
    """
    a, b = as_tensor(x1), as_tensor(x2)
    if a.ndim == 2 == b.ndim and a.dtype == b.dtype and a.dtype not in SMALL_FLOATS:
        return bind(matrix_product, a, b)
    if a.ndim == 0 or b.ndim == 0:
        fail(ShapeError, f"matmul of {a.spec} by {b.spec}", "It takes one axis or more; use * for scalars.")
    if a.shape[-1] != b.shape[max(b.ndim - 2, 0)]:
        _misfit(a.spec, b.spec)
    common = promote(a.dtype, b.dtype)
    inner = product_dtype(a, b)
    return _as(_product(_as(a, inner), _as(b, inner)), common)


def product_dtype(a: Tensor, b: Tensor) -> DType:
    """What products of two tensors are computed in: their common dtype; float32 for small floats, where the device does not multiply them itself."""
    common = promote(a.dtype, b.dtype)
    small = common in SMALL_FLOATS and not get_backend(a.device if b.device == "cpu" else b.device).small_products
    return float32 if small else common


_OPERANDS = (Tensor, np.ndarray, np.generic, int, float, complex)


@method("__matmul__")
def _operator(self: Tensor, other: Any, /) -> Any:
    """x @ y: the matrix product."""
    if not isinstance(other, _OPERANDS) and hasattr(type(other), "__rmatmul__"):
        return NotImplemented
    return matmul(self, other)


@method("__rmatmul__")
def _reflected(self: Tensor, other: Any, /) -> Tensor:
    """y @ x, of an array y."""
    return matmul(other, self)


@method("__imatmul__")
def _in_place(self: Tensor, other: Any, /) -> Tensor:
    """x @= y: the matrix product, which must have x's shape, written into x."""
    result = matmul(self, other)
    if result.shape != self.shape:
        fail(ShapeError, f"x @= y of {self.spec} and {as_tensor(other).spec}", f"The product is {result.spec}: write x = x @ y.")
    return written(self, result)


def _as(x: Tensor, dtype: Any) -> Tensor:
    return x if x.dtype == dtype else cast(x, dtype=dtype)


def _product(a: Tensor, b: Tensor) -> Tensor:
    """`matmul` of operands of one dtype and one axis or more."""
    row, column = a.ndim == 1, b.ndim == 1
    if row:
        a = index_basic(a, (None, slice(None)))
    if column:
        b = index_basic(b, (slice(None), None))
    if b.ndim == 2 and a.ndim > 2:  # all rows at once, so that the gradient of b is one product too
        shape = (*a.shape[:-1], b.shape[1])
        result = reshape(bind(matrix_product, reshape(a, (prod(a.shape[:-1]), a.shape[-1])), b), shape)
    else:
        result = bind(matrix_product, a, b)
    if row or column:
        rows = () if row else (result.shape[-2],)
        columns = () if column else (result.shape[-1],)
        result = reshape(result, (*result.shape[:-2], *rows, *columns))
    return result


@precision("widest")
def tensordot(x1: Tensor, x2: Tensor, /, *, axes: Any = 2) -> Tensor:
    """The sum of products over pairs of axes.

    axes: an int n (the last n axes of x1 with the first n of x2), or two sequences of axes of equal length. The result has
    the other axes of x1, then those of x2.
    """
    a, b = as_tensor(x1), as_tensor(x2)
    first, second = _paired_axes(axes, a.ndim, b.ndim)
    if any(a.shape[i] != b.shape[j] for i, j in zip(first, second)):
        fail(
            ShapeError, f"tensordot of {a.spec} and {b.spec} over axes {first} and {second}",
            "The extents of the axes of each pair must be equal.",
        )  # fmt: skip
    kept_a = [d for d in range(a.ndim) if d not in first]
    kept_b = [d for d in range(b.ndim) if d not in second]
    inner = prod(a.shape[d] for d in first)
    left = reshape(bind(permute, a, axes=(*kept_a, *first)), (prod(a.shape[d] for d in kept_a), inner))
    right = reshape(bind(permute, b, axes=(*second, *kept_b)), (inner, prod(b.shape[d] for d in kept_b)))
    return reshape(matmul(left, right), tuple(a.shape[d] for d in kept_a) + tuple(b.shape[d] for d in kept_b))


def _paired_axes(axes: Any, ndim_a: int, ndim_b: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    if isinstance(axes, (tuple, list)):
        if len(axes) != 2:
            fail(AxisError, f"tensordot with axes={axes!r}", "Give an int, or two sequences of axes.")
        sides = [side if isinstance(side, (tuple, list)) else (side,) for side in axes]
        first = tuple(as_axis(axis, ndim_a) for axis in sides[0])
        second = tuple(as_axis(axis, ndim_b) for axis in sides[1])
        if len(first) != len(second) or len(set(first)) != len(first) or len(set(second)) != len(second):
            fail(AxisError, f"tensordot with axes={axes!r}", "Give as many axes of x1 as of x2, each once.")
        return first, second
    if not 0 <= axes <= min(ndim_a, ndim_b):
        fail(AxisError, f"tensordot over {axes} axes of tensors with {ndim_a} and {ndim_b}", "Give no more axes than either has.")
    return tuple(range(ndim_a - axes, ndim_a)), tuple(range(axes))


@precision("low")
def vecdot(x1: Tensor, x2: Tensor, /, *, axis: int = -1) -> Tensor:
    """The dot product along one axis, of the conjugate of x1 with x2; the other axes broadcast.

    axis: negative, counted from the end of both; the extents there must be equal.
    """
    a, b = as_tensor(x1), as_tensor(x2)
    if not -min(a.ndim, b.ndim) <= axis < 0 and not (a.ndim == b.ndim and 0 <= axis < a.ndim):
        fail(AxisError, f"vecdot of {a.spec} and {b.spec} along axis {axis}", "Give a negative axis that both have.")
    if a.shape[axis] != b.shape[axis]:
        fail(ShapeError, f"vecdot of {a.spec} and {b.spec} along axis {axis}", "The extents of that axis must be equal.")
    common = promote(a.dtype, b.dtype)
    return sum(multiply(conjugate(a), b), axis=_from_end(axis, a, b), dtype=common)


def _from_end(axis: int, a: Tensor, b: Tensor) -> int:
    return axis if axis < 0 else axis - a.ndim


@method()
@precision("widest")
def dot(a: Tensor, b: Tensor, /) -> Tensor:
    """NumPy's dot: `a * b` with a 0-d operand, the inner product of vectors, the matrix product of matrices; else the sum of
    products over the last axis of a and the last but one of b."""
    a, b = as_tensor(a), as_tensor(b)
    if a.ndim == 0 or b.ndim == 0:
        return multiply(a, b)
    if b.ndim == 1 or (a.ndim <= 2 and b.ndim == 2):
        return matmul(a, b)
    return tensordot(a, b, axes=((a.ndim - 1,), (b.ndim - 2,)))


@method()
@precision("widest")
def vdot(a: Tensor, b: Tensor, /) -> Tensor:
    """The dot product of the conjugate of a, flattened, with b, flattened."""
    a, b = as_tensor(a), as_tensor(b)
    return vecdot(reshape(a, (a.size,)), reshape(b, (b.size,)))


@method()
@precision("widest")
def inner(a: Tensor, b: Tensor, /) -> Tensor:
    """The sum of products over the last axis of both (no conjugation)."""
    a, b = as_tensor(a), as_tensor(b)
    return multiply(a, b) if a.ndim == 0 or b.ndim == 0 else tensordot(a, b, axes=((a.ndim - 1,), (b.ndim - 1,)))


@method()
def outer(x1: Tensor, x2: Tensor, /) -> Tensor:
    """All products of an element of x1 with one of x2, of shape (x1.size, x2.size); both are flattened first."""
    a, b = as_tensor(x1), as_tensor(x2)
    return multiply(reshape(a, (a.size, 1)), reshape(b, (1, b.size)))


@method()
def kron(a: Tensor, b: Tensor, /) -> Tensor:
    """The Kronecker product: blocks of b, each scaled by one element of a."""
    a, b = as_tensor(a), as_tensor(b)
    ndim = max(a.ndim, b.ndim)
    shape_a = (1,) * (ndim - a.ndim) + tuple(a.shape)
    shape_b = (1,) * (ndim - b.ndim) + tuple(b.shape)
    spread_a = reshape(a, tuple(e for extent in shape_a for e in (extent, 1)))
    spread_b = reshape(b, tuple(e for extent in shape_b for e in (1, extent)))
    return reshape(multiply(spread_a, spread_b), tuple(i * j for i, j in zip(shape_a, shape_b)))


def _of_axes(name: str, *operands: tuple[Tensor, int]) -> None:
    if any(x.ndim != ndim for x, ndim in operands):
        given = " and ".join(str(x.spec) for x, _ in operands)
        fail(ShapeError, f"{name} of {given}", f"It takes {' and '.join(f'{ndim}-d' for _, ndim in operands)}; matmul takes any.")


@method()
def mm(self: Tensor, mat2: Tensor, /) -> Tensor:
    """The product of two matrices, both 2-d."""
    _of_axes("mm", (self, 2), (mat2, 2))
    return matmul(self, mat2)


@method()
def bmm(self: Tensor, mat2: Tensor, /) -> Tensor:
    """The products of two batches of matrices: (B, M, K) by (B, K, N)."""
    _of_axes("bmm", (self, 3), (mat2, 3))
    if self.shape[0] != mat2.shape[0]:
        fail(ShapeError, f"bmm of {self.spec} and {mat2.spec}", "The batches must be equally long; matmul broadcasts.")
    return matmul(self, mat2)


@method()
def mv(self: Tensor, vec: Tensor, /) -> Tensor:
    """The product of a matrix (M, K) and a vector (K,)."""
    _of_axes("mv", (self, 2), (vec, 1))
    return matmul(self, vec)


@method()
@precision("low")
def addmm(self: Tensor, mat1: Tensor, mat2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """beta · self + alpha · (mat1 @ mat2)."""
    product = mm(mat1, mat2)
    scaled = product if alpha == 1 else product * alpha
    return scaled if beta == 0 else (self if beta == 1 else self * beta) + scaled


def diagonal(x: Tensor, /, *, offset: int = 0) -> Tensor:
    """The diagonals of the matrices of the last two axes, `offset` above the main one: a view."""
    x = as_tensor(x)
    if x.ndim < 2:
        fail(AxisError, f"diagonal of {x.spec}", "It takes two axes or more.")
    return manipulate.diagonal(x, offset, -2, -1)


@method()
@precision("widest")
def trace(x: Tensor, /, *, offset: int = 0, dtype: Any = None) -> Tensor:
    """The sums of the diagonals of the matrices of the last two axes; integers are summed in 64 bits."""
    return sum(diagonal(x, offset=offset), axis=-1, dtype=dtype)


@precision("low")
def multi_dot(arrays: Sequence[Tensor], /) -> Tensor:
    """The product of several matrices, in the order of the fewest multiplications; the first and last may be vectors."""
    if not arrays:
        fail(ArgumentError, "multi_dot of no matrices", "Give one or more.")
    tensors = [as_tensor(a) for a in arrays]
    extents = [1 if tensors[0].ndim == 1 else tensors[0].shape[0], *(t.shape[-1] for t in tensors[:-1])]
    extents.append(1 if tensors[-1].ndim == 1 else tensors[-1].shape[-1])
    return _chain_product(tensors, _split_points(extents), 0, len(tensors) - 1)


def _split_points(extents: Sequence[int]) -> dict[tuple[int, int], int]:
    """Where each stretch of a chain of products is best cut (Cormen et al., Introduction to Algorithms, §14.2)."""
    count = len(extents) - 1
    cost = {(i, i): 0 for i in range(count)}
    split = {}
    for length in range(1, count):
        for i in range(count - length):
            j = i + length
            costs = [cost[i, k] + cost[k + 1, j] + extents[i] * extents[k + 1] * extents[j + 1] for k in range(i, j)]
            cost[i, j] = min(costs)
            split[i, j] = i + costs.index(cost[i, j])
    return split


def _chain_product(tensors: Sequence[Tensor], split: dict[tuple[int, int], int], i: int, j: int) -> Tensor:
    if i == j:
        return tensors[i]
    k = split[i, j]
    return matmul(_chain_product(tensors, split, i, k), _chain_product(tensors, split, k + 1, j))
