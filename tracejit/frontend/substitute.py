"""Stand-ins for arrays inside the containers of a call, and the way back of what was done to those containers."""

from __future__ import annotations

import gc
import sys
from collections import OrderedDict, defaultdict, deque
from typing import Any, Callable, Iterator

import numpy as np

from ..tensor import Tensor
from .numpy_code import Array
from .parts import parts_of, rebuild

_MUTABLE = (list, dict, deque, OrderedDict, defaultdict)


class Substitution:
    """A call whose arrays are replaced. A container in which nothing is replaced is the caller's own object.

    arrays: one stand-in for each leaf of `Signature.flatten`, in order.
    """

    def __init__(self, args: tuple[Any, ...], kwargs: dict[str, Any], arrays: list[Any]) -> None:
        self._copies: dict[int, tuple[Any, Any]] = {}  # of the caller's container: it, and its copy
        self._shared: dict[int, Any] = {}  # the caller's containers that the function gets itself
        self._owners: dict[int, Any] = {}  # of a copy or a stand-in: what the caller has there
        source = iter(arrays)
        self.args: tuple[Any, ...] = tuple([self._replace(a, source) for a in args])
        self.kwargs = {name: self._replace(value, source) for name, value in kwargs.items()}

    def _replace(self, value: Any, arrays: Iterator[Any]) -> Any:
        if isinstance(value, (Tensor, np.ndarray, np.generic)):
            stand_in = next(arrays)
            if stand_in is not value:
                self._owners[id(stand_in)] = value
                if type(stand_in) is Array:
                    stand_in.is_scalar = isinstance(value, np.generic)
            return stand_in
        before = parts_of(value)
        if before is None:
            return value
        after = [self._replace(part, arrays) for part in before]
        if all(map(_same, before, after)):
            if type(value) in _MUTABLE:
                self._shared[id(value)] = value
            return value
        known = self._copies.get(id(value))
        if known is not None:  # one container in two places stays one
            return known[1]
        copy = rebuild(value, after)
        if type(value) in _MUTABLE:
            self._copies[id(value)] = (value, copy)
        self._owners[id(copy)] = value
        return copy

    def original(self, value: Any) -> Any:
        """The caller's object for an argument, or part of one, that the function saw; `value` itself if it is no copy."""
        return self._owners.get(id(value), value)

    def write_back(self, convert: Callable[[Any], Any] = lambda value: value) -> bool:
        """Do to the caller's containers what the function did to their copies. `convert` makes other values the caller's
        own (a tensor born in the function, say), in every container. Whether anything had changed."""
        changed = False
        for owner, copy in [*self._copies.values(), *((own, own) for own in self._shared.values())]:
            before, after = parts_of(owner), parts_of(copy)
            after = [self.back(part, convert) for part in after or []]
            keys_differ = isinstance(owner, dict) and list(owner) != list(copy)
            if keys_differ or len(before or []) != len(after) or not all(map(_same, before or [], after)):
                _fill(owner, copy, after)
                changed = True
        return changed

    def forget(self) -> None:
        """Let go of what the function was given."""
        self.args, self.kwargs = (), {}
        self._copies.clear()
        self._shared.clear()

    def back(self, value: Any, convert: Callable[[Any], Any]) -> Any:
        """What the caller has for a value that the function made, kept or was given. A list or a dict stays the object that it is."""
        if id(value) in self._owners:
            return self._owners[id(value)]
        before = parts_of(value)
        if before is None:
            return convert(value)
        after = [self.back(part, convert) for part in before]
        if all(map(_same, before, after)):
            return value
        if type(value) not in _MUTABLE:
            return rebuild(value, after)
        _fill(value, value, after)
        return value


def held_elsewhere(results: list[Any], noted: list[Any]) -> bool:
    """Whether a list or a dict in what a call returned is the caller's, outlives the call in another place, or is there twice.

    results: the value returned, to which one name refers besides. noted: what the trace itself holds for a while.
    """
    ours = set(map(id, noted))
    if not _held(results, ours):
        return False
    gc.collect(1)  # a cycle that the call left behind may hold it
    return _held(results, ours)


def _held(parts: list[Any], ours: set[int]) -> bool:
    return any(
        [type(part) in _MUTABLE and sys.getrefcount(part) > _ONE_PLACE + (id(part) in ours) or _held(parts_of(part) or [], ours) for part in parts]
    )


def _references(parts: list[Any]) -> int:
    return [type(part) in _MUTABLE and sys.getrefcount(part) for part in parts][0]


def _same(a: Any, b: Any) -> bool:
    return a is b


def _fill(owner: Any, copy: Any, parts: list[Any]) -> None:
    """Make a container hold these parts, under the keys of `copy` if it is a dict."""
    keys = list(copy)
    owner.clear()
    if isinstance(owner, dict):
        owner.update(zip(keys, parts[type(owner) is defaultdict :]))
    else:
        owner.extend(parts)


_example: list[Any] = [[]]
_ONE_PLACE = _references(parts_of(_example) or [])  # of a container that is held by one other, and by the list that is walked
