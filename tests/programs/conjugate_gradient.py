"""Conjugate gradients on a sparse system held as five diagonals of a grid, until the residual is small."""

import numpy as np


def apply(u):
    """Minus the Laplacian, with zero outside, and a little of u."""
    result = 4.01 * u
    result[1:] -= u[:-1]
    result[:-1] -= u[1:]
    result[:, 1:] -= u[:, :-1]
    result[:, :-1] -= u[:, 1:]
    return result


def conjugate_gradient(b, tolerance=1e-8, most=1000):
    """The solution and the number of iterations. Raises ArithmeticError if there are too many."""
    x = np.zeros_like(b)
    r = b - apply(x)
    p = r.copy()
    squared = np.sum(r * r)
    for iteration in range(most):
        if np.sqrt(squared) < tolerance:
            return x, iteration
        applied = apply(p)
        alpha = squared / np.sum(p * applied)
        x += alpha * p
        r -= alpha * applied
        before, squared = squared, np.sum(r * r)
        p = r + (squared / before) * p
    raise ArithmeticError(f"no convergence within {most} iterations")


def arguments(size, seed=0):
    draw, n = np.random.default_rng(seed), {"small": 6, "bench": 64}[size]
    return (draw.normal(size=(n, n)),)
