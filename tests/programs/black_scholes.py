"""European options by Black and Scholes, with their Greeks; the normal distribution by Abramowitz and Stegun, 26.2.17."""

import numpy as np


def normal_cdf(x):
    k = 1.0 / (1.0 + 0.2316419 * np.abs(x))
    tail = k * (0.319381530 + k * (-0.356563782 + k * (1.781477937 + k * (-1.821255978 + k * 1.330274429))))
    tail = tail * np.exp(-0.5 * x * x) / np.sqrt(2.0 * np.pi)
    return np.where(x >= 0.0, 1.0 - tail, tail)


def black_scholes(spot, strike, years, rate, volatility):
    """Prices of a call and a put, and the call's delta and vega."""
    root = volatility * np.sqrt(years)
    d1 = (np.log(spot / strike) + (rate + 0.5 * volatility**2) * years) / root
    d2 = d1 - root
    paid = strike * np.exp(-rate * years)
    delta = normal_cdf(d1)
    call = spot * delta - paid * normal_cdf(d2)
    put = call - spot + paid
    vega = spot * np.sqrt(years) * np.exp(-0.5 * d1**2) / np.sqrt(2.0 * np.pi)
    return call, put, delta, vega


def arguments(size, seed=0):
    draw, n = np.random.default_rng(seed), {"small": 50, "bench": 200_000}[size]
    return draw.uniform(50, 150, n), draw.uniform(50, 150, n), draw.uniform(0.1, 3, n), 0.03, draw.uniform(0.1, 0.5, n)
