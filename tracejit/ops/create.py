"""Creation: ops that make arrays from nothing but attributes, and functions that take data in."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dispatch import bind, mode
from ..errors import ArgumentError, DTypeError, ShapeError, fail
from ..op import Create
from ..spec import (
    DTYPES, as_dtype, as_shape, check_device, default_dtype_of, float64, get_default_dtype, int64,
)  # fmt: skip
from ..tensor import Tensor, wrap
from .casts import cast, where

fill = Create(
    "fill", numpy=lambda *, shape, dtype, value: np.full(shape, value, dtype), scalar="{value}", parameters_of_kernel=("value",),
    parameters="*, shape, dtype, value", doc="Every element is `value`, a Python scalar.",
)  # fmt: skip
iota = Create(
    "iota", numpy=lambda *, shape, dtype: np.arange(shape[0]).astype(dtype), scalar="{i}", doc="0, 1, 2 … along the one axis."
)


def full(shape: Any, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor of this shape with every element `fill_value`."""
    check_device(device)
    if isinstance(fill_value, (Tensor, np.generic)):
        fill_value = fill_value.item()
    dtype = as_dtype(dtype) if dtype is not None else default_dtype_of(type(fill_value))
    return _leaf(bind(fill, shape=as_shape(shape), dtype=dtype, value=fill_value), requires_grad)


def _leaf(tensor: Tensor, requires_grad: bool) -> Tensor:
    return tensor.requires_grad_() if requires_grad else tensor


def _shape(shape: tuple[Any, ...]) -> Any:
    """PyTorch's zeros(2, 3) beside the array API's zeros((2, 3))."""
    return shape[0] if len(shape) == 1 else shape


