"""Normalisation by mean and variance. float16 and bfloat16 are computed in float32."""

from __future__ import annotations

from math import prod
from typing import Any, Sequence

from ...autograd.modes import GradMode
from ...dispatch import mode
from ...errors import ArgumentError, ShapeError, fail
from ...ops.dtypes import finfo
from ...ops.elementwise import sqrt
from ...ops.reduce import sum_to
from ...precision import precision, without_autocast
from ...tensor import Tensor
from ...vjp import Composite
from ..parameter import overwrite
from .precision import narrowed, widened


def _moments(x: Tensor, axes: tuple[int, ...]) -> tuple[Tensor, Tensor, Tensor]:
    """(mean, x - mean, biased variance) over `axes`, which are kept with extent 1."""
    count = prod(x.shape[a] for a in axes)
    mean = x.sum(axis=axes, keepdims=True) / count
    centred = x - mean
    return mean, centred, (centred * centred).sum(axis=axes, keepdims=True) / count


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: Any = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalises each channel (axis 1) over all other axes.

    In training with the statistics of the batch, which move the running ones, in place, by the share `momentum`; else with
    the running ones. The running variance is the unbiased one.
    """
    for name, each in (("running_mean", running_mean), ("running_var", running_var), ("weight", weight), ("bias", bias)):
        if each is not None and (input.ndim < 2 or tuple(each.shape) != (input.shape[1],)):
            met = f"batch norm of shape {tuple(input.shape)} with {name} of shape {tuple(each.shape)}"
            fail(ShapeError, met, "The input is (N, C, …), and there is one number for each of its C channels.")
    axes = tuple(d for d in range(input.ndim) if d != 1)
    aligned = (1, -1) + (1,) * (input.ndim - 2)
    x = widened(input)
    if training:
        count = prod(x.shape[a] for a in axes)
        if count == 1:
            met = f"batch norm in training of shape {tuple(input.shape)}: one value for each channel has no variance"
            fail(ShapeError, met, "Expected more than 1 value per channel when training; use a larger batch, or .eval().")
        mean, centred, variance = _moments(x, axes)
        _move(running_mean, mean, momentum)
        _move(running_var, variance, momentum, count / (count - 1) if count else 1)
    elif running_mean is None or running_var is None:
        fail(ArgumentError, "batch norm without running statistics, not in training", "Give running_mean and running_var.")
    else:
        centred, variance = x - running_mean.reshape(aligned), running_var.reshape(aligned)
    scale = 1 / sqrt(variance + eps)
    if weight is not None:
        scale = scale * weight.reshape(aligned)
    result = centred * scale
    return narrowed(result if bias is None else result + bias.reshape(aligned), input.dtype)


def _move(running: Tensor | None, batch: Tensor, momentum: Any, factor: float = 1) -> None:
    """running ← (1 - momentum) · running + momentum · factor · batch."""
    if running is not None:
        with GradMode(False):
            flat = batch.reshape(running.shape)
            overwrite(running, running * (1 - momentum) + (flat if factor == 1 else flat * factor) * momentum)


@precision("full")
def layer_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """Normalises over the trailing axes, whose extents are `normalized_shape`; then scales and shifts by weight and bias."""
    axes = _trailing(input, normalized_shape, "layer_norm")
    for name, each in (("weight", weight), ("bias", bias)):
        if each is not None and tuple(each.shape) != tuple(normalized_shape):
            met = f"layer_norm over normalized_shape={tuple(normalized_shape)} with {name} of shape {tuple(each.shape)}"
            fail(ShapeError, met, "There is one number for each element of normalized_shape.")
    return narrowed(standardised(widened(input), weight, bias, axes=axes, eps=eps), input.dtype)


def _standardise(x: Tensor, axes: tuple[int, ...], eps: float) -> tuple[Tensor, Tensor, Tensor]:
    """(the values with mean 0 and variance 1, the mean, the inverse of the deviation)."""
    mean, centred, variance = _moments(x, axes)
    inverse = 1 / sqrt(variance + eps)
    return centred * inverse, mean, inverse


def _standardised(x: Tensor, weight: Tensor | None, bias: Tensor | None, *, axes: tuple[int, ...], eps: float) -> tuple[Tensor, ...]:
    result, mean, inverse = _standardise(x, axes, eps)
    if weight is not None:
        result = result * weight
    return result if bias is None else result + bias, mean, inverse


def _again(x: Tensor, mean: Tensor, inverse: Tensor, axes: tuple[int, ...], eps: float) -> tuple[Tensor, Tensor]:
    """The standardised values and the inverse of the deviation; with their history, if that is wanted."""
    if not mode.grad:
        return (x - mean) * inverse, inverse
    values, _, inverse = _standardise(x, axes, eps)
    return values, inverse


def _to_input(
    g: Tensor, _y: Any, x: Tensor, weight: Tensor | None, _bias: Any, mean: Tensor, inverse: Tensor, *, axes: tuple[int, ...], eps: float
) -> Tensor:
    values, inverse = _again(x, mean, inverse, axes, eps)
    g = g if weight is None else g * weight
    count = prod(x.shape[a] for a in axes)
    level = g.sum(axis=axes, keepdims=True) / count
    slope = (g * values).sum(axis=axes, keepdims=True) / count
    return (g - level - values * slope) * inverse


def _to_weight(
    g: Tensor, _y: Any, x: Tensor, _weight: Any, _bias: Any, mean: Tensor, inverse: Tensor, *, axes: tuple[int, ...], eps: float
) -> Tensor:
    return sum_to(g * _again(x, mean, inverse, axes, eps)[0], _weight.shape)


standardised = Composite(
    "layer_norm", _standardised, vjp=(_to_input, _to_weight, lambda g, _y, _x, _weight, _bias, *_moments, axes, eps: sum_to(g, _bias.shape)),
    residuals=True,
)  # fmt: skip


@precision("full")
def rms_norm(input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None, eps: float | None = None) -> Tensor:
    """Divides by the root of the mean square over the trailing axes; then scales by weight. `eps=None`: the dtype's epsilon."""
    axes = _trailing(input, normalized_shape, "rms_norm")
    x = widened(input)
    mean_square = (x * x).sum(axis=axes, keepdims=True) / prod(normalized_shape)
    result = x * (1 / sqrt(mean_square + (finfo(x.dtype).eps if eps is None else eps)))
    return narrowed(result if weight is None else result * weight, input.dtype)


