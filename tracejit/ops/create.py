"""Ops that make arrays from nothing but attributes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dispatch import bind, mode
from ..op import Create
from ..spec import Shape, as_dtype, as_shape, check_device, default_dtype_of, get_default_dtype
from ..tensor import Tensor, wrap

fill = Create(
    "fill", numpy=lambda *, shape, dtype, value: np.full(shape, value, dtype), scalar="{value}", parameters_of_kernel=("value",),
    parameters="*, shape, dtype, value", doc="Every element is `value`, a Python scalar.",
)  # fmt: skip
iota = Create(
    "iota", numpy=lambda *, shape, dtype: np.arange(shape[0], dtype=dtype), scalar="{i}", doc="0, 1, 2 … along the one axis."
)


def full(shape: Any, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor of this shape with every element `fill_value`."""
    check_device(device)
    dtype = as_dtype(dtype) if dtype is not None else default_dtype_of(type(fill_value))
    return bind(fill, shape=as_shape(shape), dtype=dtype, value=fill_value).requires_grad_(requires_grad)


def zeros_like(x: Any, /, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Zeros of the shape and dtype of `x`."""
    check_device(device)
    return bind(fill, shape=x.shape, dtype=x.dtype if dtype is None else as_dtype(dtype), value=0)


def ones_like(x: Any, /, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Ones of the shape and dtype of `x`."""
    check_device(device)
    return bind(fill, shape=x.shape, dtype=x.dtype if dtype is None else as_dtype(dtype), value=1)
