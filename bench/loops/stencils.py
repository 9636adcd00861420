"""Stencils as nested loops."""

from __future__ import annotations

import numpy as np
from numba import njit, prange


def five_points(u):
    f = u.dtype.type
    out = np.empty((u.shape[0] - 2, u.shape[1] - 2), u.dtype)
    for i in prange(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = f(0.5) * u[i + 1, j + 1] + f(0.125) * (u[i, j + 1] + u[i + 2, j + 1] + u[i + 1, j] + u[i + 1, j + 2])
    return out


def seven_points(u):
    f = u.dtype.type
    out = np.empty((u.shape[0] - 2, u.shape[1] - 2, u.shape[2] - 2), u.dtype)
    for i in prange(out.shape[0]):
        for j in range(out.shape[1]):
            for k in range(out.shape[2]):
                a, b, c = i + 1, j + 1, k + 1
                around = u[i, b, c] + u[a + 1, b, c] + u[a, j, c] + u[a, b + 1, c] + u[a, b, k] + u[a, b, c + 1]
                out[i, j, k] = f(0.4) * u[a, b, c] + f(0.1) * around
    return out


_five_points, _seven_points = njit(parallel=True)(five_points), njit(parallel=True)(seven_points)


def five_points_repeated(u):
    for _ in range(10):
        u = _five_points(u)
    return u


def seven_points_repeated(u):
    for _ in range(10):
        u = _seven_points(u)
    return u
