"""The elementary functions as text that vectorises: exponentials, logarithms, powers, circular, hyperbolic and special functions."""

from __future__ import annotations

from typing import Any, Callable

from . import arcs, circular, error, exponential, gamma, hyperbolic, logarithm, pairs, polygamma, power

_OF_FUNCTIONS = (arcs, circular, error, exponential, gamma, hyperbolic, logarithm, polygamma, power)
MODULES = (*_OF_FUNCTIONS, pairs)
FUNCTIONS: dict[str, Callable[..., Any]] = {f.__name__: f for module in _OF_FUNCTIONS for f in module.FUNCTIONS}
