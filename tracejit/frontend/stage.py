"""`Stage`: what a function sees of its arguments' arrays while it is traced, and what becomes of that when the trace is over."""

from __future__ import annotations

import sys
from typing import Any, Callable
from weakref import ref

import numpy as np

from ..device import at_home, is_array
from ..dispatch import mode
from ..errors import DTypeError
from ..ops.convert import supported
from ..tensor import StandIn, Tensor, wrap
from .lookup import instance_dict
from .numpy_code import Array, Number, array_of, from_outside, replace, world
from .parts import parts_of, rebuild
from .values import has_attributes
from .watch import in_package
from .weave import Unwoven, callee, root


class Stage:
    """`with Stage(function, leaves) as stage: stage.function(...)`. Raises Unwoven if the function's NumPy code cannot be followed.

    handles: a tensor for each array of a call. shown: what the function sees in their places: a Tensor, or an Array
    for what is NumPy's. function: what is to be called. reasons: why the trace cannot be replayed.
    """

    def __init__(self, function: Callable, leaves: list[Any]) -> None:
        made = {id(leaf): leaf if isinstance(leaf, Tensor) else _tensor(leaf) for leaf in leaves}
        self.handles = [made[id(leaf)] for leaf in leaves]
        self.arrays = {id(leaf): from_outside(made[id(leaf)]) for leaf in leaves if not isinstance(leaf, Tensor)}
        self.leaves = leaves  # whose ids those are
        self.reasons: list[tuple[str, Any]] = []
        self.touched: list[Any] = []
        self.born: list[Any] = []
        self.met: dict[int, Any] = {}
        if getattr(function, "differentiates", False):  # its function sees what it is given
            self.shown, self.function = [self.arrays.get(id(leaf), leaf) for leaf in leaves], function
            return
        if in_package(getattr(getattr(function, "__code__", None), "co_filename", "")):  # a function of tracejit's takes tensors
            self.shown, self.function = list(self.handles), function
            return
        self.shown = [self.arrays.get(id(leaf), leaf) for leaf in leaves]
        try:
            self.function = root(function)
        except Unwoven:
            if self.arrays:
                raise
            self.function = function  # what it does to tensors is seen all the same

    def __enter__(self) -> Stage:
        world.begin()
        self.born = world.born = list(map(ref, self.arrays.values()))
        world.arrays = dict(self.arrays)
        mode.callee, mode.in_kind = callee, _in_kind
        return self

    def __exit__(self, *_: Any) -> None:
        del mode.callee, mode.in_kind
        self.met = {number: array for number, array in (world.arrays or {}).items() if number not in self.arrays}
        self.touched, self.reasons = list(world.touched.values()), world.reasons
        world.end()

    def outer(self, tensor: Tensor) -> bool:
        """Whether a tensor is that of an array from outside which is no argument."""
        return any(array.tensor is tensor for array in self.met.values())

    def untold(self, reached: list[np.ndarray], used: Callable[[Tensor], bool]) -> list[tuple[str, Any]]:
        """Why the trace cannot be replayed. `reached`: the arrays that are guarded; `used`: whether a tensor counts for anything."""
        known = set(map(id, reached))
        if any(number not in known and used(array.tensor) for number, array in self.met.items()):
            return [*self.reasons, ("an array is used that code which is not traced has made", None)]
        return self.reasons

    def let_go(self) -> None:
        """Forget the containers that nobody else holds: what the function made for itself keeps nothing alive."""
        count = -1
        while count != len(self.touched):
            count = len(self.touched)
            for number in reversed(range(count)):
                if sys.getrefcount(self.touched[number]) <= 2:  # the list's, and the call's own
                    del self.touched[number]

    def settle(self) -> None:
        """Where the function left stand-ins outside, there are arrays now: the trace is settled, and the function's frame gone."""
        for owner in self.touched:
            _settle(owner)
        self.arrays.clear()
        self.met.clear()
        self.shown.clear()
        for reference in self.born:
            left = reference()
            if left is not None and is_array(left.tensor._value):  # not what a trial of a turn left in a traceback
                replace(left, own(left))


def _tensor(leaf: Any) -> Tensor:
    array = np.asarray(leaf)
    if type(leaf) is not np.ndarray and not isinstance(leaf, np.generic):
        raise Unwoven(f"an argument is a {type(leaf).__name__}")
    try:
        return wrap(supported(array))
    except DTypeError:
        raise Unwoven(f"an argument is an array of {array.dtype}, {array.strides} bytes apart") from None


def _in_kind(tensor: Tensor, value: Any) -> Any:
    return array_of(tensor, value.is_scalar) if type(value) is Array else tensor


def form_of(value: Any) -> str:
    """How a result is given: "array" or "scalar" where it is NumPy's, "number" where it is Python's, else ""."""
    return ("scalar" if value.is_scalar else "array") if type(value) is Array else "number" if type(value) is Number else ""


def in_form(value: Any, form: str) -> Any:
    """A result, given its tensor or array, as the function gives it."""
    if not form:
        return value
    array = at_home(value._value if isinstance(value, Tensor) else value)
    return array if form == "array" else array[()] if form == "scalar" else array.item()


def own(value: Any) -> Any:
    """The array or scalar that a stand-in stands for, once the trace is settled; any other value itself."""
    return in_form(value.tensor, form_of(value)) if isinstance(value, StandIn) else value


def _own_all(value: Any) -> Any:
    parts = None if isinstance(value, StandIn) else parts_of(value)
    if parts is None:
        return own(value)
    after = [_own_all(part) for part in parts]
    if all(a is b for a, b in zip(after, parts)):
        return value
    if isinstance(value, list):
        value[:] = after
        return value
    return rebuild(value, after)


def _settle(owner: Any) -> None:
    if isinstance(owner, np.ndarray):
        if owner.dtype == object:
            for place in np.ndindex(owner.shape):
                owner[place] = _own_all(owner[place])
        return
    if isinstance(owner, (dict, list)) and not has_attributes(owner):
        for key, value in list(owner.items() if isinstance(owner, dict) else enumerate(owner)):
            settled = _own_all(value)
            if settled is not value:
                owner[key] = settled
        return
    held = instance_dict(owner) or {}
    for name, value in list(held.items()):
        settled = _own_all(value)
        if settled is not value:
            held[name] = settled
