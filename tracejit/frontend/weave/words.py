"""Words of loops as they are tried: ranges, conditions and items changed in place, of numbers that only the run knows."""

from __future__ import annotations

import operator
from typing import Any, Callable, Iterator

import numpy as np

from ...control.body import Body, Untraceable
from ...dispatch import bind, mode
from ...op import OPS
from ...spec import bool_
from ...tensor import StandIn, Tensor
from ..numpy_code import Number, bound_of, implements, is_number, kind_of, number_of, of_kind, world
from .journal import changes
from .variables import form_of, is_scalar, is_traced, like, tensor_of


class Span:
    """A range whose ends only the run knows."""

    def __init__(self, start: Any, stop: Any, step: int) -> None:
        self.start, self.stop, self.step = start, stop, step

    def __iter__(self) -> Iterator[int]:
        return iter(range(int(self.start), int(self.stop), self.step))


@implements(range)
def span(*ends: Any) -> Any:
    """range() of ints, some of which may be Numbers."""
    if not any(type(e) is Number for e in ends):
        return range(*ends)
    start, stop, step = (0, *ends, 1) if len(ends) == 1 else (*ends, 1) if len(ends) == 2 else ends
    if type(step) is Number or not step or any(kind_of(e) is not int for e in (start, stop)):
        raise Untraceable("has a range of steps that only the run knows")
    return Span(start, stop, step)


# Conditions


def both(first: Any, second: Callable[[], Any]) -> Any:
    """`first and second`."""
    return _joined("logical_and", first, second) if _is_traced_truth(first) else first and second()


def either(first: Any, second: Callable[[], Any]) -> Any:
    """`first or second`."""
    return _joined("logical_or", first, second) if _is_traced_truth(first) else first or second()


def neither(value: Any) -> Any:
    """`not value`."""
    return number_of(bind(OPS["logical_not"], truth(value)), bool) if _is_traced_truth(value) else not value


def _is_traced_truth(value: Any) -> bool:
    return world.rolling > 0 and isinstance(value, StandIn) and value.tensor.dtype == bool_ and not value.tensor.shape


def _joined(name: str, first: Any, second: Callable[[], Any]) -> Any:
    other = second()
    if not _is_traced_truth(other):
        other = of_kind(bool(other)) if is_number(other) else Untraceable
    if other is Untraceable:
        raise Untraceable("joins conditions that are not bools")
    return number_of(bind(OPS[name], truth(first), truth(other)), bool)


def truth(value: Any) -> Tensor:
    """A condition as one bool."""
    if isinstance(value, Tensor):
        return value
    if isinstance(value, StandIn):
        tensor = value.tensor
        if tensor.size != 1:
            raise Untraceable("has a condition of several values")
        tensor = tensor.reshape(()) if tensor.shape else tensor
        return tensor if tensor.dtype == bool_ else bind(OPS["not_equal"], tensor, 0)
    return of_kind(bool(value))


@implements(min)
def smallest(*values: Any, **options: Any) -> Any:
    """min() of scalars of one kind: the first than which none is smaller."""
    return _first(operator.lt, values) if _are_scalars(values) and not options else min(*values, **options)


@implements(max)
def largest(*values: Any, **options: Any) -> Any:
    """max() of scalars of one kind."""
    return _first(operator.gt, values) if _are_scalars(values) and not options else max(*values, **options)


def _are_scalars(values: tuple[Any, ...]) -> bool:
    return world.rolling > 0 and len(values) > 1 and any(isinstance(v, StandIn) for v in values) and all(map(is_scalar, values)) and len(set(map(form_of, values))) == 1


def _first(before: Callable, values: tuple[Any, ...]) -> Any:
    found = values[0]
    for value in values[1:]:
        chosen = bind(OPS["where"], truth(before(value, found)), tensor_of(value), tensor_of(found))
        found = like(max(value, found, key=bound_of), chosen)
    return found


# Items


def augment(owner: Any, key: Any, name: str, value: Any) -> None:
    """`owner[key] += value`, and the like."""
    changes(owner)
    before = owner[key]
    body: Any = mode.interpreter
    shown = body.shows(tensor_of(before)) if isinstance(body, Body) and is_traced(before) else None
    if shown is not None and not shown.writable:  # a copy of what values have to find, which nobody knows
        body.shown.remove(shown)
        after = PLAIN[name](before, value)
        if not np.can_cast(after.dtype, before.dtype, "same_kind") or after.shape != before.shape:
            raise Untraceable("changes an item in place to what it does not hold")
    else:
        after = _IN_PLACE[name](before, value)
    owner[key] = after


_NAMES = {
    "Add": "add", "Sub": "sub", "Mult": "mul", "Div": "truediv", "FloorDiv": "floordiv", "Mod": "mod", "Pow": "pow", "MatMult": "matmul",
    "BitAnd": "and", "BitOr": "or", "BitXor": "xor", "LShift": "lshift", "RShift": "rshift",
}  # fmt: skip
_IN_PLACE: dict[str, Callable] = {name: getattr(operator, f"__i{short}__") for name, short in _NAMES.items()}
PLAIN: dict[str, Callable] = {name: getattr(operator, f"__{short}__") for name, short in _NAMES.items()}
