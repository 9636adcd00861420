"""Creation: ops that make arrays from nothing but attributes, and the functions made of them."""

from __future__ import annotations

import functools
import math
import operator
from typing import Any, Callable, TypeVar

import numpy as np

from ..dispatch import bind, mode
from ..errors import ArgumentError, ShapeError, fail
from ..op import Create
from ..spec import (
    Shape, as_dtype, as_shape, bool_, compute_dtype, default_dtype_of, float64, get_default_dtype, int64, is_complex,
    is_integer,
)  # fmt: skip
from ..tensor import Tensor
from .casts import cast, copy, where
from .transfer import made_on, on_device
from .convert import as_tensor, asarray, from_dlpack, number_dtype, plain_number, tensor

__all__ = [
    "arange", "asarray", "empty", "empty_like", "eye", "fill", "from_dlpack", "full", "full_like", "iota", "linspace", "logspace",
    "meshgrid", "ones", "ones_like", "tensor", "tri", "tril", "tril_indices", "triu", "triu_indices", "zeros", "zeros_like",
]  # fmt: skip

F = TypeVar("F", bound=Callable[..., Tensor])


def _fill(*, shape: Shape, dtype: Any, value: Any) -> np.ndarray:
    return np.zeros(shape, dtype) if type(value) is int and not value else np.full(shape, value, dtype)


fill = Create(
    "fill", numpy=_fill, scalar="{value}", parameters_of_kernel=("value",), parameters="*, shape, dtype, value",
    doc="Every element is `value`, a Python scalar.",
)  # fmt: skip
iota = Create(
    "iota", numpy=lambda *, shape, dtype: np.arange(shape[0]).astype(dtype), scalar="{i}", doc="0, 1, 2 … along the one axis."
)


# Filled


def _sizes_by_position(create: F) -> F:
    """The function, which also takes its shape as separate ints, as PyTorch: zeros(2, 3)."""

    @functools.wraps(create)
    def with_sizes(*shape: Any, **options: Any) -> Tensor:
        return create(*shape, **options) if len(shape) < 2 else create(shape, **options)

    return with_sizes  # type: ignore[return-value]


def _leaf(result: Tensor, requires_grad: bool) -> Tensor:
    return result.requires_grad_() if requires_grad else result


def _filled(shape: Any, value: Any, dtype: Any, device: Any, requires_grad: bool) -> Tensor:
    dtype = get_default_dtype() if dtype is None else as_dtype(dtype)
    return _leaf(made_on(device, fill, shape=as_shape(shape), dtype=dtype, value=value), requires_grad)


