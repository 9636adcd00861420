"""Softmax regression by hand: full-batch gradient descent with momentum, in place."""

import numpy as np


def softmax(scores):
    scores = scores - scores.max(axis=1, keepdims=True)
    e = np.exp(scores)
    return e / e.sum(axis=1, keepdims=True)


def softmax_regression(x, labels, weights, bias, epochs, rate=0.1, decay=1e-3):
    """Train `weights` and `bias` in place; the losses, and the accuracy at the end."""
    rows = np.arange(len(labels))
    speed_w, speed_b = np.zeros_like(weights), np.zeros_like(bias)
    losses = []
    for _ in range(epochs):
        p = softmax(x @ weights + bias)
        losses.append(-np.log(p[rows, labels]).mean() + decay * np.sum(weights**2))
        p[rows, labels] -= 1.0
        p /= len(labels)
        speed_w = 0.9 * speed_w - rate * (x.T @ p + 2 * decay * weights)
        speed_b = 0.9 * speed_b - rate * p.sum(axis=0)
        weights += speed_w
        bias += speed_b
    accuracy = (np.argmax(x @ weights + bias, axis=1) == labels).mean()
    return np.array(losses), accuracy


def arguments(size, seed=0):
    draw, (count, features, classes, epochs) = np.random.default_rng(seed), {"small": (12, 5, 3, 4), "bench": (1000, 64, 10, 20)}[size]
    x = draw.normal(size=(count, features))
    labels = np.argmax(x @ draw.normal(size=(features, classes)), axis=1)
    return x, labels, 0.01 * draw.normal(size=(features, classes)), np.zeros(classes), epochs
