"""NumPy programs of `tests/programs` as a user of Numba writes them: loops over elements, spread over cores where that is natural."""

from .flows import epidemic, heat, jacobi, logistic_map, lorenz, nbody, wave
from .loops import cholesky, edit_distance, lu, mandelbrot_mask, mandelbrot_shrinking
from .numbers import (
    binomial_tree, black_scholes, crc32, cross_entropy, cumulative_integral, floyd_warshall, haversine, monte_carlo, softmax_regression,
)  # fmt: skip
from .oceans import ocean_expansion, seawater_density, tracer_mixing
from .pictures import convolution, cosine_transform, fft_by_hand, median_filter, resize, sobel

__all__ = [
    "binomial_tree", "black_scholes", "cholesky", "convolution", "cosine_transform", "crc32", "cross_entropy", "cumulative_integral",
    "edit_distance", "epidemic", "fft_by_hand", "floyd_warshall", "haversine", "heat", "jacobi", "logistic_map", "lorenz", "lu",
    "mandelbrot_mask", "mandelbrot_shrinking", "median_filter", "monte_carlo", "nbody", "ocean_expansion", "resize", "seawater_density", "sobel",
    "softmax_regression", "tracer_mixing", "wave",
]  # fmt: skip
