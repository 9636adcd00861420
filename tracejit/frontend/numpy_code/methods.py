"""`method`: methods of Array that ops do; and those that show, copy and cast an array: reshape, transpose, copy, astype …"""

from __future__ import annotations

import functools
import operator
from math import prod
from typing import Any, Callable

import numpy as np

from ...dispatch import assign, bind
from ...errors import TracejitError
from ...ops.casts import cast, copy
from ...ops.manipulate import diagonal as diagonal_of
from ...ops.manipulate import squeeze as squeezed
from ...ops.manipulate import swapaxes as exchanged
from ...ops.view import is_contiguous, permute, put, same
from ...ops.view import reshape as reshaped
from ...spec import is_complex
from ...tensor import Tensor
from .array import Array, array_of, real, stand_in_all
from .functions import is_known
from .layout import C_ORDER, back_in_place, in_order, order_of
from .memory import lies_in
from .real_calls import on_real_arrays

NOTHING = np._NoValue  # type: ignore[attr-defined]


def method(*names: str) -> Callable[[Callable], Callable]:
    """Make the decorated function a method of Array under these names (its own, if none is given). Where it gives NotImplemented,
    and where it fails, the array's own method does it, or raises."""

    def enter(ours: Callable) -> Callable:
        for name in names or (ours.__name__,):
            setattr(Array, name, _with_own(ours, name))
        return ours

    return enter


def _with_own(ours: Callable, name: str) -> Callable:
    @functools.wraps(ours)
    def call(self: Array, *args: Any, **kwargs: Any) -> Any:
        try:
            result = ours(self, *args, **kwargs)
        except TracejitError:  # NumPy raises its own
            result = NotImplemented
        if result is not NotImplemented:
            return result
        if self.is_scalar:
            return on_real_arrays(getattr(real(self), name), args, kwargs)
        return on_real_arrays(getattr(np.ndarray, name), (self, *args), kwargs)

    return call


def attribute(name: str) -> Callable[[Callable], Callable]:
    """Make the decorated function an attribute of Array; where it gives NotImplemented, it is the array's own."""

    def enter(ours: Callable) -> Callable:
        def get(self: Array) -> Any:
            result = ours(self)
            return stand_in_all(getattr(real(self), name)) if result is NotImplemented else result

        setattr(Array, name, property(get))
        return ours

    return enter


def view_of(x: Array, tensor: Tensor, readonly: bool = False) -> Array:
    """A view of an array, given what it shows; of a scalar, which nothing can change, an array of its own."""
    if x.is_scalar:
        return array_of(bind(copy, tensor), readonly=readonly)
    return array_of(tensor, False, x if x.owner is None else x.owner, None, readonly or x.readonly)


# Views


@method()
def reshape(x: Array, *shape: Any, order: str = "C", copy: bool | None = None) -> Any:
    """x.reshape."""
    given = shape[0] if len(shape) == 1 and not _is_index(shape[0]) else shape
    extents = tuple([operator.index(n) for n in given])
    if order == "F":
        turned = reshaped(reversed_axes(x.tensor), _extents(x, extents)[::-1], copy=copy)
        return _perhaps_view(x, reversed_axes(turned))
    return _perhaps_view(x, reshaped(x.tensor, _extents(x, extents), copy=copy)) if order == "C" else NotImplemented


def _is_index(value: Any) -> bool:
    return isinstance(value, (int, np.integer))


