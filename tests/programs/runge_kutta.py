"""Runge–Kutta with adaptive steps: the pair of orders 5 and 4 of Dormand and Prince (J. Comput. Appl. Math. 6, 1980), on coupled oscillators."""

import numpy as np

A = (
    (),
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
)
ERROR = np.array([71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40])


def oscillators(y):
    """Van der Pol's, each pulled by its neighbours."""
    x, v = y
    pull = np.roll(x, 1) + np.roll(x, -1) - 2.0 * x
    return np.stack([v, 2.0 * (1.0 - x * x) * v - x + 0.5 * pull])


def runge_kutta(y, end, tolerance):
    """The state at the time `end`, and how many steps were kept and thrown away."""
    time, step, kept, rejected = 0.0, 0.01, 0, 0
    while time < end:
        step = min(step, end - time)
        slopes = []
        for row in A:
            slopes.append(oscillators(y + step * sum((a * k for a, k in zip(row, slopes)), np.zeros_like(y))))
        new = y + step * sum(a * k for a, k in zip(A[-1], slopes))
        error = step * np.tensordot(ERROR, np.array(slopes), axes=1)
        size = np.sqrt(np.mean((error / (tolerance * (1.0 + np.maximum(np.abs(y), np.abs(new))))) ** 2))
        if size <= 1.0:
            time, y, kept = time + step, new, kept + 1
        else:
            rejected += 1
        step *= min(5.0, max(0.2, 0.9 * (size + 1e-30) ** -0.2))
    return y, kept, rejected


def arguments(size, seed=0):
    draw, (count, end) = np.random.default_rng(seed), {"small": (4, 0.5), "bench": (64, 3.0)}[size]
    return draw.normal(size=(2, count)), end, 1e-6
