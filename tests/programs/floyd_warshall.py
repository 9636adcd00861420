"""Shortest ways between all pairs of a graph's nodes: Floyd and Warshall."""

import numpy as np


def floyd_warshall(weights):
    """The lengths, in a new array; `weights` holds infinity where no edge is."""
    lengths = np.array(weights, copy=True)
    np.fill_diagonal(lengths, 0.0)
    for k in range(lengths.shape[0]):
        lengths = np.minimum(lengths, lengths[:, k, np.newaxis] + lengths[np.newaxis, k, :])
    return lengths


def arguments(size, seed=0):
    draw, n = np.random.default_rng(seed), {"small": 9, "bench": 160}[size]
    weights = draw.uniform(1, 10, (n, n))
    weights[draw.random((n, n)) < 0.7] = np.inf
    return (weights,)
