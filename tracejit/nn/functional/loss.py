"""Losses of numbers, of probabilities and of distances. Each takes `reduction`: "mean", "sum" or "none"."""

from __future__ import annotations

import math
import warnings

from ...errors import ArgumentError, fail
from ...ops.activation import softplus_of
from ...ops.casts import where
from ...ops.transcendental import log1p, xlogy
from ...precision import precision
from ...tensor import Tensor
from .reduction import check_reduction, reduced
from .sparse import cosine_similarity, pairwise_distance


def _gap(input: Tensor, target: Tensor, what: str) -> Tensor:
    if input.shape != target.shape:
        warnings.warn(
            f"{what} of an input of shape {tuple(input.shape)} and a target of shape {tuple(target.shape)}: they are broadcast, "
            "which is seldom meant. Give equal shapes.",
            stacklevel=3,
        )
    return input - target


def _weighted(losses: Tensor, weight: Tensor | None) -> Tensor:
    return losses if weight is None else losses * weight


# Of numbers


@precision("full")
def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """(input - target)²."""
    gap = _gap(input, target, "mse_loss")
    return reduced(_weighted(gap * gap, weight), check_reduction(reduction, size_average, reduce))


@precision("full")
def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """|input - target|."""
    return reduced(_weighted(_gap(input, target, "l1_loss").abs(), weight), check_reduction(reduction, size_average, reduce))


@precision("full")
def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """d² / (2 beta) where d = |input - target| is below beta, d - beta / 2 elsewhere (Girshick, ICCV 2015)."""
    if beta < 0:
        fail(ArgumentError, f"smooth_l1_loss with beta={beta}", "Give 0 or more.")
    gap = _gap(input, target, "smooth_l1_loss").abs()
    losses = gap if beta == 0 else where(gap < beta, gap * gap * (0.5 / beta), gap - 0.5 * beta)
    return reduced(losses, check_reduction(reduction, size_average, reduce))


@precision("full")
def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0, weight: Tensor | None = None
) -> Tensor:
    """d² / 2 where d = |input - target| is at most delta, delta (d - delta / 2) elsewhere (Huber, 1964)."""
    if delta <= 0:
        fail(ArgumentError, f"huber_loss with delta={delta}", "Give more than 0.")
    gap = _gap(input, target, "huber_loss").abs()
    losses = where(gap <= delta, gap * gap * 0.5, (gap - 0.5 * delta) * delta)
    return reduced(_weighted(losses, weight), check_reduction(reduction))


# Of probabilities


def _clamped_log(p: Tensor, log_where_safe: Tensor, zero: Tensor) -> Tensor:
    return where(zero, -100.0, log_where_safe.clip(-100.0, None))


@precision("full")
def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-(t log p + (1 - t) log(1 - p)) of probabilities p and targets t, the logarithms not below -100."""
    none, all_ = input == 0, input == 1
    log_p = _clamped_log(input, where(none, 1.0, input).log(), none)
    log_q = _clamped_log(input, log1p(-where(all_, 0.0, input)), all_)
    losses = -(target * log_p + (1 - target) * log_q)
    return reduced(_weighted(losses, weight), check_reduction(reduction, size_average, reduce))


@precision("full")
def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """`binary_cross_entropy` of sigmoid(input), without overflow; `pos_weight` multiplies the part of the positive targets."""
    fall = softplus_of(-input)  # -log sigmoid(input)
    if pos_weight is not None:
        fall = fall * ((pos_weight - 1) * target + 1)
    losses = (1 - target) * input + fall
    return reduced(_weighted(losses, weight), check_reduction(reduction, size_average, reduce))


@precision("full")
def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """target · (log target - input): the input holds log-probabilities; the target too, if `log_target`.

    reduction="batchmean" divides the sum by the batch's size, which is what the divergence means.
    """
    reduction = check_reduction(reduction, size_average, reduce)
    losses = target.exp() * (target - input) if log_target else xlogy(target, target) - target * input
    if reduction == "batchmean":
        return losses.sum() / (input.shape[0] if input.ndim else 1)
    return reduced(losses, reduction)


@precision("full")
def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """exp(input) - target · input, or input - target · log(input + eps); `full` adds Stirling's formula for log target!."""
    losses = input.exp() - target * input if log_input else input - target * (input + eps).log()
    if full:
        stirling = target * target.log() - target + 0.5 * (2 * math.pi * target).log()
        losses = losses + where(target > 1, stirling, 0.0)
    return reduced(losses, check_reduction(reduction, size_average, reduce))


@precision("full")
def gaussian_nll_loss(
    input: Tensor, target: Tensor, var: Tensor, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Tensor:
    """(log var + (input - target)² / var) / 2, var at least eps; `full` adds log(2π) / 2."""
    floor = where(var < eps, eps - var.detach() + var, var)  # clamped, and differentiated as if it were not
    losses = 0.5 * (floor.log() + (input - target) ** 2 / floor)
    return reduced(losses + 0.5 * math.log(2 * math.pi) if full else losses, check_reduction(reduction))


# Of distances and margins


@precision("full")
def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """1 - cos(x1, x2) where the target is 1, max(0, cos(x1, x2) - margin) where it is -1."""
    cosine = cosine_similarity(input1, input2, dim=-1)
    losses = where(target == 1, 1 - cosine, where(target == -1, (cosine - margin).clip(0, None), 0.0))
    return reduced(losses, check_reduction(reduction, size_average, reduce))


@precision("full")
def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """max(0, margin - target · (x1 - x2)); target 1 if x1 should be the larger, -1 if x2."""
    return reduced((margin - target * (input1 - input2)).clip(0, None), check_reduction(reduction, size_average, reduce))


@precision("full")
def hinge_embedding_loss(
    input: Tensor,
    target: Tensor,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """x where the target is 1, max(0, margin - x) where it is -1."""
    losses = where(target == 1, input, where(target == -1, (margin - input).clip(0, None), 0.0))
    return reduced(losses, check_reduction(reduction, size_average, reduce))


@precision("full")
def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """max(0, d(anchor, positive) - d(anchor, negative) + margin), d the p-norm of the difference."""
    near, far = pairwise_distance(anchor, positive, p, eps), pairwise_distance(anchor, negative, p, eps)
    if swap:
        far = far.minimum(pairwise_distance(positive, negative, p, eps))
    return reduced((near - far + margin).clip(0, None), check_reduction(reduction, size_average, reduce))
