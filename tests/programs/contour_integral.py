"""Eigenvalues inside a circle by a contour integral (Sakurai and Sugiura, J. Comput. Appl. Math. 159, 2003): complex solves at its points."""

import numpy as np


def contour_integral(matrix, probe, centre, radius, points, moments):
    """Moments of the resolvent within the circle, and the matrix's eigenvalues there, by their real parts."""
    n = len(matrix)
    mu = np.zeros(2 * moments, dtype=complex)
    for k in range(points):
        unit = np.exp(2j * np.pi * (k + 0.5) / points)
        z = centre + radius * unit
        value = np.vdot(probe, np.linalg.solve(z * np.eye(n) - matrix, probe))
        mu += value * unit ** (np.arange(2 * moments) + 1) / points
    index = np.arange(moments)
    hankel, shifted = mu[index[:, None] + index], mu[index[:, None] + index + 1]
    found = centre + radius * np.linalg.eigvals(np.linalg.solve(hankel, shifted))
    return mu, found[np.argsort(found.real)]


def arguments(size, seed=0):
    draw, (n, points) = np.random.default_rng(seed), {"small": (6, 8), "bench": (60, 32)}[size]
    basis = np.linalg.qr(draw.normal(size=(n, n)))[0]
    values = np.concatenate([[0.6, 1.1], draw.uniform(4, 9, n - 2)])
    return basis @ np.diag(values) @ basis.T, basis @ np.ones(n), 1.0, 1.2, points, 2
