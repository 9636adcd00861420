"""Bodies that attract each other: all pairs at once, steps of leapfrog, and the energy at the end."""

import numpy as np


def accelerations(positions, masses, softening):
    apart = positions[np.newaxis, :, :] - positions[:, np.newaxis, :]
    squared = (apart**2).sum(axis=2) + softening**2
    pull = masses / (squared * np.sqrt(squared))
    return (apart * pull[:, :, np.newaxis]).sum(axis=1)


def energy(positions, velocities, masses, softening):
    apart = positions[np.newaxis, :, :] - positions[:, np.newaxis, :]
    inverse = 1.0 / np.sqrt((apart**2).sum(-1) + softening**2)
    np.fill_diagonal(inverse, 0.0)
    return 0.5 * (masses * (velocities**2).sum(1)).sum() - 0.5 * (masses * masses[:, None] * inverse).sum()


def nbody(positions, velocities, masses, dt, steps, softening=0.1):
    """Move the bodies in place; kinetic and potential energy afterwards."""
    pull = accelerations(positions, masses, softening)
    for _ in range(steps):
        velocities += 0.5 * dt * pull
        positions += dt * velocities
        pull = accelerations(positions, masses, softening)
        velocities += 0.5 * dt * pull
    return energy(positions, velocities, masses, softening)


def arguments(size, seed=0):
    draw, (bodies, steps) = np.random.default_rng(seed), {"small": (40, 12), "bench": (200, 10)}[size]
    return draw.normal(size=(bodies, 3)), draw.normal(size=(bodies, 3)), draw.uniform(0.5, 2, bodies), 0.01, steps
