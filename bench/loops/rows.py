"""Normalisations and losses, row by row."""

from __future__ import annotations

import math

import numpy as np
from numba import prange


def softmax(x):
    f = x.dtype.type
    out = np.empty_like(x)
    for i in prange(x.shape[0]):
        top = x[i].max()
        total = f(0)
        for j in range(x.shape[1]):
            out[i, j] = math.exp(x[i, j] - top)
            total += out[i, j]
        for j in range(x.shape[1]):
            out[i, j] /= total
    return out


def layer_norm_gelu(x, weight, bias):
    f = x.dtype.type
    out = np.empty_like(x)
    n = x.shape[1]
    for i in prange(x.shape[0]):
        mean = f(0)
        for j in range(n):
            mean += x[i, j]
        mean /= f(n)
        variance = f(0)
        for j in range(n):
            variance += (x[i, j] - mean) * (x[i, j] - mean)
        scale = f(1) / math.sqrt(variance / f(n) + f(1e-5))
        for j in range(n):
            y = (x[i, j] - mean) * scale * weight[j] + bias[j]
            out[i, j] = f(0.5) * y * (f(1) + math.tanh(f(0.7978845608) * (y + f(0.044715) * y * y * y)))
    return out


def rms_norm(x, weight):
    f = x.dtype.type
    out = np.empty_like(x)
    n = x.shape[1]
    for i in prange(x.shape[0]):
        squares = f(0)
        for j in range(n):
            squares += x[i, j] * x[i, j]
        scale = f(1) / math.sqrt(squares / f(n) + f(1e-5))
        for j in range(n):
            out[i, j] = x[i, j] * scale * weight[j]
    return out


def log_sum_exp_loss(x):
    f = x.dtype.type
    losses = np.empty(x.shape[0], x.dtype)
    for i in prange(x.shape[0]):
        top = x[i].max()
        total = f(0)
        for j in range(x.shape[1]):
            total += math.exp(x[i, j] - top)
        losses[i] = math.log(total) + top - x[i, 0]
    return f(losses.mean())


def cross_entropy(x, labels):
    f = x.dtype.type
    rows, columns = x.shape
    losses = np.empty(rows, x.dtype)
    gradient = np.empty_like(x)
    for i in prange(rows):
        top = x[i].max()
        total = f(0)
        for j in range(columns):
            gradient[i, j] = math.exp(x[i, j] - top)
            total += gradient[i, j]
        losses[i] = math.log(total) + top - x[i, labels[i]]
        for j in range(columns):
            gradient[i, j] /= total * f(rows)
        gradient[i, labels[i]] -= f(1) / f(rows)
    return f(losses.mean()), gradient