def _extents(x: Array, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape with its −1 filled in."""
    if shape.count(-1) != 1:
        return shape
    known = prod([n for n in shape if n != -1])
    return tuple([x.size // known if n == -1 and known else n for n in shape])


def _perhaps_view(x: Array, tensor: Tensor) -> Array:
    storage = x.tensor._storage
    if x.is_scalar and not tensor.ndim:
        return x
    return view_of(x, tensor) if storage is not None and tensor._storage is storage else array_of(tensor)


def reversed_axes(tensor: Tensor) -> Tensor:
    """A view with the order of the axes reversed."""
    return bind(permute, tensor, axes=tuple(range(tensor.ndim))[::-1]) if tensor.ndim > 1 else tensor


@method()
def transpose(x: Array, *axes: Any) -> Any:
    """x.transpose."""
    given = axes[0] if len(axes) == 1 and not _is_index(axes[0]) else axes
    if not axes or given is None:
        order: Any = tuple(range(x.ndim))[::-1]
    else:
        order = tuple([operator.index(a) + x.ndim * (operator.index(a) < 0) for a in given])
    if sorted(order) != list(range(x.ndim)):
        return NotImplemented
    return x if x.is_scalar else view_of(x, bind(permute, x.tensor, axes=order))


@attribute("T")
def _reversed(x: Array) -> Any:
    return x if x.is_scalar else view_of(x, bind(permute, x.tensor, axes=tuple(range(x.ndim))[::-1]))


@attribute("mT")
def _exchanged(x: Array) -> Any:
    return view_of(x, exchanged(x.tensor, -1, -2)) if x.ndim >= 2 else NotImplemented


@method()
def swapaxes(x: Array, axis1: Any, axis2: Any) -> Any:
    """x.swapaxes."""
    return view_of(x, exchanged(x.tensor, operator.index(axis1), operator.index(axis2)))


@method()
def squeeze(x: Array, axis: Any = None) -> Any:
    """x.squeeze."""
    return view_of(x, squeezed(x.tensor, axis=axis if axis is None or type(axis) is tuple else operator.index(axis))) if x.ndim else x


@method()
def diagonal(x: Array, offset: Any = 0, axis1: Any = 0, axis2: Any = 1) -> Any:
    """x.diagonal: read-only, as NumPy's."""
    return view_of(x, diagonal_of(x.tensor, operator.index(offset), operator.index(axis1), operator.index(axis2)), readonly=True)


@method()
def ravel(x: Array, order: str = "C") -> Any:
    """x.ravel: a view where the elements lie in that order."""
    if x.is_scalar or order not in ("C", "F", "A", "K"):
        return array_of(bind(copy, reshaped(x.tensor, (1,)))) if x.is_scalar else NotImplemented
    tensor = x.tensor
    if order in ("A", "K") and not is_contiguous(tensor):
        if not is_contiguous(reversed_axes(tensor)) and order == "K":
            return NotImplemented
        order = "F" if is_contiguous(reversed_axes(tensor)) else "C"
    tensor = reversed_axes(tensor) if order == "F" else tensor
    return view_of(x, reshaped(tensor, (x.size,))) if is_contiguous(tensor) else array_of(reshaped(tensor, (x.size,), copy=True))


@method()
def flatten(x: Array, order: str = "C") -> Any:
    """x.flatten: a copy."""
    if order not in ("C", "F"):
        return NotImplemented
    return array_of(reshaped(reversed_axes(x.tensor) if order == "F" else x.tensor, (x.size,), copy=True))


# Copies and casts


@method("copy", "__copy__")
def copied(x: Array, order: str = "C") -> Any:
    """x.copy."""
    if order not in ("C", "F", "A", "K"):
        return NotImplemented
    there = tuple(range(x.ndim))[::-1] if order == "F" and x.ndim > 1 else order_of(x) if order == "K" else C_ORDER
    return NotImplemented if order == "A" else array_of(back_in_place(bind(copy, in_order(x.tensor, there)), there), x.is_scalar)


@method("view")
def view(x: Array, dtype: Any = None, type: Any = None) -> Any:
    """x.view."""
    return NotImplemented if dtype is not None or type is not None else x if x.is_scalar else view_of(x, bind(same, x.tensor))


@method("__deepcopy__")
def _deeply_copied(x: Array, memo: Any) -> Any:
    return copied(x)


@method()
def astype(x: Array, dtype: Any, order: str = "K", casting: str = "unsafe", subok: bool = True, copy: bool = True) -> Any:
    """x.astype."""
    wanted = np.dtype(dtype)
    if not is_known(wanted) or not np.can_cast(x.dtype, wanted, casting) or order not in ("K", "A", "C"):  # type: ignore[arg-type]
        return NotImplemented
    if wanted == x.dtype:
        return x if not copy and lies_in(x, order) else copied(x, order)
    loses = is_complex(x.dtype) and not is_complex(wanted) and wanted != np.bool_  # NumPy warns of that
    there = C_ORDER if order == "C" else order_of(x)
    return NotImplemented if loses else array_of(back_in_place(bind(cast, in_order(x.tensor, there), dtype=wanted), there), x.is_scalar)


@method()
def fill(x: Array, value: Any) -> Any:
    """x.fill."""
    if not x.is_scalar:
        x[...] = value


@method("conj", "conjugate")
def conj(x: Array, *out: Any) -> Any:
    """x.conj."""
    return np.conjugate(x, *out) if is_complex(x.dtype) or out else x


@method("__array_wrap__")
def _wrapped(x: Array, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
    return array


@method("trace")
def trace(x: Array, offset: Any = 0, axis1: Any = 0, axis2: Any = 1, dtype: Any = None, out: Any = None) -> Any:
    """x.trace."""
    return np.add.reduce(diagonal(x, offset, axis1, axis2), axis=-1, dtype=dtype, out=out)


def changed(x: Array, tensor: Tensor) -> None:
    """Write an array's new contents."""
    assign(x.tensor, tensor, put)
