"""Arrays made in woven code: `np.zeros`, `np.arange`, `np.array([x, y])`, `np.float32(x)` …

What NumPy makes of Python values alone is a constant of the trace (`constants`); those here have a form that costs no memory, or
hold traced arrays. NumPy itself says which dtype and shape a nested list has, and what it raises: it is asked with phantoms.
"""

from __future__ import annotations

from typing import Any, Callable, Iterator

import numpy as np

from ...dispatch import assign, bind
from ...ops.casts import cast, copy
from ...ops.convert import assemble
from ...ops.create import fill, iota
from ...ops.index import getitem
from ...ops.join import put_first, stack
from ...ops.view import broadcast_to
from ...tensor import Tensor
from .array import Array, array_of, real, stand_in_all
from .functions import constants, function, is_known, is_plain
from .layout import C_ORDER, Order, back_in_place, order_of
from .memory import lies_in
from .methods import reversed_axes
from .number import Number
from .operands import holds_arrays
from .table import implements
from .world import world
from .real_calls import on_real_arrays

Layout = Any  # "C", "F", "A", "K" or None
FEW = 16  # numbers in a list that are written one by one, where they are computed; more are one step's


# Filled


def _filled(shape: Any, dtype: Any, order: Layout, value: Any, create: Callable[..., np.ndarray]) -> Any:
    """An array of this shape with one value, a number or a traced scalar."""
    try:
        probe = np.broadcast_to(np.empty((), dtype), shape)
    except ValueError:  # NumPy says it of an array to be made in other words
        return create(shape, dtype)
    if not is_known(probe.dtype):
        return create(shape, dtype)
    turn = order == "F" and probe.ndim > 1
    extents = probe.shape[::-1] if turn else probe.shape
    if type(value) is Array:
        made = bind(copy, broadcast_to(_cast(value.tensor, probe.dtype), extents))
    else:
        made = bind(fill, shape=extents, dtype=probe.dtype, value=np.asarray(value).astype(probe.dtype).item())
    return array_of(reversed_axes(made) if turn else made)


def _cast(tensor: Tensor, dtype: np.dtype) -> Tensor:
    return tensor if tensor.dtype == dtype else cast(tensor, dtype=dtype)


@implements(np.zeros)
def zeros(shape: Any, dtype: Any = float, order: Layout = "C", *, device: Any = None, like: Any = None) -> Any:
    """np.zeros."""
    return _filled(shape, dtype, order, 0, np.zeros)


@implements(np.ones)
def ones(shape: Any, dtype: Any = None, order: Layout = "C", *, device: Any = None, like: Any = None) -> Any:
    """np.ones."""
    return _filled(shape, dtype, order, 1, np.ones)


@implements(np.empty)
def empty(shape: Any, dtype: Any = float, order: Layout = "C", *, device: Any = None, like: Any = None) -> Any:
    """np.empty. It holds zeros."""
    return _filled(shape, dtype, order, 0, np.empty)


@implements(np.full)
def full(shape: Any, fill_value: Any, dtype: Any = None, order: Layout = "C", *, device: Any = None, like: Any = None) -> Any:
    """np.full."""
    value = fill_value if np.isscalar(fill_value) or type(fill_value) is Array else array(fill_value)
    if type(value) is Array and value.shape:
        made = empty(shape, value.dtype if dtype is None else dtype, order)
        made[...] = value
        return made
    kind = np.asarray(fill_value).dtype if type(value) is not Array else value.dtype
    return _filled(shape, kind if dtype is None else dtype, order, value, lambda shape, dtype: np.full(shape, fill_value, dtype))


def _like(create: Callable[..., Any]) -> Callable[..., Any]:
    def make(a: Any, dtype: Any = None, order: Layout = "K", subok: bool = True, shape: Any = None, *, device: Any = None) -> Any:
        x = asarray(a)
        extents = x.shape if shape is None else np.broadcast_to(np.empty(()), shape).shape
        there = _order_like(x, order, len(extents))
        made = create([extents[d] for d in there or range(len(extents))], x.dtype if dtype is None else dtype)
        return array_of(back_in_place(made.tensor, there), order=there) if there else made

    return make


