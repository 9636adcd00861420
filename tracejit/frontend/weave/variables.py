"""The variables of a loop that is tried as one op: what kinds of values they have, and which share memory."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np

from ...control.body import Body, Untraceable
from ...dispatch import mode
from ...graph.ir import Node
from ...tensor import StandIn, Tensor
from ..numpy_code import Array, array_of, bound_of, is_number, kind_of, number_of, of_kind, world

FAR = 1 << 40  # turns that no loop makes


class Unsettled(Untraceable):
    """A branch leaves a variable as one kind of value or another, as it may in a first turn."""


class Variables:
    """The variables of a loop; those that are not bound are missing. mixed: names left as the arrays they were if the turn was the last."""

    __slots__ = ("__dict__", "mixed")

    def __init__(self) -> None:
        self.mixed: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        raise UnboundLocalError(f"cannot access local variable {name!r} where it is not associated with a value")

    def __contains__(self, name: str) -> bool:
        return name in self.__dict__

    def copy(self) -> Variables:
        made = Variables()
        made.__dict__.update(self.__dict__)
        made.mixed |= self.mixed
        return made


def variables(**given: Callable[[], Any]) -> Variables | None:
    """What a loop begins with; None where no trace runs."""
    if world.arrays is None:
        return None
    made = Variables()
    for name, get in given.items():
        try:
            setattr(made, name, get())
        except NameError:
            pass
    return made


def is_traced(value: Any) -> bool:
    return isinstance(value, (StandIn, Tensor))


def tensor_of(value: Any) -> Tensor:
    """The tensor of a variable's value."""
    return value if isinstance(value, Tensor) else of_kind(value) if is_number(value) else value.tensor


def is_scalar(value: Any) -> bool:
    return is_number(value) or (type(value) is Array and value.is_scalar)


def like(value: Any, tensor: Tensor) -> Any:
    """A tensor as what a value is."""
    if type(value) is Array:
        return array_of(tensor, value.is_scalar, readonly=value.readonly)
    return number_of(tensor, kind_of(value), FAR + bound_of(value)) if is_number(value) else tensor


def form_of(value: Any) -> Any:
    """What kind of value a variable is."""
    if type(value) is Array:
        return "array", value.dtype, value.shape, value.is_scalar, value.readonly
    if is_number(value):
        return "number", kind_of(value)
    return ("tensor", value.dtype, tuple(value.shape)) if isinstance(value, Tensor) else "object"


def is_new(value: Any, given: dict[str, Any], body: Body) -> bool:
    """Whether an array was made in a body, and is a view of nothing that it was given or captured: later writes are seen by its name alone."""
    tensor = tensor_of(value)
    if (type(value) is Array and value.readonly) or body.shows(tensor) or not (isinstance(tensor._value, Node) and body.make.owns(tensor._value)):
        return False
    return not any(same_storage(tensor, other) for other in (*map(tensor_of, given.values()), *body.captured))


def same_storage(a: Tensor, b: Tensor) -> bool:
    return a is b or (a._storage is not None and a._storage is b._storage)


def share(values: list[Any]) -> bool:
    """Whether two of these are arrays that share what they hold."""
    tensors = [tensor_of(v) for v in values if is_traced(v) and not is_scalar(v)]
    return any(same_storage(a, b) for n, a in enumerate(tensors) for b in tensors[:n])


def same_memory(a: Tensor, b: Tensor) -> bool:
    if same_storage(a, b):
        return True
    first, second = memory_of(a), memory_of(b)
    return first is not None and second is not None and np.may_share_memory(first, second)


def memory_of(tensor: Tensor) -> np.ndarray | None:
    """The outside memory that a tensor shows; None if it was born in the trace."""
    if isinstance(tensor._value, np.ndarray):
        return tensor._value
    tracer: Any = mode.interpreter
    while isinstance(tracer, Body):
        if tracer.make.owns(tensor._value):
            return None  # the inputs of a turn are copies
        tracer = tracer.outer
    node, entry = tracer.read(tensor), tracer.contents_of(tensor)
    home = entry.home if entry is not None else next((n for n, i in enumerate(tracer.inputs) if i is node), None)
    return None if home is None else tracer.arrays[home]
