"""Calls of what cannot be traced: it runs as it is, at that point of the program, on real arrays; and again at each replay."""

from __future__ import annotations

import random
import sys
from types import MethodDescriptorType, ModuleType
from typing import Any, Callable

import numpy as np

from ...control.body import Body, Untraceable
from ...device import on_host
from ...dispatch import mode
from ...graph.trace import Tracer
from ...tensor import StandIn, Tensor
from ..parts import parts_of, rebuild
from .array import Array, array_of, from_outside, stand_in, stand_in_all
from .number import told
from .world import world

_CONSTANTS = (bool, int, float, complex, str, bytes, type(None), type(...), np.dtype, np.generic, type)
_SHARED = (random._inst, np.random.mtrand._rand)  # type: ignore[attr-defined]


def on_real_arrays(function: Callable, args: Any, kwargs: Any) -> Any:
    """A function that is not traced, of the arrays themselves."""
    call = RealCall(function, args, kwargs)
    tensors, call.tensors = call.tensors, []
    tracer = mode.interpreter
    if isinstance(tracer, Body):  # on trial: the call would be made once more
        raise Untraceable(f"calls {call.__name__}, which is not traced")
    if isinstance(tracer, Tracer) and call.repeatable and _is_shared(function, tracer):
        return tracer.host(call, tensors, _shown)
    world.untold(f"calls {call.__name__}, which is not traced")
    return stand_in_all(call(*[tracer.observe(tensor) for tensor in tensors]))


class _Slot:
    """In arguments that are kept: where a real array, or NumPy scalar, is put at each call."""

    def __init__(self, number: int, is_scalar: bool) -> None:
        self.number, self.is_scalar = number, is_scalar


class RealCall:
    """A call whose stand-ins are real arrays, given anew each time it is made.

    tensors: of the stand-ins among its arguments. repeatable: all other arguments are constants, and containers of such.
    """

    def __init__(self, function: Callable, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.function, self.__name__ = function, getattr(function, "__qualname__", str(function))
        self.tensors: list[Tensor] = []
        self.repeatable = True
        self.args = [each(self._kept, a) for a in args]
        self.kwargs = {name: each(self._kept, value) for name, value in kwargs.items()}

    def _kept(self, value: Any) -> Any:
        if type(value) is not Array:
            value = told(value)
            self.repeatable = self.repeatable and isinstance(value, _CONSTANTS)
            return value
        self.tensors.append(value.tensor)
        return _Slot(len(self.tensors) - 1, value.is_scalar)

    def __call__(self, *arrays: np.ndarray) -> Any:
        hosts = [on_host(array) for array in arrays]

        def fill(value: Any) -> Any:
            if type(value) is not _Slot:
                return value
            return hosts[value.number][()] if value.is_scalar else hosts[value.number]

        result = self.function(*[each(fill, a) for a in self.args], **{name: each(fill, value) for name, value in self.kwargs.items()})
        for array, host in zip(arrays, hosts):
            if array is not host:  # what was written is written there too
                array[...] = host
        return result


def _shown(tensor: Tensor, form: str) -> Any:
    """What such a call gave, as the trace sees it."""
    if world.arrays is not None and id(tensor._value) in world.arrays:
        world.untold("a call that is not traced returns an array from outside")
        return stand_in(tensor._value)
    return from_outside(tensor) if form == "array" else array_of(tensor, True)


def _is_shared(function: Any, tracer: Tracer) -> bool:
    """Whether it is the same function at each call: found in a module, or a method of what is."""
    owner = getattr(function, "__self__", None)
    if isinstance(function, (np.ufunc, MethodDescriptorType)) or type(function).__name__ == "fortran":  # f2py's: SciPy's LAPACK
        return True
    if isinstance(owner, np.ufunc) or any(owner is shared for shared in _SHARED):
        return True
    if isinstance(owner, (np.random.Generator, np.random.RandomState)):
        return tracer.onlooker.is_outer(owner)
    if owner is not None and not isinstance(owner, ModuleType):
        return False
    found: Any = sys.modules.get(getattr(function, "__module__", None) or getattr(owner, "__name__", None) or "")
    for name in getattr(function, "__qualname__", "").split("."):
        found = getattr(found, name, None)
    return found is function


def each(function: Callable[[Any], Any], value: Any) -> Any:
    """`function` of a value, or of those in a container; a container in which nothing changes is itself."""
    if isinstance(value, (StandIn, Tensor)):
        return function(value)
    parts = parts_of(value)
    if parts is None:
        return function(value)
    after = [each(function, part) for part in parts]
    return value if all(a is b for a, b in zip(after, parts)) else rebuild(value, after)
