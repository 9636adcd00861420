"""Attach to Tensor what the op table says: operators, methods, and their in-place forms."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np

from ..dispatch import EAGER, assign, bind, mode
from ..op import OPS, Elementwise, Op
from ..tensor import Tensor, wrap
from .view import broadcast_to, index_basic, permute, put, reshape

_ndarray = np.ndarray
_new = object.__new__
COMPARISONS = {"eq", "ne", "lt", "le", "gt", "ge"}


def _attach_operator(op: Elementwise) -> None:
    name = op.operator
    setattr(Tensor, f"__{name}__", _forward(op))
    if op.arity == 2 and name not in COMPARISONS:
        setattr(Tensor, f"__r{name}__", lambda self, other, _op=op: bind(_op, other, self))
        setattr(Tensor, f"__i{name}__", _in_place(op))


def _forward(op: Elementwise) -> Callable[..., Tensor]:
    if op.arity == 1:
        return lambda self: bind(op, self)
    ufunc = op.ufunc
    if ufunc is None:
        return lambda self, other: bind(op, self, other)

    def forward(self: Tensor, other: Any) -> Tensor:
        # What `bind` would do in eager mode for two tensors without history, written out: this is the price of `a + b`.
        if (
            type(other) is Tensor
            and not self._requires_grad
            and not other._requires_grad
            and self._base is None
            and other._base is None
            and mode.interpreter is EAGER
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
        return bind(op, self, other)

    return forward


def _in_place(op: Op) -> Callable[..., Tensor]:
    def change(self: Tensor, *others: Any, **attrs: Any) -> Tensor:
        return assign(self, bind(op, self, *others, **attrs), put)

    change.__doc__ = f"`{op.name}`, written into this tensor."
    return change


for _op in list(OPS.values()):
    if isinstance(_op, Elementwise):
        if _op.operator:
            _attach_operator(_op)
        if _op.method:
            setattr(Tensor, _op.name, lambda self, *others, _op=_op, **attrs: bind(_op, self, *others, **attrs))
            setattr(Tensor, _op.name + "_", _in_place(_op))
