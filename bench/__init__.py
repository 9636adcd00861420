"""Benchmarks: tracejit beside NumPy, numexpr, Numba, PyTorch and JAX, side by side in one run."""
