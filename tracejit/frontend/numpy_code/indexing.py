"""`x[key]` and `x[key] = value` of Arrays: views where NumPy gives views, scalars where it gives scalars."""

from __future__ import annotations

from typing import Any, Iterator

import numpy as np

from ...ops.index import getitem, setitem
from .array import Array, array_of, attach
from .operands import tensor_of


@attach()
def __getitem__(self: Array, key: Any) -> Any:
    keys = key if type(key) is tuple else (key,)
    result = getitem(self.tensor, _key(keys))
    whole = any(k is Ellipsis for k in keys) or any(isinstance(k, (Array, np.ndarray, list)) for k in keys)
    return array_of(result, not result._value.shape and not whole, self if result._storage is not None else None)


@attach()
def __setitem__(self: Array, key: Any, value: Any) -> None:
    keys = key if type(key) is tuple else (key,)
    setitem(self.tensor, _key(keys), value.tensor if type(value) is Array else value)


@attach()
def __iter__(self: Array) -> Iterator[Any]:
    if not self.ndim:
        raise TypeError("iteration over a 0-d array")
    return (__getitem__(self, i) for i in range(len(self)))


def _key(keys: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple([tensor_of(k) if type(k) is Array or type(k) is np.ndarray else k for k in keys])
