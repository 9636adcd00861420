"""How an array lies in memory, told without its values: `x.strides`, and what `x.flags` says."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ...ops.view import strides_of
from .array import Array
from .layout import order_of
from .methods import attribute
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


@attribute("strides")
def _strides(x: Array) -> Any:
    return () if x.is_scalar else phantom(x).strides
