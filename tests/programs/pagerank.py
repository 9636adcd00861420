"""PageRank by power iteration over lists of links, until the ranks settle (Page, Brin, Motwani and Winograd, 1999)."""

import numpy as np


def pagerank(sources, targets, pages, damping=0.85, tolerance=1e-10):
    """Each page's rank, and the number of rounds."""
    links = np.bincount(sources, minlength=pages)
    dangling = links == 0
    ranks = np.full(pages, 1.0 / pages)
    rounds = 0
    while True:
        shares = ranks / np.maximum(links, 1)
        new = np.zeros(pages)
        np.add.at(new, targets, shares[sources])
        new = damping * (new + ranks[dangling].sum() / pages) + (1.0 - damping) / pages
        change = np.abs(new - ranks).sum()
        ranks = new
        rounds += 1
        if change < tolerance:
            return ranks, rounds


def arguments(size, seed=0):
    draw, (pages, links) = np.random.default_rng(seed), {"small": (8, 20), "bench": (2000, 20_000)}[size]
    return draw.integers(0, pages, links), draw.integers(0, pages, links) ** 2 // pages, pages
