"""An Asian option by Monte Carlo with antithetic paths; numbers from np.random's global generator."""

import numpy as np


def monte_carlo(spot, strike, years, rate, volatility, paths, steps):
    """The price, and its standard error."""
    dt = years / steps
    draws = np.random.standard_normal((paths // 2, steps))
    draws = np.concatenate([draws, -draws])
    logs = np.cumsum((rate - 0.5 * volatility**2) * dt + volatility * np.sqrt(dt) * draws, axis=1)
    averages = (spot * np.exp(logs)).mean(axis=1)
    payoffs = np.exp(-rate * years) * np.maximum(averages - strike, 0.0)
    return payoffs.mean(), payoffs.std(ddof=1) / np.sqrt(paths)


def arguments(size, seed=0):
    paths, steps = {"small": (20, 6), "bench": (20_000, 50)}[size]
    return np.float64(100.0 + seed), 100.0, 1.0, 0.03, np.float64(0.25), paths, steps
