"""How NumPy lays arrays out: the order of their axes in memory, which results take from operands and sums are taken in."""

from __future__ import annotations

from typing import Callable, Sequence

import numpy as np

from ...ops.view import permute, reshape, strides_of
from ...spec import broadcast_shapes
from ...tensor import Tensor
from .array import Array, array_of

Order = tuple[int, ...]
C_ORDER: Order = ()  # axes in turn: the last one varies fastest; Python has but one empty tuple


def order_of(array: Array) -> Order:
    """The axes of an array from the one with the largest strides to the one with the smallest; C_ORDER if they stand so."""
    order = array.order
    if order is None:
        order = array.order = _order_of(array.tensor)
    return order


def _order_of(tensor: Tensor) -> Order:
    value = tensor._value
    if len(value.shape) < 2 or (value.flags.c_contiguous if type(value) is np.ndarray else not tensor._chain):
        return C_ORDER
    return common_order(value.shape, [(value.shape, strides_of(tensor))])


def common_order(shape: Sequence[int], operands: Sequence[tuple[Sequence[int], Sequence[int]]]) -> Order:
    """The order of the axes in a result of this shape, given the shapes and strides of its operands: that of `np.nditer`.

    An axis goes before another if its strides are larger in the operands that tell: those that have strides on both.
    """
    steps = [[0] * (len(shape) - len(s)) + [0 if n == 1 else abs(k) for n, k in zip(s, strides)] for s, strides in operands]
    order = list(range(len(shape)))[::-1]  # from the fastest, as NumPy sorts them
    for number in range(1, len(order)):
        place, axis = number, order[number]
        for before in range(number - 1, -1, -1):
            told = [s[axis] < s[order[before]] for s in steps if s[axis] and s[order[before]]]
            if told and not all(told):
                break
            if told:
                place = before
        order.insert(place, order.pop(number))
    found = tuple(order[::-1])
    return C_ORDER if found == tuple(range(len(shape))) else found


def in_order(tensor: Tensor, order: Order) -> Tensor:
    """A view of a tensor with its axes in this order."""
    return permute(tensor, axes=order) if order else tensor


def back_in_place(tensor: Tensor, order: Order) -> Tensor:
    """The inverse of `in_order`."""
    return permute(tensor, axes=tuple([order.index(d) for d in range(len(order))])) if order else tensor


def laid_out(function: Callable[..., Tensor], operands: Sequence[Tensor], like: Sequence[Tensor]) -> Array:
    """What an elementwise function gives of operands, laid out as NumPy lays out the result of arrays that lie as those of `like` do."""
    if not any(map(_order_of, like)):
        return array_of(function(*operands))
    shape = broadcast_shapes(*[tuple(t.shape) for t in like])
    order = common_order(shape, [(t.shape, strides_of(t)) for t in like])
    turned = [in_order(reshape(t, (*(1,) * (len(shape) - t.ndim), *t.shape)), order) if t.ndim else t for t in operands]
    return array_of(back_in_place(function(*turned), order))


def runs_on(tensor: Tensor, axes: Sequence[int]) -> bool:
    """Whether the last axes of a tensor, as far as they are among `axes`, are walked in memory as if they were one."""
    if not tensor._chain and type(tensor._value) is not np.ndarray:
        return True  # made in the trace
    strides, shape = strides_of(tensor), tensor.shape
    step = 0
    for axis in range(len(shape) - 1, -1, -1):
        if axis not in axes:
            break
        if shape[axis] != 1:
            if step and strides[axis] != step:
                return False
            step = strides[axis] * shape[axis]
            if not step:
                return all(shape[a] == 1 for a in axes if a < axis)
    return True
