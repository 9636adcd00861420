"""A picture by sphere tracing: rays step by the distance to the nearest surface until all have hit or left."""

import numpy as np


def dot(a, b):
    return (a * b).sum(axis=-1)


def normalise(v):
    return v / np.sqrt(dot(v, v))[..., np.newaxis]


def scene(points):
    """Distance to a ball, to a torus and to the floor, whichever is nearest."""
    ball = np.sqrt(dot(points - np.array([0.0, 0.5, 0.0]), points - np.array([0.0, 0.5, 0.0]))) - 1.0
    x, y, z = points[..., 0] - 1.5, points[..., 1], points[..., 2]
    ring = np.sqrt((np.sqrt(x * x + z * z) - 0.8) ** 2 + y * y) - 0.25
    floor = points[..., 1] + 1.0
    return np.minimum(np.minimum(ball, ring), floor)


def normals(points, step=1e-3):
    slopes = np.empty(points.shape)
    for axis in range(3):
        offset = np.zeros(3)
        offset[axis] = step
        slopes[..., axis] = scene(points + offset) - scene(points - offset)
    return normalise(slopes)


def ray_march(eye, wide, high, most=60, near=1e-3, far=20.0):
    """Brightness of the pixels, from 0 to 1, as float32."""
    x, y = np.meshgrid(np.linspace(-1.2, 1.2, wide), np.linspace(0.9, -0.9, high))
    directions = normalise(np.stack([x, y, np.full_like(x, 1.5)], axis=-1))
    travelled = np.zeros((high, wide))
    active = np.ones((high, wide), dtype=bool)
    hit = np.zeros((high, wide), dtype=bool)
    for _ in range(most):
        distance = scene(eye + travelled[..., np.newaxis] * directions)
        hit |= active & (distance < near)
        active &= ~hit & (travelled < far)
        if not np.any(active):
            break
        travelled = np.where(active, travelled + distance, travelled)
    points = eye + travelled[..., np.newaxis] * directions
    light = normalise(np.array([0.6, 0.8, -0.4]))
    shade = np.clip(dot(normals(points), light), 0.0, 1.0)
    return np.where(hit, 0.1 + 0.9 * shade, 0.0).astype(np.float32)


def arguments(size, seed=0):
    wide, high = {"small": (12, 9), "bench": (160, 120)}[size]
    return np.array([0.3 * seed, 0.6, -4.0]), wide, high
