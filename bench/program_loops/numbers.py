"""Finance, statistics, learning and graphs."""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange


@njit
def _normal_cdf(x):
    k = 1.0 / (1.0 + 0.2316419 * abs(x))
    tail = k * (0.319381530 + k * (-0.356563782 + k * (1.781477937 + k * (-1.821255978 + k * 1.330274429))))
    tail = tail * math.exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi)
    return 1.0 - tail if x >= 0.0 else tail


@njit(parallel=True)
def black_scholes(spot, strike, years, rate, volatility):
    call, put, delta, vega = np.empty_like(spot), np.empty_like(spot), np.empty_like(spot), np.empty_like(spot)
    for i in prange(spot.size):
        root = volatility[i] * math.sqrt(years[i])
        d1 = (math.log(spot[i] / strike[i]) + (rate + 0.5 * volatility[i] ** 2) * years[i]) / root
        paid = strike[i] * math.exp(-rate * years[i])
        delta[i] = _normal_cdf(d1)
        call[i] = spot[i] * delta[i] - paid * _normal_cdf(d1 - root)
        put[i] = call[i] - spot[i] + paid
        vega[i] = spot[i] * math.sqrt(years[i]) * math.exp(-0.5 * d1**2) / math.sqrt(2.0 * math.pi)
    return call, put, delta, vega


@njit(parallel=True)
def binomial_tree(spot, strike, years, rate, volatility, steps):
    dt = years / steps
    up = math.exp(volatility * math.sqrt(dt))
    chance = (math.exp(rate * dt) - 1.0 / up) / (up - 1.0 / up)
    discount = math.exp(-rate * dt)
    result = np.empty_like(spot)
    for s in prange(spot.size):
        prices, values = np.empty(steps + 1), np.empty(steps + 1)
        for k in range(steps + 1):
            prices[k] = spot[s] * up ** (2.0 * k - steps)
            values[k] = max(strike - prices[k], 0.0)
        for step in range(steps - 1, -1, -1):
            for k in range(step + 1):
                prices[k] = prices[k + 1] / up
                values[k] = max(discount * (chance * values[k + 1] + (1.0 - chance) * values[k]), strike - prices[k])
        result[s] = values[0]
    return result


@njit
def _payoff(draws, sign, spot, strike, drift, step, discount):
    total, log = 0.0, 0.0
    for k in range(draws.size):
        log += drift + step * sign * draws[k]
        total += spot * math.exp(log)
    return discount * max(total / draws.size - strike, 0.0)


@njit(parallel=True)
def _payoffs(draws, spot, strike, drift, step, discount):
    half = draws.shape[0]
    payoffs = np.empty(2 * half)
    for p in prange(half):
        payoffs[p] = _payoff(draws[p], 1.0, spot, strike, drift, step, discount)
        payoffs[half + p] = _payoff(draws[p], -1.0, spot, strike, drift, step, discount)
    return payoffs


