"""Cutting a tensor into all its parts along an axis, so that their gradients are joined once.

The gradient of each view by itself is a whole tensor of zeros but for the part; of n parts that is n times the work.
"""

from __future__ import annotations

from typing import Any, Sequence

from ..application import Application, set_history
from ..autograd.modes import GradMode
from ..dispatch import mode, refresh_view
from ..ops.create import zeros_like
from ..ops.join import concat, stack
from ..ops.manipulate import split, unstack
from ..spec import TensorSpec
from ..tensor import Tensor


class Cut(Application):
    """What autograd keeps of a tensor's parts: along which axis to join their gradients. It saves no values."""

    __slots__ = ("axis", "stacked", "results")
    saved = ()

    def __init__(self, x: Tensor, views: tuple[Tensor, ...], axis: int, stacked: bool) -> None:
        Application.__init__(self, "cut", len(views), (x,))
        self.axis, self.stacked = axis, stacked
        self.results = [TensorSpec(view.shape, view.dtype) for view in views]

    def pull_back(self, cotangents: Sequence[Any], wanted: Sequence[bool]) -> Sequence[Any]:
        grads = [zeros_like(r) if c is None else c for c, r in zip(cotangents, self.results)]
        return (stack(grads, axis=self.axis) if self.stacked else concat(grads, axis=self.axis),)


def parts(x: Tensor, sizes: tuple[int, ...], axis: int) -> tuple[Tensor, ...]:
    """Views of `x` along `axis`, of these extents, which add up to its own."""
    with GradMode(False):
        views = split(x, sizes, axis)
    return _recorded(x, views, axis, stacked=False)


def rows(x: Tensor) -> tuple[Tensor, ...]:
    """The views of `x` at each index of its first axis."""
    with GradMode(False):
        views = unstack(x, axis=0)
    return _recorded(x, views, 0, stacked=True)


def _recorded(x: Tensor, views: tuple[Tensor, ...], axis: int, stacked: bool) -> tuple[Tensor, ...]:
    refresh_view(x)
    if mode.grad and x.requires_grad and views:
        application = Cut(x, views, axis, stacked)
        for index, view in enumerate(views):
            set_history(view, application, index)
    return views
