"""Permits: what lets the calls of compiled functions through the native gate."""

from .front import front
from .gate import LIMIT, Gate
from .table import modes_of

__all__ = ["LIMIT", "Gate", "front", "modes_of"]
