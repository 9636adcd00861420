"""What happened in a compiled function, and whether it paid."""

from .listing import kernels_of

__all__ = ["kernels_of"]