def zeros(*shape: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Zeros; the default dtype is float32."""
    return full(_shape(shape), 0.0, dtype=dtype or get_default_dtype(), device=device, requires_grad=requires_grad)


def ones(*shape: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Ones; the default dtype is float32."""
    return full(_shape(shape), 1.0, dtype=dtype or get_default_dtype(), device=device, requires_grad=requires_grad)


def empty(*shape: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor whose elements are not promised (here: zeros)."""
    return zeros(*shape, dtype=dtype, device=device, requires_grad=requires_grad)


def full_like(x: Tensor, /, fill_value: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """`fill_value` in the shape, and by default the dtype, of `x`."""
    check_device(device)
    return bind(fill, shape=tuple(x.shape), dtype=x.dtype if dtype is None else as_dtype(dtype), value=fill_value)


def zeros_like(x: Any, /, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Zeros of the shape and dtype of `x`."""
    return full_like(x, 0, dtype=dtype, device=device)


def ones_like(x: Any, /, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Ones of the shape and dtype of `x`."""
    return full_like(x, 1, dtype=dtype, device=device)


def empty_like(x: Any, /, *, dtype: Any = None, device: Any = None) -> Tensor:
    """A tensor of the shape and dtype of `x` whose elements are not promised (here: zeros)."""
    return full_like(x, 0, dtype=dtype, device=device)


def arange(start: Any, /, stop: Any = None, step: Any = 1, *, dtype: Any = None, device: Any = None) -> Tensor:
    """start, start + step … below stop; int64 of ints, the default dtype of floats. Length ceil((stop − start) / step)."""
    check_device(device)
    if stop is None:
        start, stop = 0, start
    if step == 0:
        fail(ArgumentError, "arange with a step of 0", "Give a step that leads from start to stop.")
    count = max(0, int(np.ceil((stop - start) / step)))
    integral = all(isinstance(v, (int, np.integer)) for v in (start, stop, step))
    dtype = as_dtype(dtype) if dtype is not None else int64 if integral else get_default_dtype()
    if integral:
        return _as(bind(iota, shape=(count,), dtype=int64) * step + start, dtype)
    return _as(bind(iota, shape=(count,), dtype=float64) * float(step) + float(start), dtype)


def _as(x: Tensor, dtype: Any) -> Tensor:
    return x if x.dtype == dtype else cast(x, dtype=dtype)


def linspace(
    start: Any, stop: Any, /, num: int, *, dtype: Any = None, device: Any = None, endpoint: bool = True
) -> Tensor:
    """`num` evenly spaced numbers from start to stop (left out if not `endpoint`), worked out in float64."""
    check_device(device)
    if num < 0:
        fail(ArgumentError, f"linspace of {num} numbers", "Give 0 or more.")
    is_complex = isinstance(start, complex) or isinstance(stop, complex)
    dtype = as_dtype(dtype) if dtype is not None else default_dtype_of(complex if is_complex else float)
    return mode.interpreter.constant(np.linspace(start, stop, num, endpoint=endpoint, dtype=dtype))


def eye(n_rows: int, n_cols: int | None = None, /, *, k: int = 0, dtype: Any = None, device: Any = None) -> Tensor:
    """Ones on the k-th diagonal, zeros elsewhere."""
    check_device(device)
    columns = n_rows if n_cols is None else n_cols
    row = bind(iota, shape=(n_rows,), dtype=int64).reshape((n_rows, 1))
    return (bind(iota, shape=(columns,), dtype=int64) - row == k).astype(as_dtype(dtype or get_default_dtype()))


def _triangle(x: Tensor, k: int, lower: bool) -> Tensor:
    if x.ndim < 2:
        fail(ShapeError, f"a triangle of a tensor of shape {tuple(x.shape)}", "It takes two axes or more.")
    rows, columns = x.shape[-2:]
    offset = bind(iota, shape=(columns,), dtype=int64) - bind(iota, shape=(rows,), dtype=int64).reshape((rows, 1))
    keep = offset <= k if lower else offset >= k
    return where(keep, x, zeros_like(x))


def tril(x: Tensor, /, *, k: int = 0) -> Tensor:
    """The lower triangle of the last two axes, up to the k-th diagonal; zeros elsewhere."""
    return _triangle(x, k, True)


def triu(x: Tensor, /, *, k: int = 0) -> Tensor:
    """The upper triangle of the last two axes, from the k-th diagonal; zeros elsewhere."""
    return _triangle(x, k, False)


def meshgrid(*arrays: Tensor, indexing: str = "xy") -> list[Tensor]:
    """Coordinates of a grid: one tensor for each 1-D array, all of the grid's shape."""
    if indexing not in ("xy", "ij"):
        fail(ArgumentError, f"meshgrid with indexing={indexing!r}", 'Give "xy" or "ij".')
    shape = [a.size for a in arrays]
    order = list(range(len(arrays)))
    if indexing == "xy" and len(arrays) > 1:
        order[:2] = [1, 0]
    full_shape = tuple(int(shape[i]) for i in order)
    grids = []
    for i, a in enumerate(arrays):
        at = order.index(i)
        grids.append(a.reshape(tuple(-1 if d == at else 1 for d in range(len(arrays)))).broadcast_to(full_shape))
    return grids


def asarray(obj: Any, /, *, dtype: Any = None, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor of an array, a nested list or a scalar. NumPy memory is shared unless `copy` or `dtype` asks for another."""
    check_device(device)
    wanted = None if dtype is None else as_dtype(dtype)
    if isinstance(obj, Tensor):
        if wanted is not None and wanted != obj.dtype:
            if copy is False:
                fail(ArgumentError, f"asarray from {obj.dtype.name} to {wanted.name} with copy=False", "Pass copy=None.")
            return obj.astype(wanted)
        return obj.clone() if copy else obj
    if isinstance(obj, (np.ndarray, np.generic)):
        array = np.asarray(obj)
        if array.dtype not in DTYPES:
            array = array.astype(array.dtype.newbyteorder("="))
    else:
        array = _of_python(obj, copy)
    if array.dtype not in DTYPES:
        fail(DTypeError, f"an array of dtype {array.dtype}", "Tensors hold " + ", ".join(d.name for d in DTYPES) + ".")
    if wanted is not None and array.dtype != wanted:
        if copy is False:
            fail(ArgumentError, f"asarray from {array.dtype.name} to {wanted.name} with copy=False", "Pass copy=None.")
        array = array.astype(wanted)
    elif copy:
        array = array.copy()
    return mode.interpreter.constant(array)


def _of_python(obj: Any, copy: bool | None) -> np.ndarray:
    """Python data as an array of the default dtypes."""
    if copy is False and not hasattr(obj, "__dlpack__") and not hasattr(obj, "__array__"):
        fail(ArgumentError, f"asarray of a {type(obj).__name__} with copy=False", "Python data can only be copied.")
    if hasattr(obj, "__dlpack__"):
        return np.from_dlpack(obj)
    if hasattr(obj, "__array__"):
        return np.asarray(obj)
    try:
        array = np.array(_plain(obj))
    except (ValueError, OverflowError) as error:
        fail(ArgumentError, f"{type(obj).__name__} data that is no array: {error}", "All rows must have equal length.")
    if array.dtype == object:
        fail(ArgumentError, f"{obj!r:.60} is not numeric", "Give numbers, or nested lists of numbers.")
    if array.dtype.kind in "fc" and not _has_numpy(obj):
        array = array.astype(default_dtype_of(float if array.dtype.kind == "f" else complex))
    return array if array.size or array.dtype.kind != "f" else array.astype(get_default_dtype())


def _plain(obj: Any) -> Any:
    if isinstance(obj, Tensor):
        return obj.detach().numpy()
    return [_plain(o) for o in obj] if isinstance(obj, (list, tuple)) else obj


def _has_numpy(obj: Any) -> bool:
    if isinstance(obj, (list, tuple)):
        return any(map(_has_numpy, obj))
    return isinstance(obj, (Tensor, np.ndarray, np.generic))


def tensor(data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A new tensor, a leaf, with a copy of the data."""
    source = data.detach() if isinstance(data, Tensor) else data
    copied = asarray(source, dtype=dtype, device=device, copy=True if hasattr(source, "dtype") else None)
    return _leaf(copied.detach() if copied is source else copied, requires_grad)


def from_dlpack(x: Any, /, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor on the memory of any object with the DLPack protocol."""
    check_device(device)
    array = np.from_dlpack(x._value if isinstance(x, Tensor) else x)
    return wrap(array.copy() if copy else array)
