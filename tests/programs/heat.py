"""Heat in a box: explicit steps in place, with the rim at a fixed temperature, and the mean kept after each step."""

import numpy as np


def laplacian(u):
    return u[2:, 1:-1, 1:-1] + u[:-2, 1:-1, 1:-1] + u[1:-1, 2:, 1:-1] + u[1:-1, :-2, 1:-1] + u[1:-1, 1:-1, 2:] + u[1:-1, 1:-1, :-2] - 6.0 * u[1:-1, 1:-1, 1:-1]


def heat(u, rate, steps):
    """Change `u`; the means are a new array."""
    means = np.empty(steps)
    for step in range(steps):
        u[1:-1, 1:-1, 1:-1] += rate * laplacian(u)
        means[step] = u.mean()
    return means


def arguments(size, seed=0):
    draw, (n, steps) = np.random.default_rng(seed), {"small": (7, 4), "bench": (64, 20)}[size]
    return draw.uniform(0, 100, (n, n, n)), 0.1, steps
