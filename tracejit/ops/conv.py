"""Convolutions, with PyTorch's meaning (cross-correlation), and windows as columns: their arguments, and the errors that teach.

What they compute is in `convolution.py`. `windows`, the view that columns are made of, has the overlapping sum `fold` as its adjoint.
"""

from __future__ import annotations

import operator
from math import prod
from typing import Any, Sequence

from ..dispatch import bind
from ..errors import ArgumentError, ShapeError, fail
from ..precision import precision
from ..spec import Shape, promote
from ..tensor import Tensor
from .casts import cast
from .convolution import Pairs, convolution, positions_of, span, transposed
from .create import fill
from .join import pad
from .linalg import product_dtype
from .manipulate import as_tensor
from .view import basic_index, permute, put, reshape, step, windows
from .view import fold as fold_windows

# Arguments


def per_axis(value: Any, n: int, what: str, least: int) -> tuple[int, ...]:
    """One int for each of n axes, given as an int for all or as n ints, none below `least`."""
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,) * n
    values = values * n if len(values) == 1 else values
    if len(values) != n or any(operator.index(v) < least for v in values):
        fail(ArgumentError, f"{what}={value!r}", f"Give an int of at least {least}, or a tuple of {n}.")
    return tuple(operator.index(v) for v in values)


def with_batch(x: Tensor, n: int, what: str) -> tuple[Tensor, bool]:
    """`x` as (batch, channels, n spatial axes), and whether the batch axis was there."""
    x = as_tensor(x)
    if x.ndim not in (n + 1, n + 2):
        axes = "NCDHW"[:2] + "DHW"[3 - n :]
        fail(ShapeError, f"{what} of {x.spec}", f"Its input has {n + 2} axes ({', '.join(axes)}), or {n + 1} without the batch.")
    return (x, True) if x.ndim == n + 2 else (reshape(x, (1, *x.shape)), False)


