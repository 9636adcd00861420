"""A picture's contrast spread over all grey levels, by the cumulative histogram as a look-up table."""

import numpy as np


def equalize_histogram(image):
    """A new picture of bytes."""
    counts = np.bincount(image.ravel(), minlength=256)
    cumulative = np.cumsum(counts)
    lowest = cumulative[cumulative > 0].min()
    table = np.round((cumulative - lowest) / max(image.size - lowest, 1) * 255).clip(0, 255).astype(np.uint8)
    return table[image]


def arguments(size, seed=0):
    draw, shape = np.random.default_rng(seed), {"small": (8, 10), "bench": (512, 512)}[size]
    return (np.clip(draw.normal(110, 20, shape), 0, 255).astype(np.uint8),)
