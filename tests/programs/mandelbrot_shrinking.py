"""The Mandelbrot set on arrays that shrink: points that have escaped are dropped from them."""

import numpy as np


def mandelbrot_shrinking(x, y, most):
    """For each point of the grid the number of the step in which it left the circle of radius 2, or 0."""
    image = np.zeros(x.size * y.size, dtype=np.int64)
    cx, cy = np.tile(x, y.size), np.repeat(y, x.size)
    zx, zy = cx.copy(), cy.copy()
    index = np.arange(image.size)
    for step in range(1, most + 1):
        if len(index) == 0:
            break
        zx, zy = zx * zx - zy * zy + cx, 2.0 * zx * zy + cy
        escaped = zx * zx + zy * zy > 4.0
        image[index[escaped]] = step
        stays = ~escaped
        zx, zy, cx, cy, index = zx[stays], zy[stays], cx[stays], cy[stays], index[stays]
    return image.reshape(y.size, x.size)


def arguments(size, seed=0):
    draw, (wide, high, most) = np.random.default_rng(seed), {"small": (9, 7, 12), "bench": (200, 150, 40)}[size]
    left, low = draw.uniform(-2.2, -1.8), draw.uniform(-1.2, -0.8)
    return np.linspace(left, left + 2.5, wide), np.linspace(low, low + 2, high), most