def _paddings(padding: Any, kernel: Shape, stride: Shape, dilation: Shape) -> Pairs:
    """(before, after) for each spatial axis."""
    if isinstance(padding, str):
        if padding == "valid":
            return ((0, 0),) * len(kernel)
        if padding != "same":
            fail(ArgumentError, f"padding={padding!r}", 'Give an int, a tuple, "same" or "valid".')
        if any(s != 1 for s in stride):
            fail(ArgumentError, f'padding="same" with stride {stride}', "The extents can stay the same only at stride 1.")
        totals = [span(k, d) - 1 for k, d in zip(kernel, dilation)]
        return tuple((total // 2, total - total // 2) for total in totals)
    return tuple((p, p) for p in per_axis(padding, len(kernel), "padding", 0))


def padded(x: Tensor, paddings: Sequence[tuple[int, int]], value: Any = 0) -> Tensor:
    """`x` with its last len(paddings) axes padded with `value`."""
    if not any(before or after for before, after in paddings):
        return x
    return pad(x, [(0, 0)] * (x.ndim - len(paddings)) + list(paddings), constant_values=value)


def _must_fit(extents: Shape, wide: Shape, what: str) -> None:
    if any(w > extent for w, extent in zip(wide, extents)):
        met = f"{what} with windows of {wide} over padded spatial axes of {tuple(extents)}"
        fail(ShapeError, met, "A window must fit in its input; pad more, or use a smaller kernel or dilation.")


# Windows


def sliding_windows(x: Tensor, kernel: Shape, stride: Shape, dilation: Shape, what: str) -> Tensor:
    """The windows over the last n axes, as a view (..., n positions, n places in the window)."""
    n = len(kernel)
    wide = tuple(map(span, kernel, dilation))
    first = x.ndim - n
    _must_fit(x.shape[first:], wide, what)
    for i in range(n):
        x = bind(windows, x, axis=first + i, size=wide[i], step=stride[i])
        if dilation[i] > 1:
            key = (*((0, e, 1) for e in x.shape[:-1]), (0, wide[i], dilation[i]))
            x = bind(basic_index, x, key=key)
    return x


def overlapped(g: Tensor, shape: Shape, stride: Shape, dilation: Shape) -> Tensor:
    """The adjoint of `sliding_windows`: each place of a window added to where it was seen, in a tensor of this shape."""
    n = len(stride)
    first = len(shape) - n
    for i in reversed(range(n)):
        kernel = g.shape[-1]
        wide = span(kernel, dilation[i])
        if dilation[i] > 1:
            spread = bind(fill, shape=(*g.shape[:-1], wide), dtype=g.dtype, value=0)
            key = (*((0, e, 1) for e in g.shape[:-1]), (0, wide, dilation[i]))
            g = put(spread, g, chain=step(basic_index, key=key))
        extents = (*g.shape[: first + i], shape[first + i], *g.shape[first + i + 1 : -1])
        g = fold_windows(g, extents, first + i, wide, stride[i])
    return g


# Convolutions


@precision("low")
def conv1d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Tensor:
    """The cross-correlation of (N, C, L) with kernels (O, C / groups, K): (N, O, positions).

    padding: zeros on both ends, an int or a tuple; "valid" (none) or "same" (the extents stay, at stride 1). N may be absent.
    positions: (L + 2·padding − dilation·(K − 1) − 1) // stride + 1.
    """
    return _conv(input, weight, bias, stride, padding, dilation, groups, 1)


@precision("low")
def conv2d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Tensor:
    """The cross-correlation of images (N, C, H, W) with kernels (O, C / groups, KH, KW), plus a bias (O,). As `conv1d`, with
    an int for both spatial axes or a tuple of one each."""
    return _conv(input, weight, bias, stride, padding, dilation, groups, 2)


@precision("low")
def conv3d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Tensor:
    """The cross-correlation of volumes (N, C, D, H, W) with kernels (O, C / groups, KD, KH, KW). As `conv1d`."""
    return _conv(input, weight, bias, stride, padding, dilation, groups, 3)


def _conv(input: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: int, n: int) -> Tensor:
    what = f"conv{n}d"
    x, batched = with_batch(input, n, what)
    w = as_tensor(weight)
    if w.ndim != n + 2 or groups < 1 or w.shape[0] % groups or w.shape[1] * groups != x.shape[1]:
        fail(
            ShapeError, f"{what} of {x.spec} with weight {w.spec} and groups={groups}",
            "The weight is (out channels, in channels / groups, kernel extents …), and groups divides both numbers of channels.",
        )  # fmt: skip
    kernel = tuple(w.shape[2:])
    strides, dilations = per_axis(stride, n, "stride", 1), per_axis(dilation, n, "dilation", 1)
    pairs = _paddings(padding, kernel, strides, dilations)
    extents = tuple(e + before + after for e, (before, after) in zip(x.shape[2:], pairs))
    _must_fit(extents, tuple(map(span, kernel, dilations)), what)
    result = _computed(convolution, x, w, bias, what, w.shape[0], stride=strides, padding=pairs, dilation=dilations, groups=groups)
    return result if batched else reshape(result, result.shape[1:])


def _computed(function: Any, x: Tensor, w: Tensor, bias: Any, what: str, outs: int, **attrs: Any) -> Tensor:
    """The function of operands of one dtype, and the bias added; the small floats are added up in float32."""
    b = None if bias is None else as_tensor(bias)
    if b is not None and b.shape != (outs,):
        fail(ShapeError, f"{what} with bias {b.spec}", f"Give one number for each of the {outs} out channels.")
    common = promote(x.dtype, w.dtype)
    inner = product_dtype(x, w)
    x, w = (t if t.dtype == inner else cast(t, dtype=inner) for t in (x, w))
    if function is convolution and (b is None or b.dtype == common == x.dtype):
        return _stored(function(x, w, b, **attrs), common)
    result = _stored(function(x, w, *((None,) if function is convolution else ()), **attrs), common)
    return result if b is None else result + reshape(b, (outs,) + (1,) * (result.ndim - 2))


def _stored(x: Tensor, dtype: Any) -> Tensor:
    return x if x.dtype == dtype else cast(x, dtype=dtype)


@precision("low")
def conv_transpose1d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0, output_padding: Any = 0,
    groups: int = 1, dilation: Any = 1,
) -> Tensor:  # fmt: skip
    """The adjoint of `conv1d` with respect to its input: (N, C, L) with kernels (C, O / groups, K) to (N, O, extent).

    extent: (L − 1)·stride − 2·padding + dilation·(K − 1) + output_padding + 1.
    """
    return _conv_transpose(input, weight, bias, stride, padding, output_padding, groups, dilation, 1)


@precision("low")
def conv_transpose2d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0, output_padding: Any = 0,
    groups: int = 1, dilation: Any = 1,
) -> Tensor:  # fmt: skip
    """The adjoint of `conv2d` with respect to its input. As `conv_transpose1d`."""
    return _conv_transpose(input, weight, bias, stride, padding, output_padding, groups, dilation, 2)


