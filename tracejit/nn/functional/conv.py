"""Convolutions and pooling, under PyTorch's names."""

from __future__ import annotations

from typing import Any

from ...errors import ArgumentError, fail
from ...ops.conv import conv1d, conv2d, conv3d, conv_transpose1d, conv_transpose2d, fold, unfold
from ...ops.pool import adaptive_avg_pool1d, adaptive_avg_pool2d, avg_pool1d, avg_pool2d
from ...ops.pool import max_pool1d as _max_pool1d
from ...ops.pool import max_pool2d as _max_pool2d
from ...tensor import Tensor

__all__ = [
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "avg_pool1d", "avg_pool2d", "conv1d", "conv2d", "conv3d", "conv_transpose1d",
    "conv_transpose2d", "fold", "max_pool1d", "max_pool2d", "unfold",
]  # fmt: skip


def max_pool1d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor:
    """The maximum of each window of (N, C, L) or (C, L). `stride` is the kernel's extent if None."""
    _no_indices(return_indices)
    return _max_pool1d(input, kernel_size, stride, padding, dilation, ceil_mode)


def max_pool2d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor:
    """The maximum of each window of (N, C, H, W) or (C, H, W). `stride` is the kernel's extents if None."""
    _no_indices(return_indices)
    return _max_pool2d(input, kernel_size, stride, padding, dilation, ceil_mode)


def _no_indices(return_indices: bool) -> None:
    if return_indices:
        fail(ArgumentError, "max pooling with return_indices=True", "Only the maxima are computed; leave it out.")
