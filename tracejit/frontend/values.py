"""What kind of thing a value is to guards: what can be compared, what is assumed constant, what is looked into."""

from __future__ import annotations

import functools
import sys
import types
import weakref
from collections import deque
from typing import Any

import numpy as np

from ..tensor import Tensor
from .lookup import instance_dict

CONTAINERS = (dict, list, tuple, set, frozenset, deque)
_IMMUTABLE = frozenset((
    bool, int, float, complex, str, bytes, type(None), type(...), type(NotImplemented), range, np.dtype,
    *{type(np.dtype(c)) for c in "?bBhHiIlLqQefdgFDG"},
))  # fmt: skip
_LIBRARIES = frozenset((*sys.stdlib_module_names, "numpy", "scipy", "tracejit", "ml_dtypes", "optree", "numba"))
_DATA_MODULES = frozenset(("sys", "os", "random"))  # of these, data is not taken for constant
_USUAL_NAMES = {"np": "numpy", "tj": "tracejit", "F": "tracejit.nn.functional", "sp": "scipy"}
_CODE = (types.FunctionType, types.BuiltinFunctionType, type, np.ufunc, types.MethodDescriptorType)


def is_immutable(value: Any) -> bool:
    """Whether a value is compared by type and value: it can never change, and holds nothing that can."""
    kind = type(value)
    if kind in _IMMUTABLE:
        return True
    if kind is tuple or kind is frozenset:
        return len(value) <= 64 and all(map(is_immutable, value))
    return isinstance(value, np.generic) and not isinstance(value, (np.void, np.object_))


def module_name(value: Any) -> str:
    """The name of the module a function, class or object comes from."""
    name = value.__name__ if isinstance(value, types.ModuleType) else getattr(value, "__module__", None)
    return name if isinstance(name, str) else ""


def from_library(value: Any) -> bool:
    """Whether a module, class or function belongs to Python, NumPy, tracejit or the like, whose code is constant."""
    return module_name(value).partition(".")[0] in _LIBRARIES


def is_library_module(module: types.ModuleType) -> bool:
    """Whether the contents of a module are assumed constant."""
    return module_name(module).partition(".")[0] in _LIBRARIES - _DATA_MODULES


def is_ours(value: Any) -> bool:
    """Whether a value's class is tracejit's."""
    return type(value).__module__.partition(".")[0] == "tracejit"


def is_imported(name: str, value: Any) -> bool:
    """Whether a global is a library's module, function or class under its own name: what imports make, assumed constant."""
    if isinstance(value, types.ModuleType):
        own = value.__name__
        return from_library(value) and (name == own.rpartition(".")[2] or name == own or _USUAL_NAMES.get(name) == own)
    if isinstance(value, _CODE) or type(value).__module__ == "tracejit.op":
        return getattr(value, "__name__", None) == name and (from_library(value) or type(value).__module__ == "tracejit.op")
    return False


def is_library_class(cls: type) -> bool:
    """Whether the attributes of a class are assumed constant."""
    return from_library(cls)


def is_sealed(value: Any) -> bool:
    """A dict that tracejit itself keeps (a parameter group): only the items that are read are guarded."""
    return isinstance(value, dict) and is_ours(value)


def inner_parts(value: Any) -> list[tuple[str, Any]]:
    """What calling or asking a value of a built-in class leads to: (field, part), or ("", object) for an object that is
    known by itself."""
    if isinstance(value, types.MethodType):
        return [("__func__", value.__func__), ("", value.__self__)]
    if isinstance(value, functools.partial):
        return [("func", value.func), ("args", value.args), ("keywords", value.keywords)]
    if isinstance(value, types.BuiltinFunctionType):
        return [] if value.__self__ is None or isinstance(value.__self__, (types.ModuleType, type)) else [("__self__", value.__self__)]
    if isinstance(value, weakref.ref):
        referent = value()
        return [] if referent is None else [("", referent)]
    wrapped = (instance_dict(value) or {}).get("__wrapped__")
    return [("", wrapped)] if isinstance(wrapped, types.FunctionType) else []


def has_attributes(value: Any) -> bool:
    """Whether a container is of a class of the user's, with attributes of its own."""
    return type(value).__module__ not in ("builtins", "collections") and type(value).__dictoffset__ != 0


def is_leaf(value: Any) -> bool:
    """Whether nothing is looked for inside: arrays, functions written in C, and what the core of tracejit makes."""
    if isinstance(value, (Tensor, np.ndarray, np.ufunc, types.BuiltinFunctionType, types.CodeType, types.CellType, types.FrameType)):
        return True
    module = type(value).__module__
    return module.startswith("tracejit.") and not module.startswith(("tracejit.nn.", "tracejit.optim.", "tracejit.compile"))
