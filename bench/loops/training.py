"""The perceptron's training step, its gradient and Adam written out by hand."""

from __future__ import annotations

import math

import numpy as np
from numba import njit


@njit
def adam(weight, gradient, first, second, rate, count):
    """One parameter's update, in place. All arrays are of one dimension."""
    f = weight.dtype.type
    a, b = f(1) - f(0.9) ** f(count), f(1) - f(0.999) ** f(count)
    for i in range(weight.size):
        g = gradient[i]
        first[i] = f(0.9) * first[i] + f(0.1) * g
        second[i] = f(0.999) * second[i] + f(0.001) * g * g
        weight[i] -= f(rate) * (first[i] / a) / (math.sqrt(second[i] / b) + f(1e-8))


def perceptron_step(x, labels, weights, first, second, rate, count):
    """Forward, cross-entropy, backward, Adam. `weights`, `first`, `second`: w1, b1, w2, b2, of which the matrices are (out, in)."""
    f = x.dtype.type
    w1, b1, w2, b2 = weights
    rows = x.shape[0]
    inner = np.maximum(np.dot(x, w1.T) + b1, f(0))
    scores = np.dot(inner, w2.T) + b2
    loss = f(0)
    for i in range(rows):
        top = scores[i].max()
        chosen = scores[i, labels[i]]
        total = f(0)
        for j in range(scores.shape[1]):
            scores[i, j] = math.exp(scores[i, j] - top)
            total += scores[i, j]
        loss += math.log(total) + top - chosen
        for j in range(scores.shape[1]):
            scores[i, j] /= total * f(rows)
        scores[i, labels[i]] -= f(1) / f(rows)
    back = np.dot(scores, w2)
    for i in range(rows):
        for j in range(back.shape[1]):
            if inner[i, j] <= 0:
                back[i, j] = 0
    adam(w1.reshape(-1), np.dot(back.T, x).reshape(-1), first[0].reshape(-1), second[0].reshape(-1), rate, count)
    adam(b1, back.sum(0), first[1], second[1], rate, count)
    adam(w2.reshape(-1), np.dot(scores.T, inner).reshape(-1), first[2].reshape(-1), second[2].reshape(-1), rate, count)
    adam(b2, scores.sum(0), first[3], second[3], rate, count)
    return loss / f(rows)