def _trailing(input: Tensor, normalized_shape: Sequence[int], what: str) -> tuple[int, ...]:
    wanted = tuple(normalized_shape)
    if not wanted or tuple(input.shape[-len(wanted) :]) != wanted:
        fail(
            ShapeError,
            f"{what} of shape {tuple(input.shape)} over normalized_shape={wanted}",
            "The last extents of the input must be normalized_shape.",
        )
    return tuple(range(input.ndim - len(wanted), input.ndim))


@precision("full")
def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """Normalises each group of channels (axis 1) together with all positions, for each element of the batch."""
    batch, channels = input.shape[0], input.shape[1]
    if channels % num_groups:
        fail(ShapeError, f"group_norm of {channels} channels in {num_groups} groups", "The groups must divide the channels.")
    grouped = widened(input).reshape((batch, num_groups, -1) if input.numel() else (batch, num_groups, 0))
    _, centred, variance = _moments(grouped, (2,))
    result = (centred * (1 / sqrt(variance + eps))).reshape(tuple(input.shape))
    aligned = (1, channels) + (1,) * (input.ndim - 2)
    if weight is not None:
        result = result * weight.reshape(aligned)
    return narrowed(result if bias is None else result + bias.reshape(aligned), input.dtype)


@without_autocast
def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalises each channel of each element of the batch over all positions."""
    if running_mean is not None or running_var is not None or not use_input_stats:
        fail(ArgumentError, "instance_norm with running statistics", "It uses those of its input only; leave them out.")
    return group_norm(input, input.shape[1], weight, bias, eps)
