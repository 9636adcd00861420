"""Initial values of parameters, written in place and outside the history."""

from __future__ import annotations

import math
from typing import Any

from ..dispatch import bind
from ..errors import ArgumentError, ShapeError, fail
from ..ops.create import fill
from ..ops.decompose import qr
from ..ops.random import Generator, rand, randn
from ..ops.transcendental import erfinv
from ..spec import compute_dtype
from ..tensor import Tensor
from .parameter import overwrite

_GAINS = {"sigmoid": 1.0, "linear": 1.0, "tanh": 5.0 / 3, "relu": math.sqrt(2.0), "selu": 0.75} | dict.fromkeys(
    ("identity", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), 1.0
)


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor that keeps the variance of activations through this nonlinearity; `param` is the slope of "leaky_relu"."""
    if nonlinearity == "leaky_relu":
        return math.sqrt(2.0 / (1 + (0.01 if param is None else param) ** 2))
    if nonlinearity not in _GAINS:
        fail(ArgumentError, f"no gain is known for {nonlinearity!r}", "Known: leaky_relu, " + ", ".join(_GAINS) + ".")
    return _GAINS[nonlinearity]


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Uniform on [a, b)."""
    return overwrite(tensor, rand(tuple(tensor.shape), generator=generator, dtype=compute_dtype(tensor.dtype), device=tensor.device) * (b - a) + a)


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Normal with this mean and standard deviation."""
    return overwrite(tensor, randn(tuple(tensor.shape), generator=generator, dtype=compute_dtype(tensor.dtype), device=tensor.device) * std + mean)


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Every element `val`."""
    return overwrite(tensor, bind(fill, shape=tuple(tensor.shape), dtype=tensor.dtype, value=val))


def zeros_(tensor: Tensor) -> Tensor:
    """Zeros."""
    return constant_(tensor, 0)


def ones_(tensor: Tensor) -> Tensor:
    """Ones."""
    return constant_(tensor, 1)


def eye_(tensor: Tensor) -> Tensor:
    """Ones on the diagonal of a matrix, zeros elsewhere."""
    if tensor.ndim != 2:
        fail(ShapeError, f"eye_ of a tensor of shape {tuple(tensor.shape)}", "Give a matrix.")
    zeros_(tensor)
    diagonal = tensor.detach().diagonal()
    constant_(diagonal, 1)
    return tensor


def trunc_normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0, generator: Generator | None = None
) -> Tensor:
    """Normal with this mean and standard deviation, cut to [a, b]: the inverse of its distribution function at uniform numbers."""
    low, high = (math.erf((bound - mean) / std / math.sqrt(2)) for bound in (a, b))
    drawn = rand(tuple(tensor.shape), generator=generator, dtype=compute_dtype(tensor.dtype), device=tensor.device) * (high - low) + low
    return overwrite(tensor, (erfinv(drawn) * (std * math.sqrt(2)) + mean).clip(a, b))


# Scaled to the number of connections


def fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    """The inputs each output sums over, and the outputs each input feeds, of a weight (out, in, *kernel)."""
    if tensor.ndim < 2:
        fail(ShapeError, f"fan in and fan out of a tensor of shape {tuple(tensor.shape)}", "Give a tensor of two axes or more.")
    receptive = math.prod(tensor.shape[2:])
    return tensor.shape[1] * receptive, tensor.shape[0] * receptive


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Uniform with variance gain² · 2 / (fan in + fan out) (Glorot and Bengio, AISTATS 2010)."""
    bound = gain * math.sqrt(6.0 / sum(fan_in_and_fan_out(tensor)))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Normal with variance gain² · 2 / (fan in + fan out) (Glorot and Bengio, AISTATS 2010)."""
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / sum(fan_in_and_fan_out(tensor))), generator)


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        fail(ArgumentError, f"mode {mode!r}", 'Give "fan_in" or "fan_out".')
    fan = fan_in_and_fan_out(tensor)[mode == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)


def kaiming_uniform_(
    tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator: Generator | None = None
) -> Tensor:
    """Uniform with variance gain² / fan (He et al., ICCV 2015); `a` is the slope of "leaky_relu"."""
    if 0 in tensor.shape:
        return tensor
    bound = math.sqrt(3.0) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator: Generator | None = None
) -> Tensor:
    """Normal with variance gain² / fan (He et al., ICCV 2015); `a` is the slope of "leaky_relu"."""
    if 0 in tensor.shape:
        return tensor
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity), generator)


def orthogonal_(tensor: Tensor, gain: float = 1, generator: Generator | None = None) -> Tensor:
    """A random (semi-)orthogonal matrix of the first axis by the others (Saxe et al., ICLR 2014)."""
    if tensor.ndim < 2:
        fail(ShapeError, f"orthogonal_ of a tensor of shape {tuple(tensor.shape)}", "Give a tensor of two axes or more.")
    rows, columns = tensor.shape[0], math.prod(tensor.shape[1:])
    drawn = randn((max(rows, columns), min(rows, columns)), generator=generator, dtype=compute_dtype(tensor.dtype), device=tensor.device)
    q, r = qr(drawn)
    q = q * r.diagonal().sign()  # makes the decomposition unique, so that q is uniform
    q = q.mT if rows < columns else q
    return overwrite(tensor, q.reshape(tuple(tensor.shape)) * gain)


def reset_uniform(tensors: Any, bound: float) -> None:
    """Uniform on [-bound, bound) for each tensor."""
    for tensor in tensors:
        uniform_(tensor, -bound, bound)
