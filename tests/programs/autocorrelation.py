"""The autocorrelation of a series, lag by lag and by Fourier transforms, and its integrated time."""

import numpy as np


def direct(x, lags):
    x = x - x.mean()
    variance = np.dot(x, x)
    return np.array([1.0] + [np.dot(x[:-lag], x[lag:]) / variance for lag in range(1, lags)])


def by_fourier(x, lags):
    x = x - np.mean(x)
    n = 2 ** int(np.ceil(np.log2(2 * len(x))))
    spectrum = np.fft.rfft(x, n)
    correlation = np.fft.irfft(spectrum * np.conj(spectrum), n)[:lags]
    return correlation / correlation[0]


def autocorrelation(x, lags):
    """By either way; and the integrated time, up to the first negative correlation."""
    rho = direct(x, lags)
    negative = np.flatnonzero(rho < 0)
    last = negative[0] if negative.size else lags
    return rho, by_fourier(x, lags), 1.0 + 2.0 * rho[1:last].sum()


def arguments(size, seed=0):
    draw, (count, lags) = np.random.default_rng(seed), {"small": (40, 6), "bench": (20_000, 50)}[size]
    noise, x = draw.normal(size=count), np.zeros(count)
    for k in range(1, count):
        x[k] = 0.8 * x[k - 1] + noise[k]
    return x, lags
