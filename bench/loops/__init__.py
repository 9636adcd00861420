"""The rows as a plain user of Numba writes them: loops over elements or rows, which `njit(parallel=True)` may spread over cores.

Literals would be float64 to Numba; `f = x.dtype.type` gives them the arrays' dtype. Compiled by the peer, so plain Python here.
"""

from .control import settle
from .elementwise import add, black_scholes, copy, gelu, multiply_add, multiply_add_one, polynomial
from .networks import attention, distances, perceptron
from .reductions import mean_all, mean_first, mean_last, sum_all, sum_first, sum_last, var_all, var_first, var_last
from .rows import cross_entropy, layer_norm_gelu, log_sum_exp_loss, rms_norm, softmax
from .stencils import five_points, five_points_repeated, seven_points, seven_points_repeated
from .training import perceptron_step

__all__ = [
    "add", "attention", "black_scholes", "copy", "cross_entropy", "distances", "five_points", "five_points_repeated", "gelu",
    "layer_norm_gelu", "log_sum_exp_loss", "mean_all", "mean_first", "mean_last", "multiply_add", "multiply_add_one", "perceptron",
    "perceptron_step", "polynomial", "rms_norm", "seven_points", "seven_points_repeated", "settle", "softmax", "sum_all", "sum_first", "sum_last", "var_all",
    "var_first", "var_last",
]  # fmt: skip