def _order_like(x: Array, order: Layout, ndim: int) -> Order:
    """The order of the axes in memory of an array made like this one."""
    if order == "F" or (order == "A" and x.flags.fnc):
        return tuple(range(ndim))[::-1]
    return order_of(x) if order == "K" and ndim == x.ndim else C_ORDER


function(np.zeros_like)(_like(zeros))
function(np.ones_like)(_like(ones))
function(np.empty_like)(_like(empty))


@function(np.full_like)
def full_like(
    a: Any, fill_value: Any, dtype: Any = None, order: Layout = "K", subok: bool = True, shape: Any = None, *, device: Any = None
) -> Any:  # fmt: skip
    """np.full_like."""
    made = _like(empty)(a, dtype, order, subok, shape)
    made[...] = fill_value
    return made


@implements(np.arange)
def arange(*args: Any, **kwargs: Any) -> Any:
    """np.arange."""
    made = np.arange(*map(real, args), **{name: real(value) for name, value in kwargs.items()})
    n = made.size
    if made.dtype == np.int64 and n and made[0] == 0 and (n == 1 or made[1] == 1):
        return array_of(bind(iota, shape=(n,), dtype=made.dtype))
    return constants(made)


# Arrays of arrays


def _phantom(value: Any) -> Any:
    """A nested list with something of their dtype and shape in the place of Arrays."""
    if type(value) is Array:
        one = value.dtype.type(0)
        return one if value.is_scalar else np.broadcast_to(np.asarray(one), value.shape)
    return type(value)(map(_phantom, value)) if type(value) in (tuple, list) else value


@implements(np.array)
def array(
    object: Any, dtype: Any = None, *, copy: bool | None = True, order: Layout = "K", subok: bool = False, ndmin: int = 0, like: Any = None,
    ndmax: int = 64,
) -> Any:  # fmt: skip
    """np.array."""
    options = {"dtype": dtype, "copy": copy, "order": order, "ndmin": ndmin}
    object = stand_in_all(_as_scalars(object, dtype))  # arrays from outside, in a list from outside
    if not holds_arrays(object):
        if is_plain(object):
            return constants(np.array(object, **options))
        world.untold(f"np.array of a {type(object).__name__}, which may change")
        return stand_in_all(np.array(object, **options))
    if type(object) is Array:
        made = _from_one(object, dtype, copy, order)
    else:
        probe = np.array(_phantom(object), **options)
        made = _assembled(object, probe) if is_known(probe.dtype) else on_real_arrays(np.array, (object,), options)
    return made if made.ndim >= ndmin else made.reshape((1,) * (ndmin - made.ndim) + made.shape)


def _as_scalars(value: Any, dtype: Any) -> Any:
    """Numbers, in lists as well, as the NumPy scalars that they are in an array, where NumPy does not look at the value first."""
    if type(value) is Number:
        looked_at = dtype is not None and np.dtype(dtype).kind not in "fc" and np.dtype(dtype) != value.tensor.dtype
        return value if looked_at else array_of(value.tensor, True)
    return type(value)([_as_scalars(v, dtype) for v in value]) if type(value) in (tuple, list) and holds_arrays(value) else value


def _from_one(x: Array, dtype: Any, copied: bool | None, order: Layout) -> Array:
    """An array of the values of one: itself, if that needs no copy."""
    wanted = x.dtype if dtype is None else np.dtype(dtype)
    needed = wanted != x.dtype or x.is_scalar or not lies_in(x, order)
    if copied is False and needed:
        raise ValueError(
            "Unable to avoid copy while creating an array as requested.\n"
            "If using `np.array(obj, copy=False)` replace it with `np.asarray(obj)` to allow a copy when needed (no behavior change in "
            "NumPy 1.x).\nFor more details, see https://numpy.org/devdocs/numpy_2_0_migration_guide.html#adapting-to-changes-in-the-copy-keyword."
        )
    if not needed and not copied:
        return x
    if x.is_scalar:
        return array_of(bind(copy, _cast(x.tensor, wanted)))
    return x.astype(wanted, order="C" if order is None else order)


