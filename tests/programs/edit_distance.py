"""Levenshtein's distance between two words of codes: a table filled element by element."""

import numpy as np


def edit_distance(a, b):
    """The least number of insertions, deletions and substitutions, and the whole table."""
    table = np.zeros((len(a) + 1, len(b) + 1), dtype=np.int64)
    table[:, 0] = np.arange(len(a) + 1)
    table[0, :] = np.arange(len(b) + 1)
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            cost = 0 if a[i - 1] == b[j - 1] else 1
            table[i, j] = min(table[i - 1, j] + 1, table[i, j - 1] + 1, table[i - 1, j - 1] + cost)
    return table[-1, -1], table


def arguments(size, seed=0):
    draw, (m, n) = np.random.default_rng(seed), {"small": (5, 4), "bench": (30, 30)}[size]
    return draw.integers(0, 4, m), draw.integers(0, 4, n)
