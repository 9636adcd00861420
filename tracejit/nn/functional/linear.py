"""Functions that multiply by a matrix, cut, and join axes."""

from __future__ import annotations

import math
from typing import Any, Sequence

from ...errors import ArgumentError, ShapeError, fail
from ...ops import join
from ...ops.elementwise import conjugate
from ...ops.linalg import matmul
from ...ops.manipulate import flatten as _flatten
from ...ops.reduce import sum_to
from ...precision import precision
from ...tensor import Tensor
from ...vjp import Composite


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`input @ weight.T + bias`: (…, in) with weight (out, in) or (in,) and bias (out,) to (…, out)."""
    if input.ndim == 0 or input.shape[-1] != weight.shape[-1]:
        fail(
            ShapeError,
            f"linear of an input of shape {tuple(input.shape)} with a weight of shape {tuple(weight.shape)}",
            f"The last extent of the input must be {weight.shape[-1]}: the weight is (out features, in features).",
        )
    if weight.ndim == 2:
        return affine(input, weight, bias)
    product = matmul(input, weight)
    return product if bias is None else product + bias


def _affine(input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    product = matmul(input, weight.mT)
    return product if bias is None else product + bias


def _weight_gradient(g: Tensor, _y: Any, x: Tensor, _weight: Any, _bias: Any) -> Tensor:
    """A product that has the weight's own layout, which spares its optimiser a transposed read."""
    rows = math.prod(x.shape[:-1])
    return matmul(g.reshape((rows, g.shape[-1])).mT, conjugate(x.reshape((rows, x.shape[-1]))))


affine = Composite(
    "linear", _affine, precision="low",
    vjp=(
        lambda g, _y, _x, weight, _bias: matmul(g, conjugate(weight)), _weight_gradient,
        lambda g, _y, _x, _weight, _bias: sum_to(g, _bias.shape),
    ),
)  # fmt: skip


@precision("widest")
def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`input1ᵀ weight[o] input2` for each o: (…, in1) and (…, in2) with weight (out, in1, in2) to (…, out)."""
    out, in1, in2 = weight.shape
    lead = tuple(input1.shape[:-1])
    left = matmul(input1, weight.permute(1, 0, 2).reshape((in1, out * in2))).reshape((*lead, out, in2))
    result = (left * input2.reshape((*lead, 1, in2))).sum(axis=-1)
    return result if bias is None else result + bias


def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """The axes from `start_dim` to `end_dim` joined into one."""
    return _flatten(input, start_dim, end_dim)


_MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: Any = None) -> Tensor:
    """The input with elements added (or, by negative numbers, taken away) at the ends of its last axes.

    pad: (before, after) of the last axis, then of the one before it, and so on, in one flat sequence.
    mode: "constant" (of `value`, 0 if None), "reflect", "replicate" or "circular".
    """
    if len(pad) % 2 or len(pad) > 2 * input.ndim:
        met = f"pad={tuple(pad)} for a tensor of {input.ndim} axes"
        fail(ArgumentError, met, "Give (before, after) pairs, the last axis first, for no more axes than there are.")
    if mode not in _MODES:
        fail(ArgumentError, f"pad mode {mode!r}", "Give one of " + ", ".join(map(repr, _MODES)) + ".")
    pairs = [(0, 0)] * (input.ndim - len(pad) // 2) + [(pad[i], pad[i + 1]) for i in reversed(range(0, len(pad), 2))]
    for (before, after), extent in zip(pairs, input.shape):
        if max(before, after) > (extent - 1 if mode == "reflect" else extent) and mode in ("reflect", "circular"):
            fail(ShapeError, f"{mode} padding of {(before, after)} on an axis of {extent}", "Padding must not reach round the axis.")
    if any(min(pair) < 0 for pair in pairs):
        cut = tuple(slice(max(-b, 0), n - max(-a, 0)) for (b, a), n in zip(pairs, input.shape))
        input, pairs = input[cut], [(max(b, 0), max(a, 0)) for b, a in pairs]
    if not any(map(any, pairs)):
        return input.clone()
    return join.pad(input, pairs, mode=_MODES[mode], constant_values=0 if value is None else value)


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """(…, C r², H, W) to (…, C, H r, W r) (Shi et al., CVPR 2016)."""
    r = upscale_factor
    *lead, channels, height, width = input.shape
    split = input.reshape((math.prod(lead), channels // (r * r), r, r, height, width))
    return split.permute(0, 1, 4, 2, 5, 3).reshape((*lead, channels // (r * r), height * r, width * r))
