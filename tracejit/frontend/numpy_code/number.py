"""`Number`: a Python int, float or bool of a rolled loop, whose value only the run knows. Python's rules are followed.

What no op computes as Python does is Untraceable in a turn; behind the loop the value is asked for, and Python computes it.
"""

from __future__ import annotations

import operator
from typing import Any, Callable
from weakref import ref

import numpy as np

from ...control.body import Body, Untraceable, refusals
from ...dispatch import bind, mode
from ...op import OPS
from ...ops.casts import cast
from ...spec import bool_, float64, int64
from ...tensor import StandIn, Tensor
from .world import world

_DTYPES: dict[type, Any] = {bool: bool_, int: int64, float: float64}
_FAR = 1 << 62  # what an int of a loop must stay within
_EXACT = 1 << 53  # ints that floats hold


class Number(StandIn):
    """Stands for a Python number. kind: its class; bound: what an int cannot exceed."""

    __slots__ = ("bound", "kind")
    kind: type
    bound: int

    @property  # type: ignore[misc]
    def __class__(self) -> Any:  # type: ignore[override]
        return self.kind

    def found(self, tensor: Tensor, item: Tensor) -> None:
        if isinstance(mode.interpreter, Body):
            mode.interpreter.show(tensor, item)

    def in_dtype(self, dtype: Any) -> Tensor:
        """Its tensor in an array's dtype. Raises Untraceable where NumPy may refuse to convert it."""
        if self.kind is int and dtype.kind in "iu" and dtype != int64 and (dtype.kind == "u" or self.bound > np.iinfo(dtype).max):
            if isinstance(mode.interpreter, Body):
                raise Untraceable("has an int that may not fit an array of narrower ones")
            return bind(OPS["fill"], shape=(), dtype=dtype, value=np.asarray(self._ask(), dtype).item())
        return self.tensor if self.tensor.dtype == dtype else bind(cast, self.tensor, dtype=dtype)

    # What asks for the value

    def _ask(self) -> Any:
        return mode.interpreter.value(self.tensor).item()

    def __bool__(self) -> bool:
        return mode.interpreter.truth(self.tensor)

    def __int__(self) -> int:
        return int(self._ask())

    def __float__(self) -> float:
        return float(self._ask())

    def __index__(self) -> int:
        return operator.index(self._ask())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self._ask(), dtype)

    def __hash__(self) -> int:
        return hash(self._ask())

    def __str__(self) -> str:
        return str(self._ask())

    def __repr__(self) -> str:
        return repr(self._ask())

    def __format__(self, spec: str) -> str:
        return format(self._ask(), spec)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ask(), name)


def number_of(tensor: Tensor, kind: type, bound: int = 1) -> Number:
    """A Number with the value of a tensor without axes."""
    made = object.__new__(Number)
    made.tensor, made.kind, made.bound = tensor, kind, bound
    born = world.born
    if born is not None:
        born.append(ref(made))
    return made


def told(value: Any) -> Any:
    """The value of a Number; any other value itself."""
    return value._ask() if type(value) is Number else value


def is_number(value: Any) -> bool:
    """Whether a value is a Number, or a Python number."""
    return type(value) is Number or type(value) in _DTYPES


def kind_of(value: Any) -> type:
    """The class of a Number or a Python number."""
    return value.kind if type(value) is Number else type(value)


def bound_of(value: Any) -> int:
    """What an int cannot exceed, whichever its sign."""
    return value.bound if type(value) is Number else abs(int(value)) if type(value) in (int, bool) else 1


def as_kind(value: Any, kind: type) -> Any:
    """A tensor, or a Python number, of a number as one of this class."""
    if type(value) is not Number:
        return kind(value)
    return value.tensor if value.kind is kind else bind(cast, value.tensor, dtype=_DTYPES[kind])


def of_kind(value: Any) -> Tensor:
    """The tensor of a number, without axes, in the dtype of its class."""
    if type(value) is Number:
        return value.tensor
    return bind(OPS["fill"], shape=(), dtype=_DTYPES[type(value)], value=value)


# Arithmetic

_JOINED: dict[str, Callable[[int, int], int]] = {"add": operator.add, "subtract": operator.add, "multiply": operator.mul}


def _arithmetic(name: str, swapped: bool) -> Callable:
    def apply(self: Number, other: Any) -> Any:
        if not is_number(other):
            return NotImplemented
        a, b = (other, self) if swapped else (self, other)
        kind = float if float in (kind_of(a), kind_of(b)) else int
        bound = 1 if kind is float else _JOINED[name](bound_of(a), bound_of(b))
        return _made(name, kind, as_kind(a, kind), as_kind(b, kind), bound)

    return apply


