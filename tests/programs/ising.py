"""The Ising model by Metropolis on a checkerboard, with np.random's global generator; energies and magnetisations along the way."""

import numpy as np


def ising(spins, beta, sweeps):
    """Change `spins`; energy and magnetisation for each spin, after each sweep."""
    rows, columns = np.indices(spins.shape)
    black = (rows + columns) % 2 == 0
    energies, magnetisations = [], []
    for _ in range(sweeps):
        for colour in (black, ~black):
            field = np.roll(spins, 1, 0) + np.roll(spins, -1, 0) + np.roll(spins, 1, 1) + np.roll(spins, -1, 1)
            cost = 2.0 * spins * field
            flips = colour & (np.random.random(spins.shape) < np.exp(-beta * cost))
            spins[flips] *= -1
        energies.append(-np.mean(spins * (np.roll(spins, 1, 0) + np.roll(spins, 1, 1))))
        magnetisations.append(abs(spins.mean()))
    return np.array(energies), np.array(magnetisations)


def arguments(size, seed=0):
    draw, (n, sweeps) = np.random.default_rng(seed), {"small": (6, 3), "bench": (128, 20)}[size]
    return draw.choice([-1, 1], size=(n, n)), 0.44, sweeps