def _conv_transpose(
    input: Any, weight: Any, bias: Any, stride: Any, padding: Any, output_padding: Any, groups: int, dilation: Any, n: int
) -> Tensor:
    what = f"conv_transpose{n}d"
    x, batched = with_batch(input, n, what)
    w = as_tensor(weight)
    if w.ndim != n + 2 or groups < 1 or w.shape[0] != x.shape[1] or w.shape[0] % groups:
        fail(
            ShapeError, f"{what} of {x.spec} with weight {w.spec} and groups={groups}",
            "The weight is (in channels, out channels / groups, kernel extents …), and groups divides the in channels.",
        )  # fmt: skip
    strides, dilations = per_axis(stride, n, "stride", 1), per_axis(dilation, n, "dilation", 1)
    pads, extra = per_axis(padding, n, "padding", 0), per_axis(output_padding, n, "output_padding", 0)
    if any(e >= max(s, d) for e, s, d in zip(extra, strides, dilations)):
        fail(ArgumentError, f"output_padding {extra} at stride {strides}", "It must be smaller than the stride or the dilation.")
    kernel, outs = tuple(w.shape[2:]), w.shape[1] * groups
    reach = [(p - 1) * s + span(k, d) + e for p, s, k, d, e in zip(x.shape[2:], strides, kernel, dilations, extra)]
    extents = tuple(r - 2 * p for r, p in zip(reach, pads))
    if any(e <= 0 for e in extents):
        fail(ShapeError, f"{what} of {x.spec} with padding {pads}", "Nothing is left; use a smaller padding.")
    pairs = tuple((p, p) for p in pads)
    attrs = {"stride": strides, "padding": pairs, "dilation": dilations, "groups": groups}
    result = _computed(transposed, x, w, bias, what, outs, extents=extents, **attrs)
    return result if batched else reshape(result, result.shape[1:])


# Windows as columns


def unfold(input: Tensor, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Tensor:
    """The windows of images (N, C, H, W) as columns: (N, C · KH · KW, positions). N may be absent."""
    x, batched = with_batch(input, 2, "unfold")
    kernel, strides = per_axis(kernel_size, 2, "kernel_size", 1), per_axis(stride, 2, "stride", 1)
    dilations = per_axis(dilation, 2, "dilation", 1)
    x = padded(x, _paddings(per_axis(padding, 2, "padding", 0), kernel, strides, dilations))
    seen = sliding_windows(x, kernel, strides, dilations, "unfold")
    columns = reshape(bind(permute, seen, axes=(0, 1, 4, 5, 2, 3)), (x.shape[0], x.shape[1] * prod(kernel), prod(seen.shape[2:4])))
    return columns if batched else reshape(columns, columns.shape[1:])


def fold(input: Tensor, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Tensor:
    """The adjoint of `unfold`: columns (N, C · KH · KW, positions) added up into images (N, C, *output_size)."""
    x = as_tensor(input)
    batched = x.ndim == 3
    extents, kernel = per_axis(output_size, 2, "output_size", 1), per_axis(kernel_size, 2, "kernel_size", 1)
    strides, dilations = per_axis(stride, 2, "stride", 1), per_axis(dilation, 2, "dilation", 1)
    pads = per_axis(padding, 2, "padding", 0)
    whole = tuple(e + 2 * p for e, p in zip(extents, pads))
    positions = positions_of(whole, kernel, strides, dilations)
    if x.ndim not in (2, 3) or x.shape[-2] % prod(kernel) or x.shape[-1] != prod(positions):
        met = f"fold of {x.spec} into {extents} with kernel {kernel}"
        fail(ShapeError, met, f"Give (N, C · {prod(kernel)}, {prod(positions)}): a column for each of {positions} positions.")
    batch, channels = x.shape[0] if batched else 1, x.shape[-2] // prod(kernel)
    seen = bind(permute, reshape(x, (batch, channels, *kernel, *positions)), axes=(0, 1, 4, 5, 2, 3))
    result = overlapped(seen, (batch, channels, *whole), strides, dilations)
    key = ((0, batch, 1), (0, channels, 1), *((p, p + e, 1) for p, e in zip(pads, extents)))
    result = bind(basic_index, result, key=key) if any(pads) else result
    return result if batched else reshape(result, result.shape[1:])
