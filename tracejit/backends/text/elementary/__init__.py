"""The elementary functions as text that vectorises: exponentials, logarithms, powers, circular, hyperbolic and special functions."""

from __future__ import annotations

from typing import Any, Callable

from . import arcs, circular, error, exponential, gamma, hyperbolic, logarithm, power

MODULES = (arcs, circular, error, exponential, gamma, hyperbolic, logarithm, power)
FUNCTIONS: dict[str, Callable[..., Any]] = {f.__name__: f for module in MODULES for f in module.FUNCTIONS}
