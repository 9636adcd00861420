"""Programs of `tests/programs` as a user of JAX writes them: pure functions, whose updates make new arrays, and whose loops are JAX's."""

from __future__ import annotations

import importlib
import types
from typing import Any

from .program_worker import catalogue


def ocean_expansion(salinity: Any, temperature: Any, pressure: Any) -> Any:
    """The NumPy program itself, with JAX's functions for NumPy's."""
    function = catalogue()["ocean_expansion"].function
    names = {**function.__globals__, "np": importlib.import_module("jax.numpy")}
    return types.FunctionType(function.__code__, names)(salinity, temperature, pressure)


def tracer_mixing(
    tracer: Any, tendency: Any, slope_x: Any, slope_y: Any, mask: Any, dx: Any, dy: Any, dz: Any, dt: Any, kappa: float = 1000.0, now: int = 0, after: int = 1
) -> Any:
    """The arrays as the NumPy program leaves them."""
    jnp = importlib.import_module("jax.numpy")
    here = tracer[:, :, :, now, :]
    nothing = jnp.zeros_like(here)
    wall_east = (mask[1:-2, 2:-2] * mask[2:-1, 2:-2])[..., None]
    wall_north = (mask[2:-2, 1:-2] * mask[2:-2, 2:-1])[..., None]
    across = nothing.at[:, :, 1:-1].set((here[:, :, 2:, :] - here[:, :, :-2, :]) / (2.0 * dz))
    flux_east = nothing.at[1:-2, 2:-2].set(
        kappa * wall_east * (
            (here[2:-1, 2:-2] - here[1:-2, 2:-2]) / dx[1:-2, None, None, None]
            - 0.5 * slope_x[1:-2, 2:-2, :, None] * (across[2:-1, 2:-2] + across[1:-2, 2:-2])
        )
    )  # fmt: skip
    flux_north = nothing.at[2:-2, 1:-2].set(
        kappa * wall_north * (
            (here[2:-2, 2:-1] - here[2:-2, 1:-2]) / dy[None, 1:-2, None, None]
            - 0.5 * slope_y[2:-2, 1:-2, :, None] * (across[2:-2, 2:-1] + across[2:-2, 1:-2])
        )
    )  # fmt: skip
    slope = slope_x[2:-2, 2:-2, :-1] ** 2 + slope_y[2:-2, 2:-2, :-1] ** 2
    flux_top = nothing.at[2:-2, 2:-2, :-1].set(kappa * slope[..., None] * (here[2:-2, 2:-2, 1:] - here[2:-2, 2:-2, :-1]) / dz)
    tendency = tendency.at[2:-2, 2:-2].set(
        mask[2:-2, 2:-2, :, None] * (
            (flux_east[2:-2, 2:-2] - flux_east[1:-3, 2:-2]) / dx[2:-2, None, None, None]
            + (flux_north[2:-2, 2:-2] - flux_north[2:-2, 1:-3]) / dy[None, 2:-2, None, None]
        )
    )  # fmt: skip
    tendency = tendency.at[2:-2, 2:-2, 0].add(mask[2:-2, 2:-2, 0, None] * flux_top[2:-2, 2:-2, 0] / dz)
    tendency = tendency.at[2:-2, 2:-2, 1:].add(mask[2:-2, 2:-2, 1:, None] * (flux_top[2:-2, 2:-2, 1:] - flux_top[2:-2, 2:-2, :-1]) / dz)
    return tracer.at[:, :, :, after, :].set(here + dt * tendency), tendency


def kmeans(points: Any, centres: Any, most: int = 100) -> Any:
    """A loop that ends when no label changes; where `most` is too few it returns what there is."""
    jax = importlib.import_module("jax")
    jnp = jax.numpy

    def distances(centres: Any) -> Any:
        return ((points[:, None, :] - centres[None, :, :]) ** 2).sum(2)

    def goes_on(state: Any) -> Any:
        return state[2] & (state[3] < most)

    def turn(state: Any) -> Any:
        centres, labels, _, iteration = state
        nearest = distances(centres).argmin(1)
        changed = (nearest != labels).any()
        count = jax.ops.segment_sum(jnp.ones(len(points)), nearest, len(centres))[:, None]
        means = jax.ops.segment_sum(points, nearest, len(centres)) / jnp.maximum(count, 1)
        return jnp.where(changed & (count > 0), means, centres), nearest, changed, iteration + changed

    first = centres, jnp.full(len(points), -1), jnp.bool_(True), 0
    centres, labels, _, iterations = jax.lax.while_loop(goes_on, turn, first)
    return centres, labels, distances(centres).min(1).sum(), iterations
