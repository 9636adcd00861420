"""The loss of scores whose right classes are known, with its gradient in closed form: softmax(x) - one_hot(class).

Composed of ops, the loss records a dozen applications and its backward runs twice as many ops; so it is a composite.
"""

from __future__ import annotations

from typing import Any

from ...dispatch import bind, mode
from ...ops.casts import cast, where
from ...ops.create import iota
from ...ops.elementwise import exp, log
from ...ops.index import gather_op
from ...ops.reduce import reduce_max, reduce_sum, softmax, sum_over
from ...spec import DType, int64
from ...tensor import Tensor
from ...vjp import Composite

_ROW = (1,)


def share_of(ignored: Tensor, dtype: DType) -> Tensor:
    """The share of each target in the loss: 1, or 0 if it is ignored."""
    share = where(ignored, 0.0, 1.0)
    return share if share.dtype == dtype else cast(share, dtype=dtype)


def _loss(x: Tensor, target: Tensor, weight: Tensor | None, *, ignore_index: int, reduction: str) -> tuple[Tensor | None, ...]:
    ignored = target == ignore_index
    share = share_of(ignored, x.dtype)
    safe = where(ignored, 0, where(target < 0, x.shape[1], target))  # an index counts from the end, a class does not
    if weight is not None:
        share = share * bind(gather_op, weight, safe)
    top = bind(reduce_max, x, axes=_ROW, keepdims=True)
    lowered = x - top
    total = sum_over(exp(lowered), _ROW, True)
    picked = bind(gather_op, lowered, bind(iota, shape=(x.shape[0],), dtype=int64), safe)
    losses = (log(total).reshape(picked.shape) - picked) * share
    if reduction == "mean":
        count = bind(reduce_sum, share, axes=(0,))
        return bind(reduce_sum, losses, axes=(0,)) / count, share, top, total, count
    return bind(reduce_sum, losses, axes=(0,)) if reduction == "sum" else losses, share, top, total, None


def _loss_vjp(
    g: Tensor, _y: Any, x: Tensor, target: Tensor, _weight: Any, share: Tensor, top: Tensor, total: Tensor, count: Tensor | None,
    *, ignore_index: int, reduction: str,
) -> Tensor:  # fmt: skip
    chances = softmax(x, axis=1) if mode.grad else exp(x - top) / total  # with its history, if that is wanted
    hits = target.reshape((-1, 1)) == bind(iota, shape=(x.shape[1],), dtype=target.dtype)
    each = (g if count is None else g / count) * share
    return (chances - hits) * each.reshape((-1, 1))


loss_of_scores = Composite("cross_entropy", _loss, vjp=(_loss_vjp, None, None), residuals=True)
loss_of_scores.__doc__ = """share · (log Σ exp x - x[target]) of each row of x (N, C), reduced; target (N,) int64, weight (C,) or None.

The share is 1 or the class's weight, 0 for `ignore_index`. The mean is by the shares. IndexingError where a target is no class.
"""
