"""American puts by the binomial tree of Cox, Ross and Rubinstein (J. Financial Economics 7, 1979): the slices shorten step by step."""

import numpy as np


def binomial_tree(spot, strike, years, rate, volatility, steps):
    """The price of a put on each of the spots."""
    dt = years / steps
    up = np.exp(volatility * np.sqrt(dt))
    chance = (np.exp(rate * dt) - 1.0 / up) / (up - 1.0 / up)
    discount = np.exp(-rate * dt)
    prices = spot[:, np.newaxis] * up ** (2.0 * np.arange(steps + 1) - steps)
    values = np.maximum(strike - prices, 0.0)
    for _ in range(steps):
        prices = prices[:, 1:] / up
        held = discount * (chance * values[:, 1:] + (1.0 - chance) * values[:, :-1])
        values = np.maximum(held, strike - prices)
    return values[:, 0]


def arguments(size, seed=0):
    draw, (count, steps) = np.random.default_rng(seed), {"small": (3, 8), "bench": (50, 200)}[size]
    return draw.uniform(80, 120, count), 100.0, 1.0, 0.05, 0.3, steps
