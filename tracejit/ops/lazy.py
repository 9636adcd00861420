"""SciPy, loaded when an op first needs it."""

from __future__ import annotations

import functools
import importlib
from typing import Any, Callable

import numpy as np

from ..spec import compute_dtype, floating_result, is_complex, promote


@functools.lru_cache(maxsize=None)
def scipy(module: str) -> Any:
    """The module `scipy.<module>`."""
    return importlib.import_module(f"scipy.{module}")


def special(name: str) -> Callable[..., Any]:
    """The function of `scipy.special` by this name, computed in float64 and rounded once to the operands' floating dtype."""
    return in_double(lambda *values, **attrs: getattr(scipy("special"), name)(*values, **attrs))


def in_double(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` computed in float64 (complex128), its result rounded once to the operands' common floating dtype."""

    def rounded(*values: Any, **attrs: Any) -> Any:
        kinds: list[Any] = [v.dtype if isinstance(v, np.ndarray) else type(v) for v in values]
        common = promote(*kinds)
        dtype = floating_result(common)
        wide = np.complex128 if is_complex(common) else np.float64
        result = np.asarray(function(*(np.asarray(v, wide) for v in values), **attrs))
        return result.astype(compute_dtype(dtype)).astype(dtype)

    return rounded
