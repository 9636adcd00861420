"""What the hooks of woven functions do: while a trace runs in this thread, outer arrays become `Array`s, and what is called
becomes what knows them. Outside a trace they do nothing."""

from __future__ import annotations

import functools
import inspect
import operator
import os
import sys
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any, Iterator

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ...control.body import Untraceable
from ...nn.module import Module
from ...tensor import StandIn, Tensor
from ..lookup import in_class
from ..method import PARTIALS
from ..numpy_code import SUBSTITUTES, Array, Number, implements, real, stand_in, world
from ..watch import USER, in_package, side_of_file
from .branch import branch, choice
from .chosen import chosen
from .journal import CONTAINERS, augmented, changes
from .loops import AUGMENT, BOTH, BRANCH, CHOICE, EITHER, NEITHER, ROLLED, ROLLED_FOR, UNROLLED, VARIABLES
from .roll import rolled, rolled_for, unrolled
from .source import Unwoven
from .masks import CHOSEN
from .numpy_calls import GRIDS, Grid, NumPyCall, is_numpy
from .trying import trying
from .twin import HOOKED, has_twin, twin_of
from .unknown import Unknown, Unwrapping
from .variables import variables
from .weaver import AUGMENTED, CALLEE, EACH, INTO, SEEN, SETS, SINGLE, TRYING
from .words import augment, both, either, neither

_ndarray = np.ndarray
_STAND_INS = os.path.dirname(inspect.getfile(Array)) + os.sep
_KNOWN = frozenset((*sys.stdlib_module_names, "numpy"))  # whose C functions take stand-ins for objects, or ask for their values
_PURE = frozenset((
    len, abs, range, min, max, sum, any, all, isinstance, issubclass, hasattr, getattr, callable, float, int, bool, complex, zip, enumerate, reversed, tuple,
    list, dict, set, frozenset, sorted, type, round, slice, divmod, operator.index, normalize_axis_index, np.promote_types, np.dtype, np.ndindex,
))  # fmt: skip
_READ: dict[type, tuple[str, ...]] = {dict: ("items", "keys", "values", "get", "copy"), list: ("index", "count", "copy"), tuple: ("index", "count")}  # methods that change nothing
TRANSPARENT: set[type] = set()  # classes whose objects are called as what they wrap
_NUMPY = (np.ufunc, type(np.sum))  # these ask their arguments' protocols


def seen(value: Any) -> Any:
    """A stand-in for an array that the trace has not met, or for an object such as `np.r_`; any other value itself."""
    kind = type(value)
    if kind is _ndarray and world.arrays is not None:
        return stand_in(value)
    return Grid(value) if kind in GRIDS and world.arrays is not None else value


def each(values: Any) -> Any:
    """What gives the same elements, arrays among them as stand-ins, also those in tuples (as of zip and items)."""
    if world.arrays is None or isinstance(values, (StandIn, Tensor, range)):
        return values
    if type(values) is list:
        return _Each(values)
    if type(values) is tuple:
        return tuple(map(_element, values))
    if type(values) is dict:  # iterated, or the arguments that were given by keyword
        return {name: seen(value) for name, value in values.items()} if _ndarray in map(type, values.values()) else values
    return map(_element, values) if hasattr(type(values), "__iter__") else values


class _Each:
    """A list's elements as they are when they are asked for."""

    def __init__(self, values: list[Any]) -> None:
        self.values = values

    def __iter__(self) -> Iterator[Any]:
        return map(_element, self.values)

    def __len__(self) -> int:
        return len(self.values)


def _element(value: Any) -> Any:
    return tuple(map(seen, value)) if type(value) is tuple else seen(value)


def into(owner: Any) -> Any:
    """Note an object that something is stored in: stand-ins in it become arrays when the call ends."""
    changes(owner)
    return owner


def sets() -> None:
    """A function begins that sets a global, or a variable of the function around it."""
    if world.rolling:
        raise Untraceable("sets a variable that is not its own")


def single(value: Any) -> Any:
    """A bool that is traced as the one object there is of its value; any other value itself."""
    if type(value) is Number and value.kind is bool:
        return bool(value)
    return np.bool_(bool(value)) if type(value) is Array and value.is_scalar and value.dtype == np.bool_ else value


def callee(function: Any) -> Any:
    """What is to be called in the place of `function`."""
    if world.arrays is None:
        return function
    kind = type(function)
    if world.rolling and not _may_stand_in_a_loop(function, kind):
        raise Untraceable(f"calls {getattr(function, '__name__', function)}")
    if kind is FunctionType:
        return _of_function(function)
    if kind is MethodType:
        return _of_method(function)
    if kind is BuiltinFunctionType or isinstance(function, type) or kind in _NUMPY:
        return _of_builtin(function)
    if kind in PARTIALS:
        return functools.partial(callee(function.func), *function.args, **function.keywords)
    if kind in TRANSPARENT:
        return callee(function.__wrapped__)
    call = getattr(kind, "__call__", None)
    if type(call) is FunctionType and not in_package(call.__code__.co_filename):
        return functools.partial(_of_function(call), function)
    ours = type(call) is FunctionType or kind.__module__.startswith("tracejit.")  # the `__call__` is, of the user's own modules too
    return Unwrapping(function) if ours else Unknown(function) if callable(function) else function


