"""`FUNCTIONS`: NumPy's functions on Arrays that ops do, by families; `weave/numpy_calls.py` says what becomes of all others."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np

from ...dispatch import mode
from ...errors import TracejitError
from ...spec import as_dtype
from ...tensor import StandIn
from .array import array_of

FUNCTIONS: dict[Any, Callable] = {}
_PLAIN = (bool, int, float, complex, str, bytes, type(None), type(...), range, type, np.generic, np.dtype, np.ufunc, type(np._NoValue))  # type: ignore[attr-defined]


def function(*names: Any) -> Callable[[Callable], Callable]:
    """Let the decorated function do what these of NumPy's do of Arrays. NotImplemented leaves a call to NumPy's own code."""

    def enter(ours: Callable) -> Callable:
        for name in names:
            FUNCTIONS[name] = FUNCTIONS[getattr(name, "_implementation", name)] = ours  # NumPy's own code calls either
        return ours

    return enter


def is_known(dtype: np.dtype) -> bool:
    """Whether arrays of this dtype can be traced."""
    try:
        return as_dtype(dtype) == dtype and dtype.isnative
    except TracejitError:
        return False


def constants(value: Any) -> Any:
    """What NumPy made of Python values: its arrays as Arrays, which are new at each call, since the function may change them."""
    if type(value) is np.ndarray and is_known(value.dtype):
        return array_of(mode.interpreter.constant(value))
    if type(value) is tuple or type(value) is list:
        return type(value)(map(constants, value))
    if isinstance(value, tuple) and hasattr(value, "_fields") and not isinstance(value, StandIn):
        return type(value)(*map(constants, value))
    return value


def is_plain(value: Any) -> bool:
    """Whether a value is a Python value, or nested lists of such: it cannot change unseen."""
    if type(value) is slice:
        return all(map(is_plain, (value.start, value.stop, value.step)))
    return isinstance(value, _PLAIN) or type(value) in (tuple, list) and all(map(is_plain, value))
