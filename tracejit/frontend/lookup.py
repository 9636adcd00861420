"""Attributes, found without running anybody's code: no property, no `__getattr__`, no descriptor written in Python."""

from __future__ import annotations

import types
from typing import Any

MISSING: Any = type("Missing", (), {"__repr__": lambda self: "absent", "__slots__": ()})()

# How an attribute is found
INSTANCE = "instance"  # an entry of the object's __dict__, or a slot
CLASS = "class"  # a plain value of the class
METHOD = "method"  # a function of the class, or of a class method
DESCRIPTOR = "descriptor"  # a property or the like: the value is the descriptor
ABSENT = "absent"

_SLOTS = (types.MemberDescriptorType,)
_getattribute = object.__getattribute__


def instance_dict(value: Any) -> dict[str, Any] | None:
    """The object's own `__dict__`, if it has one."""
    try:
        found = _getattribute(value, "__dict__")
    except AttributeError:
        return None
    return found if isinstance(found, dict) else None


def in_class(cls: type, name: str) -> Any:
    """What the classes of the MRO hold under a name, as it stands there."""
    for base in cls.__mro__:
        held = base.__dict__
        if name in held:
            return held[name]
    return MISSING


def is_data_descriptor(raw: Any) -> bool:
    """Whether what a class holds goes before the object's own `__dict__`."""
    return hasattr(type(raw), "__set__") or hasattr(type(raw), "__delete__")


def find(value: Any, name: str) -> tuple[Any, str]:
    """(the attribute, how it is found)."""
    if isinstance(value, type):
        return _of_class(value, name)
    raw = in_class(type(value), name)
    if raw is not MISSING:
        kind = type(raw)
        if kind in _SLOTS:
            try:
                return raw.__get__(value, type(value)), INSTANCE
            except AttributeError:
                return MISSING, ABSENT
        if is_data_descriptor(raw):
            return raw, DESCRIPTOR
    held = instance_dict(value)
    if held is not None and name in held:
        return held[name], INSTANCE
    return _bound(raw)


def _of_class(cls: type, name: str) -> tuple[Any, str]:
    raw = in_class(cls, name)
    if raw is MISSING:
        return MISSING, ABSENT
    if isinstance(raw, types.FunctionType):
        return raw, CLASS
    return _bound(raw)


def _bound(raw: Any) -> tuple[Any, str]:
    if raw is MISSING:
        return MISSING, ABSENT
    if isinstance(raw, types.FunctionType):
        return raw, METHOD
    if isinstance(raw, staticmethod):
        return raw.__func__, CLASS
    if isinstance(raw, classmethod):
        return raw.__func__, METHOD if isinstance(raw.__func__, types.FunctionType) else DESCRIPTOR
    return raw, DESCRIPTOR if hasattr(type(raw), "__get__") else CLASS


def class_with(value: Any, name: str) -> type:
    """The class that gives an object this attribute."""
    mro = (value if isinstance(value, type) else type(value)).__mro__
    return next((base for base in mro if name in base.__dict__), mro[0])
