"""Ufuncs on Arrays: NumPy says which dtypes a call computes in, an op of that dtype does it."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Callable

import numpy as np

from ...dispatch import assign
from ...op import OPS, Op
from ...ops.casts import cast
from ...ops.numpy_protocol import UFUNCS
from ...ops.view import put
from ...spec import TensorSpec
from ...tensor import Tensor, wrap
from .array import Array, array_of, attach, real, stand_in, stand_in_all

_WEAK: dict[type, Any] = {bool: np.dtype(bool), int: int, float: float, complex: complex}


@attach()
def __array_ufunc__(self: Array, ufunc: np.ufunc, how: str, *inputs: Any, **kwargs: Any) -> Any:
    if how == "__call__" and not kwargs:
        result = call(ufunc, *inputs)
        if result is not NotImplemented:
            return result
    if how == "__call__" and set(kwargs) == {"out"} and len(kwargs["out"]) == 1:
        result = call(ufunc, *inputs)
        if result is not NotImplemented:
            return write(kwargs["out"][0], result)
    return on_real_arrays(getattr(ufunc, how), inputs, kwargs)


def call(ufunc: np.ufunc, *inputs: Any) -> Any:
    """A plain call of a ufunc; NotImplemented where no op does what it does."""
    described = tuple([_described(value) for value in inputs])
    if any(d is None for d in described):
        return NotImplemented
    found = _resolved(ufunc, described)
    if found is None:
        return NotImplemented
    op, dtypes = found
    operands = [_operand(value, dtype) for value, dtype in zip(inputs, dtypes)]
    result = op(*operands)
    return array_of(result, not result._value.shape)


def _described(value: Any) -> Any:
    """What of a value decides the dtype of a result."""
    kind = type(value)
    if kind is Array or kind is np.ndarray:
        return value.dtype
    return _WEAK.get(kind) or (value.dtype if isinstance(value, np.generic) else None)


@lru_cache(maxsize=4096)
def _resolved(ufunc: np.ufunc, described: tuple[Any, ...]) -> tuple[Op, tuple[np.dtype, ...]] | None:
    """The op of a ufunc, and the dtypes it takes its operands in. Raises NumPy's TypeError where there are none."""
    name = UFUNCS.get(ufunc.__name__, ufunc.__name__)
    op = OPS.get(name) if getattr(np, ufunc.__name__, None) is ufunc else None
    if op is None or op.kind != "elementwise" or ufunc.nout != 1:
        return None
    *taken, given = ufunc.resolve_dtypes((*described, None))
    try:
        fits = op.spec(*[TensorSpec((), dtype) for dtype in taken]).dtype == given
    except TypeError:
        return None
    return (op, tuple(taken)) if fits else None


def _operand(value: Any, dtype: np.dtype) -> Any:
    """A value as an operand of this dtype. Raises NumPy's OverflowError for a Python number that it cannot hold."""
    if type(value) in _WEAK or isinstance(value, np.generic) and not isinstance(value, Array):
        return np.asarray(value, dtype).item()
    tensor = tensor_of(value)
    return tensor if tensor.dtype == dtype else cast(tensor, dtype=dtype)


def tensor_of(value: Any) -> Tensor:
    """The tensor of an Array, an array from outside or a NumPy scalar."""
    if type(value) is Array:
        return value.tensor
    return stand_in(value).tensor if type(value) is np.ndarray else wrap(np.asarray(value))


def write(target: Any, result: Array) -> Any:
    """Write a result into `out=`, and give that."""
    place = stand_in(target) if type(target) is np.ndarray else target
    if not np.can_cast(result.dtype, place.dtype, "same_kind"):
        raise np._core._exceptions._UFuncOutputCastingError  # type: ignore[attr-defined]
    value = result.tensor
    assign(place.tensor, value if value.dtype == place.dtype else cast(value, dtype=place.dtype), put)
    return place


def on_real_arrays(function: Callable, args: Any, kwargs: Any) -> Any:
    """A function that is not traced, of the arrays themselves."""
    values = [_real_all(a) for a in args]
    return stand_in_all(function(*values, **{name: _real_all(value) for name, value in kwargs.items()}))


def _real_all(value: Any) -> Any:
    if type(value) is tuple or type(value) is list:
        return type(value)(map(_real_all, value))
    return real(value)


# Operators

_BINARY = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.divide, "floordiv": np.floor_divide, "mod": np.remainder,
    "pow": np.power, "matmul": np.matmul, "and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor, "lshift": np.left_shift,
    "rshift": np.right_shift, "divmod": np.divmod,
}  # fmt: skip
_COMPARISONS = {"lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal, "eq": np.equal, "ne": np.not_equal}
_UNARY = {"neg": np.negative, "pos": np.positive, "abs": np.absolute, "invert": np.invert}


def _operator(ufunc: np.ufunc, swapped: bool = False) -> Callable:
    def operator(self: Array, other: Any) -> Any:
        operands = (other, self) if swapped else (self, other)
        result = call(ufunc, *operands)
        return ufunc(*operands) if result is NotImplemented else result

    return operator


def _in_place(ufunc: np.ufunc) -> Callable:
    def operator(self: Array, other: Any) -> Any:
        if self.is_scalar:
            return ufunc(self, other)
        return ufunc(self, other, out=(self,))

    return operator


for _name, _ufunc in (_BINARY | _COMPARISONS).items():
    setattr(Array, f"__{_name}__", _operator(_ufunc))
for _name, _ufunc in _BINARY.items():
    setattr(Array, f"__r{_name}__", _operator(_ufunc, swapped=True))
    if _name != "divmod":
        setattr(Array, f"__i{_name}__", _in_place(_ufunc))
for _name, _ufunc in _UNARY.items():
    setattr(Array, f"__{_name}__", lambda self, _ufunc=_ufunc: _ufunc(self))
