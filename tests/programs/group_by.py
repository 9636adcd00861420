"""A table's values grouped by a key without pandas: counts, sums, means, deviations and maxima of the groups."""

import numpy as np


def group_by(keys, values):
    """The keys in order, and a column for each statistic."""
    names, index, counts = np.unique(keys, return_inverse=True, return_counts=True)
    sums = np.bincount(index, weights=values)
    means = sums / counts
    spread = np.zeros(len(names))
    np.add.at(spread, index, (values - means[index]) ** 2)
    most = np.full(len(names), -np.inf)
    np.maximum.at(most, index, values)
    order = np.argsort(-sums, kind="stable")
    return names[order], counts[order], sums[order], means[order], np.sqrt(spread / counts)[order], most[order]


def arguments(size, seed=0):
    draw, (count, groups) = np.random.default_rng(seed), {"small": (40, 5), "bench": (200_000, 100)}[size]
    return draw.integers(0, groups, count) * 7, draw.normal(size=count)
