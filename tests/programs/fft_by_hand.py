"""A Fourier transform of a power of two by hand: all butterflies of a stage at once, on an array that changes its shape."""

import numpy as np


def fft_by_hand(x):
    """The discrete Fourier transform of a vector; the same as numpy.fft.fft but for rounding."""
    x = np.asarray(x)
    n = x.shape[0]
    if n & (n - 1):
        raise ValueError(f"a power of two is needed, not {n}")
    least = min(n, 32)
    k = np.arange(least)
    base = np.exp(-2j * np.pi * k * k[:, np.newaxis] / least)
    spectrum = np.dot(base, x.reshape((least, -1)))
    while spectrum.shape[0] < n:
        even, odd = spectrum[:, : spectrum.shape[1] // 2], spectrum[:, spectrum.shape[1] // 2 :]
        twiddle = np.exp(-1j * np.pi * np.arange(spectrum.shape[0]) / spectrum.shape[0])[:, np.newaxis]
        spectrum = np.vstack([even + twiddle * odd, even - twiddle * odd])
    return spectrum.ravel()


def arguments(size, seed=0):
    draw, n = np.random.default_rng(seed), {"small": 128, "bench": 1 << 14}[size]
    return (draw.normal(size=n),)
