"""Cutting a tensor into all its parts along an axis, so that the gradients are joined once.

The gradient of each view by itself is a whole tensor of zeros but for the part; of n parts that is n times the work.
"""

from __future__ import annotations

from typing import Any

from ..autograd.function import Function
from ..ops.join import concat, stack
from ..ops.manipulate import split, unstack
from ..tensor import Tensor


class _Parts(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, sizes: tuple[int, ...], axis: int) -> tuple[Tensor, ...]:  # type: ignore[override]
        ctx.axis = axis
        return split(x, sizes, axis)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Any, ...]:
        return concat(grads, axis=ctx.axis), None, None


class _Rows(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> tuple[Tensor, ...]:  # type: ignore[override]
        return unstack(x, axis=0)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Any, ...]:
        return (stack(grads, axis=0),)


def parts(x: Tensor, sizes: tuple[int, ...], axis: int) -> Any:
    """Views of `x` along `axis`, of these extents, which add up to its own."""
    return _Parts.apply(x, sizes, axis)


def rows(x: Tensor) -> tuple[Tensor, ...]:
    """The views of `x` at each index of its first axis."""
    return _Rows.apply(x)
