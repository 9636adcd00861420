"""Functions that zero elements at random."""

from __future__ import annotations

from ...dispatch import assign
from ...errors import ArgumentError, ShapeError, fail
from ...ops.casts import where
from ...ops.random import rand
from ...ops.view import put
from ...spec import Shape, float32
from ...tensor import Tensor


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """While training, each element becomes 0 with probability `p` and the others are scaled by 1 / (1 - p)."""
    return _drop(input, p, training, inplace, tuple(input.shape))


def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """`dropout` of whole channels of (N, C, L) or (C, L)."""
    return _drop_channels(input, p, training, inplace, 1)


def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """`dropout` of whole channels of (N, C, H, W) or (C, H, W)."""
    return _drop_channels(input, p, training, inplace, 2)


def _drop_channels(input: Tensor, p: float, training: bool, inplace: bool, spatial: int) -> Tensor:
    if input.ndim not in (spatial + 1, spatial + 2):
        met = f"dropout{spatial}d of a tensor of {input.ndim} axes"
        fail(ShapeError, met, f"Give {spatial + 2} axes (batch, channels, positions), or {spatial + 1} without the batch.")
    return _drop(input, p, training, inplace, tuple(input.shape[: input.ndim - spatial]) + (1,) * spatial)


def _check(p: float) -> None:
    if not 0 <= p <= 1:
        fail(ArgumentError, f"a dropout probability of {p}", "Give one between 0 and 1.")


def _drop(input: Tensor, p: float, training: bool, inplace: bool, shape: Shape) -> Tensor:
    _check(p)
    if not training or p == 0:
        return input
    if p == 1:
        result = input * 0
    else:
        result = where(rand(shape, dtype=float32, device=input.device) >= p, input * (1 / (1 - p)), 0)
    return assign(input, result, put) if inplace else result


def alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """Dropout to SELU's negative limit, then an affine map that restores mean 0 and variance 1 (Klambauer et al., NeurIPS 2017)."""
    _check(p)
    if not training or p == 0:
        return input
    limit = -1.7580993408473766  # of SELU at minus infinity
    if p == 1:
        result = input * 0
    else:
        scale = ((1 - p) * (1 + p * limit**2)) ** -0.5
        kept = where(rand(tuple(input.shape), dtype=float32, device=input.device) >= p, input, limit)
        result = kept * scale - scale * limit * p
    return assign(input, result, put) if inplace else result
