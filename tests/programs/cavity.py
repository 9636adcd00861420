"""Flow in a square box under a moving lid: time steps, and within each the pressure by sweeps until it no longer changes."""

import numpy as np


def divergence_source(u, v, rho, dt, h):
    b = np.zeros_like(u)
    du, dv = (u[1:-1, 2:] - u[1:-1, :-2]) / (2 * h), (v[2:, 1:-1] - v[:-2, 1:-1]) / (2 * h)
    cross = (u[2:, 1:-1] - u[:-2, 1:-1]) / (2 * h) * (v[1:-1, 2:] - v[1:-1, :-2]) / (2 * h)
    b[1:-1, 1:-1] = rho * ((du + dv) / dt - du**2 - 2 * cross - dv**2)
    return b


def pressure(p, b, h, tolerance, most=500):
    """Solve in place; the number of sweeps."""
    for sweep in range(most):
        before = p.copy()
        p[1:-1, 1:-1] = 0.25 * (before[1:-1, 2:] + before[1:-1, :-2] + before[2:, 1:-1] + before[:-2, 1:-1] - h**2 * b[1:-1, 1:-1])
        p[:, -1] = p[:, -2]
        p[0, :] = p[1, :]
        p[:, 0] = p[:, 1]
        p[-1, :] = 0
        if np.abs(p - before).sum() <= tolerance * (np.abs(before).sum() + 1e-12):
            return sweep + 1
    return most


def cavity(u, v, p, steps, dt=0.001, rho=1.0, nu=0.1, tolerance=1e-3):
    """Step the flow in place; the sweeps that each step took."""
    h, sweeps = 2.0 / (u.shape[0] - 1), []
    for _ in range(steps):
        sweeps.append(pressure(p, divergence_source(u, v, rho, dt, h), h, tolerance))
        un, vn = u.copy(), v.copy()
        for new, old, slope in ((u, un, p[1:-1, 2:] - p[1:-1, :-2]), (v, vn, p[2:, 1:-1] - p[:-2, 1:-1])):
            inner = old[1:-1, 1:-1]
            carried = un[1:-1, 1:-1] * (inner - old[1:-1, :-2]) + vn[1:-1, 1:-1] * (inner - old[:-2, 1:-1])
            spread = old[1:-1, 2:] + old[1:-1, :-2] + old[2:, 1:-1] + old[:-2, 1:-1] - 4 * inner
            new[1:-1, 1:-1] = inner - dt / h * carried - dt / (2 * rho * h) * slope + nu * dt / h**2 * spread
        u[0, :] = u[:, 0] = u[:, -1] = 0
        v[0, :] = v[-1, :] = v[:, 0] = v[:, -1] = 0
        u[-1, :] = 1
    return sweeps


def arguments(size, seed=0):
    draw, (n, steps) = np.random.default_rng(seed), {"small": (9, 3), "bench": (41, 20)}[size]
    u, v = draw.normal(0, 0.01, (2, n, n))
    return u, v, np.zeros((n, n)), steps
