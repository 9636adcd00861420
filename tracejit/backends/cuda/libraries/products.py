"""Products of matrices by cuBLAS, of operands as they lie: a transposed one is transposed by a flag, a broadcast one read again and again."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Sequence

import numpy as np

from ....device import DeviceArray
from ....errors import ArgumentError, fail
from ....spec import SHORT_NAMES, DType, Shape, bool_, element_strides, is_inexact
from ...products import matrix
from ...text.statements import typed
from .arrays import Matrix, Product
from ..text.schedule import THREADS, blocks_for

Layout = tuple[Shape, tuple[int, ...]]  # a shape, and strides in bytes
_PRECISIONS = ("highest", "high")
_precision = {"float32": "highest"}


def set_float32_matmul_precision(precision: str) -> None:
    """How GPUs multiply matrices of float32: "highest", as they are; "high", their factors rounded to TF32 (10 bits behind the point) for tensor
    cores. It counts when a product is computed, in eager and in compiled code. The CPU's products, and other dtypes, are as they were.

    Raises ArgumentError for any other precision.
    """
    if precision not in _PRECISIONS:
        fail(ArgumentError, f"a precision of matmul {precision!r}", 'Give "highest" or "high".')
    _precision["float32"] = precision


def get_float32_matmul_precision() -> str:
    """What `set_float32_matmul_precision` has set; "highest" at first."""
    return _precision["float32"]


def product(device: Any, results: Sequence[DeviceArray], operands: Sequence[DeviceArray], attrs: dict[str, Any]) -> None:
    """The op `matmul`: (…, m, k) by (…, k, n), the leading axes broadcast."""
    (result,), (a, b) = results, operands
    multiply(device, result, a, b) if is_inexact(result.dtype) else _integers(device, result, a, b)


def multiply(device: Any, result: DeviceArray, a: DeviceArray, b: DeviceArray, add: bool = False) -> None:
    """Write a·b into `result`, whose rows are contiguous, or add it there. Operands that cuBLAS cannot walk are copied first."""
    if not result.size:
        return
    if not a.size:
        if not add:
            device.write(result, 0)
        return
    layouts = [(x.shape, x.strides) for x in (result, a, b)]
    calls = products_of(*layouts, a.dtype, add)
    if calls is None:
        a, b = (x if _lead(layout, x.dtype) is not None else device.copied(x) for x, layout in zip((a, b), layouts[1:]))
        multiply(device, result, a, b, add)
        return
    precise = _precision["float32"] == "highest"
    for each in calls:
        device.arrays.multiply(each, (a.address, b.address, result.address), precise)


@lru_cache(maxsize=4096)
def products_of(result: Layout, a: Layout, b: Layout, dtype: DType, add: bool) -> list[Product] | None:
    """The calls that compute a product: one, unless the batch's axes cannot be walked by one step. None if operands cannot be walked.

    cuBLAS's matrices lie column by column. So lie the transposes of ours, and the transpose of a·b is that of b times that of a.
    """
    left, right = _lead(a, dtype), _lead(b, dtype)
    if left is None or right is None:
        return None
    batch, (m, n), k, size = result[0][:-2], result[0][-2:], a[0][-1], dtype.itemsize
    axes = merged([(extent, strides) for extent, *strides in zip(batch, *[batch_strides(*x, batch) for x in (result, a, b)])])
    inner = max(axes, key=lambda axis: axis[0], default=(1, (0, 0, 0)))
    outer = [axis for axis in axes if axis is not inner]
    c_step, a_step, b_step = (step // size for step in inner[1])
    found = []
    for place in np.ndindex(*[extent for extent, _ in outer]):
        c_at, a_at, b_at = (sum(i * axis[1][x] for i, axis in zip(place, outer)) for x in range(3))
        matrices = Matrix(b_at, right[1], b_step), Matrix(a_at, left[1], a_step), Matrix(c_at, _row(result, size), c_step)
        found.append(Product(dtype, (bool(right[0]), bool(left[0])), n, m, k, *matrices, inner[0], add))
    return found


def _lead(x: Layout, dtype: DType) -> tuple[int, int] | None:
    """(transposed, elements from row to row) of matrices whose rows, or columns, are contiguous."""
    shape, strides = x
    steps = tuple([s // dtype.itemsize for s in strides])
    return matrix((None, shape, steps, 0)) if min(steps[-2:]) >= 0 else None  # type: ignore[arg-type]


def _row(result: Layout, size: int) -> int:
    """Elements from row to row of a result."""
    (rows, columns), (row, column) = result[0][-2:], result[1][-2:]
    if columns > 1 and column != size:
        raise ValueError("a product is written into contiguous rows")
    return row // size if rows > 1 else max(columns, 1)


def batch_strides(shape: Shape, strides: tuple[int, ...], batch: Shape) -> tuple[int, ...]:
    """Strides along the axes of a batch, 0 where an array is broadcast."""
    own = [0 if n == 1 else s for n, s in zip(shape[:-2], strides)]
    return (0,) * (len(batch) - len(own)) + tuple(own)


def merged(axes: Sequence[Any]) -> list[Any]:
    """Axes (extent, strides) as the fewest that walk all arrays alike, those of one element left out."""
    found: list[Any] = []
    for extent, strides in axes:
        if extent == 1:
            continue
        if found and all(outer == inner * extent for outer, inner in zip(found[-1][1], strides)):
            found[-1] = (found[-1][0] * extent, tuple(strides))
        else:
            found.append((extent, tuple(strides)))
    return found


# Integers and bools, which cuBLAS does not know

TEXT = """def kernel(args):
    # C = A·B, of contiguous matrices, one element a turn
    a = {kind}_pointer(args, 0)
    b = {kind}_pointer(args, 1)
    c = {kind}_pointer(args, 2)
    m = args[3]
    n = args[4]
    k = args[5]
    for t in range(block() * threads() + thread(), args[6], blocks() * threads()):
        row = t // n
        left = row * k
        right = row // m * k * n + t % n
        total = {zero}
        for i in range(0, k):
            total = {total}
            left += i64(1)
            right += n
        c[t] = total
"""


def _integers(device: Any, result: DeviceArray, a: DeviceArray, b: DeviceArray) -> None:
    """Sums of products, modulo the dtype's range; of bools, whether there is a pair."""
    kind, (m, n), k, batch = SHORT_NAMES[result.dtype], result.shape[-2:], a.shape[-1], result.shape[:-2]
    whole = [device.copied(x.seen((*batch, *x.shape[-2:]), (*batch_strides(x.shape, element_strides(x), batch), *element_strides(x)[-2:]), 0)) for x in (a, b)]
    bools = result.dtype == bool_
    text = TEXT.format(kind=typed(result.dtype), zero="False" if bools else f"{kind}(0)", total="total | a[left] & b[right]" if bools else "total + a[left] * b[right]")
    words = [*[x.address for x in whole], result.address, m, n, k, result.size]
    device.driver.launch(device.function_of(text), blocks_for(device, result.size), THREADS, words)
