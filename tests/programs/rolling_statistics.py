"""Means, deviations and extremes of a moving window, by views of the series; and values that stand out."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def rolling_statistics(x, window, limit=2.0):
    """Four series, and the indices of values further than `limit` deviations from the mean of those before."""
    windows = sliding_window_view(x, window)
    mean, deviation = windows.mean(axis=-1), windows.std(axis=-1)
    score = (x[window:] - mean[:-1]) / deviation[:-1]
    outliers = np.where(np.abs(score) > limit)[0] + window
    return mean, deviation, windows.min(axis=-1), windows.max(axis=-1), outliers


def arguments(size, seed=0):
    draw, (count, window) = np.random.default_rng(seed), {"small": (40, 6), "bench": (50_000, 32)}[size]
    return draw.normal(size=count), window
