"""What NumPy code computes with: arrays, numbers and lists of numbers as operands of ops; and what runs on real arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...dispatch import bind, mode
from ...ops.create import fill
from ...spec import DTYPES, bool_
from ...tensor import Tensor, wrap
from .array import Array, array_of, stand_in
from .number import Number
from .table import SUBSTITUTES

WEAK: dict[type, Any] = {bool: bool_, int: int, float: float, complex: complex}  # Python's numbers, as NumPy promotes them
_ndarray = np.ndarray


def as_operand(value: Any) -> Any:
    """A value that a ufunc computes with: an Array, a Python number or a NumPy scalar; else None."""
    kind = type(value)
    if kind is Array or kind is Number or kind in WEAK:
        return value
    if kind is _ndarray or kind is list or kind is tuple:
        return as_array(value)
    return value if isinstance(value, np.generic) and value.dtype in DTYPES else None


def as_array(value: Any) -> Any:
    """The Array of an array, a number or a nested list of such; None where there is none."""
    kind = type(value)
    if kind is Array:
        return value
    if kind is _ndarray:
        found = stand_in(value)
        return found if type(found) is Array else None
    if holds_arrays(value):
        stacked = SUBSTITUTES[np.array](value)
        return stacked if type(stacked) is Array else None
    try:
        made = np.asarray(value)
    except Exception:
        return None
    if made.dtype not in DTYPES:
        return None
    return array_of(mode.interpreter.constant(made)) if made.ndim else array_of(constant(value, made.dtype), True)


def constant(value: Any, dtype: np.dtype) -> Tensor:
    """A number as a tensor of this dtype without axes."""
    return bind(fill, shape=(), dtype=dtype, value=np.asarray(value, dtype).item())


def holds_arrays(value: Any) -> bool:
    """Whether a value is an Array, or a nested list or tuple with one, or with a Number, in it."""
    return type(value) is Array or (type(value) in (list, tuple) and any([type(v) is Number or holds_arrays(v) for v in value]))


def tensor_of(value: Any) -> Tensor:
    """The tensor of an Array, an array from outside or a NumPy scalar."""
    if type(value) is Array:
        return value.tensor
    return stand_in(value).tensor if type(value) is _ndarray else wrap(np.asarray(value))


def is_readonly(array: Array) -> bool:
    """Whether NumPy refuses to write to an array."""
    chain = array.tensor._chain
    return array.readonly or (chain != () and not all(op.writable for op, _ in chain))
