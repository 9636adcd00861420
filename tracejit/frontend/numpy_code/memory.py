"""How an array lies in memory, told without its values."""

from __future__ import annotations


import numpy as np
from numpy.lib.stride_tricks import as_strided

from ...ops.view import strides_of
from .array import Array
from .layout import order_of
from .operands import is_readonly


def phantom(x: Array) -> np.ndarray:
    """An array that lies in memory as this one does in NumPy's; nobody reads it."""
    order = order_of(x)
    if x.owner is None and not x.tensor._chain:
        made = np.empty([x.shape[d] for d in order or range(x.ndim)], x.dtype)  # memory that nobody touches is none
        made = made.transpose([order.index(d) for d in range(x.ndim)]) if order else made
    else:
        made = as_strided(np.empty(1, x.dtype), x.shape, [s * x.itemsize for s in strides_of(x.tensor)])
    if is_readonly(x):
        made.flags.writeable = False
    return made


def lies_in(x: Array, order: str | None) -> bool:
    """Whether an array lies in memory as the argument `order` of NumPy's functions asks, so that no copy is needed."""
    if order == "C":
        return phantom(x).flags.c_contiguous
    return phantom(x).flags.f_contiguous if order == "F" else True
