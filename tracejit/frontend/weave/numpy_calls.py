"""Calls of NumPy's functions in woven code.

Of Python values alone, NumPy computes the result while the function is traced: it is a constant of the trace. Of traced
arrays, ours does it where there is one (`numpy_code`); else NumPy's own code is followed, if it is written in Python, as the
user's helpers are: dtypes, shapes, views and exceptions are then NumPy's by construction. What is left runs on real arrays.
"""

from __future__ import annotations

import os
from types import FunctionType
from typing import Any, Callable

import numpy as np

from ...tensor import StandIn
from ..numpy_code import FUNCTIONS, SUBSTITUTES, Array, array_of, as_array, attach, constants, holds_arrays, is_plain, on_real_arrays, stand_in_all, world
from .source import Unwoven
from .twin import twin_of

_HOME = os.path.dirname(np.__file__) + os.sep
_APART = tuple(_HOME + room + os.sep for room in ("random", "testing", "ma", "f2py", "matrixlib", "ctypeslib", "typing"))
_DISPATCHING = type(np.sum)
_REAL = {  # they give as many as values say, or one of several dtypes; or reach for memory
    np.save, np.savetxt, np.savez, np.savez_compressed, np.lib.stride_tricks.as_strided, np.array2string, np.array_repr, np.array_str,
    np.unique, np.intersect1d, np.union1d, np.setdiff1d, np.setxor1d, np.roots,
    np.linalg.eig, np.linalg.eigvals, np.linalg.lstsq, np.polyfit, np.histogram, np.histogram2d, np.histogramdd, np.histogram_bin_edges,
    np.nonzero, np.flatnonzero, np.argwhere, np.extract, np.compress, np.bincount, np.lexsort, np.packbits, np.unpackbits, np.unravel_index,
    np.ravel_multi_index, np.count_nonzero, np.allclose, np.array_equal, np.array_equiv,
}  # fmt: skip
_OUTSIDE = {  # they read or change the world
    np.load, np.loadtxt, np.genfromtxt, np.fromfile, np.fromregex, np.seterr, np.geterr, np.seterrcall, np.geterrcall, np.setbufsize,
    np.getbufsize, np.set_printoptions, np.get_printoptions,
}  # fmt: skip
GRIDS = frozenset(map(type, (np.r_, np.c_, np.mgrid, np.ogrid)))
_twins: dict[Any, FunctionType | None] = {}


def is_numpy(function: Any) -> bool:
    """Whether a function, a ufunc or a method of one is NumPy's."""
    if isinstance(function, (np.ufunc, _DISPATCHING)) or isinstance(getattr(function, "__self__", None), np.ufunc):
        return True
    if type(function) is FunctionType:
        filename = function.__code__.co_filename
        return filename.startswith(_HOME) and not filename.startswith(_APART)
    return not hasattr(function, "__objclass__") and str(getattr(function, "__module__", "")).partition(".")[0] == "numpy"


class NumPyCall:
    """A function of NumPy's, called in woven code."""

    def __init__(self, function: Callable) -> None:
        self.function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        args, kwargs = tuple(map(stand_in_all, args)), {name: stand_in_all(value) for name, value in kwargs.items()}
        if any(map(_traced, args)) or any(map(_traced, kwargs.values())):
            return call(self.function, args, kwargs)
        return _untraced(self.function, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.function, name)


class Grid:
    """What stands for `np.r_`, `np.c_`, `np.mgrid` or `np.ogrid`."""

    def __init__(self, grid: Any) -> None:
        self.grid = grid

    def __getitem__(self, key: Any) -> Any:
        shown = stand_in_all(key)
        if _traced(shown):
            return _joined(self.grid, shown if type(shown) is tuple else (shown,))
        return constants(self.grid[key]) if is_plain(key) else stand_in_all(self.grid[key])

    def __getattr__(self, name: str) -> Any:
        return getattr(self.grid, name)


def _joined(grid: Any, parts: tuple[Any, ...]) -> Any:
    """np.r_[parts] or np.c_[parts], of traced arrays, with slices as ranges."""
    if grid not in (np.r_, np.c_) or any(isinstance(part, str) for part in parts):
        return on_real_arrays(type(grid).__getitem__, (grid, parts), {})
    arrays = [constants(grid[part].ravel()) if isinstance(part, slice) else SUBSTITUTES[np.asarray](part) for part in parts]
    dtype = np.result_type(*[part if type(part) in (int, float, complex) else array.dtype for part, array in zip(parts, arrays)])
    lines = [array.reshape(-1) if not array.ndim else array for array in arrays]
    if grid is np.c_:
        lines = [line.reshape(-1, 1) if line.ndim == 1 else line for line in lines]
    return np.concatenate(lines, axis=0 if grid is np.r_ else -1, dtype=dtype)


def _untraced(function: Callable, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A function of NumPy's, of no traced arrays."""
    if function in _OUTSIDE:
        return on_real_arrays(function, args, kwargs)
    given = (*args, *kwargs.values())
    if all(map(is_plain, given)):
        return constants(function(*args, **kwargs))
    if any(map(callable, given)):  # the user's functions are woven too
        return call(function, args, kwargs)
    result = function(*args, **kwargs)
    shown = stand_in_all(result)
    if shown is not result:
        world.untold(f"np.{getattr(function, '__name__', function)} of an object that may change")
    return shown


def call(function: Callable, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A function of NumPy's, of traced arrays."""
    ours = FUNCTIONS.get(function)
    if ours is not None:
        try:
            result = ours(*args, **kwargs)
        except Exception:  # NumPy raises its own
            result = NotImplemented
        if result is not NotImplemented:
            return result
    if isinstance(function, np.ufunc) or isinstance(getattr(function, "__self__", None), np.ufunc):
        if kwargs.get("out") is ...:  # an array, where else a scalar would be given
            made = function(*args, **{name: value for name, value in kwargs.items() if name != "out"})
            return array_of(made.tensor, order=made.order) if type(made) is Array else made
        first = as_array(args[0]) if args and type(args[0]) in (list, tuple) and holds_arrays(args[0]) else None
        return function(*(args if first is None else (first, *args[1:])), **kwargs)  # which asks its arguments
    twin = _twin(function)
    return on_real_arrays(function, args, kwargs) if twin is None else twin(*args, **kwargs)


@attach()
def __array_function__(self: Array, function: Callable, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return call(function, args, kwargs)


def _twin(function: Any) -> FunctionType | None:
    """NumPy's own code of a function, woven; None where it is not written in Python."""
    if function not in _twins:
        code = function if type(function) is FunctionType else getattr(function, "__wrapped__", None)
        try:
            _twins[function] = twin_of(code) if type(code) is FunctionType and function not in _REAL else None
        except Unwoven:
            _twins[function] = None
    return _twins[function]


def _traced(value: Any) -> bool:
    return type(value) is Array or type(value) in (tuple, list) and any(map(_traced, value)) or isinstance(value, StandIn)
