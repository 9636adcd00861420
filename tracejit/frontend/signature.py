"""`Signature`: the key of a call in the graph cache. However the call was spelt, one call has one key."""

from __future__ import annotations

import functools
import inspect
import types
import weakref
from typing import Any, Callable, Iterator, NamedTuple

import numpy as np

from ..errors import CompileError, fail
from ..tensor import Tensor
from .identity import Token, known
from .inside import arrays_in, differences
from .keys import Leaves, decode, describe, encode, identities

Key = tuple[Any, ...]
Call = tuple[tuple[Any, ...], dict[str, Any]]
_ndarray = np.ndarray
_EMPTY = inspect.Parameter.empty


class Parameters(NamedTuple):
    """The parameters of a function: how a call's spelling becomes the canonical one."""

    positional: tuple[str, ...]  # in order, those that cannot be given by keyword first
    positional_only: int
    keyword_only: tuple[str, ...]
    star: bool  # takes *args
    stars: bool  # takes **kwargs
    defaults: Callable[[], dict[str, Any]]  # as they are now


class Spelling(NamedTuple):
    """How a call was written."""

    positional: int  # how many arguments were given by position
    keywords: tuple[str, ...]  # of the others, in order
    places: tuple[int | None, ...]  # of each canonical argument: its number among the arguments given, or None for a default
    values: tuple[Any, ...]  # the canonical arguments
    function: Callable[..., Any]  # whose defaults stand for the others


class Signature:
    """Makes keys of the calls of one function.

    A key is a tuple: one token for each argument in canonical order, then (names of the last arguments, given by
    keyword) or None, then which arrays are the same object, or None.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.parameters = _parameters_of(function)
        only_positional = self.parameters is not None and not self.parameters.keyword_only
        # how many arguments given by position are all there are, no default needed; -1: there may be others
        self.count = len(self.parameters.positional) if only_positional and self.parameters is not None else -1

    def flatten(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Key, Leaves]:
        """The key of a call, and its arrays (Tensors, NumPy arrays, NumPy scalars as 0-d arrays) in order.

        Raises the function's own TypeError if the arguments do not fit its parameters.
        """
        names = None
        if kwargs or len(args) != self.count:
            args, kwargs = self.bind(args, kwargs)
            if kwargs:
                names = tuple(kwargs)
                args += tuple(kwargs.values())
        leaves: Leaves = []
        parts: list[Any] = []
        for value in args:
            kind = type(value)
            if kind is _ndarray:
                leaves.append(value)
                parts.append((kind, value.shape, value.strides, value.dtype))
            elif kind is Tensor:
                leaves.append(value)
                array = value._value
                grad = 0 if not value._requires_grad else 1 if value._application is None else 2
                parts.append((kind, array.shape, getattr(array, "strides", None), array.dtype, grad if type(array) is _ndarray else (grad, array.device)))
            else:
                token = known.get(id(value))
                if token is not None and token.entry is not None and token.reference() is value:
                    parts.append(token.entry)
                else:
                    parts.append(self._encode(value, leaves))
        parts.append(names)
        count = len(leaves)
        if count < 2 or (leaves[0] is not leaves[1] if count == 2 else len(set(map(id, leaves))) == count):
            parts.append(None)
        else:
            places: dict[int, int] = {}
            parts.append(tuple([places.setdefault(id(leaf), place) for place, leaf in enumerate(leaves)]))
        return tuple(parts), leaves

    def _encode(self, value: Any, leaves: Leaves) -> tuple[Any, ...]:
        try:
            return encode(value, leaves)
        except RecursionError:
            fail(CompileError, "an argument is a container that holds itself", "Pass its parts, or call the function undecorated.")

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
        """The canonical spelling: by position what can be, defaults filled in, keywords in the order of the parameters."""
        p = self.parameters
        if p is None:
            return args, kwargs
        if not kwargs and not p.keyword_only and (len(args) == len(p.positional) or (p.star and len(args) > len(p.positional))):
            return args, kwargs
        given = dict(kwargs)
        defaults: dict[str, Any] | None = None
        values = list(args)
        for position in range(len(args), len(p.positional)):
            name = p.positional[position]
            if name in given and position >= p.positional_only:
                values.append(given.pop(name))
            else:
                defaults = p.defaults() if defaults is None else defaults
                if name not in defaults:
                    self._misfit(args, kwargs)
                values.append(defaults[name])
        named: dict[str, Any] = {}
        for name in p.keyword_only:
            if name in given:
                named[name] = given.pop(name)
            else:
                defaults = p.defaults() if defaults is None else defaults
                if name not in defaults:
                    self._misfit(args, kwargs)
                named[name] = defaults[name]
        taken_twice = any(name in given for name in p.positional[p.positional_only :])
        if (len(args) > len(p.positional) and not p.star) or (given and not p.stars) or taken_twice:
            self._misfit(args, kwargs)
        named.update(given)
        return tuple(values), named

    def spelling(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Spelling:
        """How a call that fits was written."""
        values, named = self.bind(args, kwargs)
        order = {name: number for number, name in enumerate(kwargs, len(args))}
        places: list[int | None] = list(range(len(args)))
        if self.parameters is not None:
            for number, name in enumerate(self.parameters.positional[len(args) :], len(args)):
                places.append(order.get(name) if number >= self.parameters.positional_only else None)
        places += [order.get(name) for name in named]
        return Spelling(len(args), tuple(kwargs), tuple(places), (*values, *named.values()), self.function)

    def _misfit(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Raise the TypeError that Python raises for this call."""
        self.function(*args, **kwargs)
        raise TypeError(f"{self.function!r} takes other arguments")

    def restore(self, key: Key, arrays: list[Any]) -> Call:
        """The canonical (args, kwargs) of a key, with `arrays` (one for each leaf) in the places of the leaves."""
        *tokens, names, same = key
        source: Iterator[Any] = iter(arrays if same is None else [arrays[first] for first in same])
        values = tuple(decode(token, source) for token in tokens)
        if names is None:
            return values, {}
        split = len(values) - len(names)
        return values[:split], dict(zip(names, values[split:]))

    # What a cache asks of its keys

    def alive(self, key: Key) -> bool:
        """Whether all objects this key speaks of by identity still exist: if not, no call has this key again."""
        return all(token.get() is not None for token in identities(key))

    def watch(self, key: Key, callback: Callable[[Key], Any]) -> None:
        """Call `callback(key)` when an object of this key dies (from any thread, so let it only drop a cache entry).

        A bound method is held weakly: the cache it belongs to is not kept by the objects it is asked about.
        """
        reference = weakref.WeakMethod(callback) if isinstance(callback, types.MethodType) else lambda: callback
        for token in identities(key):
            if isinstance(token, Token):
                token.watchers = [w for w in token.watchers if w[0]() is not None]
                token.watchers.append((reference, key))

    def unwatch(self, key: Key) -> None:
        """Stop watching the objects of a key that has left the cache."""
        for token in identities(key):
            if isinstance(token, Token):
                token.watchers = [w for w in token.watchers if w[1] is not key]

    def difference(self, key: Key, other: Key) -> list[tuple[str, str]]:
        """(path of an argument, "was … and is …") for each part of the arguments that differs between two keys."""
        found = []
        names, others = self.names(key), self.names(other)
        before = dict(zip(names, key))
        after = dict(zip(others, other))
        for name in dict.fromkeys(names + others):
            if name in before and name in after:
                found += [(path, f"was {was} and is {now}") for path, was, now in differences(name, before[name], after[name])]
            else:
                was, now = [describe(side[name]) if name in side else "not given" for side in (before, after)]
                found.append((name, f"was {was} and is {now}"))
        if not found and key[-1] != other[-1]:
            found.append(("arguments", "are the same array in other places"))
        return found

    def words(self, key: Key) -> list[tuple[str, str]]:
        """(parameter, what the key says of it)."""
        return [(name, describe(token)) for name, token in zip(self.names(key), key)]

    def arrays(self, key: Key) -> list[str]:
        """What the arrays of a call with this key are called: `x`, `batch['image']`."""
        return [path for name, token in zip(self.names(key), key) for path in arrays_in(name, token)]

    def names(self, key: Key) -> list[str]:
        """The parameter of each token of a key."""
        keywords = key[-2] or ()
        count = len(key) - 2 - len(keywords)
        known_names = list(self.parameters.positional) if self.parameters is not None else []
        extra = [f"args[{i}]" for i in range(max(0, count - len(known_names)))]
        return known_names[:count] + extra + list(keywords)


