"""A numeric check of gradients, of first and second order, along random directions."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np

import tracejit.ops.methods
import tracejit.ops.shape_methods
import tracejit.ops.surface  # noqa: F401  (attach the methods)
from tracejit.autograd import grad
from tracejit.ops.casts import real
from tracejit.tensor import Tensor, wrap


def random_like(a: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Standard normal values of the shape and kind (real or complex) of an array."""
    result = rng.standard_normal(a.shape)
    return result + 1j * rng.standard_normal(a.shape) if np.iscomplexobj(a) else result


def _real_dot(tensors: Any, weights: list[np.ndarray]) -> Tensor:
    """Re Σ conj(weight) · tensor: a scalar."""
    total = None
    for t, w in zip(tensors, weights):
        part = (t * wrap(np.conj(w))).sum()
        part = real(part) if part.is_complex() else part
        total = part if total is None else total + part
    return total


def _as_tuple(result: Any) -> tuple[Tensor, ...]:
    return tuple(result) if isinstance(result, tuple) else (result,)


def directional(function: Callable[..., Tensor], arrays: list[np.ndarray], directions: list[np.ndarray], step: float) -> float:
    """The derivative of a real scalar function along a direction, by central differences of fourth order."""

    def at(t: float) -> float:
        return function(*[wrap(np.asarray(a + t * d)) for a, d in zip(arrays, directions)]).item()

    return (8 * (at(step) - at(-step)) - (at(2 * step) - at(-2 * step))) / (12 * step)


def check_gradients(function: Callable[..., Any], *arrays: Any, order: int = 2, tolerance: float = 1e-6, seed: int = 0) -> None:
    """Compare the gradients of a function of float64 or complex128 arrays with finite differences along random directions."""
    rng = np.random.default_rng(seed)
    given = [np.asarray(a) for a in arrays]
    weights = [random_like(t.numpy(), rng) for t in _as_tuple(function(*[wrap(a) for a in given]))]

    def loss(*tensors: Tensor) -> Tensor:
        return _real_dot(_as_tuple(function(*tensors)), weights)

    _compare(loss, given, rng, tolerance, "first")
    if order == 2:
        probes = [random_like(a, rng) for a in given]

        def slope(*tensors: Tensor) -> Tensor:
            leaves = [t if t.requires_grad else wrap(t.numpy()).requires_grad_() for t in tensors]
            return _real_dot(grad(loss(*leaves), leaves, create_graph=True, materialize_grads=True), probes)

        _compare(slope, given, rng, tolerance * 100, "second")


def _compare(function: Callable[..., Tensor], arrays: list[np.ndarray], rng: np.random.Generator, tolerance: float, which: str) -> None:
    directions = [random_like(a, rng) for a in arrays]
    scale = max(1.0, max((float(np.abs(a).max()) for a in arrays if a.size), default=1.0))
    numeric = directional(lambda *t: function(*t).detach(), arrays, directions, 3e-4 * scale)
    leaves = [wrap(a.copy()).requires_grad_() for a in arrays]
    result = function(*leaves)
    if not result.requires_grad:
        assert abs(numeric) < tolerance, f"{which} order: no gradient, yet the derivative is {numeric}"
        return
    found = grad(result, leaves, materialize_grads=True)
    exact = sum(float(np.sum(np.conj(g.detach().numpy()) * d).real) for g, d in zip(found, directions))
    assert abs(exact - numeric) <= tolerance * max(1.0, abs(numeric)), f"{which} order: {exact} but by differences {numeric}"
