"""The rows as a plain user of Numba writes them: loops over elements or rows, which `njit(parallel=True)` may spread over cores.

Literals would be float64 to Numba; `f = x.dtype.type` gives them the arrays' dtype. Compiled by the peer, so plain Python here.
"""

from .elementwise import add, black_scholes, copy, gelu, multiply_add, multiply_add_one, polynomial

__all__ = ["add", "black_scholes", "copy", "gelu", "multiply_add", "multiply_add_one", "polynomial"]
