"""`Array`: what NumPy code sees in a trace in the place of an array or a NumPy scalar."""

from __future__ import annotations

from typing import Any, Callable
from weakref import ref

import numpy as np

from ...dispatch import mode
from ...spec import DTYPES, lies_in_elements
from ...tensor import StandIn, Tensor, wrap
from .number import told
from .world import world

_ndarray = np.ndarray
_new = object.__new__


class Array(StandIn):
    """Stands for an ndarray, or for a NumPy scalar. Its tensor has its value; NumPy's rules are followed in all else.

    Code written in C cannot read it but by `__array__`, which is an observation.
    """

    __slots__ = ("is_scalar", "owner", "order", "readonly")
    __array_priority__ = 0.0
    is_scalar: bool  # a NumPy scalar: immutable
    owner: Any  # of the memory that it shows: an Array, or what an array from outside has as base; None for its own
    order: tuple[int, ...] | None  # of the axes in memory, once it is known: see `layout.py`
    readonly: bool

    @property  # type: ignore[misc]
    def __class__(self) -> Any:  # type: ignore[override]
        return self.tensor.dtype.type if self.is_scalar else _ndarray

    # What is known without a value

    @property
    def base(self) -> Any:
        return stand_in(self.owner) if type(self.owner) is _ndarray else self.owner

    @property
    def dtype(self) -> np.dtype:
        return self.tensor._value.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.tensor._value.shape)

    @property
    def ndim(self) -> int:
        return len(self.tensor._value.shape)

    @property
    def size(self) -> int:
        return self.tensor._value.size

    @property
    def itemsize(self) -> int:
        return self.tensor._value.dtype.itemsize

    @property
    def nbytes(self) -> int:
        return self.tensor._value.size * self.tensor._value.dtype.itemsize

    def __len__(self) -> int:
        if self.is_scalar:
            raise TypeError(f"object of type 'numpy.{self.dtype.type.__name__}' has no len()")
        if not self.shape:
            raise TypeError("len() of unsized object")
        return self.shape[0]

    # What asks for the value

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(real(self), dtype=dtype, copy=copy)

    def __bool__(self) -> bool:
        return mode.interpreter.truth(self.tensor) if self.tensor._value.size == 1 else bool(shown(self))

    def __float__(self) -> float:
        return float(shown(self))

    def __int__(self) -> int:
        return int(shown(self))

    def __complex__(self) -> complex:
        return complex(shown(self))

    def __index__(self) -> int:
        if self.is_scalar and self.dtype.kind not in "iu":
            raise TypeError(f"'numpy.{self.dtype.type.__name__}' object cannot be interpreted as an integer")
        return shown(self).__index__()

    def __hash__(self) -> int:
        return hash(shown(self))

    def __str__(self) -> str:
        return str(shown(self))

    def __repr__(self) -> str:
        return repr(shown(self))

    def __format__(self, spec: str) -> str:
        return format(shown(self), spec)

    def item(self, *args: Any) -> Any:
        return shown(self).item(*args)

    def tolist(self) -> Any:
        return shown(self).tolist()

    def __copy__(self) -> Any:
        return self if self.is_scalar else self.copy()

    def __deepcopy__(self, memo: Any) -> Any:
        return self.__copy__()

    def __reduce_ex__(self, protocol: Any) -> Any:
        return shown(self).__reduce_ex__(protocol)

    def __getattr__(self, name: str) -> Any:
        """An attribute that is not known here is asked of the array itself."""
        return stand_in_all(getattr(real(self), name))


def attach(*names: str) -> Callable[[Callable], Callable]:
    """Make the decorated function a method of Array under these names (its own, if none is given)."""

    def attached(function: Callable) -> Callable:
        for name in names or (function.__name__,):
            setattr(Array, name, function)
        return function

    return attached


def array_of(tensor: Tensor, is_scalar: bool = False, base: Any = None, order: Any = None, readonly: bool = False) -> Array:
    """A new Array that shows a tensor."""
    made = _new(Array)
    made.tensor, made.is_scalar, made.owner, made.order, made.readonly = tensor, is_scalar, base, order, readonly
    born = world.born
    if born is not None:
        born.append(ref(made))
    return made


def from_outside(tensor: Tensor) -> Array:
    """A new Array that shows an array from outside."""
    return array_of(tensor, False, tensor._value.base, None, not tensor._value.flags.writeable)


def stand_in(array: np.ndarray) -> Any:
    """What stands for an array from outside: always the same for one array. One whose dtype or strides are not traced is itself."""
    known = world.arrays
    assert known is not None
    found = known.get(id(array))
    if found is None:
        if array.dtype not in DTYPES or not lies_in_elements(array):
            world.untold(f"an array of {array.dtype}, {array.strides} bytes apart")
            return array
        found = known[id(array)] = from_outside(wrap(array))
    return found


def stand_in_all(value: Any) -> Any:
    """A value that code that is not traced gave, or is to get: arrays in it as stand-ins, also those in tuples and lists; Numbers as values."""
    if type(value) is _ndarray:
        return stand_in(value)
    if type(value) is tuple or type(value) is list:
        parts = list(map(stand_in_all, value))
        return value if all(a is b for a, b in zip(parts, value)) else type(value)(parts)
    if isinstance(value, tuple) and hasattr(value, "_fields") and not isinstance(value, StandIn):
        return type(value)(*map(stand_in_all, value))
    return told(value)


def real(value: Any) -> Any:
    """The array or NumPy scalar that an Array stands for: an observation. Any other value itself."""
    if type(value) is not Array:
        return told(value)
    if value.is_scalar:
        return shown(value)
    array = mode.interpreter.observe(value.tensor)
    if value.readonly and array.flags.writeable:
        array = array[...]
        array.flags.writeable = False
    return array


def shown(value: Array) -> Any:
    """The array or NumPy scalar that an Array stands for, to be looked at: whoever keeps or changes it asks for what is `real`."""
    array = mode.interpreter.value(value.tensor)
    return array[()] if value.is_scalar else array
