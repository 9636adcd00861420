"""Pictures and transforms, pixel by pixel."""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange


@njit(parallel=True)
def convolution(image, kernel):
    high, wide = image.shape
    rows, columns = kernel.shape
    padded = np.empty((high + rows - 1, wide + columns - 1), image.dtype)
    for i in prange(padded.shape[0]):
        for j in range(padded.shape[1]):
            padded[i, j] = image[min(max(i - rows // 2, 0), high - 1), min(max(j - columns // 2, 0), wide - 1)]
    result = np.zeros_like(image)
    for i in prange(high):
        for a in range(rows):
            for b in range(columns):
                weight = kernel[rows - 1 - a, columns - 1 - b]
                for j in range(wide):
                    result[i, j] += weight * padded[i + a, j + b]
    return result


@njit(parallel=True)
def sobel(image):
    high, wide = image.shape
    strength, direction = np.empty((high - 2, wide - 2), np.uint8), np.empty((high - 2, wide - 2), np.float32)
    gray = image.astype(np.float32) / np.float32(255)
    two = np.float32(2)
    for i in prange(high - 2):
        for j in range(wide - 2):
            a, b, c, d = gray[i, j], gray[i, j + 2], gray[i + 2, j], gray[i + 2, j + 2]
            across = b + two * gray[i + 1, j + 2] + d - a - two * gray[i + 1, j] - c
            down = c + two * gray[i + 2, j + 1] + d - a - two * gray[i, j + 1] - b
            strength[i, j] = np.uint8(min(math.sqrt(across * across + down * down) * np.float32(64), np.float32(255)))
            direction[i, j] = math.atan2(down, across)
    return strength, direction


@njit(parallel=True)
def median_filter(image):
    high, wide = image.shape
    filtered, changed = np.empty_like(image), 0
    for i in prange(high):
        window = np.empty(9)
        for j in range(wide):
            for a in range(3):
                for b in range(3):
                    y, x = abs(i + a - 1), abs(j + b - 1)
                    window[3 * a + b] = image[y if y < high else 2 * high - 2 - y, x if x < wide else 2 * wide - 2 - x]
            for k in range(1, 9):  # sorted by insertion
                value, place = window[k], k
                while place > 0 and window[place - 1] > value:
                    window[place] = window[place - 1]
                    place -= 1
                window[place] = value
            filtered[i, j] = window[4]
            changed += window[4] != image[i, j]
    return filtered, changed


@njit(parallel=True)
def resize(image, high, wide):
    rows, columns, colours = image.shape
    result = np.empty((high, wide, colours), np.uint8)
    for i in prange(high):
        y = min(max((i + 0.5) * rows / high - 0.5, 0.0), rows - 1.0)
        y0 = int(y)
        y1, fy = min(y0 + 1, rows - 1), y - y0
        for j in range(wide):
            x = min(max((j + 0.5) * columns / wide - 0.5, 0.0), columns - 1.0)
            x0 = int(x)
            x1, fx = min(x0 + 1, columns - 1), x - x0
            for c in range(colours):
                top = image[y0, x0, c] * (1 - fx) + image[y0, x1, c] * fx
                bottom = image[y1, x0, c] * (1 - fx) + image[y1, x1, c] * fx
                result[i, j, c] = np.uint8(np.rint(top * (1 - fy) + bottom * fy))
    return result


@njit(parallel=True)
def _blocks(image, quanta, d):
    high, wide = image.shape
    result, errors, zeros = np.empty_like(image), np.zeros(high // 8), np.zeros(high // 8)
    transposed = np.ascontiguousarray(d.T)
    for row in prange(high // 8):
        for column in range(wide // 8):
            block = image[8 * row : 8 * row + 8, 8 * column : 8 * column + 8].astype(np.float64) - 128
            coefficients = np.rint(d @ block @ transposed / quanta)
            back = transposed @ (coefficients * quanta) @ d
            for i in range(8):
                for j in range(8):
                    value = np.uint8(min(max(np.rint(back[i, j] + 128), 0.0), 255.0))
                    result[8 * row + i, 8 * column + j] = value
                    errors[row] += (block[i, j] + 128 - value) ** 2
                    zeros[row] += coefficients[i, j] == 0
    return result, zeros.sum() / image.size, 10 * np.log10(255**2 / (errors.sum() / image.size))


_QUANTA = np.array([
    [16, 11, 10, 16, 24, 40, 51, 61], [12, 12, 14, 19, 26, 58, 60, 55], [14, 13, 16, 24, 40, 57, 69, 56], [14, 17, 22, 29, 51, 87, 80, 62],
    [18, 22, 37, 56, 68, 109, 103, 77], [24, 35, 55, 64, 81, 104, 113, 92], [49, 64, 78, 87, 103, 121, 120, 101], [72, 92, 95, 98, 112, 100, 103, 99],
], float)  # fmt: skip
_K = np.arange(8)
_MATRIX = np.sqrt(2.0 / 8) * np.cos(np.pi * (2 * _K[np.newaxis, :] + 1) * _K[:, np.newaxis] / 16)
_MATRIX[0] /= np.sqrt(2.0)


def cosine_transform(image):
    return _blocks(image, _QUANTA, _MATRIX)


@njit
def fft_by_hand(x):
    n = len(x)
    bits = 0
    while 1 << bits < n:
        bits += 1
    spectrum = np.empty(n, np.complex128)
    for k in range(n):  # in the order of reversed bits
        place, rest = 0, k
        for _ in range(bits):
            place, rest = 2 * place + rest % 2, rest // 2
        spectrum[place] = x[k]
    twiddles = np.exp(-2j * np.pi * np.arange(n // 2) / n)
    half = 1
    while half < n:
        for start in range(0, n, 2 * half):
            for k in range(half):
                odd = twiddles[k * (n // (2 * half))] * spectrum[start + half + k]
                even = spectrum[start + k]
                spectrum[start + k], spectrum[start + half + k] = even + odd, even - odd
        half *= 2
    return spectrum
