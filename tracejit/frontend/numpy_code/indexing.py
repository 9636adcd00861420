"""`x[key]` and `x[key] = value` of Arrays: views where NumPy gives views, scalars where it gives scalars, and its errors."""

from __future__ import annotations

import operator
from typing import Any, Iterator

import numpy as np

from ...control.body import Body
from ...dispatch import mode
from ...errors import TracejitError
from ...ops.casts import cast
from ...ops.elementwise import trunc
from ...ops.gather import as_index, positions
from ...ops.index import gathered, scattered
from ...ops.view import index_basic
from ...spec import DTYPES, bool_
from ...tensor import Tensor
from .array import Array, array_of, attach, real, stand_in_all
from .layout import C_ORDER
from .number import Number, told
from .operands import as_array, constant, is_readonly
from .world import world

_BASIC = frozenset((int, slice, type(None), type(Ellipsis)))
_NUMBERS = frozenset((bool, int, float, complex))
_ndarray = np.ndarray


@attach()
def __getitem__(self: Array, key: Any) -> Any:
    keys = key if type(key) is tuple else (key,)
    for k in keys:
        if type(k) not in _BASIC:
            return _advanced(self, key, keys)
    if self.is_scalar:
        return _of_scalar(self, key)
    try:
        result = index_basic(self.tensor, keys)
    except TracejitError:
        return _refused(self, key)
    if not result._value.shape and Ellipsis not in keys:
        return array_of(_snapshot(result), True, None, C_ORDER)
    order = C_ORDER if self.order == C_ORDER else None  # slices of what is in C order are
    return array_of(result, False, self if self.owner is None else self.owner, order, self.readonly)


def _snapshot(view: Tensor) -> Tensor:
    """A view as a value of its own, which does not change with the memory that it shows."""
    if type(view._value) is _ndarray:
        view._value = view._value.copy()
    view._storage, view._chain, view._base, view._aside = None, (), None, None
    return view


def _of_scalar(self: Array, key: Any) -> Any:
    if key == ():
        return self
    return array_of(self.tensor, False, None, C_ORDER) if key is Ellipsis else _refused(self, key)


def _advanced(self: Array, key: Any, keys: tuple[Any, ...]) -> Any:
    """x[key] where arrays, lists, masks or NumPy integers take part."""
    if self.is_scalar:
        return stand_in_all(real(self)[_real_key(key)])
    try:
        items = [_item(k) for k in keys]
        if all(type(k) in _BASIC for k in items):
            return __getitem__(self, tuple(items))
        numbers = [type(k) is Tensor and not k.ndim and k.dtype != bool_ for k in items]
        whole = all(number or type(k) is int for number, k in zip(numbers, items)) and len(items) == self.ndim
        if world.rolling and not whole and all(number or type(k) in _BASIC for number, k in zip(numbers, items)):
            return _row_of(self, tuple(items))
        if not whole and all(number or type(k) in _BASIC for number, k in zip(numbers, items)):
            # a view, whose place depends on values
            return __getitem__(self, tuple([operator.index(k) if number else item for k, number, item in zip(keys, numbers, items)]))
        return array_of(gathered(self.tensor, tuple(items), naming=True), whole)
    except TracejitError:
        return _refused(self, key)
    except _Unknown:
        return stand_in_all(real(self)[_real_key(key)])


def _row_of(self: Array, items: tuple[Any, ...]) -> Array:
    """A view whose place depends on values, as a copy: nobody writes into it, nor into the array while it is known."""
    row = array_of(gathered(self.tensor, items, naming=True), readonly=True)
    if isinstance(mode.interpreter, Body):
        mode.interpreter.show(self.tensor, row.tensor, row)
    return row


class _Unknown(Exception):
    """A key that NumPy refuses, or that only NumPy knows."""


def _item(k: Any) -> Any:
    """An item of a key as ops take it: an int, a slice, None, Ellipsis, a bool, or a tensor of integers or bools."""
    kind = type(k)
    if kind in _BASIC or kind is bool:
        return k
    if kind is Number:
        return as_index(k.tensor) if k.kind is int else told(k)
    if kind is np.bool_:
        return bool(k)
    if isinstance(k, np.integer) and kind is not Array:
        return int(k)
    if kind is list or kind is tuple:
        if not len(k):
            return positions(0)
        k = as_array(k)
    elif kind is _ndarray:
        k = as_array(k)
    if type(k) is not Array:
        if hasattr(kind, "__index__"):
            return operator.index(k)
        raise _Unknown
    if k.dtype == bool_:
        return k.tensor
    if k.dtype.kind not in "iu":
        raise _Unknown
    return as_index(k.tensor)


