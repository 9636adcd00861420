"""Words of loops as they are tried: ranges, conditions and items changed in place, of numbers that only the run knows."""

from __future__ import annotations

import operator
from typing import Any, Callable, Iterator

import numpy as np

from ...control.body import Body, Untraceable
from ...dispatch import assign, bind, mode
from ...op import OPS
from ...ops.casts import cast, where
from ...ops.view import put
from ...spec import bool_, is_complex
from ...tensor import StandIn, Tensor
from ..numpy_code import Array, Number, bound_of, implements, is_number, is_readonly, kind_of, number_of, of_kind, world
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
        after = _PLAIN[name](before, value)
        if not np.can_cast(after.dtype, before.dtype, "same_kind") or after.shape != before.shape:
            raise Untraceable("changes an item in place to what it does not hold")
    else:
        after = _IN_PLACE[name](before, value)
    owner[key] = after


def chosen(
    target: Any, key: Any, operands: tuple[Any, ...], others: tuple[Any, ...], functions: tuple[Any, ...], value: Callable[[Callable], Any], name: str
) -> None:
    """`target[key] = value`, or `target[key] += value` and the like, in which elements of `operands` are read at the same key, numbers are among
    `others`, and `functions` called: of a mask and arrays like it, done of all elements, of which the mask chooses."""
    if _are_like(key, target, *operands) and all(map(_is_number, others)) and all(map(_is_by_element, functions)):
        found = value(lambda array: array)
        found = _PLAIN[name](target, found) if name else found
        if _may_be_put(found, target, name):
            new = found.tensor if found.dtype == target.dtype else cast(found.tensor, dtype=target.dtype)
            assign(target.tensor, where(key.tensor, new, target.tensor), put)
            return
    found = value(lambda array: array[key])
    if name:
        augment(target, key, name, found)
    else:
        changes(target)
        target[key] = found


def _are_like(mask: Any, target: Any, *operands: Any) -> bool:
    """Whether these are a mask and arrays of its shape, of which the first may be written."""
    if type(mask) is not Array or mask.dtype != bool_ or not mask.shape or type(target) is not Array or is_readonly(target):
        return False
    return all(type(x) is Array and x.shape == mask.shape and not x.tensor._requires_grad for x in (target, *operands))


def _is_number(value: Any) -> bool:
    return is_scalar(value) if is_traced(value) else isinstance(value, (bool, int, float, complex, np.generic))


def _is_by_element(function: Any) -> bool:
    return isinstance(function, np.ufunc) and function.nout == 1 and function.signature is None


def _may_be_put(found: Any, target: Array, name: str) -> bool:
    """Whether NumPy would put this into the elements without a word. A product in place of a single complex element is rounded otherwise."""
    if type(found) is not Array or found.shape != target.shape or (name == "Mult" and is_complex(target.dtype)):
        return False
    return np.can_cast(found.dtype, target.dtype, "same_kind" if name else "unsafe") and is_complex(found.dtype) <= is_complex(target.dtype)


_NAMES = {
    "Add": "add", "Sub": "sub", "Mult": "mul", "Div": "truediv", "FloorDiv": "floordiv", "Mod": "mod", "Pow": "pow", "MatMult": "matmul",
    "BitAnd": "and", "BitOr": "or", "BitXor": "xor", "LShift": "lshift", "RShift": "rshift",
}  # fmt: skip
_IN_PLACE: dict[str, Callable] = {name: getattr(operator, f"__i{short}__") for name, short in _NAMES.items()}
_PLAIN: dict[str, Callable] = {name: getattr(operator, f"__{short}__") for name, short in _NAMES.items()}
