"""A small network trained by hand in mini-batches, shuffled with np.random; its parameters live in a dictionary that is changed in place."""

import numpy as np


def forward(parameters, x):
    hidden = np.tanh(x @ parameters["w1"] + parameters["b1"])
    return hidden, hidden @ parameters["w2"] + parameters["b2"]


def perceptron(parameters, x, y, epochs, batch, rate=0.05):
    """The mean squared error over all data after each epoch."""
    errors = []
    for _ in range(epochs):
        order = np.random.permutation(len(x))
        for start in range(0, len(x), batch):
            rows = order[start : start + batch]
            hidden, guess = forward(parameters, x[rows])
            back = 2.0 * (guess - y[rows]) / len(rows)
            inner = (back @ parameters["w2"].T) * (1.0 - hidden**2)
            for name, gradient in (("w2", hidden.T @ back), ("b2", back.sum(0)), ("w1", x[rows].T @ inner), ("b1", inner.sum(0))):
                parameters[name] -= rate * gradient
        errors.append(float(np.mean((forward(parameters, x)[1] - y) ** 2)))
    return errors


def arguments(size, seed=0):
    draw, (count, wide, batch, epochs) = np.random.default_rng(seed), {"small": (12, 4, 5, 2), "bench": (512, 32, 32, 3)}[size]
    x = draw.uniform(-2, 2, (count, 2))
    parameters = {"w1": draw.normal(size=(2, wide)), "b1": np.zeros(wide), "w2": draw.normal(size=(wide, 1)) / wide, "b2": np.zeros(1)}
    return parameters, x, np.sin(x[:, :1]) * x[:, 1:], epochs, batch
