"""Implicit vertical mixing of all columns in one call of LAPACK's tridiagonal solver, as a model of turbulence does."""

import numpy as np
from scipy.linalg import lapack


def diagonals(kappa, mask, dz, dt):
    """Lower, main and upper diagonals of (1 - dt ∂z κ ∂z), with nothing flowing through masked faces."""
    delta = dt * kappa[:, :, :-1] * mask[:, :, :-1] * mask[:, :, 1:] / (0.5 * (dz[:-1] + dz[1:]))
    lower, main, upper = np.zeros_like(kappa), np.ones_like(kappa), np.zeros_like(kappa)
    lower[:, :, 1:] = -delta / dz[1:]
    upper[:, :, :-1] = -delta / dz[:-1]
    main[:, :, 1:] += delta / dz[1:]
    main[:, :, :-1] += delta / dz[:-1]
    return lower, main, upper


def tridiagonal_blocks(energy, forcing, kappa, mask, dz, dt):
    """Turbulent kinetic energy after a step, in place; and what the floor at zero has added to it."""
    lower, main, upper = diagonals(kappa, mask, dz, dt)
    right = energy + dt * forcing * np.sqrt(np.maximum(energy, 0.0))
    solution = lapack.dgtsv(lower.flatten()[1:], main.flatten(), upper.flatten()[:-1], right.flatten())[3]
    solution = solution.reshape(energy.shape)
    added = np.where(solution < 0.0, -solution, 0.0) * mask
    energy[...] = np.where(mask > 0.0, np.maximum(solution, 0.0), energy)
    return added


def arguments(size, seed=0):
    draw, shape = np.random.default_rng(seed), {"small": (4, 5, 8), "bench": (84, 84, 26)}[size]
    mask = (draw.random(shape) < 0.9).astype(float)
    return draw.uniform(0, 1e-2, shape), draw.normal(0, 1e-2, shape), draw.uniform(0, 0.5, shape), mask, draw.uniform(5, 50, shape[2]), 3600.0
