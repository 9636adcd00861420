"""QR decomposition by the modified method of Gram and Schmidt, columns that depend on others left out."""

import numpy as np


def gram_schmidt(a, tolerance=1e-10):
    """Orthonormal columns, the triangle, and which columns were kept."""
    rows, columns = a.shape
    basis, kept = [], []
    triangle = np.zeros((columns, columns))
    for j in range(columns):
        v = a[:, j].copy()
        for k, q in enumerate(basis):
            triangle[k, j] = q @ v
            v -= triangle[k, j] * q
        length = np.linalg.norm(v)
        if length > tolerance * np.linalg.norm(a[:, j]):
            triangle[len(basis), j] = length
            basis.append(v / length)
            kept.append(j)
    return np.column_stack(basis), triangle[: len(basis)], kept


def arguments(size, seed=0):
    draw, (rows, columns) = np.random.default_rng(seed), {"small": (7, 4), "bench": (300, 20)}[size]
    a = draw.normal(size=(rows, columns))
    a[:, columns // 2] = a[:, 0] - 2.0 * a[:, 1]
    return (a,)