def _made(name: str, kind: type, a: Any, b: Any, bound: int = 1) -> Number:
    if bound > _FAR:
        raise Untraceable("has an int that may grow beyond 64 bits")
    return number_of(bind(OPS[name], a, b), kind, bound)


def _quotient(name: str, swapped: bool) -> Callable:
    """Of a divisor that is known, so that it is not 0."""

    def apply(self: Number, other: Any) -> Any:
        if not is_number(other):
            return NotImplemented
        if swapped or type(other) is Number or not other:
            raise Untraceable("divides by a Python number that may be 0")
        floats = float in (self.kind, type(other))
        if name == "divide":
            if not floats and max(self.bound, bound_of(other)) > _EXACT:
                raise Untraceable("divides ints that no float holds")
            return _made(name, float, as_kind(self, float), float(other))
        kind = float if floats else int
        return _made(name, kind, as_kind(self, kind), kind(other), max(self.bound, bound_of(other)))

    return apply


def _comparison(name: str) -> Callable:
    def apply(self: Number, other: Any) -> Any:
        if not is_number(other):
            return NotImplemented
        floats = float in (self.kind, kind_of(other))
        if floats and max(bound_of(self), bound_of(other)) > _EXACT:
            raise Untraceable("compares an int with a float that cannot hold it")
        kind = float if floats else int
        return number_of(bind(OPS[name], as_kind(self, kind), as_kind(other, kind)), bool)

    return apply


def _negative(self: Number) -> Number:
    kind = float if self.kind is float else int
    return number_of(bind(OPS["negative"], as_kind(self, kind)), kind, self.bound)


def _absolute(self: Number) -> Number:
    kind = float if self.kind is float else int
    return number_of(bind(OPS["abs"], as_kind(self, kind)), kind, self.bound)


def _power(self: Number, other: Any, *modulus: Any) -> Any:
    if not is_number(other):
        return NotImplemented
    if not modulus and type(other) is int and other == 2 and self.kind is int:
        return self * self  # type: ignore[operator]
    raise Untraceable("raises a Python number to a power")


def _in_python(name: str) -> Callable:
    """A method of numbers as Python has it, of the values."""

    def apply(self: Number, *given: Any) -> Any:
        if not all(is_number(other) or type(other) is complex for other in given):
            return _beside_others(name, self, *given)
        value, others = self._ask(), tuple(map(told, given))
        result = getattr(value, name)(*others)
        if result is NotImplemented and type(others[0]) in (float, complex):
            result = getattr(type(others[0])(value), name)(*others)
        return result

    return apply


def _beside_others(name: str, number: Number, *given: Any) -> Any:
    """What an operator gives of the value and of what is no number of Python's: a Decimal, say; not of arrays, which know Numbers."""
    if len(given) != 1 or given[0] is None or isinstance(given[0], (StandIn, Tensor, np.ndarray, np.generic)):
        return NotImplemented
    written = getattr(operator, name, None)
    if written is not None:
        return written(number._ask(), given[0])
    written = getattr(operator, name.replace("__r", "__", 1), None)
    return NotImplemented if written is None else written(given[0], number._ask())


def _attach(name: str, traced: Callable) -> None:
    """A method that is an op in a turn, and behind the loop as far as an op can do it."""
    plain = _in_python(name)

    def apply(self: Number, *given: Any) -> Any:
        if isinstance(mode.interpreter, Body):
            return traced(self, *given)
        try:
            result = traced(self, *given)
        except Untraceable:
            refusals.made -= 1
            result = NotImplemented
        return plain(self, *given) if result is NotImplemented else result

    setattr(Number, name, apply)


for _name, _op in (("add", "add"), ("sub", "subtract"), ("mul", "multiply")):
    _attach(f"__{_name}__", _arithmetic(_op, False))
    _attach(f"__r{_name}__", _arithmetic(_op, True))
for _name, _op in (("truediv", "divide"), ("floordiv", "floor_divide"), ("mod", "remainder")):
    _attach(f"__{_name}__", _quotient(_op, False))
    _attach(f"__r{_name}__", _quotient(_op, True))
for _name, _op in (("lt", "less"), ("le", "less_equal"), ("gt", "greater"), ("ge", "greater_equal"), ("eq", "equal"), ("ne", "not_equal")):
    _attach(f"__{_name}__", _comparison(_op))
for _name, _written in (("neg", _negative), ("abs", _absolute), ("pow", _power)):
    _attach(f"__{_name}__", _written)
for _name in ("and", "or", "xor", "lshift", "rshift", "divmod"):
    setattr(Number, f"__{_name}__", _in_python(f"__{_name}__"))
    setattr(Number, f"__r{_name}__", _in_python(f"__r{_name}__"))
for _name in ("rpow", "invert", "pos", "round", "trunc", "floor", "ceil"):
    setattr(Number, f"__{_name}__", _in_python(f"__{_name}__"))
