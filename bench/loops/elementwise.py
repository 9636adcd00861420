"""Elementwise chains as loops."""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange

COEFFICIENTS = np.array([1.0 / (k + 1) for k in range(100)])


def gelu(x):
    f = x.dtype.type
    out = np.empty_like(x)
    for i in prange(x.size):
        v = x[i]
        out[i] = f(0.5) * v * (f(1) + math.tanh(f(0.7978845608) * (v + f(0.044715) * v * v * v)))
    return out


@njit
def normal_cdf(x, f):
    t = f(1) / (f(1) + f(0.2316419) * abs(x))
    poly = t * (f(0.319381530) + t * (f(-0.356563782) + t * (f(1.781477937) + t * (f(-1.821255978) + t * f(1.330274429)))))
    tail = math.exp(f(-0.5) * x * x) * f(0.3989422804) * poly
    return f(1) - tail if x > 0 else tail


def black_scholes(spot, strike, years):
    f = spot.dtype.type
    out = np.empty_like(spot)
    for i in prange(spot.size):
        s, k, t = spot[i], strike[i], years[i]
        spread = f(0.3) * math.sqrt(t)
        d1 = (math.log(s / k) + f(0.075) * t) / spread
        out[i] = s * normal_cdf(d1, f) - k * math.exp(f(-0.03) * t) * normal_cdf(d1 - spread, f)
    return out


def polynomial(x):
    coefficients = COEFFICIENTS.astype(x.dtype)
    out = np.empty_like(x)
    for i in prange(x.size):
        total = coefficients[99]
        for k in range(98, -1, -1):
            total = total * x[i] + coefficients[k]
        out[i] = total
    return out


def multiply_add_one(a, b):
    f = a.dtype.type
    out = np.empty_like(a)
    for i in range(a.size):
        out[i] = a[i] * b[i] + f(1)
    return out


def add(a, b):
    out = np.empty_like(a)
    for i in prange(a.size):
        out[i] = a[i] + b[i]
    return out


def multiply_add(a, b, c):
    out = np.empty_like(a)
    for i in prange(a.size):
        out[i] = a[i] * b[i] + c[i]
    return out


def copy(a):
    out = np.empty_like(a)
    for i in prange(a.size):
        out[i] = a[i]
    return out
