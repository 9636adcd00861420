"""How an array lies in memory, and what is allowed to be written: `x.strides`, `x.flags`, `x.setflags`, `x.dtype = …`, `del x[0]`."""

from __future__ import annotations

from typing import Any

from ...tensor import wrap
from .array import Array, attach, real, shown
from .memory import phantom
from .methods import attribute, method
from .world import world

@attribute("strides")
def _strides(x: Array) -> Any:
    return () if x.is_scalar else phantom(x).strides


_WRITEABLE = ("WRITEABLE", "W", "writeable")


class Flags:
    """What stands for `x.flags`."""

    def __init__(self, array: Array) -> None:
        self.__dict__["array"] = array

    def __getattr__(self, name: str) -> Any:
        return getattr(self._numpys(), name)

    def __getitem__(self, name: str) -> Any:
        return self._numpys()[name]

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __setitem__(self, name: str, value: Any) -> None:
        if name in _WRITEABLE and not self.array.is_scalar:
            set_writeable(self.array, bool(value))
        else:
            setattr(real(self.array).flags, name.lower(), value)

    def __eq__(self, other: Any) -> bool:
        return self._numpys() == (other._numpys() if isinstance(other, Flags) else other)

    def __repr__(self) -> str:
        return repr(self._numpys())

    def _numpys(self) -> Any:
        x = self.array
        return x.dtype.type(0).flags if x.is_scalar else phantom(x).flags


def set_writeable(x: Array, allowed: bool) -> None:
    """Let an array be written to, or not. What becomes of the array that stands behind is seen outside."""
    world.untold("an array's flags are changed")
    real(x).flags.writeable = allowed
    x.readonly = not allowed


@attach()
def setflags(x: Array, write: Any = None, align: Any = None, uic: Any = None) -> None:
    """x.setflags."""
    if x.is_scalar or align is not None or uic is not None:
        real(x).setflags(write, align, uic)
    elif write is not None:
        set_writeable(x, bool(write))


def _set_dtype(x: Array, dtype: Any) -> None:
    array = real(x)
    world.untold("an array's dtype is changed")
    array.dtype = dtype
    x.tensor, x.order = wrap(array), None


Array.flags = property(Flags)  # type: ignore[attr-defined]
Array.dtype = Array.dtype.setter(_set_dtype)  # type: ignore[attr-defined, method-assign, assignment]


@attach()
def __delitem__(x: Array, key: Any) -> None:
    if x.is_scalar:
        raise TypeError(f"'numpy.{x.dtype.type.__name__}' object does not support item deletion")
    raise ValueError("cannot delete array elements")


@attach()
def __round__(x: Array, digits: Any = None) -> Any:
    if not x.is_scalar or x.dtype.kind in "cb":
        kind = x.dtype.type.__name__ if x.is_scalar else "ndarray"
        raise TypeError(f"type numpy.{kind} doesn't define __round__ method")
    return shown(x).__round__() if digits is None else x.round(digits)


@method()
def to_device(x: Array, device: Any, *, stream: Any = None) -> Any:
    """x.to_device."""
    return x if device == "cpu" and stream is None and not x.is_scalar else NotImplemented
