"""Conjugate gradients until the residual is small: a `while` that values decide, with an early return and a helper that writes into slices.

    python examples/numpy/gradients.py
"""

import argparse

import numpy as np
from side_by_side import side_by_side


def apply(u):
    """Minus the Laplacian of a grid with zero around it, and a little of u."""
    result = 4.01 * u
    result[1:] -= u[:-1]
    result[:-1] -= u[1:]
    result[:, 1:] -= u[:, :-1]
    result[:, :-1] -= u[:, 1:]
    return result


def conjugate_gradient(b, tolerance=1e-8, most=1000):
    """The solution of apply(x) = b, and the number of iterations. Raises ArithmeticError if there are too many."""
    x, r = np.zeros_like(b), b.copy()
    p, squared = r.copy(), np.sum(r * r)
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a small grid: to see that it runs")
    n = 8 if parser.parse_args().quick else 100
    b = np.random.default_rng(0).normal(size=(n, n))
    x, iterations = side_by_side(conjugate_gradient, b)
    print(f"{n}×{n} unknowns, {iterations} iterations, residual {np.abs(apply(x) - b).max():.1e}")


if __name__ == "__main__":
    main()
