"""What the losses of the elements become: one number, or themselves."""

from __future__ import annotations

from ...errors import ArgumentError, fail
from ...tensor import Tensor


def check_reduction(reduction: str, size_average: bool | None = None, reduce: bool | None = None) -> str:
    """"none", "mean" or "sum"; the two old switches are understood."""
    if size_average is not None or reduce is not None:
        reduction = "none" if reduce is False else "sum" if size_average is False else "mean"
    if reduction not in ("none", "mean", "sum", "batchmean"):
        fail(ArgumentError, f"reduction={reduction!r}", 'Give "none", "mean" or "sum".')
    return reduction


def reduced(losses: Tensor, reduction: str) -> Tensor:
    """The losses themselves, their mean or their sum."""
    if reduction == "mean":
        return losses.mean()
    if reduction == "sum":
        return losses.sum()
    return losses
