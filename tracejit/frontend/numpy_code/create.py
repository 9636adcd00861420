"""Arrays made in a trace: `np.zeros`, `np.arange`, `np.array` … of woven code."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...dispatch import bind
from ...ops.create import fill
from .array import array_of
from .table import implements


@implements(np.zeros)
def zeros(shape: Any, dtype: Any = float, order: str = "C", **kwargs: Any) -> Any:
    """np.zeros."""
    made = np.empty(shape, dtype)
    return array_of(bind(fill, shape=made.shape, dtype=made.dtype, value=made.dtype.type(0).item()))
