"""LU decomposition with partial pivoting, element by element as in a textbook."""

import numpy as np


def lu(a):
    """Decompose in place; the order of the rows. Raises LinAlgError if the matrix is singular."""
    n = a.shape[0]
    order = np.arange(n)
    for k in range(n):
        pivot = k + np.argmax(np.abs(a[k:, k]))
        if a[pivot, k] == 0.0:
            raise np.linalg.LinAlgError("the matrix is singular")
        if pivot != k:
            a[[k, pivot]] = a[[pivot, k]]
            order[[k, pivot]] = order[[pivot, k]]
        for i in range(k + 1, n):
            a[i, k] /= a[k, k]
            for j in range(k + 1, n):
                a[i, j] -= a[i, k] * a[k, j]
    return order


def arguments(size, seed=0):
    draw, n = np.random.default_rng(seed), {"small": 5, "bench": 24}[size]
    return (draw.normal(size=(n, n)),)
