"""A picture's blocks of 8×8 through the discrete cosine transform, quantised as JPEG does (ITU-T T.81, table K.1), and back."""

import numpy as np

QUANTA = np.array([
    [16, 11, 10, 16, 24, 40, 51, 61], [12, 12, 14, 19, 26, 58, 60, 55], [14, 13, 16, 24, 40, 57, 69, 56], [14, 17, 22, 29, 51, 87, 80, 62],
    [18, 22, 37, 56, 68, 109, 103, 77], [24, 35, 55, 64, 81, 104, 113, 92], [49, 64, 78, 87, 103, 121, 120, 101], [72, 92, 95, 98, 112, 100, 103, 99],
])  # fmt: skip


def dct_matrix(n=8):
    k = np.arange(n)
    matrix = np.sqrt(2.0 / n) * np.cos(np.pi * (2 * k[np.newaxis, :] + 1) * k[:, np.newaxis] / (2 * n))
    matrix[0] /= np.sqrt(2.0)
    return matrix


def cosine_transform(image):
    """The picture that is left, as uint8; the share of coefficients that are zero; the signal-to-noise ratio in decibels."""
    high, wide = image.shape
    d = dct_matrix()
    blocks = image.reshape(high // 8, 8, wide // 8, 8).swapaxes(1, 2).astype(float) - 128
    coefficients = np.round(d @ blocks @ d.T / QUANTA)
    back = d.T @ (coefficients * QUANTA) @ d + 128
    result = np.clip(np.rint(back), 0, 255).astype(np.uint8).swapaxes(1, 2).reshape(high, wide)
    error = np.mean((image.astype(float) - result) ** 2)
    return result, np.mean(coefficients == 0), 10 * np.log10(255**2 / error)


def arguments(size, seed=0):
    draw, n = np.random.default_rng(seed), {"small": 16, "bench": 256}[size]
    y, x = np.mgrid[:n, :n]
    return (np.clip(128 + 60 * np.sin(x / 9.0) + 40 * np.cos(y / 7.0) + draw.normal(0, 5, (n, n)), 0, 255).astype(np.uint8),)
