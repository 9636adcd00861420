"""Looking rows up, and their adjoint's shape: integers as one-hot vectors."""

from __future__ import annotations

from typing import Any

from ...autograd.modes import GradMode
from ...errors import ArgumentError, DTypeError, fail
from ...ops.casts import where
from ...ops.index import one_hot as _one_hot
from ...ops.index import take
from ...ops.reduce import max as largest
from ...precision import precision
from ...spec import is_integer
from ...tensor import Tensor


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """1 at the index each integer names, 0 elsewhere, along a new last axis of `num_classes` (int64).

    With -1 the number of classes is the largest integer plus one, which is an observation in a compiled function.
    """
    if not is_integer(tensor.dtype):
        fail(DTypeError, f"one_hot of {tensor.dtype.name}", "Give integers: class indices.")
    return _one_hot(tensor, num_classes)


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """Row `i` of `weight` for every integer `i` of the input: shape (*input.shape, *weight.shape[1:]).

    The row `padding_idx` gets no gradient. Rows that are looked up are first scaled, in place, to a norm of at most `max_norm`.
    """
    if scale_grad_by_freq or sparse:
        fail(ArgumentError, "embedding with scale_grad_by_freq or sparse", "Gradients here are dense and unscaled; leave both out.")
    if not is_integer(input.dtype):
        fail(DTypeError, f"embedding of indices of {input.dtype.name}", "Give integers: cast with .astype(tj.int64).")
    if max_norm is not None:
        _limit_norms(weight, input, max_norm, norm_type)
    rows = take(weight, input.reshape(-1), axis=0).reshape((*input.shape, *weight.shape[1:]))
    if padding_idx is None or not weight.requires_grad:
        return rows
    padding = (input == padding_idx % weight.shape[0]).reshape((*input.shape, 1))
    return where(padding, rows.detach(), rows)


def _limit_norms(weight: Tensor, input: Tensor, max_norm: float, norm_type: float) -> None:
    with GradMode(False):
        index = input.reshape(-1)
        rows = take(weight, index, axis=0)
        norms = (rows.abs() ** norm_type).sum(axis=-1, keepdims=True) ** (1 / norm_type)
        weight[index] = where(norms > max_norm, rows * (max_norm / (norms + 1e-7)), rows)


@precision("full")
def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """The cosine of the angle between vectors along `dim`; norms are at least `eps`."""
    squares = [(x * x).sum(axis=dim).clip(eps * eps, None).sqrt() for x in (x1, x2)]
    return (x1 * x2).sum(axis=dim) / (squares[0] * squares[1])


@precision("full")
def normalize(input: Tensor, p: float = 2.0, dim: Any = 1, eps: float = 1e-12) -> Tensor:
    """Each vector along `dim` divided by its p-norm, which is taken to be at least `eps`."""
    if p == 2:
        norms = (input * input).sum(axis=dim, keepdims=True).clip(eps * eps, None).sqrt()
    elif p == float("inf"):
        norms = largest(input.abs(), axis=dim, keepdims=True).clip(eps, None)
    elif p == 1:
        norms = input.abs().sum(axis=dim, keepdims=True).clip(eps, None)
    else:
        norms = (input.abs() ** p).sum(axis=dim, keepdims=True).clip(eps**p, None) ** (1 / p)
    return input / norms


@precision("full")
def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """The p-norm of x1 - x2 + eps along the last axis."""
    gap = (x1 - x2 + eps).abs()
    if p == float("inf"):
        return largest(gap, axis=-1, keepdims=keepdim)
    if p == 1:
        return gap.sum(axis=-1, keepdims=keepdim)
    return (gap * gap).sum(axis=-1, keepdims=keepdim).sqrt() if p == 2 else (gap**p).sum(axis=-1, keepdims=keepdim) ** (1 / p)
