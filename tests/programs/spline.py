"""A natural cubic spline through points, evaluated elsewhere: the interval of each place by searchsorted."""

import numpy as np


def second_derivatives(x, y):
    """At the knots; zero at both ends."""
    n = len(x)
    h = np.diff(x)
    matrix = np.zeros((n, n))
    matrix[0, 0] = matrix[-1, -1] = 1.0
    inner = np.arange(1, n - 1)
    matrix[inner, inner - 1] = h[:-1]
    matrix[inner, inner] = 2.0 * (h[:-1] + h[1:])
    matrix[inner, inner + 1] = h[1:]
    right = np.zeros(n)
    right[1:-1] = 6.0 * np.diff(np.diff(y) / h)
    return np.linalg.solve(matrix, right)


def spline(x, y, at):
    """The spline's values; NaN outside of the knots."""
    m = second_derivatives(x, y)
    k = np.clip(np.searchsorted(x, at, side="right") - 1, 0, len(x) - 2)
    h = x[k + 1] - x[k]
    a, b = (x[k + 1] - at) / h, (at - x[k]) / h
    values = a * y[k] + b * y[k + 1] + ((a**3 - a) * m[k] + (b**3 - b) * m[k + 1]) * h**2 / 6.0
    values[(at < x[0]) | (at > x[-1])] = np.nan
    return values


def arguments(size, seed=0):
    draw, (knots, places) = np.random.default_rng(seed), {"small": (6, 15), "bench": (50, 100_000)}[size]
    x = np.sort(draw.uniform(0, 10, knots))
    return x, np.sin(x), draw.uniform(-0.5, 10.5, places)
