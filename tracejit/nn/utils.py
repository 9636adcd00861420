"""Gradients clipped, and parameters as one vector."""

from __future__ import annotations

import math
from typing import Any, Iterable

from ..autograd.modes import GradMode
from ..errors import GradError, ShapeError, fail
from ..ops.create import zeros
from ..ops.join import concat, stack
from ..ops.reduce import max as largest
from ..tensor import Tensor
from .parameter import overwrite


def _gradients(parameters: Any) -> list[Tensor]:
    listed = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    return [g for g in (p.grad for p in listed) if g is not None]


def get_total_norm(tensors: Iterable[Tensor], norm_type: float = 2.0, error_if_nonfinite: bool = False) -> Tensor:
    """The norm of all the tensors together, as if they were one vector: a 0-d tensor."""
    norm_type = float(norm_type)
    with GradMode(False):
        norms = [_norm(t, norm_type) for t in tensors]
        total = _norm(stack(norms), norm_type) if norms else zeros(())
    if error_if_nonfinite and not math.isfinite(total.item()):
        met = f"the total norm of order {norm_type} of the gradients is {total.item()}"
        fail(GradError, met, "Look for its cause; error_if_nonfinite=False lets it pass.")
    return total


def _norm(x: Tensor, order: float) -> Tensor:
    if order == math.inf:
        return largest(x.abs())
    if order == 2:
        return (x * x).sum().sqrt()
    return x.abs().sum() if order == 1 else (x.abs() ** order).sum() ** (1 / order)


def clip_grad_norm_(
    parameters: Any,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale all gradients together, in place, so that their total norm is at most `max_norm`; returns the norm they had."""
    gradients = _gradients(parameters)
    total = get_total_norm(gradients, norm_type, error_if_nonfinite)
    with GradMode(False):
        factor = (float(max_norm) / (total + 1e-6)).clip(None, 1.0)
        for gradient in gradients:
            overwrite(gradient, gradient * factor)
    return total


def clip_grad_value_(parameters: Any, clip_value: float, foreach: bool | None = None) -> None:
    """Limit every element of the gradients, in place, to [-clip_value, clip_value]."""
    with GradMode(False):
        for gradient in _gradients(parameters):
            overwrite(gradient, gradient.clip(-float(clip_value), float(clip_value)))


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All elements of the parameters, one after the other, in a vector."""
    return concat([p.reshape(-1) for p in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Write a vector's elements into the parameters, one after the other, in place."""
    listed = list(parameters)
    wanted = sum(p.numel() for p in listed)
    if vec.shape != (wanted,):
        fail(ShapeError, f"a vector of shape {tuple(vec.shape)} for {wanted} elements of parameters", f"Give shape ({wanted},).")
    start = 0
    for parameter in listed:
        stop = start + parameter.numel()
        overwrite(parameter, vec.detach()[start:stop].reshape(tuple(parameter.shape)))
        start = stop
