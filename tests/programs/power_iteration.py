"""The largest eigenvalues of a symmetric matrix by power iteration, each followed by deflation."""

import numpy as np


def power_iteration(matrix, count, tolerance=1e-9, most=2000):
    """Eigenvalues, and their vectors as columns."""
    matrix = matrix.copy()
    values, vectors = np.zeros(count), np.zeros((len(matrix), count))
    for k in range(count):
        v = np.ones(len(matrix)) / np.sqrt(len(matrix))
        before = np.inf
        for _ in range(most):
            w = matrix @ v
            value = v @ w
            v = w / np.linalg.norm(w)
            if abs(value - before) < tolerance * abs(value):
                break
            before = value
        values[k], vectors[:, k] = value, v
        matrix -= value * np.outer(v, v)
    return values, vectors


def arguments(size, seed=0):
    draw, n = np.random.default_rng(seed), {"small": 6, "bench": 200}[size]
    a = draw.normal(size=(n, n))
    return a @ a.T, 3