def monte_carlo(spot, strike, years, rate, volatility, paths, steps):
    dt = years / steps
    draws = np.random.standard_normal((paths // 2, steps))  # by NumPy, whose numbers Numba's own generator does not give
    payoffs = _payoffs(draws, spot, strike, (rate - 0.5 * volatility**2) * dt, volatility * np.sqrt(dt), np.exp(-rate * years))
    return payoffs.mean(), payoffs.std(ddof=1) / np.sqrt(paths)


@njit
def _interpolate(at, x, y):
    if at <= x[0]:
        return y[0]
    if at >= x[-1]:
        return y[-1]
    k = np.searchsorted(x, at, side="right") - 1
    return y[k] + (y[k + 1] - y[k]) / (x[k + 1] - x[k]) * (at - x[k])


@njit(parallel=True)
def cumulative_integral(x, density, uniform):
    n = len(x)
    density, cumulative = np.maximum(density, 0.0), np.zeros(n)
    for k in range(1, n):
        cumulative[k] = cumulative[k - 1] + 0.5 * (density[k] + density[k - 1]) * (x[k] - x[k - 1])
    total, mean, variance = cumulative[-1], 0.0, 0.0
    cumulative /= total
    density = density / total
    for k in range(1, n):
        mean += 0.5 * (x[k] * density[k] + x[k - 1] * density[k - 1]) * (x[k] - x[k - 1])
    for k in range(1, n):
        variance += 0.5 * ((x[k] - mean) ** 2 * density[k] + (x[k - 1] - mean) ** 2 * density[k - 1]) * (x[k] - x[k - 1])
    quartiles, samples = np.empty(3), np.empty(uniform.size)
    for k in range(3):
        quartiles[k] = _interpolate(0.25 * (k + 1), cumulative, x)
    for k in prange(uniform.size):
        samples[k] = _interpolate(uniform[k], cumulative, x)
    return cumulative, mean, math.sqrt(variance), quartiles, samples


@njit
def _softmax_rows(scores, labels):
    """Softmax in place; the sum of the losses."""
    loss = 0.0
    for i in range(scores.shape[0]):
        most = scores[i].max()
        total = 0.0
        for j in range(scores.shape[1]):
            scores[i, j] = math.exp(scores[i, j] - most)
            total += scores[i, j]
        for j in range(scores.shape[1]):
            scores[i, j] /= total
        loss -= math.log(scores[i, labels[i]])
    return loss


@njit
def softmax_regression(x, labels, weights, bias, epochs, rate=0.1, decay=1e-3):
    count, losses = len(labels), np.empty(epochs)
    speed_w, speed_b = np.zeros_like(weights), np.zeros_like(bias)
    transposed = np.ascontiguousarray(x.T)
    for epoch in range(epochs):
        p = x @ weights + bias
        losses[epoch] = _softmax_rows(p, labels) / count + decay * (weights**2).sum()
        for i in range(count):
            p[i, labels[i]] -= 1.0
        p /= count
        speed_w = 0.9 * speed_w - rate * (transposed @ p + 2 * decay * weights)
        speed_b = 0.9 * speed_b - rate * p.sum(axis=0)
        weights += speed_w
        bias += speed_b
    right, scores = 0, x @ weights + bias
    for i in range(count):
        right += scores[i].argmax() == labels[i]
    return losses, right / count


@njit(parallel=True)
def _cross_entropy(scores, labels, smoothing, gradient, losses, taken):
    count, classes = scores.shape
    off = np.float32(smoothing / classes)
    on = np.float32(1 - smoothing) + off
    for i in prange(count):
        most, total, loss = scores[i, 0], np.float32(0), np.float32(0)
        taken[i] = 0
        for j in range(1, classes):
            if scores[i, j] > most:
                most, taken[i] = scores[i, j], j
        for j in range(classes):
            gradient[i, j] = math.exp(scores[i, j] - most)
            total += gradient[i, j]
        log = math.log(total)
        for j in range(classes):
            wanted = on if j == labels[i] else off
            loss += wanted * (scores[i, j] - most - log)
            gradient[i, j] = (gradient[i, j] / total - wanted) / np.float32(count)
        losses[i] = loss


def cross_entropy(scores, labels, smoothing=0.1):
    count, classes = scores.shape
    gradient, losses, taken = np.empty_like(scores), np.empty(count, scores.dtype), np.empty(count, np.int64)
    _cross_entropy(scores, labels, smoothing, gradient, losses, taken)
    return -losses.mean(), gradient, np.bincount(labels * classes + taken, minlength=classes * classes).reshape(classes, classes)


@njit(parallel=True)
def _shorten(lengths, k):
    n = lengths.shape[0]
    for i in prange(n):
        start = lengths[i, k]
        for j in range(n):
            lengths[i, j] = min(lengths[i, j], start + lengths[k, j])


@njit
def floyd_warshall(weights):
    lengths = weights.copy()
    for i in range(lengths.shape[0]):
        lengths[i, i] = 0.0
    for k in range(lengths.shape[0]):
        _shorten(lengths, k)
    return lengths


@njit(parallel=True)
def haversine(here, there):
    distances = np.empty((len(here), len(there)))
    radians = math.pi / 180.0
    for i in prange(len(here)):
        latitude, longitude = here[i, 0] * radians, here[i, 1] * radians
        for j in range(len(there)):
            north = there[j, 0] * radians
            up = math.sin((north - latitude) / 2.0) ** 2
            along = math.cos(latitude) * math.cos(north) * math.sin((there[j, 1] * radians - longitude) / 2.0) ** 2
            distances[i, j] = 2.0 * 6371.0088 * math.asin(math.sqrt(min(1.0, up + along)))
    return distances


@njit(parallel=True)
def crc32(messages):
    table = np.empty(256, np.uint32)
    for byte in range(256):
        register = np.uint32(byte)
        for _ in range(8):
            register = (register >> np.uint32(1)) ^ np.uint32(0xEDB88320) if register & np.uint32(1) else register >> np.uint32(1)
        table[byte] = register
    checksums = np.empty(messages.shape[0], np.uint32)
    for m in prange(messages.shape[0]):
        register = np.uint32(0xFFFFFFFF)
        for k in range(messages.shape[1]):
            register = table[(register ^ messages[m, k]) & np.uint32(0xFF)] ^ (register >> np.uint32(8))
        checksums[m] = register ^ np.uint32(0xFFFFFFFF)
    return checksums
