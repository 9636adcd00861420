"""`x.flat`, `x.put`, `x.shape = …`: the elements of an array in a row, whatever its shape."""

from __future__ import annotations

from typing import Any, Iterator

import numpy as np

from ...control.body import refuse
from ...errors import TracejitError
from ...graph.ir import Node
from ...ops.view import is_contiguous
from ...ops.view import reshape as reshaped
from .array import Array, real
from .methods import attribute, method, view_of
from .operands import is_readonly


class Flat:
    """What stands for `x.flat`."""

    def __init__(self, base: Array) -> None:
        self.base = base

    def __len__(self) -> int:
        return self.base.size

    def __iter__(self) -> Iterator[Any]:
        return iter(self.base.ravel())

    def __getitem__(self, key: Any) -> Any:
        found = self.base.ravel()[key]
        return found if found.is_scalar else found.copy()

    def __setitem__(self, key: Any, value: Any) -> None:
        x = self.base
        if is_readonly(x):
            raise ValueError("underlying array is read-only")
        if is_contiguous(x.tensor):
            view_of(x, reshaped(x.tensor, (x.size,)))[key] = value
            return
        row = x.flatten()
        row[key] = value
        x[...] = row.reshape(x.shape)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.array(real(self.base.flatten()), dtype)


@attribute("flat")
def _flat(x: Array) -> Any:
    return Flat(x)


def _set_flat(x: Array, values: Any) -> None:
    Flat(x)[:] = values


@method()
def put(x: Array, indices: Any, values: Any, mode: str = "raise") -> Any:
    """x.put, of as many values as places, or of one."""
    if mode != "raise" or np.size(values) not in (1, np.size(indices)):
        return NotImplemented
    Flat(x)[indices] = values
    return None


def _set_shape(x: Array, shape: Any) -> None:
    """x.shape = …, of an array that was made in the trace."""
    refuse("sets the shape of an array")  # the object itself is changed, which a turn that is tried cannot undo
    wanted = tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
    try:
        if type(x.tensor._value) is Node and x.base is None:
            x.tensor, x.order = x.reshape(wanted, copy=False).tensor, None
            return
    except TracejitError:
        pass
    real(x).shape = wanted


Array.flat = Array.flat.setter(_set_flat)  # type: ignore[attr-defined]
Array.shape = Array.shape.setter(_set_shape)  # type: ignore[attr-defined, method-assign, assignment]
