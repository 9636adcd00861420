"""Operators of Arrays: those of Python, by NumPy's ufuncs."""

from __future__ import annotations

import operator as python
from functools import lru_cache
from typing import Any, Callable

import numpy as np

from ...dispatch import assign
from ...ops.casts import cast
from ...ops.view import put
from ...tensor import Tensor
from .array import Array, real, stand_in_all
from .complex_scalars import magnitude, product, product_in_place
from .operands import is_readonly
from .ufuncs import at_once, call, planned, run
from .world import world

_BINARY = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.divide, "floordiv": np.floor_divide, "mod": np.remainder,
    "pow": np.power, "matmul": np.matmul, "and_": np.bitwise_and, "or_": np.bitwise_or, "xor": np.bitwise_xor, "lshift": np.left_shift,
    "rshift": np.right_shift,
}  # fmt: skip
_COMPARISONS = {"lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal, "eq": np.equal, "ne": np.not_equal}
_POWERS = {2: np.square, -1: np.reciprocal, 0.5: np.sqrt}  # what NumPy's ** does of arrays for these very numbers: 2, not 2.0
_UNARY = {"neg": np.negative, "pos": np.positive, "abs": np.absolute, "invert": np.invert}


def _on_real(function: Callable, *operands: Any) -> Any:
    """The operator itself, of the arrays themselves: what NumPy refuses is refused in its words."""
    return stand_in_all(function(*map(real, operands)))


def _operator(ufunc: np.ufunc, function: Callable, swapped: bool = False) -> Callable:
    def operator(self: Array, other: Any) -> Any:
        operands = (other, self) if swapped else (self, other)
        result = at_once(ufunc, *operands)
        if result is not None:
            return result
        if isinstance(other, Tensor):
            return NotImplemented
        result = call(ufunc, *operands)
        return _on_real(function, *operands) if result is NotImplemented else result

    return operator


def _in_place(ufunc: np.ufunc, function: Callable) -> Callable:
    def operator(self: Array, other: Any) -> Any:
        target = self.tensor
        result = at_once(ufunc, self, other)
        if result is not None and not self.is_scalar:  # the common case
            value, old = result.tensor._value, target._value
            if value.dtype == old.dtype and value.shape == old.shape and not is_readonly(self):
                assign(self.tensor, result.tensor, put)
                return self
        if isinstance(other, Tensor):
            return NotImplemented
        return _in_steps(ufunc, function, self, other)

    return operator


def _in_steps(ufunc: np.ufunc, function: Callable, self: Array, other: Any) -> Any:
    """An operator that changes an array, or gives another scalar, whatever has to be cast, broadcast or refused."""
    if ufunc.signature is not None:
        return _of_matrices(ufunc, function, self, other)
    plan, values = planned(ufunc, (self, other))
    target, writes = self.tensor, not self.is_scalar
    if plan is None or (writes and not (_may_cast(plan.given[0], target._value.dtype) and not is_readonly(self))):
        return _changed(function, self, other)
    result = run(ufunc, plan, values)
    if not writes and result is not NotImplemented:
        return result
    if result is NotImplemented or result.shape != self.shape:
        return _changed(function, self, other)
    value = result.tensor
    assign(self.tensor, value if value._value.dtype == target._value.dtype else cast(value, dtype=target.dtype), put)
    return self


def _of_matrices(ufunc: np.ufunc, function: Callable, self: Array, other: Any) -> Any:
    result = NotImplemented if self.is_scalar or is_readonly(self) else call(ufunc, self, other)
    if result is NotImplemented or result.shape != self.shape or result.dtype != self.dtype:
        return _changed(function, self, other)
    assign(self.tensor, result.tensor, put)
    return self


@lru_cache(maxsize=None)
def _may_cast(given: np.dtype, target: np.dtype) -> bool:
    return np.can_cast(given, target, "same_kind")


def _changed(function: Callable, self: Array, other: Any) -> Any:
    if not self.is_scalar:
        world.untold("an operator changes an array itself")
    found = _on_real(function, self, other)
    return found if self.is_scalar else self


def _divmod(self: Array, other: Any) -> Any:
    result = call(np.divmod, self, other)
    return _on_real(divmod, self, other) if result is NotImplemented else result


def _rdivmod(self: Array, other: Any) -> Any:
    result = call(np.divmod, other, self)
    return _on_real(divmod, other, self) if result is NotImplemented else result


def _unary(ufunc: np.ufunc, function: Callable) -> Callable:
    def operator(self: Array) -> Any:
        result = at_once(ufunc, self)
        if result is not None:
            return result
        result = call(ufunc, self)
        return _on_real(function, self) if result is NotImplemented else result

    return operator


def _unless_plain(name: str, plain: Callable) -> None:
    """Of one complex number, an operator is another function, where that gives something."""
    general = getattr(Array, name)

    def operator(self: Array, *others: Any) -> Any:
        value = self.tensor._value
        result = plain(self, *others) if value.dtype.kind == "c" and value.size == 1 else None
        return general(self, *others) if result is None else result

    setattr(Array, name, operator)


_to_the, _to_the_in_place = _operator(np.power, python.pow), _in_place(np.power, python.ipow)


def _instead(x: Array, exponent: Any) -> np.ufunc | None:
    """What NumPy's ** does instead of np.power, where that gives something else: of bools it is int8, of complex numbers rounded otherwise."""
    if x.is_scalar or x.dtype.kind not in "bc" or type(exponent) not in (int, float) or type(exponent) is float and exponent != 0.5:
        return None
    return _POWERS.get(exponent) if x.dtype.kind == "c" or exponent == 2 else None


def _power(self: Array, exponent: Any, modulus: Any = None) -> Any:
    if modulus is not None:
        return _on_real(pow, self, exponent, modulus)
    instead = _instead(self, exponent)
    return _to_the(self, exponent) if instead is None else instead(self)


def _power_in_place(self: Array, exponent: Any) -> Any:
    instead = _instead(self, exponent)
    return _to_the_in_place(self, exponent) if instead is None else instead(self, out=self)


for _name, _ufunc in (_BINARY | _COMPARISONS).items():
    setattr(Array, f"__{_name.strip('_')}__", _operator(_ufunc, getattr(python, _name)))
for _name, _ufunc in _BINARY.items():
    _name = _name.strip("_")
    setattr(Array, f"__r{_name}__", _operator(_ufunc, getattr(python, f"__{_name}__"), swapped=True))
    setattr(Array, f"__i{_name}__", _in_place(_ufunc, getattr(python, f"__i{_name}__")))
for _name, _ufunc in _UNARY.items():
    setattr(Array, f"__{_name}__", _unary(_ufunc, getattr(python, _name)))
for _name, _function in {"divmod": _divmod, "rdivmod": _rdivmod, "pow": _power, "ipow": _power_in_place}.items():
    setattr(Array, f"__{_name}__", _function)
_PLAIN: dict[str, Callable] = {"mul": product, "rmul": product, "imul": product_in_place, "abs": magnitude}
for _name, _plain in _PLAIN.items():
    _unless_plain(f"__{_name}__", _plain)
