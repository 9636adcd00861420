"""Sums, means and variances of a matrix: double precision while summing, as 0.0 is to Numba."""

from __future__ import annotations

import numpy as np
from numba import njit, prange


def sum_first(x):
    totals = np.zeros(x.shape[1], x.dtype)
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            totals[j] += x[i, j]
    return totals


def sum_last(x):
    totals = np.empty(x.shape[0], x.dtype)
    for i in prange(x.shape[0]):
        total = 0.0
        for j in range(x.shape[1]):
            total += x[i, j]
        totals[i] = total
    return totals


def sum_all(x):
    total = 0.0
    for i in prange(x.shape[0]):
        for j in range(x.shape[1]):
            total += x[i, j]
    return x.dtype.type(total)


_sum_first = njit(sum_first)


def mean_first(x):
    return _sum_first(x) / x.dtype.type(x.shape[0])


def mean_last(x):
    means = np.empty(x.shape[0], x.dtype)
    for i in prange(x.shape[0]):
        total = 0.0
        for j in range(x.shape[1]):
            total += x[i, j]
        means[i] = total / x.shape[1]
    return means


def mean_all(x):
    total = 0.0
    for i in prange(x.shape[0]):
        for j in range(x.shape[1]):
            total += x[i, j]
    return x.dtype.type(total / x.size)


def var_first(x):
    f = x.dtype.type
    means = _sum_first(x) / f(x.shape[0])
    squares = np.zeros(x.shape[1], x.dtype)
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            squares[j] += (x[i, j] - means[j]) ** 2
    return squares / f(x.shape[0])


def var_last(x):
    variances = np.empty(x.shape[0], x.dtype)
    for i in prange(x.shape[0]):
        total = 0.0
        for j in range(x.shape[1]):
            total += x[i, j]
        mean = total / x.shape[1]
        squares = 0.0
        for j in range(x.shape[1]):
            squares += (x[i, j] - mean) ** 2
        variances[i] = squares / x.shape[1]
    return variances


def var_all(x):
    total = 0.0
    for i in prange(x.shape[0]):
        for j in range(x.shape[1]):
            total += x[i, j]
    mean = total / x.size
    squares = 0.0
    for i in prange(x.shape[0]):
        for j in range(x.shape[1]):
            squares += (x[i, j] - mean) ** 2
    return x.dtype.type(squares / x.size)