def _may_stand_in_a_loop(function: Any, kind: type) -> bool:
    """Whether a call has no effect but its result, so that a turn can be tried and run again."""
    if kind is FunctionType:
        return True  # whose own calls are asked about
    owner = getattr(function, "__self__", None)
    if isinstance(owner, (StandIn, Tensor, np.ufunc, str)) or kind in _NUMPY or function in _PURE:
        return True
    if type(owner) in _READ:
        return function.__name__ in _READ[type(owner)] or type(owner) in CONTAINERS
    return kind is MethodType or getattr(owner, "__name__", "") == "math" or (function in SUBSTITUTES and function is not np.fromiter)


def root(function: Any) -> Any:
    """What a trace calls in the place of the function that is traced, whose arguments are stand-ins. Raises Unwoven."""
    kind = type(function)
    if kind in PARTIALS:
        return functools.partial(root(function.func), *function.args, **function.keywords)
    if kind is MethodType:
        return MethodType(root(function.__func__), function.__self__)
    if kind is FunctionType:
        return twin_of(function)
    call = getattr(kind, "__call__", None)
    if type(call) is FunctionType and not in_package(call.__code__.co_filename):
        return MethodType(twin_of(call), function)
    if kind in _NUMPY or function in SUBSTITUTES:
        return SUBSTITUTES.get(function, function)
    raise Unwoven(f"{getattr(function, '__name__', function)!r} is not written in Python")


def _of_function(function: FunctionType) -> Any:
    ours = SUBSTITUTES.get(function)
    if ours is not None:
        return ours
    filename = function.__code__.co_filename
    if in_package(filename):
        return function if filename.startswith(_STAND_INS) else Unwrapping(function)
    if filename == "<string>":  # written by the standard library: a dataclass's, a named tuple's
        return function
    if side_of_file(filename) != USER:
        return NumPyCall(function) if is_numpy(function) else Unknown(function)
    try:
        return twin_of(function)
    except Unwoven as reason:
        world.untold(f"{function.__name__} cannot be followed: {reason}")
        return Unknown(function)


def _of_method(method: MethodType) -> Any:
    owner, function = method.__self__, method.__func__
    if isinstance(owner, StandIn):
        return method
    if type(function) is not FunctionType:  # compiled code's, as the methods of NumPy's generators are
        return Unknown(method)
    if isinstance(owner, Module) and function is type(owner).forward and side_of_file(function.__code__.co_filename) == USER and not has_twin(function):
        return method  # without its source it is traced as it is: what it computes on are tensors
    found = _of_function(function)
    return method if found is function else found.bound(owner) if isinstance(found, Unknown) else MethodType(found, owner)


def _of_builtin(function: Any) -> Any:
    if isinstance(function, type):
        return _of_class(function)
    ours = SUBSTITUTES.get(function)
    if ours is not None:
        return ours
    owner = getattr(function, "__self__", None)
    if isinstance(owner, CONTAINERS) and function.__name__ not in _READ.get(type(owner), ()):
        changes(owner)
    module = getattr(function, "__module__", None)
    if isinstance(owner, np.random.Generator | np.random.RandomState):
        return Unknown(function)
    if is_numpy(function):
        return NumPyCall(function)
    return function if owner is not None or (module or "builtins").partition(".")[0] in _KNOWN else Unknown(function)


def _of_class(cls: type) -> Any:
    ours = SUBSTITUTES.get(cls)
    if ours is not None:
        return ours
    made: Any = in_class(cls, "__init__")
    if type(cls) is not type or in_class(cls, "__new__") is not object.__dict__["__new__"] or type(made) is not FunctionType:
        return cls
    init = _of_function(made)
    if init is made or isinstance(init, Unknown | Unwrapping):
        return cls

    def construct(*args: Any, **kwargs: Any) -> Any:
        instance: Any = object.__new__(cls)
        init(instance, *args, **kwargs)
        return instance

    return construct


@implements(type)
def type_of(*args: Any) -> Any:
    """type(x) of a stand-in is the class of what it stands for."""
    return args[0].__class__ if len(args) == 1 and isinstance(args[0], StandIn) else type(*args)


@implements(np.ndenumerate)
def enumerated(array: Any) -> Iterator[tuple[tuple[int, ...], Any]]:
    """np.ndenumerate."""
    traced = type(array) is Array
    return ((place, array[place]) for place in np.ndindex(array.shape)) if traced else np.ndenumerate(array)


def _of_memory(kind: Any) -> Any:
    """What reads an array's memory, called on the array itself."""
    return lambda *args, **kwargs: kind(*map(real, args), **kwargs)


for _kind in (memoryview, bytes, bytearray):
    implements(_kind)(_of_memory(_kind))

HOOKED.update({
    SEEN: seen, EACH: each, AUGMENTED: augmented, CHOSEN: chosen, CALLEE: callee, INTO: into, SETS: sets, SINGLE: single, TRYING: trying, VARIABLES: variables, ROLLED: rolled, ROLLED_FOR: rolled_for,
    BRANCH: branch, BOTH: both, EITHER: either, NEITHER: neither, CHOICE: choice, AUGMENT: augment, UNROLLED: unrolled,
})  # fmt: skip
