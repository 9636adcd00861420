"""The logistic map for many growth rates: what is left after the transient, as a histogram for each rate, and Lyapunov's exponents."""

import numpy as np


def logistic_map(rates, transient, kept, bins):
    """Counts (rates, bins) and exponents."""
    x = np.full(rates.shape, 0.5)
    for _ in range(transient):
        x = rates * x * (1.0 - x)
    counts = np.zeros((rates.size, bins), dtype=np.int64)
    exponents = np.zeros(rates.shape)
    rows = np.arange(rates.size)
    for _ in range(kept):
        x = rates * x * (1.0 - x)
        exponents += np.log(np.abs(rates * (1.0 - 2.0 * x)) + 1e-300)
        counts[rows, np.minimum((x * bins).astype(int), bins - 1)] += 1
    return counts, exponents / kept


def arguments(size, seed=0):
    draw, (count, transient, kept) = np.random.default_rng(seed), {"small": (6, 5, 8), "bench": (2000, 100, 100)}[size]
    return draw.uniform(2.5, 4.0, count), transient, kept, 16
