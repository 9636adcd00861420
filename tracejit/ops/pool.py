"""Pooling over sliding windows, one axis after the other: a maximum of maxima is the maximum, and the sum of sums the sum.

`max_pool` compares the shifted slices of its input, elementwise, so its gradient goes to one element: the first maximum of
the window in row-major order, as in PyTorch.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ..dispatch import bind, mode
from ..errors import ArgumentError, ShapeError, fail
from ..spec import Shape, is_complex, is_floating
from ..tensor import Tensor
from .conv import padded, per_axis, with_batch
from .convolution import span
from .elementwise import cast, where
from .linalg import matmul
from .manipulate import matrix_transpose, slice_axis
from .reduce import sum
from .view import reshape, windows


def _arguments(kernel_size: Any, stride: Any, padding: Any, n: int, ceil_mode: bool, what: str) -> tuple[Shape, Shape, Shape]:
    if ceil_mode:
        fail(ArgumentError, f"{what} with ceil_mode=True", "Windows must fit; pad the input at its end, with tj.pad, to have one more.")
    kernel = per_axis(kernel_size, n, "kernel_size", 1)
    strides = kernel if stride is None or stride == () else per_axis(stride, n, "stride", 1)
    pads = per_axis(padding, n, "padding", 0)
    if any(2 * p > k for p, k in zip(pads, kernel)):
        fail(ArgumentError, f"{what} with padding {pads} and kernel {kernel}", "The padding may be half the kernel at most.")
    return kernel, strides, pads


def _positions(x: Tensor, axis: int, wide: int, stride: int, what: str) -> int:
    if x.shape[axis] < wide:
        met = f"{what} with a window of {wide} over an axis of {x.shape[axis]} elements, padding included"
        fail(ShapeError, met, "A window must fit in its input; use a smaller kernel.")
    return (x.shape[axis] - wide) // stride + 1


# Maxima


def max_pool1d(input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False) -> Tensor:
    """The maximum of each window of (N, C, L): (N, C, positions). stride: that of the windows, the kernel's extent if None.

    positions: (L + 2·padding − dilation·(kernel − 1) − 1) // stride + 1. The padding is −inf. N may be absent.
    """
    return _max_pool(input, kernel_size, stride, padding, dilation, ceil_mode, 1)


def max_pool2d(input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False) -> Tensor:
    """The maximum of each window of images (N, C, H, W). As `max_pool1d`, with an int for both axes or a tuple of one each."""
    return _max_pool(input, kernel_size, stride, padding, dilation, ceil_mode, 2)


def _max_pool(input: Any, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool, n: int) -> Tensor:
    what = f"max_pool{n}d"
    x, batched = with_batch(input, n, what)
    kernel, strides, pads = _arguments(kernel_size, stride, padding, n, ceil_mode, what)
    dilations = per_axis(dilation, n, "dilation", 1)
    x = padded(x, [(p, p) for p in pads], _lowest(x.dtype, what))
    for i in reversed(range(n)):  # rows first, so that the first maximum in row-major order wins
        x = _max_along(x, i + 2, kernel[i], strides[i], dilations[i], what)
    return x if batched else reshape(x, x.shape[1:])


def _lowest(dtype: np.dtype, what: str) -> Any:
    if is_complex(dtype) or dtype.kind == "b":
        fail(ArgumentError, f"{what} of {dtype.name}", "It takes real numbers.")
    return float("-inf") if is_floating(dtype) else int(np.iinfo(dtype).min)


def _max_along(x: Tensor, axis: int, kernel: int, stride: int, dilation: int, what: str) -> Tensor:
    reach = (_positions(x, axis, span(kernel, dilation), stride, what) - 1) * stride + 1
    best = slice_axis(x, axis, 0, reach, stride)
    for i in range(1, kernel):
        candidate = slice_axis(x, axis, i * dilation, i * dilation + reach, stride)
        wins = candidate > best
        if is_floating(x.dtype):
            wins = wins | (candidate != candidate)  # a NaN is kept
        best = where(wins, candidate, best)
    return best


# Means


def avg_pool1d(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False, count_include_pad: bool = True
) -> Tensor:
    """The mean of each window of (N, C, L): (N, C, positions). stride: that of the windows, the kernel's extent if None.

    count_include_pad: whether the zeros of the padding count as elements. N may be absent.
    """
    return _avg_pool(input, kernel_size, stride, padding, ceil_mode, count_include_pad, None, 1)


def avg_pool2d(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False, count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:  # fmt: skip
    """The mean of each window of images (N, C, H, W). As `avg_pool1d`; divisor_override: what to divide the sums by instead."""
    return _avg_pool(input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override, 2)


def _avg_pool(
    input: Any, kernel_size: Any, stride: Any, padding: Any, ceil_mode: bool, include_pad: bool, divisor: int | None, n: int
) -> Tensor:
    what = f"avg_pool{n}d"
    x, batched = with_batch(input, n, what)
    kernel, strides, pads = _arguments(kernel_size, stride, padding, n, ceil_mode, what)
    extents = x.shape[2:]
    x = padded(x, [(p, p) for p in pads])
    for i in reversed(range(n)):
        _positions(x, i + 2, kernel[i], strides[i], what)
        x = sum(bind(windows, x, axis=i + 2, size=kernel[i], step=strides[i]), axis=-1, dtype=x.dtype)
    if divisor is not None or include_pad or not any(pads):
        x = x / (prod(kernel) if divisor is None else divisor)
    else:
        for i in range(n):
            counts = _counts(extents[i], x.shape[i + 2], kernel[i], strides[i], pads[i])
            x = x / cast(reshape(counts, (-1,) + (1,) * (n - 1 - i)), dtype=x.dtype)
    return x if batched else reshape(x, x.shape[1:])


def _counts(extent: int, positions: int, kernel: int, stride: int, padding: int) -> Tensor:
    """How many elements of the input each window sees along an axis."""
    starts = np.arange(positions) * stride - padding
    return mode.interpreter.constant(np.minimum(starts + kernel, extent) - np.maximum(starts, 0))


def adaptive_avg_pool1d(input: Tensor, output_size: Any) -> Tensor:
    """Means over (N, C, L) cut into `output_size` windows, as equal as may be."""
    return _adaptive(input, output_size, 1)


def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """Means over images (N, C, H, W) cut into `output_size` windows, as equal as may be; None keeps an extent."""
    return _adaptive(input, output_size, 2)


def _adaptive(input: Any, output_size: Any, n: int) -> Tensor:
    x, batched = with_batch(input, n, f"adaptive_avg_pool{n}d")
    sizes = tuple(output_size) if isinstance(output_size, (tuple, list)) else (output_size,) * n
    wanted = per_axis(tuple(e if s is None else s for s, e in zip(sizes, x.shape[2:])), n, "output_size", 1)
    if all(e % s == 0 for e, s in zip(x.shape[2:], wanted)):
        cut = tuple(k for s, e in zip(wanted, x.shape[2:]) for k in (s, e // s))
        parts = reshape(x, (*x.shape[:2], *cut))
        axes = tuple(range(3, 3 + 2 * n, 2))
        x = sum(parts, axis=axes) / prod(cut[1::2])
    else:
        x = matmul(x, matrix_transpose(_averaging(x.shape[-1], wanted[-1], x.dtype)))
        x = matmul(_averaging(x.shape[-2], wanted[0], x.dtype), x) if n == 2 else x
    return x if batched else reshape(x, x.shape[1:])


def _averaging(extent: int, windows_wanted: int, dtype: np.dtype) -> Tensor:
    """The matrix whose row i takes the mean from ⌊i·extent / wanted⌋ to ⌈(i + 1)·extent / wanted⌉."""
    matrix = np.zeros((windows_wanted, extent))
    for i in range(windows_wanted):
        start, stop = i * extent // windows_wanted, -(-(i + 1) * extent // windows_wanted)
        matrix[i, start:stop] = 1 / (stop - start)
    return mode.interpreter.constant(matrix.astype(dtype))
