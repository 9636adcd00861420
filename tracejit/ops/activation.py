"""Activation functions. Those without a text of their own are plain functions of ops."""

from __future__ import annotations

import math
import numpy as np

from ..errors import ArgumentError, fail
from ..op import ROUTINE, Elementwise
from ..precision import precision
from ..spec import is_floating
from ..tensor import Tensor
from .elementwise import abs, where
from .lazy import in_double
from .transcendental import erf, expm1, sigmoid, tanh


def _relu(x: np.ndarray) -> np.ndarray:
    larger = np.maximum(x, 0)
    if is_floating(x.dtype):
        larger += 0  # -0.0 + 0 is 0.0: which zero `maximum` gives is left open
    return larger


relu = Elementwise(
    "relu", numpy=_relu, exact=True, accepts="if", scalar="{T}(0) if {0} <= {T}(0) else {0}",
    vjp=lambda g, y, _x: (where(y > 0, g, 0),), doc="x where it is positive, 0 elsewhere; NaN of NaN. The gradient at 0 is 0.",
)  # fmt: skip
softplus_of = Elementwise(
    "softplus", numpy=in_double(lambda x: np.logaddexp(x, 0)), accepts="bif", floats=True, scalar="softplus({0})", cost=ROUTINE,
    method=False, vjp=lambda g, _y, x: (g * sigmoid(x),), doc="log(1 + exp(x)).",
)  # fmt: skip

# Rectifiers


def relu6(x: Tensor, /) -> Tensor:
    """x between 0 and 6, and the nearer of them outside; the gradient is 0 on the bounds."""
    return hardtanh(x, 0.0, 6.0)


def leaky_relu(x: Tensor, /, negative_slope: float = 0.01) -> Tensor:
    """x where it is positive, negative_slope · x elsewhere."""
    return where(x > 0, x, x * negative_slope)


@precision("low")
def prelu(x: Tensor, weight: Tensor, /) -> Tensor:
    """x where it is positive, weight · x elsewhere. A weight of several elements is one for each channel, axis 1 of x."""
    if weight.size > 1:
        channels = x.shape[1] if x.ndim > 1 else x.shape[0] if x.ndim else 1
        if weight.size != channels:
            fail(ArgumentError, f"prelu with {weight.size} weights for {channels} channels", "Give one weight, or one for each channel.")
        weight = weight.reshape((channels,) + (1,) * max(x.ndim - 2, 0))
    return where(x > 0, x, x * weight)


def threshold(x: Tensor, /, threshold: float, value: float) -> Tensor:
    """x where it is above the threshold, `value` elsewhere."""
    return where(x > threshold, x, value)


@precision("widest")
def elu(x: Tensor, /, alpha: float = 1.0) -> Tensor:
    """x where it is positive, alpha (exp(x) - 1) elsewhere."""
    return where(x > 0, x, alpha * expm1(_at_most_0(x)))


@precision("widest")
def celu(x: Tensor, /, alpha: float = 1.0) -> Tensor:
    """x where it is positive, alpha (exp(x / alpha) - 1) elsewhere."""
    return where(x > 0, x, alpha * expm1(_at_most_0(x) / alpha))


@precision("widest")
def selu(x: Tensor, /) -> Tensor:
    """scale · elu(x, alpha), with the two constants that keep mean and variance (Klambauer et al. 2017)."""
    return 1.0507009873554804934193349852946 * elu(x, 1.6732632423543772848170429916717)


def _at_most_0(x: Tensor) -> Tensor:
    """x where an exponential of it is used, so that its derivative elsewhere is finite."""
    return where(x > 0, 0, x)


# Smooth gates


def silu(x: Tensor, /) -> Tensor:
    """x · sigmoid(x), also called swish."""
    return x * sigmoid(x)


def gelu(x: Tensor, /, approximate: str = "none") -> Tensor:
    """x Φ(x), Φ the normal distribution function; with approximate="tanh", by a tanh (Hendrycks and Gimpel 2016)."""
    if approximate == "none":
        return x * 0.5 * (1 + erf(x * math.sqrt(0.5)))
    if approximate == "tanh":
        return x * 0.5 * (1 + tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * (x * x * x))))
    fail(ArgumentError, f'gelu with approximate={approximate!r}', 'Give "none" or "tanh".')


@precision("widest")
def mish(x: Tensor, /) -> Tensor:
    """x · tanh(softplus(x))."""
    return x * tanh(softplus_of(x))


@precision("full")
def softplus(x: Tensor, /, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + exp(beta x)) / beta, and x itself where beta x is above the threshold."""
    scaled = x if beta == 1 else x * beta
    smooth = softplus_of(scaled)
    return where(scaled > threshold, x, smooth if beta == 1 else smooth / beta)


@precision("widest")
def logsigmoid(x: Tensor, /) -> Tensor:
    """log(sigmoid(x)), without underflow."""
    return -softplus_of(-x)


def softsign(x: Tensor, /) -> Tensor:
    """x / (1 + |x|)."""
    return x / (1 + abs(x))


def tanhshrink(x: Tensor, /) -> Tensor:
    """x - tanh(x)."""
    return x - tanh(x)


# Pieces of lines


def hardtanh(x: Tensor, /, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """x between the bounds, and the nearer bound outside; the gradient is 0 on the bounds."""
    if min_val > max_val:
        fail(ArgumentError, f"hardtanh from {min_val} to {max_val}", "Give min_val below max_val.")
    return where(x <= min_val, min_val, where(x >= max_val, max_val, x))


def hardsigmoid(x: Tensor, /) -> Tensor:
    """relu6(x + 3) / 6."""
    return relu6(x + 3) / 6


def hardswish(x: Tensor, /) -> Tensor:
    """x · relu6(x + 3) / 6."""
    return x * relu6(x + 3) / 6


def hardshrink(x: Tensor, /, lambd: float = 0.5) -> Tensor:
    """x where it is outside [-lambd, lambd], 0 within."""
    return where((x >= -lambd) & (x <= lambd), 0, x)


def softshrink(x: Tensor, /, lambd: float = 0.5) -> Tensor:
    """x moved by lambd towards 0, and 0 within [-lambd, lambd]."""
    return where(x > lambd, x - lambd, where(x < -lambd, x + lambd, x * 0))
