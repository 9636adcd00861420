"""Lorenz' equations (J. Atmos. Sci. 20, 1963) for an ensemble of starts: fixed steps of the classical Runge–Kutta method, written into `out`."""

import numpy as np


def slope(state, sigma, rho, beta):
    x, y, z = state[..., 0], state[..., 1], state[..., 2]
    return np.stack((sigma * (y - x), x * (rho - z) - y, x * y - beta * z), axis=-1)


def lorenz(start, dt, out, sigma=10.0, rho=28.0, beta=8.0 / 3.0):
    """Fill `out` (times, members, 3); the spread of the ensemble at each time."""
    state = start
    for step in range(out.shape[0]):
        k1 = slope(state, sigma, rho, beta)
        k2 = slope(state + 0.5 * dt * k1, sigma, rho, beta)
        k3 = slope(state + 0.5 * dt * k2, sigma, rho, beta)
        k4 = slope(state + dt * k3, sigma, rho, beta)
        state = state + dt / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
        out[step] = state
    return np.linalg.norm(out.std(axis=1), axis=-1)


def arguments(size, seed=0):
    draw, (members, steps) = np.random.default_rng(seed), {"small": (3, 5), "bench": (500, 100)}[size]
    return np.array([1.0, 1.0, 20.0]) + 0.1 * draw.normal(size=(members, 3)), 0.01, np.empty((steps, members, 3))
