"""NumPy programs as people write them, to be compiled as they are: a module for each, which knows nothing of tracejit.

A module holds the function of its own name and `arguments(size, seed)`: what to call it with, "small" for tests or "bench"; some have
"large" arguments for GPUs too. Everything
that a program changes is among its arguments. Numbers drawn from np.random come from the global generator, which callers seed.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any, Callable


@dataclass(frozen=True)
class Program:
    """`rounding`: by how many units in the last place of an array's largest magnitude results may differ from NumPy's, because of `why`.

    Nothing, unless the program calls what IEEE arithmetic does not fix. `straight`: the operations are the same whatever the values are.
    """

    name: str
    rounding: float = 0
    why: str = ""
    straight: bool = False

    @property
    def function(self) -> Callable[..., Any]:
        return getattr(importlib.import_module(f"{__name__}.{self.name}"), self.name)

    def arguments(self, size: str = "small", seed: int = 0) -> tuple[Any, ...]:
        return importlib.import_module(f"{__name__}.{self.name}").arguments(size, seed)


PROGRAMS = {
    program.name: program
    for program in (
        # Oceans and flows
        Program("seawater_density", 4, "powers", straight=True),
        Program("ocean_expansion", straight=True),
        Program("tracer_mixing", straight=True),
        Program("vertical_mixing"),
        Program("tridiagonal_blocks"),
        Program("shallow_water"),
        Program("cavity"),
        # Stencils, waves and particles
        Program("jacobi", straight=True),
        Program("heat", straight=True),
        Program("wave", straight=True),
        Program("nbody", straight=True),
        Program("lorenz", 16, "norms", straight=True),
        Program("epidemic", 64, "products of matrices, in every step", straight=True),
        Program("runge_kutta", 1e4, "powers choose the steps' lengths"),
        Program("logistic_map", 16, "logarithms", straight=True),
        Program("ising", 4, "exponentials"),
        Program("game_of_life"),
        # Finance and statistics
        Program("black_scholes", 16, "exponentials and logarithms", straight=True),
        Program("binomial_tree", 64, "powers and exponentials", straight=True),
        Program("monte_carlo", 64, "exponentials", straight=True),
        Program("moving_average"),
        Program("rolling_statistics"),
        Program("autocorrelation", 64, "Fourier transforms and inner products"),
        Program("percentile_normalise"),
        Program("group_by"),
        Program("cumulative_integral", 4, "numpy.interp", straight=True),
        Program("kalman", 1e3, "products and inverses of matrices, in every step"),
        Program("polynomial_fit", 1e3, "least squares"),
        Program("principal_components", 1e3, "products and eigenvectors of matrices"),
        # Learning and graphs
        Program("kmeans"),
        Program("softmax_regression", 64, "exponentials and products of matrices", straight=True),
        Program("cross_entropy", 8, "exponentials and logarithms", straight=True),
        Program("perceptron", 64, "tanh and products of matrices"),
        Program("pagerank"),
        Program("floyd_warshall", straight=True),
        Program("edit_distance"),
        # Pictures
        Program("mandelbrot_mask"),
        Program("mandelbrot_shrinking"),
        Program("newton_fractal", 4, "complex powers"),
        Program("ray_march", 4, "float32 rounds what float64 has computed"),
        Program("convolution", straight=True),
        Program("sobel", 4, "arctan2", straight=True),
        Program("median_filter", straight=True),
        Program("equalize_histogram"),
        Program("resize", straight=True),
        Program("cosine_transform", 64, "cosines and products of matrices", straight=True),
        # Linear algebra, transforms and geometry
        Program("lu"),
        Program("cholesky", 64, "inner products"),
        Program("gram_schmidt", 64, "inner products"),
        Program("power_iteration", 1e6, "products of matrices, until values settle to nine digits"),
        Program("conjugate_gradient"),
        Program("matrix_exponential", 1e3, "solutions and products of matrices"),
        Program("contour_integral", 1e6, "solutions of systems, some of them ill-conditioned"),
        Program("fft_by_hand", 64, "complex exponentials and products", straight=True),
        Program("spline", 1e3, "the solution of a system, and powers"),
        Program("haversine", 1e3, "sines, and the arcsine of what is near 1 where places are opposite", straight=True),
        Program("crc32", straight=True),
    )
}
