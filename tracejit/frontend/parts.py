"""Containers taken apart, as a signature does it, and put together again."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from typing import Any

import optree

from ..tensor import StandIn, Tensor
from .method import PARTIALS

_DICTS = (dict, OrderedDict, defaultdict)
_new = tuple.__new__


def parts_of(value: Any) -> list[Any] | None:
    """What a container holds, in the order in which a key lists it; None for anything that is not taken apart."""
    kind = type(value)
    if kind in (list, tuple, deque):
        return list(value)
    if kind in _DICTS:
        return ([value.default_factory] if kind is defaultdict else []) + list(value.values())
    if kind in (slice, range):
        return [value.start, value.stop, value.step]
    if kind in PARTIALS:
        return None if value.__dict__ else [value.func, value.args, value.keywords]
    if isinstance(value, tuple) and hasattr(kind, "_fields"):
        return list(value)
    if kind.__module__ == "builtins" or isinstance(value, (StandIn, Tensor)):
        return None
    entry = optree.register_pytree_node.get(kind, namespace="tracejit")
    return None if entry is None else list(entry.flatten_func(value)[0])


def rebuild(value: Any, parts: list[Any]) -> Any:
    """A container like `value` that holds these parts."""
    kind = type(value)
    if kind in (list, tuple):
        return kind(parts)
    if kind is deque:
        return deque(parts, value.maxlen)
    if kind is defaultdict:
        return defaultdict(parts[0], dict(zip(value, parts[1:])))
    if kind in _DICTS:
        plain: Any = kind
        return plain(zip(value, parts))
    if kind in (slice, range):
        return kind(*parts)
    if kind in PARTIALS:
        return kind(parts[0], *parts[1], **parts[2])
    if isinstance(value, tuple):
        return _new(kind, parts)
    entry = optree.register_pytree_node.get(kind, namespace="tracejit")
    return entry.unflatten_func(entry.flatten_func(value)[1], parts)  # type: ignore[union-attr]
