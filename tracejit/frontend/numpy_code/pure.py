"""`pure`: a call of one of NumPy's functions whose results' shapes depend on values: an event of the trace, called again at each replay."""

from __future__ import annotations

from typing import Any, Callable

from ...dispatch import mode
from ...tree import flatten, unflatten
from .array import Array, array_of
from .operands import on_real_arrays


def pure(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The result of a function that changes nothing, and gives arrays of its own."""
    host = getattr(mode.interpreter, "host", None)
    if host is None:  # eager mode goes on with this call
        return on_real_arrays(function, args, kwargs)
    given: list[Array] = []
    call = _Call(function, _places(args, given), {name: _places(value, given) for name, value in kwargs.items()})
    result, forms = host(call, [x.tensor for x in given])
    leaves, structure = flatten(result)
    return unflatten(structure, [array_of(v, form == "scalar") if form else v for v, form in zip(leaves, forms)])


class _Place:
    """Where an array goes among the arguments."""

    def __init__(self, number: int, is_scalar: bool) -> None:
        self.number, self.is_scalar = number, is_scalar


def _places(value: Any, given: list[Array]) -> Any:
    if type(value) is Array:
        given.append(value)
        return _Place(len(given) - 1, value.is_scalar)
    return type(value)([_places(v, given) for v in value]) if type(value) in (tuple, list) else value


def _filled(value: Any, arrays: tuple[Any, ...]) -> Any:
    if type(value) is _Place:
        return arrays[value.number][()] if value.is_scalar else arrays[value.number]
    return type(value)([_filled(v, arrays) for v in value]) if type(value) in (tuple, list) else value


class _Call:
    """A function of arrays: another one, with its other arguments."""

    def __init__(self, function: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> None:
        self.function, self.args, self.kwargs = function, args, kwargs
        self.__name__ = getattr(function, "__name__", "a function")

    def __call__(self, *arrays: Any) -> Any:
        return self.function(*_filled(self.args, arrays), **{name: _filled(value, arrays) for name, value in self.kwargs.items()})
