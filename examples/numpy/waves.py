"""Waves on a membrane, 60 steps of leapfrog in one call: slices, in-place assignment and `out=`, as they stand.

    python examples/numpy/waves.py
"""

import argparse

import numpy as np
from side_by_side import side_by_side


def waves(u, speed, steps, source):
    """The membrane after so many steps, driven at its middle, and the largest height at each place."""
    before, highest = u.copy(), np.zeros_like(u)
    middle = u.shape[0] // 2, u.shape[1] // 2
    r = speed**2
    for step in range(steps):
        after = np.zeros_like(u)
        around = u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2] - 4 * u[1:-1, 1:-1]
        after[1:-1, 1:-1] = 2 * u[1:-1, 1:-1] - before[1:-1, 1:-1] + r[1:-1, 1:-1] * around
        after[middle] += source[step]
        before, u = u, after
        np.maximum(highest, np.abs(u), out=highest)
    return u, highest


def picture(u, rows=12, columns=48):
    """Heights as characters."""
    small = u[:: max(1, len(u) // rows), :: max(1, u.shape[1] // columns)]
    levels = np.round(np.abs(small) / (np.abs(small).max() or 1.0) * 8).astype(int)
    return "\n".join("".join(" .:-+*#%@"[level] for level in row) for row in levels)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a small membrane: to see that it runs")
    n, steps = (24, 12) if parser.parse_args().quick else (200, 60)
    y, x = np.mgrid[:n, :n] / n
    u, _ = side_by_side(waves, np.zeros((n, n)), 0.6 - 0.2 * x * y, steps, np.sin(0.3 * np.arange(steps)))
    print(picture(u))


if __name__ == "__main__":
    main()
