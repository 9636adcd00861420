"""Programs that are loops over elements already, and those that need no array at all: as natural here as in NumPy they are slow."""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange


@njit
def lu(a):
    n = a.shape[0]
    order = np.arange(n)
    for k in range(n):
        pivot = k + np.argmax(np.abs(a[k:, k]))
        if a[pivot, k] == 0.0:
            raise ValueError("the matrix is singular")
        for j in range(n):
            a[k, j], a[pivot, j] = a[pivot, j], a[k, j]
        order[k], order[pivot] = order[pivot], order[k]
        for i in range(k + 1, n):
            a[i, k] /= a[k, k]
            for j in range(k + 1, n):
                a[i, j] -= a[i, k] * a[k, j]
    return order


@njit
def cholesky(a, b):
    n = len(a)
    lower = np.zeros_like(a)
    for i in range(n):
        for j in range(i + 1):
            total = a[i, j]
            for k in range(j):
                total -= lower[i, k] * lower[j, k]
            lower[i, j] = math.sqrt(total) if i == j else total / lower[j, j]
    x = b.copy()
    for i in range(n):
        for k in range(i):
            x[i] -= lower[i, k] * x[k]
        x[i] /= lower[i, i]
    for i in range(n - 1, -1, -1):
        for k in range(i + 1, n):
            x[i] -= lower[k, i] * x[k]
        x[i] /= lower[i, i]
    return lower, x


@njit
def edit_distance(a, b):
    table = np.empty((len(a) + 1, len(b) + 1), np.int64)
    table[:, 0], table[0, :] = np.arange(len(a) + 1), np.arange(len(b) + 1)
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            cost = 0 if a[i - 1] == b[j - 1] else 1
            table[i, j] = min(table[i - 1, j] + 1, table[i, j - 1] + 1, table[i - 1, j - 1] + cost)
    return table[-1, -1], table


@njit(parallel=True)
def mandelbrot_mask(c, most):
    rows, columns = c.shape
    steps = np.empty(c.shape, np.int32)
    for i in prange(rows):
        for j in range(columns):
            z, steps[i, j] = 0j, most
            for step in range(most):
                z = z * z + c[i, j]
                if z.real * z.real + z.imag * z.imag > 4.0:
                    steps[i, j] = step
                    break
    return steps


@njit(parallel=True)
def mandelbrot_shrinking(x, y, most):
    image = np.zeros((y.size, x.size), np.int64)
    for i in prange(y.size):
        for j in range(x.size):
            zx, zy = x[j], y[i]
            for step in range(1, most + 1):
                zx, zy = zx * zx - zy * zy + x[j], 2.0 * zx * zy + y[i]
                if zx * zx + zy * zy > 4.0:
                    image[i, j] = step
                    break
    return image