def full(shape: Any, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor of this shape with every element `fill_value`: a number, or a 0-d tensor (its history is kept).

    dtype: by default float32, int64, bool or complex64, as the number's type says.
    """
    dtype = number_dtype(fill_value) if dtype is None else as_dtype(dtype)
    if isinstance(fill_value, Tensor):
        value = fill_value if fill_value.dtype == dtype else cast(fill_value, dtype=dtype)
        return _leaf(on_device(bind(copy, value.broadcast_to(as_shape(shape))), device), requires_grad)
    return _filled(shape, plain_number(fill_value, dtype), dtype, device, requires_grad)


@_sizes_by_position
def zeros(shape: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Zeros, float32 unless `dtype` says otherwise. The shape may also be given as separate ints."""
    return _filled(shape, 0, dtype, device, requires_grad)


@_sizes_by_position
def ones(shape: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Ones, float32 unless `dtype` says otherwise. The shape may also be given as separate ints."""
    return _filled(shape, 1, dtype, device, requires_grad)


@_sizes_by_position
def empty(shape: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor to be written to. It holds zeros, so that programs that read it by mistake are at least reproducible."""
    return _filled(shape, 0, dtype, device, requires_grad)


def _beside(x: Any, device: Any) -> Any:
    """The device named, or that of a tensor."""
    return x.device if device is None and isinstance(x, Tensor) else device


def full_like(x: Any, /, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """`fill_value` in the shape, and by default the dtype, of `x`."""
    return full(tuple(x.shape), fill_value, dtype=x.dtype if dtype is None else dtype, device=_beside(x, device), requires_grad=requires_grad)


def zeros_like(x: Any, /, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Zeros of the shape and dtype of `x`."""
    return _filled(x.shape, 0, x.dtype if dtype is None else dtype, _beside(x, device), requires_grad)


def ones_like(x: Any, /, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Ones of the shape and dtype of `x`."""
    return _filled(x.shape, 1, x.dtype if dtype is None else dtype, _beside(x, device), requires_grad)


def empty_like(x: Any, /, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor to be written to, of the shape and dtype of `x`."""
    return _filled(x.shape, 0, x.dtype if dtype is None else dtype, _beside(x, device), requires_grad)


# Ranges


def _number(value: Any) -> Any:
    """A Python number; of a tensor or a NumPy scalar, its value."""
    return value.item() if isinstance(value, (Tensor, np.generic, np.ndarray)) else value


def arange(
    start: Any, /, stop: Any = None, step: Any = 1, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """start, start + step, start + 2·step … below `stop` (above it, for a negative step): ceil((stop - start) / step) numbers.

    With one argument, 0 up to it. int64 if all are ints, else float32, unless `dtype` says otherwise.
    """
    start, step = _number(start), _number(step)
    start, stop = (0, start) if stop is None else (start, _number(stop))
    whole = all(isinstance(v, int) for v in (start, stop, step))
    count = len(range(start, stop, step)) if whole and step else _count(start, stop, step)
    dtype = as_dtype(dtype) if dtype is not None else int64 if whole else get_default_dtype()
    return _leaf(_spaced(start, step, count, dtype, device), requires_grad)


def _count(start: Any, stop: Any, step: Any) -> int:
    if step == 0:
        fail(ArgumentError, "arange with a step of 0", "Give a step that leads from start to stop.")
    try:
        return max(math.ceil((stop - start) / step), 0)
    except (OverflowError, ValueError, TypeError):
        fail(ArgumentError, f"arange from {start} to {stop} by {step}", "Give finite real numbers.")


def _spaced(start: Any, step: Any, count: int, dtype: Any, device: Any) -> Tensor:
    """start + i · step in this dtype; as in NumPy, the step is the difference of the first two numbers there."""
    inner = int64 if dtype == bool_ else float64 if is_complex(dtype) else compute_dtype(dtype)
    index = result = made_on(device, iota, shape=(count,), dtype=inner)
    first = inner.type(plain_number(start, inner))
    if count > 1:
        second = inner.type(plain_number(start + step, inner))
        with np.errstate(over="ignore"):
            step = second - first
            exact = first + step == second
        result = result if step == 1 else result * step.item()
    if first != 0 or step < 0:
        result = result + first.item()
    if count > 1 and not exact:
        result = where(index == 1, second.item(), result)
    if first == 0 and np.signbit(first):
        result = where(index == 0, first.item(), result)
    return result if dtype == inner else cast(result, dtype=dtype)


def linspace(
    start: Any, stop: Any, /, num: int, *, dtype: Any = None, device: Any = None, endpoint: bool = True, requires_grad: bool = False
) -> Tensor:
    """`num` evenly spaced numbers from `start` to `stop`, which is left out if not `endpoint`; computed in float64 as NumPy does."""
    start, stop, num = _number(start), _number(stop), operator.index(num)
    if num < 0:
        fail(ArgumentError, f"linspace of {num} numbers", "Give 0 or more.")
    complexes = isinstance(start, complex) or isinstance(stop, complex)
    dtype = as_dtype(dtype) if dtype is not None else default_dtype_of(complex if complexes else float)
    index = made_on(device, iota, shape=(num,), dtype=float64)
    start, span = (start * 1.0, stop * 1.0 - start * 1.0)
    parts = num - 1 if endpoint else num
    step = span / parts if parts > 0 else math.nan
    values = (index * step if step != 0 else index / parts * span) if parts > 0 else index * span
    values = values + start
    if endpoint and num > 1:
        values = where(index == num - 1, stop * 1.0, values)
    if is_integer(dtype):
        values = values.floor()
    return _leaf(values if values.dtype == dtype else cast(values, dtype=dtype), requires_grad)


def logspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: float = 10.0, *, dtype: Any = None, device: Any = None
) -> Tensor:
    """base ** linspace(start, stop, num)."""
    exponents = linspace(start, stop, num, dtype=float64, device=device, endpoint=endpoint)
    return cast(base**exponents, dtype=get_default_dtype() if dtype is None else as_dtype(dtype))


# Triangles and grids


def _offsets(rows: int, columns: int, device: Any) -> Tensor:
    """Column index less row index: int64[rows, columns]."""
    return made_on(device, iota, shape=(columns,), dtype=int64) - made_on(device, iota, shape=(rows,), dtype=int64).reshape((rows, 1))


def eye(
    n_rows: int, n_cols: int | None = None, /, *, k: int = 0, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Ones on the k-th diagonal (above the main one if positive), zeros elsewhere."""
    rows, columns = as_shape((n_rows, n_rows if n_cols is None else n_cols))
    dtype = get_default_dtype() if dtype is None else as_dtype(dtype)
    return _leaf(cast(_offsets(rows, columns, device) == k, dtype=dtype), requires_grad)


def tri(n_rows: int, n_cols: int | None = None, k: int = 0, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Ones at and below the k-th diagonal, zeros above it."""
    rows, columns = as_shape((n_rows, n_rows if n_cols is None else n_cols))
    return cast(_offsets(rows, columns, device) <= k, dtype=get_default_dtype() if dtype is None else as_dtype(dtype))


def _triangle(x: Any, k: int, lower: bool) -> Tensor:
    x = as_tensor(x)
    if x.ndim < 2:
        fail(ShapeError, f"a triangle of a tensor of shape {x.shape}", "It takes two axes or more.")
    rows, columns = x.shape[-2:]
    offsets = _offsets(rows, columns, x.device)
    zero = False if x.dtype == bool_ else 0
    return where(offsets <= k if lower else offsets >= k, x, zero)


def tril(x: Tensor, /, *, k: int = 0) -> Tensor:
    """The lower triangle of the last two axes, up to the k-th diagonal; zeros elsewhere."""
    return _triangle(x, k, True)


def triu(x: Tensor, /, *, k: int = 0) -> Tensor:
    """The upper triangle of the last two axes, from the k-th diagonal on; zeros elsewhere."""
    return _triangle(x, k, False)


def tril_indices(row: int, col: int, offset: int = 0, *, device: Any = None) -> Tensor:
    """The places of the lower triangle of a matrix, row by row: int64[2, count]."""
    return on_device(mode.interpreter.constant(np.stack(np.tril_indices(row, offset, col)).astype(int64)), device)


def triu_indices(row: int, col: int, offset: int = 0, *, device: Any = None) -> Tensor:
    """The places of the upper triangle of a matrix, row by row: int64[2, count]."""
    return on_device(mode.interpreter.constant(np.stack(np.triu_indices(row, offset, col)).astype(int64)), device)


def meshgrid(*arrays: Tensor, indexing: str = "xy") -> tuple[Tensor, ...]:
    """The coordinates of a grid: for each 1-D array a tensor of the grid's shape.

    indexing: "ij" has axis k for array k; "xy" exchanges the first two axes, as for pictures.
    """
    if indexing not in ("xy", "ij"):
        fail(ArgumentError, f"meshgrid with indexing={indexing!r}", 'Give "xy" or "ij".')
    lines = [as_tensor(a) for a in arrays]
    for line in lines:
        if line.ndim > 1:
            fail(ShapeError, f"meshgrid of an array of shape {line.shape}", "Give 1-D arrays.")
    places = list(range(len(lines)))
    if indexing == "xy" and len(lines) > 1:
        places[:2] = [1, 0]
    shape = tuple(int(line.size) for _, line in sorted(zip(places, lines), key=lambda pair: pair[0]))
    wide = (line.reshape(tuple(line.size if d == at else 1 for d in range(len(lines)))) for at, line in zip(places, lines))
    return tuple(bind(copy, w.broadcast_to(shape)) for w in wide)
