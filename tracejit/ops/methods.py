"""Attach to Tensor what the op table says: operators, methods, and their in-place forms; and the functions that are methods too."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np

from ..backend import LARGE
from ..dispatch import EAGER, bind, mode
from ..op import OPS, Elementwise, Op
from ..tensor import Tensor, wrap
from .view import written

_ndarray = np.ndarray
_new = object.__new__
_OPERANDS = (Tensor, int, float, complex, np.ndarray, np.generic)
_PLAIN = frozenset((Tensor, float, int))
COMPARISONS = {"eq": "eq", "ne": "ne", "lt": "gt", "le": "ge", "gt": "lt", "ge": "le"}

# PyTorch's short names
SHORT = {
    "multiply": "mul", "subtract": "sub", "divide": "div", "negative": "neg", "equal": "eq", "not_equal": "ne", "less": "lt",
    "less_equal": "le", "greater": "gt", "greater_equal": "ge", "abs": "absolute", "acos": "arccos", "asin": "arcsin", "atan": "arctan",
}  # fmt: skip


def attach(op: Elementwise) -> None:
    """Give Tensor the operator of an op, its method, and their in-place forms."""
    if op.operator:
        _attach_operator(op)
    if op.method and op.kind == "elementwise":
        for name in filter(None, (op.name, SHORT.get(op.name))):
            if name not in vars(Tensor):
                setattr(Tensor, name, _method(op, name))
            if name + "_" not in vars(Tensor):
                setattr(Tensor, name + "_", _in_place(op, name + "_"))


def _attach_operator(op: Elementwise) -> None:
    name = op.operator
    setattr(Tensor, f"__{name}__", _forward(op))
    if op.arity == 2 and name not in COMPARISONS:
        setattr(Tensor, f"__r{name}__", _reflected(op))
        setattr(Tensor, f"__i{name}__", _augmented(op))


def _forward(op: Elementwise) -> Callable[..., Any]:
    if op.arity == 1:
        return _named(lambda self, /: bind(op, self), op, f"__{op.operator}__")
    ufunc: Any = op.ufunc  # None where eager mode does not call one
    theirs = f"__{COMPARISONS.get(op.operator, 'r' + op.operator)}__"

    def general(self: Tensor, other: Any, /) -> Any:
        if not isinstance(other, _OPERANDS) and hasattr(type(other), theirs):
            return NotImplemented  # the other operand's own method may know
        return bind(op, self, other)

    def forward(self: Tensor, other: Any, /) -> Any:
        # What `bind` would do in eager mode for two tensors without history, written out: this is the price of `a + b`.
        if (
            type(other) is Tensor
            and mode.interpreter is EAGER
            and not self._requires_grad
            and not other._requires_grad
            and self._base is None
            and other._base is None
            and self._value.nbytes < LARGE
        ):
            try:
                value = ufunc(self._value, other._value, order="C")
            except Exception:
                return bind(op, self, other)  # which explains the error
            if type(value) is _ndarray:
                result = _new(Tensor)
                result._value = value
                return result
            return wrap(np.asarray(value))
        return bind(op, self, other) if type(other) in _PLAIN else general(self, other)

    return _named(general if ufunc is None else forward, op, f"__{op.operator}__")


def _reflected(op: Elementwise) -> Callable[..., Any]:
    return _named(lambda self, other, /: bind(op, other, self), op, f"__r{op.operator}__")


def _augmented(op: Elementwise) -> Callable[..., Any]:
    name = f"__i{op.operator}__"
    return _named(lambda self, other, /: written(self, bind(op, self, other)), op, name, f"`{op.name}`, written into this tensor.")


def _method(op: Op, name: str) -> Callable[..., Any]:
    return _named(lambda self, *others, **attrs: bind(op, self, *others, **attrs), op, name)


def _in_place(op: Op, name: str) -> Callable[..., Tensor]:
    def change(self: Tensor, *others: Any, **attrs: Any) -> Tensor:
        return written(self, bind(op, self, *others, **attrs))

    return _named(change, op, name, f"`{op.name}`, written into this tensor.")


def _named(function: Callable[..., Any], op: Op, name: str, doc: str = "") -> Callable[..., Any]:
    function.__name__, function.__qualname__, function.__doc__ = name, f"Tensor.{name}", doc or op.__doc__
    return function


def attach_all() -> None:
    """Give Tensor what every elementwise op of the table says. Called once all ops are defined; what is there already stays."""
    for op in list(OPS.values()):
        if isinstance(op, Elementwise):
            attach(op)
