"""The wave equation on a membrane by leapfrog: three arrays change places, and the rim lets waves out."""

import numpy as np


def wave(u, speed, steps, source):
    """The membrane after so many steps, driven at its middle, and its largest height at any time."""
    before, highest = u.copy(), np.zeros_like(u)
    middle = u.shape[0] // 2, u.shape[1] // 2
    r = speed**2
    absorbed = (np.sqrt(r.max()) - 1) / (np.sqrt(r.max()) + 1)
    for step in range(steps):
        after = np.zeros_like(u)
        after[1:-1, 1:-1] = 2 * u[1:-1, 1:-1] - before[1:-1, 1:-1] + r[1:-1, 1:-1] * (
            u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2] - 4 * u[1:-1, 1:-1]
        )  # fmt: skip
        after[0] = u[1] + absorbed * (after[1] - u[0])
        after[-1] = u[-2] + absorbed * (after[-2] - u[-1])
        after[:, 0] = u[:, 1] + absorbed * (after[:, 1] - u[:, 0])
        after[:, -1] = u[:, -2] + absorbed * (after[:, -2] - u[:, -1])
        after[middle] += source[step]
        before, u = u, after
        np.maximum(highest, np.abs(u), out=highest)
    return u, highest


def arguments(size, seed=0):
    draw, (n, steps) = np.random.default_rng(seed), {"small": (9, 4), "bench": (200, 60)}[size]
    return np.zeros((n, n)), draw.uniform(0.3, 0.6, (n, n)), steps, np.sin(0.3 * np.arange(steps))
