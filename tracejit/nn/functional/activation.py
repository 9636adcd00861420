"""Activation functions under PyTorch's names: `inplace=`, `dim=`, and the dtype that softmax computes in."""

from __future__ import annotations

import warnings
from typing import Any, Callable

from ...dispatch import assign
from ...ops import activation as ops
from ...ops import reduce
from ...ops.casts import cast, copy
from ...ops.manipulate import chunk
from ...ops.random import rand
from ...ops.transcendental import sigmoid as _sigmoid
from ...ops.transcendental import tanh as _tanh
from ...ops.view import put
from ...spec import as_axis, as_dtype
from ...tensor import Tensor
from .sparse import one_hot

__all__ = [
    "celu", "elu", "gelu", "glu", "gumbel_softmax", "hardshrink", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu", "log_softmax",
    "logsigmoid", "mish", "prelu", "relu", "relu6", "selu", "sigmoid", "silu", "softmax", "softmin", "softplus", "softshrink",
    "softsign", "tanh", "tanhshrink", "threshold",
]  # fmt: skip


def _apply(function: Callable[..., Tensor], input: Tensor, inplace: bool, *arguments: Any) -> Tensor:
    """The function of the input; written into it if `inplace` (its old values are kept aside where the gradient needs them)."""
    if not inplace:
        return function(input, *arguments)
    return assign(input, function(copy(input) if input.requires_grad else input, *arguments), put)


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(x, 0)."""
    return _apply(ops.relu, input, inplace)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(x, 0), 6)."""
    return _apply(ops.relu6, input, inplace)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """x where it is positive, negative_slope · x elsewhere."""
    return _apply(ops.leaky_relu, input, inplace, negative_slope)


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """x where it is positive, weight · x elsewhere; one weight, or one for each channel (axis 1)."""
    return ops.prelu(input, weight)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where it is positive, alpha (exp(x) - 1) elsewhere."""
    return _apply(ops.elu, input, inplace, alpha)


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where it is positive, alpha (exp(x / alpha) - 1) elsewhere."""
    return _apply(ops.celu, input, inplace, alpha)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """`elu` scaled so that activations keep mean 0 and variance 1."""
    return _apply(ops.selu, input, inplace)


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """x Φ(x); with approximate="tanh", Φ by a tanh."""
    return ops.gelu(input, approximate)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """x · sigmoid(x)."""
    return _apply(ops.silu, input, inplace)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """x · tanh(softplus(x))."""
    return _apply(ops.mish, input, inplace)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """x · relu6(x + 3) / 6."""
    return _apply(ops.hardswish, input, inplace)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """relu6(x + 3) / 6."""
    return _apply(ops.hardsigmoid, input, inplace)


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """x between the bounds, and the nearer bound outside."""
    return _apply(ops.hardtanh, input, inplace, min_val, max_val)


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """x where it is above the threshold, `value` elsewhere."""
    return _apply(ops.threshold, input, inplace, threshold, value)


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + exp(beta x)) / beta, and x itself where beta x is above the threshold."""
    return ops.softplus(input, beta, threshold)


def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x outside [-lambd, lambd], 0 within."""
    return ops.hardshrink(input, lambd)


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x moved by lambd towards 0, and 0 within [-lambd, lambd]."""
    return ops.softshrink(input, lambd)


def softsign(input: Tensor) -> Tensor:
    """x / (1 + |x|)."""
    return ops.softsign(input)


def tanhshrink(input: Tensor) -> Tensor:
    """x - tanh(x)."""
    return ops.tanhshrink(input)


def logsigmoid(input: Tensor) -> Tensor:
    """log(sigmoid(x)), without underflow."""
    return ops.logsigmoid(input)


def sigmoid(input: Tensor) -> Tensor:
    """1 / (1 + exp(-x))."""
    return _sigmoid(input)


def tanh(input: Tensor) -> Tensor:
    """The hyperbolic tangent."""
    return _tanh(input)


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """a · sigmoid(b), a and b the halves of the input along `dim` (Dauphin et al., ICML 2017)."""
    a, b = chunk(input, 2, dim)
    return a * _sigmoid(b)


def softmax(input: Tensor, dim: int | None = None, dtype: Any = None) -> Tensor:
    """exp(x) divided by its sum along `dim`; computed in `dtype`, if given. Leaving `dim` out warns, as in PyTorch."""
    return reduce.softmax(_in(input, dtype), axis=_axis("softmax", dim, input.ndim))


def softmin(input: Tensor, dim: int | None = None, dtype: Any = None) -> Tensor:
    """`softmax` of -x."""
    return reduce.softmax(-_in(input, dtype), axis=_axis("softmin", dim, input.ndim))


def log_softmax(input: Tensor, dim: int | None = None, dtype: Any = None) -> Tensor:
    """The logarithm of `softmax`; computed in `dtype`, if given."""
    return reduce.log_softmax(_in(input, dtype), axis=_axis("log_softmax", dim, input.ndim))


def _axis(name: str, dim: int | None, ndim: int) -> int:
    """The axis that is meant; where none is given, the one that PyTorch takes: the first of 0, 1 or 3 axes, else the second."""
    if dim is not None:
        return dim
    warnings.warn(f"{name} without a dim is deprecated in PyTorch, whose choice depends on the number of axes: give dim=-1.", stacklevel=3)
    return 0 if ndim in (0, 1, 3) else 1


def _in(input: Tensor, dtype: Any) -> Tensor:
    return input if dtype is None else cast(input, dtype=as_dtype(dtype))


def gumbel_softmax(logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1) -> Tensor:
    """A draw from the softmax of the logits, relaxed to be differentiable (Jang et al., ICLR 2017); one-hot if `hard`.

    eps: taken for the scripts that give it, and of no effect, as in PyTorch.
    """
    axis = as_axis(dim, logits.ndim)
    uniform = rand(tuple(logits.shape), dtype=logits.dtype, device=logits.device)
    soft = reduce.softmax((logits - (-(1 - uniform).log()).log()) / tau, axis=axis)
    if not hard:
        return soft
    chosen = one_hot(soft.argmax(axis), soft.shape[axis]).moveaxis(-1, axis)
    return cast(chosen, dtype=soft.dtype) - soft.detach() + soft
