"""The Mandelbrot set with a mask over the points that have not escaped."""

import numpy as np


def mandelbrot_mask(c, most):
    """For each point the number of the step in which it left the circle of radius 2, or `most`."""
    z = np.zeros_like(c)
    steps = np.full(c.shape, most, dtype=np.int32)
    inside = np.ones(c.shape, dtype=bool)
    for step in range(most):
        z[inside] = z[inside] * z[inside] + c[inside]
        escaped = inside & (z.real * z.real + z.imag * z.imag > 4.0)
        steps[escaped] = step
        inside &= ~escaped
        if not inside.any():
            break
    return steps


def arguments(size, seed=0):
    draw, (wide, high, most) = np.random.default_rng(seed), {"small": (9, 7, 12), "bench": (200, 150, 40)}[size]
    left, low = draw.uniform(-2.2, -1.8), draw.uniform(-1.2, -0.8)
    return np.linspace(left, left + 2.5, wide) + 1j * np.linspace(low, low + 2, high)[:, np.newaxis], most
