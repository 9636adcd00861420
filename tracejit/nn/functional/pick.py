"""The loss of each sample whose class is known, with its gradient in closed form: softmax(x) - one_hot(class).

Composed of ops, the loss records a dozen Applications and its backward runs twice as many ops; so it is one Application.
"""

from __future__ import annotations

from typing import Any, Sequence

from ...application import Application, Replace, fail_changed, fail_freed, set_history
from ...autograd.modes import GradMode
from ...dispatch import bind, mode, refresh_view
from ...ops.create import iota
from ...ops.elementwise import exp, log
from ...ops.index import gather_op
from ...ops.reduce import reduce_max, softmax, sum_over
from ...spec import int64
from ...tensor import Tensor

_ROW = (1,)


class Picked(Application):
    """What autograd keeps: the scores and classes, checked to be unchanged, and the parts of the softmax."""

    __slots__ = ("saved", "share", "grown", "total")

    def __init__(self, x: Tensor, target: Tensor, share: Tensor, grown: Tensor, total: Tensor) -> None:
        Application.__init__(self, "cross_entropy", 1, (x,))
        self.saved: tuple[tuple[Tensor, int], ...] = ((x, x._version), (target, target._version))
        self.share, self.grown, self.total = share, grown, total

    def pull_back(self, cotangents: Sequence[Any], wanted: Sequence[bool]) -> Sequence[Any]:
        if not self.saved:
            fail_freed(self.name)
        for tensor, version in self.saved:
            if tensor._version != version:
                fail_changed(self.name, version, tensor._version)
        (x, _), (target, _) = self.saved
        chances = softmax(x, axis=1) if mode.grad else self.grown / self.total  # with its history, if that is wanted
        hits = target.reshape((-1, 1)) == bind(iota, shape=(x.shape[1],), dtype=target.dtype)
        return ((chances - hits) * (cotangents[0] * self.share).reshape((-1, 1)),)

    def free(self) -> None:
        """Let go of the saved values."""
        self.saved = ()
        self.share = self.grown = self.total = None  # type: ignore[assignment]

    def saves(self) -> bool:
        return bool(self.saved)

    def freed(self) -> bool:
        return not self.saved

    def rebuilt(self, replace: Replace, edges: list[Any]) -> Picked:
        new = object.__new__(Picked)
        Application.__init__(new, self.name, 1, ())
        new.edges, new.inputs, new.order, new.line = edges, self.inputs, self.order, self.line
        new.saved = tuple(replace(tensor, version) for tensor, version in self.saved)
        for part in ("share", "grown", "total"):
            tensor = getattr(self, part)
            setattr(new, part, None if tensor is None else replace(tensor, tensor._version)[0])
        return new


def picked_losses(x: Tensor, target: Tensor, safe: Tensor, share: Tensor) -> Tensor:
    """share · (log Σ exp x - x[target]) of each row of x (N, C): (N,). `safe` is the target, any class where that is none."""
    with GradMode(False):
        lowered = x - bind(reduce_max, x, axes=_ROW, keepdims=True)
        grown = exp(lowered)
        total = sum_over(grown, _ROW, True)
        picked = bind(gather_op, lowered, bind(iota, shape=(x.shape[0],), dtype=int64), safe)
        losses = (log(total).reshape(picked.shape) - picked) * share
    refresh_view(x)
    if mode.grad and x.requires_grad:
        set_history(losses, Picked(x, target, share, grown, total), 0)
    return losses
