"""Stand-ins that outlive their trace become what they stand for, wherever they are kept."""

from __future__ import annotations

import gc
from collections import deque
from types import CellType, FrameType, MemberDescriptorType
from typing import Any, Callable

from ..lookup import find, instance_dict

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
    elif isinstance(holder, (list, deque)):
        for position in [n for n, v in enumerate(holder) if v is old]:
            holder[position] = new
    elif isinstance(holder, set):
        holder.discard(old)
        holder.add(new)
    elif kind is tuple or (isinstance(holder, tuple) and hasattr(kind, "_fields")):
        make: Callable = tuple if kind is tuple else kind._make  # type: ignore[attr-defined]
        replace(holder, make([new if v is old else v for v in holder]), depth=depth + 1)
    else:
        _put_into_object(holder, old, new)


def _put_into_object(holder: Any, old: Any, new: Any) -> None:
    held = instance_dict(holder) or {}
    for name, value in list(held.items()):
        if value is old:
            held[name] = new
    for base in type(holder).__mro__:
        for name, member in base.__dict__.items():
            if type(member) is MemberDescriptorType and find(holder, name)[0] is old:
                member.__set__(holder, new)
