"""The elementary functions as text that vectorises: exponentials, logarithms, powers, circular, hyperbolic and special functions."""

from __future__ import annotations

from typing import Any, Callable

from . import exponential, hyperbolic, logarithm

MODULES = (exponential, hyperbolic, logarithm)
FUNCTIONS: dict[str, Callable[..., Any]] = {f.__name__: f for module in MODULES for f in module.FUNCTIONS}
# What is inlined: a function's own text, or one for each dtype.
TEXTS: dict[str, Callable[..., Any]] = {
    name: getattr(module, name)
    for module in MODULES
    for f in module.FUNCTIONS
    for name in ((f"{f.__name__}_f32", f"{f.__name__}_f64") if hasattr(module, f"{f.__name__}_f32") else (f.__name__,))
}
