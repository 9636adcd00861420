"""Permits: what lets the calls of compiled functions through the native gate."""

from .gate import LIMIT, Gate

__all__ = ["LIMIT", "Gate"]
