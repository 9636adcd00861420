"""Which root of z³ = 1 Newton's iteration finds from each point of the plane, and in how many steps."""

import numpy as np


def newton_fractal(z, most, tolerance=1e-6):
    """The root's number (-1: none) and the steps, for each point of a complex array."""
    roots = np.exp(2j * np.pi * np.arange(3) / 3)
    found, steps = np.full(z.shape, -1, dtype=np.int8), np.zeros(z.shape, dtype=np.int16)
    for step in range(most):
        z = z - (z**3 - 1) / (3 * z**2)
        for number, root in enumerate(roots):
            arrived = (np.abs(z - root) < tolerance) & (found < 0)
            found[arrived] = number
            steps[arrived] = step + 1
        if (found >= 0).all():
            break
    return found, steps


def arguments(size, seed=0):
    draw, (n, most) = np.random.default_rng(seed), {"small": (7, 30), "bench": (150, 30)}[size]
    shift = draw.uniform(0.01, 0.02)
    return np.linspace(-2 + shift, 2 + shift, n) + 1j * np.linspace(-2 + shift, 2 + shift, n)[:, None], most
