"""Inside the tokens of a key: what each part is called in the caller's words, and in which parts two tokens differ."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from typing import Any, Iterator

import numpy as np

from ..tensor import Tensor
from .keys import FIELDS, NODE, decode, describe
from .method import PARTIALS

Token = tuple[Any, ...]
_HEADS = {list: 1, tuple: 1, deque: 2, NODE: 3}  # of containers counted through: the items of a token before its parts
_DICTS = (dict, OrderedDict, defaultdict)


def arrays_in(name: str, token: Token) -> Iterator[str]:
    """What the arrays of an argument are called, in the order of a key's leaves: `batch['x'][0]`."""
    if isinstance(token[0], type) and issubclass(token[0], (np.ndarray, np.generic, Tensor)):
        yield name
    for label, part in _parts(token):
        yield from arrays_in(name + label, part)


def differences(name: str, before: Token, after: Token) -> Iterator[tuple[str, str, str]]:
    """(path, old, new) of the innermost parts in which an argument's tokens differ."""
    if before == after:
        return
    old, new = _parts(before), _parts(after)
    if old and before[0] is after[0] and [label for label, _ in old] == [label for label, _ in new]:
        found = [d for (label, one), (_, other) in zip(old, new) for d in differences(name + label, one, other)]
        if found:
            yield from found
            return
    was, now = describe(before), describe(after)
    yield name, was, now + (" with other contents" if was == now else "")


def _parts(token: Token) -> list[tuple[str, Token]]:
    """The tokens inside one, each with what is written after the container's name to reach it."""
    kind = token[0]
    if isinstance(kind, (type, str)) and kind in _HEADS:
        return [(f"[{i}]", part) for i, part in enumerate(token[_HEADS[kind] :])]
    if kind in _DICTS:
        return [(f"[{_key(key)}]", part) for key, part in zip(token[2], token[3:])]
    if kind == FIELDS:
        return [(f".{field}", part) for field, part in zip(token[1]._fields, token[2:])]
    if kind in PARTIALS:
        return list(zip((".func", ".args", ".keywords"), token[1:]))
    return []


def _key(key: Any) -> str:
    """A dict's key, as it is written in a key: a string, or a token."""
    if type(key) is str:
        return repr(key)
    try:
        return repr(key[1] if key[0] is tuple else decode(key, iter(())))
    except Exception:  # an object that is gone
        return "..."
