"""k-means by Lloyd's iterations, until no point changes its cluster."""

import numpy as np


def kmeans(points, centres, most=100):
    """Centres, labels, the sum of squared distances and the number of iterations. Raises RuntimeError if there are too many."""
    centres = centres.copy()
    labels = np.full(len(points), -1)
    for iteration in range(most):
        distances = ((points[:, np.newaxis, :] - centres[np.newaxis, :, :]) ** 2).sum(axis=2)
        nearest = distances.argmin(axis=1)
        if np.array_equal(nearest, labels):
            return centres, labels, distances[np.arange(len(points)), labels].sum(), iteration
        labels = nearest
        for k in range(len(centres)):
            members = points[labels == k]
            if len(members) > 0:
                centres[k] = members.mean(axis=0)
    raise RuntimeError(f"points still change their cluster after {most} iterations")


def arguments(size, seed=0):
    draw, (count, clusters) = np.random.default_rng(seed), {"small": (40, 3), "bench": (5000, 8), "large": (10_000_000, 8)}[size]
    middles = draw.normal(0, 4, (clusters, 2)) if size != "large" else ring(24, clusters)
    points = middles[draw.integers(0, clusters, count)] + draw.normal(size=(count, 2))
    return points, points[draw.choice(count, clusters, replace=False)] if size != "large" else ring(12, clusters, 0.38)


def ring(radius, count, turned=0.0):
    """Places far from each other: where clusters touch, some of very many points change theirs for hundreds of iterations."""
    angles = turned + 2 * np.pi * np.arange(count) / count
    return radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
