"""A polynomial fitted by least squares with outliers thrown out, and its coefficient of determination."""

import numpy as np


def evaluate(coefficients, x):
    result = np.zeros_like(x)
    for c in coefficients[::-1]:
        result = result * x + c
    return result


def polynomial_fit(x, y, degree, rounds=3, limit=2.5):
    """Coefficients from the lowest power, R², and how many points were used."""
    used = np.ones(len(x), dtype=bool)
    for _ in range(rounds):
        design = np.vander(x[used], degree + 1, increasing=True)
        coefficients, _, rank, _ = np.linalg.lstsq(design, y[used], rcond=None)
        residual = y - evaluate(coefficients, x)
        used = np.abs(residual) <= limit * residual[used].std()
    explained = 1.0 - np.sum(residual[used] ** 2) / np.sum((y[used] - y[used].mean()) ** 2)
    return coefficients, explained, used.sum(), rank


def arguments(size, seed=0):
    draw, (count, degree) = np.random.default_rng(seed), {"small": (30, 2), "bench": (20_000, 5)}[size]
    x = draw.uniform(-1, 1, count)
    y = 1 - 2 * x + 3 * x**2 + 0.1 * draw.normal(size=count)
    y[::10] += 5 * draw.normal(size=len(y[::10]))
    return x, y, degree
