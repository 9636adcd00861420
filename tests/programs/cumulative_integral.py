"""A measured distribution: its integral by the trapezoid rule, cumulated and normalised, quantiles from it, and samples drawn through it."""

import numpy as np


def cumulative_trapezoid(y, x):
    return np.concatenate(([0.0], np.cumsum(0.5 * (y[1:] + y[:-1]) * np.diff(x))))


def cumulative_integral(x, density, uniform):
    """The cumulative distribution, mean and deviation, the quartiles, and a sample for each number in `uniform`."""
    density = np.maximum(density, 0.0)
    cumulative = cumulative_trapezoid(density, x)
    cumulative /= cumulative[-1]
    density = density / np.trapezoid(density, x)
    mean = np.trapezoid(x * density, x)
    deviation = np.sqrt(np.trapezoid((x - mean) ** 2 * density, x))
    return cumulative, mean, deviation, np.interp([0.25, 0.5, 0.75], cumulative, x), np.interp(uniform, cumulative, x)


def arguments(size, seed=0):
    draw, (places, samples) = np.random.default_rng(seed), {"small": (20, 10), "bench": (1000, 100_000)}[size]
    x = np.sort(draw.uniform(-4, 4, places))
    return x, np.exp(-0.5 * x**2) + 0.01 * draw.normal(size=places), draw.random(samples)
