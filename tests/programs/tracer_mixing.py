"""Mixing of ocean tracers along and across slanted density surfaces: fluxes through cells' faces, written into five-dimensional arrays.

The rotated tensor of Redi (J. Phys. Oceanogr. 12, 1982) for small slopes. Axes: longitude, latitude, depth, time level, tracer.
"""

import numpy as np


def tracer_mixing(tracer, tendency, slope_x, slope_y, mask, dx, dy, dz, dt, kappa=1000.0, now=0, after=1):
    """Step `tracer` from the level `now` to the level `after`, and keep the tendency."""
    here = tracer[:, :, :, now, :]
    flux_east, flux_north, flux_top = np.zeros_like(here), np.zeros_like(here), np.zeros_like(here)
    wall_east = (mask[1:-2, 2:-2] * mask[2:-1, 2:-2])[..., np.newaxis]
    wall_north = (mask[2:-2, 1:-2] * mask[2:-2, 2:-1])[..., np.newaxis]
    up, down = here[:, :, 2:, :], here[:, :, :-2, :]
    across = np.zeros_like(here)
    across[:, :, 1:-1] = (up - down) / (2.0 * dz)
    flux_east[1:-2, 2:-2] = kappa * wall_east * (
        (here[2:-1, 2:-2] - here[1:-2, 2:-2]) / dx[1:-2, np.newaxis, np.newaxis, np.newaxis]
        - 0.5 * slope_x[1:-2, 2:-2, :, np.newaxis] * (across[2:-1, 2:-2] + across[1:-2, 2:-2])
    )  # fmt: skip
    flux_north[2:-2, 1:-2] = kappa * wall_north * (
        (here[2:-2, 2:-1] - here[2:-2, 1:-2]) / dy[np.newaxis, 1:-2, np.newaxis, np.newaxis]
        - 0.5 * slope_y[2:-2, 1:-2, :, np.newaxis] * (across[2:-2, 2:-1] + across[2:-2, 1:-2])
    )  # fmt: skip
    slope = slope_x[2:-2, 2:-2, :-1] ** 2 + slope_y[2:-2, 2:-2, :-1] ** 2
    flux_top[2:-2, 2:-2, :-1] = kappa * slope[..., np.newaxis] * (here[2:-2, 2:-2, 1:] - here[2:-2, 2:-2, :-1]) / dz
    tendency[2:-2, 2:-2] = mask[2:-2, 2:-2, :, np.newaxis] * (
        (flux_east[2:-2, 2:-2] - flux_east[1:-3, 2:-2]) / dx[2:-2, np.newaxis, np.newaxis, np.newaxis]
        + (flux_north[2:-2, 2:-2] - flux_north[2:-2, 1:-3]) / dy[np.newaxis, 2:-2, np.newaxis, np.newaxis]
    )  # fmt: skip
    tendency[2:-2, 2:-2, 0] += mask[2:-2, 2:-2, 0, np.newaxis] * flux_top[2:-2, 2:-2, 0] / dz
    tendency[2:-2, 2:-2, 1:] += mask[2:-2, 2:-2, 1:, np.newaxis] * (flux_top[2:-2, 2:-2, 1:] - flux_top[2:-2, 2:-2, :-1]) / dz
    tracer[:, :, :, after, :] = here + dt * tendency


def arguments(size, seed=0):
    draw, (nx, ny, nz, tracers) = np.random.default_rng(seed), {"small": (8, 7, 5, 2), "bench": (84, 84, 26, 2), "large": (512, 512, 26, 2)}[size]
    tracer = draw.uniform(0, 30, (nx, ny, nz, 3, tracers))
    slope_x, slope_y = draw.normal(0, 1e-3, (2, nx, ny, nz))
    mask = (draw.random((nx, ny, nz)) < 0.9).astype(float)
    return tracer, np.zeros((nx, ny, nz, tracers)), slope_x, slope_y, mask, draw.uniform(5e4, 1e5, nx), draw.uniform(5e4, 1e5, ny), 50.0, 3600.0
