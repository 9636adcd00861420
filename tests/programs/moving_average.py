"""A moving average by cumulative sums, and where a price crosses it."""

import numpy as np


def moving_average(prices, window):
    """The average over the last `window` prices (NaN before there are so many), and +1 or -1 where the price crosses it."""
    sums = np.cumsum(np.insert(prices, 0, 0.0))
    average = np.full(len(prices), np.nan)
    average[window - 1 :] = (sums[window:] - sums[:-window]) / window
    above = np.sign(prices - average)
    crossings = np.zeros(len(prices), dtype=int)
    crossings[1:] = np.where(np.isnan(above[:-1]), 0, np.nan_to_num(above[1:] - above[:-1]) // 2)
    return average, crossings


def arguments(size, seed=0):
    draw, (count, window) = np.random.default_rng(seed), {"small": (30, 5), "bench": (100_000, 50)}[size]
    return 100 + np.cumsum(draw.normal(size=count)), window
