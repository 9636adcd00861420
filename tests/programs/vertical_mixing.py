"""Implicit vertical mixing of a column after another: three diagonals, solved by LAPACK through SciPy."""

import numpy as np
from scipy.linalg import solve_banded


def vertical_mixing(tracer, diffusivity, dz, dt):
    """Tracer after a step of backward Euler; `tracer` (columns, depths), `diffusivity` (columns, depths - 1)."""
    columns, depths = tracer.shape
    flow = dt * diffusivity / dz**2
    bands = np.zeros((3, depths))
    mixed = np.empty_like(tracer)
    for c in range(columns):
        bands[0, 1:] = -flow[c]
        bands[2, :-1] = -flow[c]
        bands[1] = 1.0
        bands[1, 1:] += flow[c]
        bands[1, :-1] += flow[c]
        mixed[c] = solve_banded((1, 1), bands, tracer[c])
    return mixed


def arguments(size, seed=0):
    draw, (columns, depths) = np.random.default_rng(seed), {"small": (5, 8), "bench": (200, 64)}[size]
    return draw.uniform(0, 30, (columns, depths)), draw.uniform(1e-5, 1e-2, (columns, depths - 1)), 10.0, 3600.0
