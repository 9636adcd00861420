"""Bodies that attract each other: all pairs by broadcasting, moved in place; the caller's arrays change as they do without the decorator.

    python examples/numpy/bodies.py
"""

import argparse

import numpy as np
from side_by_side import side_by_side


def accelerations(positions, masses, softening):
    apart = positions[np.newaxis, :, :] - positions[:, np.newaxis, :]
    squared = (apart**2).sum(axis=2) + softening**2
    pull = masses / (squared * np.sqrt(squared))
    return (apart * pull[:, :, np.newaxis]).sum(axis=1)


def bodies(positions, velocities, masses, dt, steps, softening=0.1):
    """Move them by steps of leapfrog; the energy of their motion."""
    pull = accelerations(positions, masses, softening)
    for _ in range(steps):
        velocities += 0.5 * dt * pull
        positions += dt * velocities
        pull = accelerations(positions, masses, softening)
        velocities += 0.5 * dt * pull
    return 0.5 * (masses * (velocities**2).sum(axis=1)).sum()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few bodies: to see that it runs")
    count, steps = (10, 2) if parser.parse_args().quick else (300, 10)
    draw = np.random.default_rng(0)
    energy = side_by_side(bodies, draw.normal(size=(count, 3)), draw.normal(size=(count, 3)), draw.uniform(0.5, 2, count), 0.01, steps)
    print(f"{count} bodies, {steps} steps, kinetic energy {energy:.3f}")


if __name__ == "__main__":
    main()
