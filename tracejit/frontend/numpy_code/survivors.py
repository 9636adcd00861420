"""Stand-ins that outlive their trace become what they stand for, wherever they are kept."""

from __future__ import annotations

import ctypes
import gc
import sys
from collections import deque
from types import CellType, FrameType, GeneratorType, MemberDescriptorType, MethodType
from typing import Any

from ..lookup import find, instance_dict
from ..method import PARTIALS

_DEPTH = 6  # of immutable containers in each other


def replace(old: Any, new: Any, mine: tuple[Any, ...] = (), depth: int = 0) -> None:
    """Let everything that holds `old` hold `new`, frames and the containers of `mine` excepted."""
    skipped = {id(part) for part in mine}
    for holder in gc.get_referrers(old):
        if id(holder) not in skipped and not isinstance(holder, FrameType) and depth < _DEPTH:
            _put(holder, old, new, depth)


def _put(holder: Any, old: Any, new: Any, depth: int) -> None:
    kind = type(holder)
    if kind is CellType:
        holder.cell_contents = new
    elif isinstance(holder, dict):
        for key in [k for k, v in dict.items(holder) if v is old]:
            dict.__setitem__(holder, key, new)
        if any(key is old for key in holder):  # a scalar: keys keep their order
            items = [(new if k is old else k, v) for k, v in dict.items(holder)]
            dict.clear(holder)
            dict.update(holder, items)
    elif isinstance(holder, (list, deque)):
        for position in [n for n, v in enumerate(holder) if v is old]:
            holder[position] = new
    elif isinstance(holder, set):
        holder.discard(old)
        holder.add(new)
    elif isinstance(holder, (tuple, frozenset)):
        other = (tuple if isinstance(holder, tuple) else frozenset).__new__(kind, [new if v is old else v for v in holder])
        held = instance_dict(holder)
        if held:
            other.__dict__.update(held)
        replace(holder, other, depth=depth + 1)
    elif kind is MethodType:
        name = next(name for name, function in vars(type(old)).items() if function is holder.__func__)
        replace(holder, getattr(new, name), depth=depth + 1)
    elif kind in PARTIALS:
        holder.__setstate__((*[new if part is old else part for part in (holder.func, holder.args, holder.keywords)], holder.__dict__))
    elif kind is GeneratorType:
        _put_into_frame(holder.gi_frame, old, new)
    else:
        _put_into_object(holder, old, new)


def _put_into_frame(frame: Any, old: Any, new: Any) -> None:
    """Into a generator that waits to go on."""
    names = frame.f_locals
    for name in [n for n, v in names.items() if v is old]:
        names[name] = new
    if sys.version_info < (3, 13):  # since then the names are the frame's own
        ctypes.pythonapi.PyFrame_LocalsToFast(ctypes.py_object(frame), ctypes.c_int(0))


def _put_into_object(holder: Any, old: Any, new: Any) -> None:
    if isinstance(holder, BaseException) and holder.args is old:
        holder.args = new
    held = instance_dict(holder) or {}
    for name, value in list(held.items()):
        if value is old:
            held[name] = new
    for base in type(holder).__mro__:
        for name, member in base.__dict__.items():
            if type(member) is MemberDescriptorType and "__slots__" in base.__dict__ and find(holder, name)[0] is old:
                member.__set__(holder, new)
