"""Running results: `np.add.accumulate`, `x.cumsum()`, `x.cumprod()` of Arrays."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from ...dispatch import bind
from ...op import Library
from ...ops.casts import cast
from ...ops.scan import running_product, running_sum
from ...ops.view import reshape
from .array import Array, array_of, attach
from .host import host
from .layout import back_in_place, in_order, order_of
from .operands import as_array
from .real_calls import on_real_arrays
from .reductions import ACCUMULATORS
from .ufunc_calls import write

_RUNNING: dict[Any, Library] = {np.add: running_sum, np.multiply: running_product}


@lru_cache(maxsize=1024)
def _running_dtype(ufunc: np.ufunc, given: np.dtype, ndim: int, axis: Any, dtype: Any) -> np.dtype | None:
    """The dtype of `ufunc.accumulate`; None where NumPy raises."""
    try:
        return ufunc.accumulate(np.ones((1,) * ndim, given), axis, dtype).dtype
    except Exception:
        return None


def accumulate(ufunc: np.ufunc, array: Any, axis: Any = 0, dtype: Any = None, out: Any = None) -> Any:
    """`ufunc.accumulate`, with its arguments."""
    x = as_array(array)
    place = out[0] if type(out) is tuple else out
    wanted = dtype if place is None or dtype is not None else place.dtype
    result = _running_dtype(ufunc, x.dtype, x.ndim, axis, wanted) if type(axis) is int else None
    if result is None or (place is not None and place.shape != x.shape):
        return on_real_arrays(ufunc.accumulate, (array, axis, dtype, out), {})
    order = order_of(x)
    tensor = in_order(x.tensor, order)
    axis = order.index(axis % x.ndim) if order else axis % x.ndim
    op = _RUNNING.get(ufunc)
    if op is not None and result in ACCUMULATORS:
        made = bind(op, tensor if tensor.dtype == result else cast(tensor, dtype=result), axis=axis, reverse=False)
    else:
        options = {"axis": axis, "dtype": result.name}
        made = host(f"{ufunc.__name__}.accumulate", tensor, shape=tuple(tensor.shape), dtype=result, options=options)
    found = array_of(back_in_place(made, order))
    return found if place is None else write(place, found)


def _running(ufunc: np.ufunc, x: Array, axis: Any, dtype: Any, out: Any) -> Any:
    if axis is not None and x.ndim:
        return accumulate(ufunc, x, axis, dtype, out)
    if axis not in (None, 0, -1):
        return on_real_arrays(np.cumsum, (x, axis), {})
    return accumulate(ufunc, array_of(reshape(x.tensor, (x.size,))), 0, dtype, out)


@attach("cumsum")
def cumsum(x: Array, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    """x.cumsum."""
    return _running(np.add, x, axis, dtype, out)


@attach("cumprod")
def cumprod(x: Array, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    """x.cumprod."""
    return _running(np.multiply, x, axis, dtype, out)