def _parameters_of(function: Callable[..., Any]) -> Parameters | None:
    """The parameters of the function itself: what it wraps, or says it is, does not tell how it may be called."""
    skipped = 0
    plain: Any = function
    if isinstance(plain, types.MethodType):
        plain, skipped = plain.__func__, 1
    elif not isinstance(plain, (types.FunctionType, type, functools.partial)) and isinstance(
        getattr(type(plain), "__call__", None), types.FunctionType
    ):
        plain, skipped = type(plain).__call__, 1
    if isinstance(plain, types.FunctionType):
        return _parameters_of_code(plain, skipped)
    try:
        described = inspect.signature(function, follow_wrapped=False)
    except (TypeError, ValueError):
        return None
    return _parameters_of_description(described)


def _parameters_of_code(function: types.FunctionType, skipped: int) -> Parameters:
    code = function.__code__
    everything = code.co_varnames[: code.co_argcount]
    if skipped and not everything:  # def method(*args): the object is args[0]
        skipped = 0
    positional = everything[skipped:]

    def defaults() -> dict[str, Any]:
        values = function.__defaults__ or ()
        found = dict(zip(everything[len(everything) - len(values) :], values))
        found.update(function.__kwdefaults__ or {})
        return found

    return Parameters(
        positional,
        max(0, code.co_posonlyargcount - skipped),
        code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount],
        bool(code.co_flags & inspect.CO_VARARGS),
        bool(code.co_flags & inspect.CO_VARKEYWORDS),
        defaults,
    )


def _parameters_of_description(described: inspect.Signature) -> Parameters:
    by_kind: dict[Any, list[inspect.Parameter]] = {}
    for parameter in described.parameters.values():
        by_kind.setdefault(parameter.kind, []).append(parameter)
    only = by_kind.get(inspect.Parameter.POSITIONAL_ONLY, [])
    either = by_kind.get(inspect.Parameter.POSITIONAL_OR_KEYWORD, [])
    keyword = by_kind.get(inspect.Parameter.KEYWORD_ONLY, [])
    values = {q.name: q.default for q in only + either + keyword if q.default is not _EMPTY}
    return Parameters(
        tuple(q.name for q in only + either),
        len(only),
        tuple(q.name for q in keyword),
        inspect.Parameter.VAR_POSITIONAL in by_kind,
        inspect.Parameter.VAR_KEYWORD in by_kind,
        lambda: values,
    )
