"""A picture's convolution with a kernel: one shifted slice for each of the kernel's entries."""

import numpy as np


def convolution(image, kernel):
    """As large as the picture, whose edge is repeated outwards."""
    rows, columns = kernel.shape
    padded = np.pad(image, ((rows // 2, rows // 2), (columns // 2, columns // 2)), mode="edge")
    result = np.zeros_like(image)
    for i in range(rows):
        for j in range(columns):
            result += kernel[rows - 1 - i, columns - 1 - j] * padded[i : i + image.shape[0], j : j + image.shape[1]]
    return result


def arguments(size, seed=0):
    draw, shape = np.random.default_rng(seed), {"small": (9, 11), "bench": (512, 512)}[size]
    kernel = draw.random((5, 5)).astype(np.float32)
    return draw.random(shape).astype(np.float32), kernel / kernel.sum()
