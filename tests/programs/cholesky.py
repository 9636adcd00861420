"""Cholesky's decomposition by loops over elements, and the solution of a system with it."""

import numpy as np


def cholesky(a, b):
    """The lower triangle, and x of a·x = b. Raises ValueError unless `a` is positive definite."""
    n = len(a)
    lower = np.zeros_like(a)
    for i in range(n):
        for j in range(i + 1):
            total = a[i, j]
            for k in range(j):
                total -= lower[i, k] * lower[j, k]
            if i == j:
                if total <= 0.0:
                    raise ValueError("the matrix is not positive definite")
                lower[i, i] = np.sqrt(total)
            else:
                lower[i, j] = total / lower[j, j]
    x = b.copy()
    for i in range(n):
        x[i] = (x[i] - lower[i, :i] @ x[:i]) / lower[i, i]
    for i in range(n - 1, -1, -1):
        x[i] = (x[i] - lower[i + 1 :, i] @ x[i + 1 :]) / lower[i, i]
    return lower, x


def arguments(size, seed=0):
    draw, n = np.random.default_rng(seed), {"small": 4, "bench": 16}[size]
    a = draw.normal(size=(n, n))
    return a @ a.T + n * np.eye(n), draw.normal(size=n)
