"""Benchmarks: tracejit beside NumPy, PyTorch and JAX, in one run."""
