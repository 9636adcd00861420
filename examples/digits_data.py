"""The 1,797 handwritten digits of `data/`, as float32 images from 0 to 1 and int64 labels, cut in two by a fixed shuffle."""

import gzip
from pathlib import Path

import numpy as np

DATA = Path(__file__).parent / "data"


def load(test_share: float = 0.2) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """((train images (n, 64), train labels (n,)), (test images, test labels))."""
    with gzip.open(DATA / "digits.csv.gz", "rt") as file:
        table = np.loadtxt(file, delimiter=",", dtype=np.int64)
    order = np.random.default_rng(0).permutation(len(table))
    images, labels = (table[order, :64] / 16).astype(np.float32), table[order, 64]
    cut = round(len(table) * (1 - test_share))
    return (images[:cut], labels[:cut]), (images[cut:], labels[cut:])
