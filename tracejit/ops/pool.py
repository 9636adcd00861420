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
from ..vjp import Composite
from .conv import padded, per_axis, with_batch
from .convolution import framed, span
from .create import fill
from .elementwise import cast, where
from .linalg import matmul
from .manipulate import matrix_transpose
from .reduce import sum
from .view import basic_index, put, reshape, step, windows

Key = tuple[tuple[int, int, int], ...]  # of `basic_index`: a slice for each axis


def _arguments(kernel_size: Any, stride: Any, padding: Any, n: int, ceil_mode: bool, what: str) -> tuple[Shape, Shape, Shape]:
    if ceil_mode:
        fail(ArgumentError, f"{what} with ceil_mode=True", "Windows must fit; pad the input at its end, with tj.pad, to have one more.")
    kernel = per_axis(kernel_size, n, "kernel_size", 1)
    strides = kernel if stride is None or stride == () else per_axis(stride, n, "stride", 1)
    pads = per_axis(padding, n, "padding", 0)
    if any(2 * p > k for p, k in zip(pads, kernel)):
        fail(ArgumentError, f"{what} with padding {pads} and kernel {kernel}", "The padding may be half the kernel at most.")
    return kernel, strides, pads


def _must_hold(extent: int, wide: int, what: str) -> None:
    if extent < wide:
        met = f"{what} with a window of {wide} over an axis of {extent} elements, padding included"
        fail(ShapeError, met, "A window must fit in its input; use a smaller kernel.")


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
    outside = _lowest(x.dtype, what)
    for extent, k, p, d in zip(x.shape[2:], kernel, pads, dilations):
        _must_hold(extent + 2 * p, span(k, d), what)
    x = maxima(x, kernel=kernel, stride=strides, padding=pads, dilation=dilations, outside=outside)
    return x if batched else reshape(x, x.shape[1:])


def _lowest(dtype: np.dtype, what: str) -> Any:
    if is_complex(dtype) or dtype.kind == "b":
        fail(ArgumentError, f"{what} of {dtype.name}", "It takes real numbers.")
    return float("-inf") if is_floating(dtype) else int(np.iinfo(dtype).min)


def _maxima(x: Tensor, *, kernel: Shape, stride: Shape, padding: Shape, dilation: Shape, outside: Any) -> Tensor:
    x = padded(x, [(p, p) for p in padding], outside)
    for i in reversed(range(len(kernel))):  # rows first, so that the first maximum in row-major order wins
        x, _ = _along(x, _places(x.shape, i + 2, kernel[i], stride[i], dilation[i]))
    return x


def _maxima_gradient(
    g: Tensor, _y: Any, x: Tensor, *, kernel: Shape, stride: Shape, padding: Shape, dilation: Shape, outside: Any
) -> tuple[Tensor]:
    """Along one axis after the other: what each place of a window won."""
    walked = []
    x = padded(x, [(p, p) for p in padding], outside)
    for i in reversed(range(len(kernel))):
        places = _places(x.shape, i + 2, kernel[i], stride[i], dilation[i])
        best, wins = _along(x, places)
        walked.append((x.shape, places, wins, stride[i] < span(kernel[i], dilation[i])))
        x = best
    for shape, places, wins, overlap in reversed(walked):
        g = _handed_back(g, shape, places, wins, overlap)
    return (framed(g, [(-p, -p) for p in padding]),)


def _handed_back(g: Tensor, shape: Shape, places: list[Key], wins: list[Tensor], overlap: bool) -> Tensor:
    """What each place hands back to the elements it saw; windows that overlap see some of them several times."""
    nothing = result = bind(fill, shape=shape, dtype=g.dtype, value=0)
    for key, won in zip(reversed(places), [*reversed(wins), None]):
        part = g if won is None else where(won, g, 0)
        g = g if won is None else where(won, 0, g)
        seen = put(nothing if overlap else result, part, chain=step(basic_index, key=key))
        result = result + seen if overlap else seen
    return result


maxima = Composite("max_pool", _maxima, vjp=_maxima_gradient)


def _places(shape: Shape, axis: int, kernel: int, stride: int, dilation: int) -> list[Key]:
    """For each place of a window along an axis, the elements that are seen there."""
    reach = (shape[axis] - span(kernel, dilation)) // stride * stride + 1
    whole = tuple((0, n, 1) for n in shape)
    return [(*whole[:axis], (i * dilation, i * dilation + reach, stride), *whole[axis + 1 :]) for i in range(kernel)]


def _along(x: Tensor, places: list[Key]) -> tuple[Tensor, list[Tensor]]:
    """The maximum of the places of each window, and where each place but the first was greater than those before it."""
    best, wins = bind(basic_index, x, key=places[0]), []
    for key in places[1:]:
        candidate = bind(basic_index, x, key=key)
        won = candidate > best
        if is_floating(x.dtype):
            won = won | (candidate != candidate)  # a NaN is kept
        best = where(won, candidate, best)
        wins.append(won)
    return best, wins


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
        _must_hold(x.shape[i + 2], kernel[i], what)
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
