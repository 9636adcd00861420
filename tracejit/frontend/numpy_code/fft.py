"""np.fft: its transforms are ops, with NumPy's dtypes; the shifts and frequencies are NumPy's own code, followed."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np

from ...ops import fft as transforms
from .array import array_of
from .create import asarray
from .functions import function


def _one(theirs: Callable[..., Any], ours: Callable[..., Any]) -> None:
    def transform(a: Any, n: Any = None, axis: Any = -1, norm: Any = None, out: Any = None) -> Any:
        x = asarray(a)
        if out is not None or x.dtype == np.float16 or not x.ndim:
            return NotImplemented
        return array_of(ours(x.tensor, n, axis, norm))

    function(theirs)(transform)


def _several(theirs: Callable[..., Any], ours: Callable[..., Any], default: Any) -> None:
    def transform(a: Any, s: Any = None, axes: Any = default, norm: Any = None, out: Any = None) -> Any:
        x = asarray(a)
        if out is not None or x.dtype == np.float16 or not x.ndim or s is not None or (axes is not None and len(set(axes)) != len(axes)):
            return NotImplemented
        return array_of(ours(x.tensor, s, axes, norm))

    function(theirs)(transform)


for _name in ("fft", "ifft", "rfft", "irfft"):
    _one(getattr(np.fft, _name), getattr(transforms, _name))
    _several(getattr(np.fft, _name + "n"), getattr(transforms, _name + "n"), None)
    _several(getattr(np.fft, _name + "2"), getattr(transforms, _name + "n"), (-2, -1))