def _refused(self: Array, key: Any) -> Any:
    """What NumPy says of a key that does not fit; values are asked for only where it speaks of them."""
    if self.is_scalar:
        self.dtype.type(0)[_dummy(key)]
    elif not _has_mask(key):
        np.broadcast_to(np.zeros((), self.dtype), self.shape)[_dummy(key)]
    return stand_in_all(real(self)[_real_key(key)])


def _dummy(key: Any) -> Any:
    """The key with arrays of zeros for those whose values are not known."""
    if type(key) is Array:
        return np.zeros(key.shape, key.dtype)
    return type(key)(map(_dummy, key)) if type(key) in (tuple, list) else key


def _has_mask(key: Any) -> bool:
    return key.dtype == bool_ if type(key) is Array else type(key) in (tuple, list) and any(map(_has_mask, key))


def _real_key(key: Any) -> Any:
    return type(key)(map(_real_key, key)) if type(key) in (tuple, list) else real(key)


# Assignment


@attach()
def __setitem__(self: Array, key: Any, value: Any) -> None:
    new = None if self.is_scalar or is_readonly(self) else _new_value(value, self)
    if new is None:
        return _on_real(self, key, value)
    keys = key if type(key) is tuple else (key,)
    try:
        for k in keys:
            if type(k) not in _BASIC:
                keys = tuple([_item(k) for k in keys])
                break
        if _may_not_fit(value, self.dtype) and all(type(k) in _BASIC or (type(k) is Tensor and not k.ndim) for k in keys) and not _fits(value, self.dtype):
            return _on_real(self, key, value)
        scattered(self.tensor, keys, new, naming=True)
    except (TracejitError, _Unknown):
        return _on_real(self, key, value)
    return None


def _may_not_fit(value: Any, dtype: np.dtype) -> bool:
    """Whether NumPy, which assigns a scalar as the Python number that it is, may refuse it to integers of this dtype."""
    return type(value) is Array and value.is_scalar and dtype.kind in "iu" and value.dtype.kind in "iuf" and not np.can_cast(value.dtype, dtype)


def _fits(value: Array, dtype: np.dtype) -> bool:
    """Whether a scalar is a number that the dtype holds: a question of its value."""
    limits, x = np.iinfo(dtype), value.tensor
    if value.dtype.kind == "f":
        whole = trunc(x)
        return bool(array_of((whole >= float(limits.min)) & (whole < float(limits.max + 1)), True))
    own = np.iinfo(value.dtype)
    return bool(array_of((x >= max(limits.min, own.min)) & (x <= min(limits.max, own.max)), True))


def _on_real(self: Array, key: Any, value: Any) -> None:
    world.untold("an array itself is assigned to")
    real(self)[_real_key(key)] = _real_key(value)


def _new_value(value: Any, target: Array) -> Tensor | None:
    """A value as a tensor of the target's dtype; None where NumPy itself has to convert it, or refuses to."""
    kind, dtype = type(value), target.tensor._value.dtype
    if kind is Number:
        return value.in_dtype(dtype)
    if kind is Array:
        return value.tensor if value.tensor._value.dtype == dtype else cast(value.tensor, dtype=dtype)
    if isinstance(value, Tensor):
        return value if value.dtype == dtype else cast(value, dtype=dtype)
    if kind in _NUMBERS:
        place = np.empty((), dtype)
        try:
            place[()] = value
        except (TypeError, ValueError, OverflowError):
            return None
        return constant(place.item(), dtype)
    if isinstance(value, np.generic) and kind is not Array and value.dtype in DTYPES:
        return constant(value.astype(dtype), dtype)
    array = as_array(value) if kind in (_ndarray, list, tuple) else value
    if type(array) is not Array:
        return None
    return array.tensor if array.dtype == dtype else cast(array.tensor, dtype=dtype)


# Iteration


class Rows:
    """An iterator over the rows of an array, also of one that takes the place of an Array when its trace is over."""

    __slots__ = ("array", "number")

    def __init__(self, array: Any) -> None:
        self.array, self.number = array, 0

    def __iter__(self) -> Rows:
        return self

    def __next__(self) -> Any:
        if self.number >= len(self.array):
            raise StopIteration
        self.number += 1
        return self.array[self.number - 1]


@attach()
def __iter__(self: Array) -> Iterator[Any]:
    if self.is_scalar:
        return iter(real(self))
    if not self.ndim:
        raise TypeError("iteration over a 0-d array")
    return Rows(self)


@attach()
def __contains__(self: Array, item: Any) -> bool:
    if self.is_scalar:
        return item in real(self)
    return bool((self == item).any())
