"""Order and choice: sort, take, repeat, clip, round …: methods of arrays, and NumPy's functions of those names."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ...dispatch import bind
from ...ops.casts import copy
from ...ops.elementwise import bounded
from ...ops.interp import interp as interpolated
from ...ops.join import repeat as repeated
from ...ops.sort import sort_op
from ...spec import as_axis, float64, is_complex
from .array import Array, array_of
from .create import asarray
from .functions import FUNCTIONS, function, is_known
from .layout import laid_out
from .manipulate import dtype_of, number
from .methods import changed, method
from .operands import holds_arrays, is_readonly
from .ufunc_calls import write

# Order


def _sorted(x: Array, axis: Any, kind: Any, order: Any, stable: Any) -> Any:
    if order is not None or not isinstance(axis, (int, np.integer)):
        return None
    stably = bool(stable) or kind in ("stable", "mergesort")
    return bind(sort_op, x.tensor, axis=as_axis(operator.index(axis), x.ndim), descending=False, stable=stably)


@function(np.sort)
def sort(a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Any:
    """np.sort."""
    x = asarray(a)
    if axis is None:
        x, axis = x.ravel(), -1
    made = _sorted(x, axis, kind, order, stable) if x.ndim else None
    return NotImplemented if made is None else array_of(made)


@method("sort")
def _sort_in_place(x: Array, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Any:
    made = _sorted(x, axis, kind, order, stable) if x.ndim and not is_readonly(x) else None
    return NotImplemented if made is None else changed(x, made)


@method("partition")
def _partition_in_place(x: Array, kth: Any, axis: Any = -1, kind: str = "introselect", order: Any = None) -> Any:
    made = FUNCTIONS[np.partition](x, kth, axis, kind, order) if not is_readonly(x) else NotImplemented
    return made if made is NotImplemented else changed(x, made.tensor)


def _as_method(theirs: Any) -> None:
    """A method that does what the function of its name does."""

    def call(x: Array, *args: Any, **kwargs: Any) -> Any:
        return FUNCTIONS[theirs](x, *args, **kwargs)

    call.__name__ = theirs.__name__
    method()(call)


for _theirs in (np.argsort, np.argpartition, np.searchsorted):
    _as_method(_theirs)


# Elements by their places


@function(np.take)
def take(a: Any, indices: Any, axis: Any = None, out: Any = None, mode: str = "raise") -> Any:
    """np.take."""
    x, places = asarray(a), indices if isinstance(indices, (int, np.integer)) else asarray(indices)
    if out is not None or mode != "raise" or (type(places) is Array and places.dtype.kind not in "iu"):
        return NotImplemented
    if axis is None:
        x, axis = x.ravel(), 0
    at = as_axis(operator.index(axis), x.ndim)
    found = x[(slice(None),) * at + (places,)]
    return array_of(bind(copy, found.tensor), found.is_scalar)


method("take")(take)


@method()
def repeat(x: Array, repeats: Any, axis: Any = None) -> Any:
    """x.repeat, a number of times that is known."""
    counts = np.asarray(repeats) if not holds_arrays(repeats) else None
    if counts is None or counts.dtype.kind not in "iu" or counts.size and counts.min() < 0:
        return NotImplemented
    times = int(counts.reshape(())) if counts.size == 1 else tuple(counts.tolist())
    return array_of(repeated(x.tensor, times, axis=axis if axis is None else operator.index(axis)))


# Values within bounds


@method()
def clip(x: Array, min: Any = None, max: Any = None, out: Any = None, **options: Any) -> Any:
    """x.clip."""
    if options or (out is not None and type(out) is not Array):
        return NotImplemented
    if min is None or max is None:
        bound = min if max is None else max
        made = x.copy() if bound is None else (np.maximum if max is None else np.minimum)(x, bound)
    else:
        dtype = dtype_of(x, min, max)
        if is_complex(dtype) or not is_known(dtype) or dtype.kind == "b" or not (_holds(dtype, min) and _holds(dtype, max)):
            return NotImplemented
        like = [v.tensor for v in (x, min, max) if type(v) is Array]
        made = laid_out(bounded, [number(x, dtype), number(min, dtype), number(max, dtype)], like)
        made = made if made.ndim else array_of(made.tensor, True)
    if out is None:
        return made
    return write(out, made) if out.shape == made.shape and np.can_cast(made.dtype, out.dtype, "same_kind") else NotImplemented


def _holds(dtype: np.dtype, value: Any) -> bool:
    """Whether a dtype holds a number: integers of Python's may be out of bounds."""
    return type(value) is not int or dtype.kind == "f" or np.iinfo(dtype).min <= value <= np.iinfo(dtype).max


@method("round")
def rounded(x: Array, decimals: Any = 0, out: Any = None) -> Any:
    """x.round."""
    places = operator.index(0 if decimals is None else decimals)
    if x.dtype.kind == "f" and out is None and not (decimals is None and x.is_scalar):
        if not places:
            return np.rint(x)
        scale = 10.0 ** abs(places)
        before, after = (np.multiply, np.divide) if places > 0 else (np.divide, np.multiply)
        return after(np.rint(before(x, scale)), scale)
    return array_of(bind(copy, x.tensor), x.is_scalar) if x.dtype.kind in "iu" and places >= 0 and out is None and decimals is not None else NotImplemented


# Interpolation


@function(np.interp)
def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> Any:
    """np.interp."""
    at, knots, values = asarray(x), asarray(xp), asarray(fp)
    if period is not None or is_complex(np.result_type(at.dtype, knots.dtype, values.dtype)) or knots.ndim != 1 or not knots.size or knots.shape != values.shape:
        return NotImplemented
    ends = [None if end is None else number(end, float64) for end in (left, right)]
    made = interpolated(number(at, float64), number(knots, float64), number(values, float64), *ends)
    return array_of(made, not made.ndim)

