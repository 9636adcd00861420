"""Losses of classifiers: `log_softmax`, and the log-probability of the class that was right.

In gradients the class is found by comparing every class with the target, elementwise: that fuses with the softmax, and nothing is
scattered. A target that is no class and not `ignore_index` is an error, also when a compiled function is replayed: it is used as
an index somewhere, and indices are checked.
"""

from __future__ import annotations

from ...dispatch import bind, mode
from ...errors import ArgumentError, DTypeError, IndexingError, ShapeError, fail
from ...ops.casts import cast, where
from ...ops.create import iota
from ...ops.gather import within
from ...ops.reduce import log_softmax
from ...precision import precision
from ...spec import int64, is_floating, is_integer
from ...tensor import Tensor
from .pick import loss_of_scores, share_of
from .precision import narrowed, widened
from .reduction import check_reduction, reduced


@precision("full")
def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """-log softmax(input)[target]; input (N, C, …) or (C,) holds logits.

    target: class indices (N, …), or the probabilities of the classes, of the shape of the input.
    weight: a factor for each class, (C,); "mean" divides by the sum of the factors.
    label_smoothing: the share of the target that is spread evenly over all classes.
    """
    reduction = check_reduction(reduction, size_average, reduce)
    if not 0 <= label_smoothing <= 1:
        fail(ArgumentError, f"label_smoothing={label_smoothing}", "Give a share from 0 to 1.")
    axis, scores = _class_axis(input, weight), widened(input)
    if is_floating(target.dtype):
        loss = _of_probabilities(log_softmax(scores, axis=axis), target, weight, axis, label_smoothing, reduction)
    elif label_smoothing or (weight is not None and weight.requires_grad):
        loss = _of_indices(log_softmax(scores, axis=axis), target, weight, ignore_index, axis, label_smoothing, reduction)
    else:
        loss = _of_scores(scores, target, weight, ignore_index, axis, reduction)
    return narrowed(loss, input.dtype)


@precision("full")
def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-input[target]; input (N, C, …) or (C,) holds log-probabilities, target (N, …) class indices."""
    reduction = check_reduction(reduction, size_average, reduce)
    loss = _of_indices(widened(input), target, weight, ignore_index, _class_axis(input, weight), 0.0, reduction)
    return narrowed(loss, input.dtype)


def _class_axis(input: Tensor, weight: Tensor | None) -> int:
    if input.ndim == 0:
        fail(ShapeError, "class scores of a 0-d tensor", "Give (N, C, …), or (C,) for one sample.")
    axis = 0 if input.ndim == 1 else 1
    if weight is not None and tuple(weight.shape) != (input.shape[axis],):
        met = f"class weights of shape {tuple(weight.shape)} for class scores of shape {tuple(input.shape)}"
        fail(ShapeError, met, f"Give one for each class: shape ({input.shape[axis]},).")
    return axis


def _aligned(weight: Tensor, ndim: int, axis: int) -> Tensor:
    """One factor for each class, to broadcast along the class axis."""
    return weight.reshape(tuple(-1 if d == axis else 1 for d in range(ndim)))


def _of_scores(x: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int, axis: int, reduction: str) -> Tensor:
    """The loss of unnormalised scores: the classes as the last axis, all else as rows."""
    _check_targets(x, target, ignore_index, axis)
    classes, shape = x.shape[axis], tuple(target.shape)
    if x.ndim != 2:
        x, target = x.moveaxis(axis, -1).reshape((target.numel(), classes)), target.reshape((-1,))
    loss = loss_of_scores(x, _as_int64(target), weight, ignore_index=ignore_index, reduction=reduction)
    return loss.reshape(shape) if reduction == "none" and len(shape) != 1 else loss


def _as_int64(target: Tensor) -> Tensor:
    return target if target.dtype == int64 else cast(target, dtype=int64)


def _of_indices(
    logs: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int, axis: int, smoothing: float, reduction: str
) -> Tensor:
    classes = logs.shape[axis]
    _check_targets(logs, target, ignore_index, axis)
    target = _as_int64(target)
    ignored = target == ignore_index
    named = where(ignored, -1, within(where(ignored, 0, target), classes))
    hits = named.reshape((*target.shape[:axis], 1, *target.shape[axis:])) == _aligned(
        bind(iota, shape=(classes,), dtype=int64), logs.ndim, axis
    )
    picked = where(hits, logs, 0).sum(axis=axis)
    share = share_of(ignored, logs.dtype)
    if weight is not None:
        share = share * where(hits, _aligned(weight, logs.ndim, axis), 0).sum(axis=axis)
    losses = -(picked * share)
    if smoothing:
        spread = (logs if weight is None else logs * _aligned(weight, logs.ndim, axis)).sum(axis=axis)
        losses = losses * (1 - smoothing) - where(ignored, 0.0, spread) * (smoothing / classes)
    if reduction == "mean":
        return losses.sum() / share.sum()
    return reduced(losses, reduction)


def _check_targets(logs: Tensor, target: Tensor, ignore_index: int, axis: int) -> None:
    wanted = tuple(logs.shape[:axis] + logs.shape[axis + 1 :])
    if not is_integer(target.dtype):
        fail(DTypeError, f"class targets of {target.dtype.name}", "Give integers (class indices), or probabilities of the input's shape.")
    if tuple(target.shape) != wanted:
        met = f"targets of shape {tuple(target.shape)} for class scores of shape {tuple(logs.shape)}"
        fail(ShapeError, met, f"Class indices here have shape {wanted}: the scores' shape without the class axis {axis}.")
    values = mode.interpreter.at_hand(target)
    if values is not None:
        classes = logs.shape[axis]
        if values.size and (values.min() < 0 or values.max() >= classes):
            wrong = values[((values < 0) | (values >= classes)) & (values != ignore_index)]
            if wrong.size:
                met = f"Target {wrong[0]} is out of bounds"
                fail(IndexingError, met, f"There are {classes} classes: give 0 to {classes - 1}, or ignore_index.")


def _of_probabilities(logs: Tensor, target: Tensor, weight: Tensor | None, axis: int, smoothing: float, reduction: str) -> Tensor:
    if target.shape != logs.shape:
        met = f"class probabilities of shape {tuple(target.shape)} for class scores of shape {tuple(logs.shape)}"
        fail(ShapeError, met, "Give equal shapes, or integer class indices.")
    if smoothing:
        target = target * (1 - smoothing) + smoothing / logs.shape[axis]
    if weight is not None:
        target = target * _aligned(weight, logs.ndim, axis)
    losses = -(logs * target).sum(axis=axis)
    return losses.sum() / max(losses.numel(), 1) if reduction == "mean" else reduced(losses, reduction)
