"""Distances on the globe between all pairs of two lists of places, by the haversine formula (Sinnott, Sky and Telescope 68, 1984)."""

import numpy as np

RADIUS = 6371.0088  # kilometres: the earth's mean radius


def haversine(here, there):
    """Kilometres; both lists hold latitude and longitude in degrees."""
    a, b = np.radians(here)[:, np.newaxis, :], np.radians(there)[np.newaxis, :, :]
    up = np.sin((b[..., 0] - a[..., 0]) / 2.0) ** 2
    along = np.cos(a[..., 0]) * np.cos(b[..., 0]) * np.sin((b[..., 1] - a[..., 1]) / 2.0) ** 2
    return 2.0 * RADIUS * np.arcsin(np.sqrt(np.minimum(1.0, up + along)))


def arguments(size, seed=0):
    draw, (m, n) = np.random.default_rng(seed), {"small": (5, 4), "bench": (500, 400)}[size]
    low, high = (-90, -180), (90, 180)
    return draw.uniform(low, high, (m, 2)), draw.uniform(low, high, (n, 2))