def _assembled(value: Any, probe: np.ndarray) -> Array:
    """The array of a nested list; `probe`: that of its numbers, with anything in the places of Arrays."""
    tensors = _stacked(value, probe.dtype)
    if tensors is not None:
        return array_of(bind(copy, tensors))
    made = constants(probe)
    for key, part in _places(value, ()):
        assign(getitem(made.tensor, key) if part.ndim else getitem(made.tensor, (*key, ...)), _cast(part.tensor, probe.dtype), put_first)
    return made


def _stacked(value: Any, dtype: np.dtype) -> Tensor | None:
    """Nested lists of nothing but Arrays, stacked."""
    if type(value) is Array:
        return _cast(value.tensor, dtype)
    if type(value) not in (tuple, list) or not value:
        return None
    parts = [_stacked(part, dtype) for part in value]
    if any(part is None for part in parts):
        return None
    return stack(parts) if parts[0].ndim or len(parts) <= FEW else bind(assemble, *parts)  # type: ignore[union-attr]


def _places(value: Any, key: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], Array]]:
    """Where the Arrays of a nested list stand."""
    if type(value) is Array:
        yield key, value
    elif type(value) in (tuple, list):
        for number, part in enumerate(value):
            yield from _places(part, (*key, number))


@implements(np.asarray, np.asanyarray)
def asarray(a: Any, dtype: Any = None, order: Layout = None, *, device: Any = None, copy: bool | None = None, like: Any = None) -> Any:
    """np.asarray."""
    if type(a) is Array and not a.is_scalar and not copy and (dtype is None or np.dtype(dtype) == a.dtype) and lies_in(a, order):
        return a
    return array(a, dtype, copy=copy, order=order)


@implements(np.ascontiguousarray)
def ascontiguousarray(a: Any, dtype: Any = None, *, like: Any = None) -> Any:
    """np.ascontiguousarray: with one axis at least."""
    return array(a, dtype, copy=None, order="C", ndmin=1)


@function(np.copy)
def copy_of(a: Any, order: Layout = "K", subok: bool = False) -> Any:
    """np.copy."""
    return array(a, order=order, copy=True)


@implements(np.fromiter)
def fromiter(iter: Any, dtype: Any, count: int = -1, *, like: Any = None) -> Any:
    """np.fromiter."""
    found = stand_in_all(list(iter))
    if not any(map(holds_arrays, found)) or not is_known(np.dtype(dtype)) or 0 <= count != len(found):
        return constants(np.fromiter(map(real, found), dtype, count))
    return array(found, dtype)


# Dtypes as functions


def _of_dtype(kind: type[np.generic]) -> Callable[..., Any]:
    def convert(*args: Any) -> Any:
        if len(args) != 1 or not holds_arrays(args[0]):
            return constants(kind(*args))
        made = array(args[0], kind)
        return made if made.ndim else array_of(made.tensor, True)

    convert.__name__ = kind.__name__
    return convert


for _kind in (
    np.bool_, np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64, np.float16, np.float32, np.float64,
    np.complex64, np.complex128,
):  # fmt: skip
    implements(_kind)(_of_dtype(_kind))


@function(np.linspace)
def linspace(
    start: Any, stop: Any, num: Any = 50, endpoint: bool = True, retstep: bool = False, dtype: Any = None, axis: int = 0, *, device: Any = None
) -> Any:  # fmt: skip
    """np.linspace between traced ends. Its two ways to multiply, the second where a step is 0, are both taken."""
    div = num - 1 if endpoint else num
    if dtype is not None or axis != 0 or retstep or div <= 0:
        return NotImplemented
    low, high = np.multiply(asarray(start), 1.0), np.multiply(asarray(stop), 1.0)
    delta = np.subtract(high, low)
    y = constants(np.arange(0, num, dtype=delta.dtype)).reshape((-1,) + (1,) * delta.ndim)
    step = delta / div
    y = np.where((step == 0).any(), y / div * delta, y * step) + low
    if endpoint and num > 1:
        y[-1, ...] = high
    return y
