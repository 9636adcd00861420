"""Functions about dtypes: casts, what casts are safe, limits, kinds."""

from __future__ import annotations

from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

from ..dispatch import bind
from ..errors import ArgumentError, DTypeError, fail
from ..spec import DType, as_dtype, bfloat16, bool_, is_complex, is_floating, is_inexact, is_integer, promote
from ..tensor import Tensor
from .elementwise import cast
from .transfer import on_device
from .elementwise import copy as copy_op

_SCALARS = (bool, int, float, complex)


def astype(x: Tensor, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Tensor:
    """`x` in another dtype. With `copy=False`, `x` itself where the dtype is already right."""
    if device is not None and (there := on_device(x, device)) is not x:
        return astype(there, dtype, copy=False)
    wanted = as_dtype(dtype)
    if x.dtype != wanted:
        return bind(cast, x, dtype=wanted)
    return bind(copy_op, x) if copy else x


def can_cast(from_: Any, to: Any, /) -> bool:
    """Whether values of the dtype (or array) `from_` can become the dtype `to` by the rules of promotion."""
    start, wanted = (from_.dtype if isinstance(from_, Tensor) else as_dtype(from_)), as_dtype(to)
    return promote(start, wanted) == wanted


def result_type(*arrays_and_dtypes: Any) -> DType:
    """The dtype that an operation on these arrays, dtypes and (weak) Python scalars gives."""
    if not arrays_and_dtypes:
        fail(ArgumentError, "result_type() of nothing", "Give at least one array or dtype.")
    return promote(*(_promotable(o) for o in arrays_and_dtypes))


def _promotable(operand: Any) -> Any:
    if type(operand) in _SCALARS:
        return type(operand)
    if isinstance(operand, (Tensor, np.ndarray, np.generic)):
        return as_dtype(operand.dtype)
    return as_dtype(operand)


def promote_types(type1: Any, type2: Any) -> DType:
    """The smallest dtype that both can be cast to."""
    return promote(as_dtype(type1), as_dtype(type2))


class FloatInfo(NamedTuple):
    """The limits of a floating dtype."""

    bits: int
    eps: float
    max: float
    min: float
    smallest_normal: float
    dtype: DType

    @property
    def tiny(self) -> float:
        """Another name of `smallest_normal`."""
        return self.smallest_normal


class IntInfo(NamedTuple):
    """The limits of an integer dtype."""

    bits: int
    max: int
    min: int
    dtype: DType


def finfo(type: Any, /) -> FloatInfo:
    """The limits of a floating dtype (of the parts, for a complex one), or of an array's."""
    dtype = type.dtype if isinstance(type, Tensor) else as_dtype(type)
    if not is_inexact(dtype):
        fail(DTypeError, f"finfo of {dtype.name}", "It takes floating and complex dtypes; iinfo takes integers.")
    info = ml_dtypes.finfo(dtype) if dtype == bfloat16 else np.finfo(dtype)
    part = as_dtype(info.dtype)
    return FloatInfo(int(info.bits), float(info.eps), float(info.max), float(info.min), float(info.smallest_normal), part)


def iinfo(type: Any, /) -> IntInfo:
    """The limits of an integer dtype, or of an array's."""
    dtype = type.dtype if isinstance(type, Tensor) else as_dtype(type)
    if not is_integer(dtype):
        fail(DTypeError, f"iinfo of {dtype.name}", "It takes integer dtypes; finfo takes floating ones.")
    info = np.iinfo(dtype)
    return IntInfo(int(info.bits), int(info.max), int(info.min), dtype)


_KINDS = {
    "bool": lambda d: d == bool_,
    "signed integer": lambda d: d.kind == "i",
    "unsigned integer": lambda d: d.kind == "u",
    "integral": is_integer,
    "real floating": is_floating,
    "complex floating": is_complex,
    "numeric": lambda d: d != bool_,
}


def isdtype(dtype: Any, kind: Any) -> bool:
    """Whether `dtype` is of the kind: a dtype, a name of the array API ("integral", "real floating" …), or a tuple of such."""
    found = as_dtype(dtype)
    if isinstance(kind, tuple):
        return any(isdtype(found, k) for k in kind)
    if isinstance(kind, str):
        if kind not in _KINDS:
            fail(ArgumentError, f"the kind {kind!r}", "Give a dtype or one of " + ", ".join(map(repr, _KINDS)) + ".")
        return bool(_KINDS[kind](found))
    return found == as_dtype(kind)


def is_tensor(obj: Any) -> bool:
    """Whether `obj` is a Tensor."""
    return isinstance(obj, Tensor)


def is_floating_point(x: Any) -> bool:
    """Whether the dtype of `x` is a real floating one."""
    return is_floating(x.dtype)
