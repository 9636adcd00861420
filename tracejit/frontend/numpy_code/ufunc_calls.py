"""Ufuncs with `out=`, `where=`, `dtype=` and `casting=`, and their methods `outer` and `at`."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...dispatch import assign, bind
from ...errors import TracejitError
from ...ops.casts import cast, where
from ...ops.gather import as_index, common_shape, index_add_op
from ...ops.view import broadcast_to, put, reshape
from ...spec import bool_, broadcast_shapes, compute_dtype
from ...tensor import Tensor
from .array import Array, array_of
from .host import host
from .operands import WEAK, as_array, as_operand, is_readonly
from .ufuncs import call, plan_of, run

_ndarray = np.ndarray

# out=, where=, dtype=, casting=


def call_with(ufunc: np.ufunc, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """A call of a ufunc with keywords; NotImplemented where it has to run on real arrays."""
    options = dict(options)
    out, mask = options.pop("out", None), options.pop("where", True)
    mask = True if mask is np._NoValue else mask  # type: ignore[attr-defined]
    casting, order = options.pop("casting", "same_kind"), options.pop("order", "K")
    dtype, signature = options.pop("dtype", None), options.pop("signature", options.pop("sig", None))
    options.pop("subok", None)
    if len(inputs) > ufunc.nin and out is None:
        inputs, out = inputs[: ufunc.nin], inputs[ufunc.nin :]
    values = [as_operand(value) for value in inputs]
    if len(inputs) != ufunc.nin or (type(out) is tuple and len(out) > ufunc.nout) or (out is not None and type(out) is not tuple and ufunc.nout > 1):
        return NotImplemented
    if options or order not in ("K", "A") or any(v is None for v in values) or type(casting) is not str:
        return NotImplemented
    places = (*(out if type(out) is tuple else (out,)), *(None,) * ufunc.nout)[: ufunc.nout]
    kinds = [v.dtype if isinstance(v, (Array, np.generic)) else WEAK[type(v)] for v in values]
    asked = {} if signature is None and dtype is None else {"signature": signature or (*(None,) * ufunc.nin, *(np.dtype(dtype),) * ufunc.nout)}
    plan = plan_of(ufunc, kinds, {**asked, "casting": casting}) if ufunc.signature is None and hasattr(np, ufunc.__name__) else None
    if plan is None:
        return NotImplemented
    results = run(ufunc, plan, values)
    if results is NotImplemented:
        return NotImplemented
    results = results if type(results) is tuple else (results,)
    chosen = None if mask is True else as_array(mask)
    if mask is not True and (chosen is None or chosen.dtype != bool_):
        return NotImplemented
    if not all(_fits(place, result, casting, chosen) for place, result in zip(places, results)):
        return NotImplemented
    given = tuple([_placed(place, result, chosen) for place, result in zip(places, results)])
    return given if len(given) > 1 else given[0]


def _fits(place: Any, result: Array, casting: str, mask: Array | None) -> bool:
    """Whether a result can be written to what `out=` says."""
    if place is None:
        return mask is None
    if place is Ellipsis:
        return mask is None
    target = as_array(place) if type(place) in (Array, _ndarray) else None
    if target is None or target.is_scalar or is_readonly(target):
        return False
    if not np.can_cast(result.dtype, target.dtype, casting):  # type: ignore[arg-type]
        return False
    try:
        shapes = [result.shape, target.shape, *([] if mask is None else [mask.shape])]
        return broadcast_shapes(*shapes) == target.shape
    except TracejitError:
        return False


def _placed(place: Any, result: Array, mask: Array | None) -> Any:
    if place is None:
        return result
    if place is Ellipsis:
        return array_of(result.tensor, False, None, result.order)
    target = as_array(place)
    value = result.tensor
    if mask is not None:
        value = where(mask.tensor, _as(value, target.dtype), target.tensor)
    return write(target, array_of(value))


def write(place: Any, result: Array) -> Any:
    """Write a result into the Array of `out=`, and give that. It fits; casts are the caller's to allow."""
    target = as_array(place)
    value = result.tensor
    if value.dtype != target.dtype:
        value = cast(value, dtype=target.dtype)
    elif value is target.tensor:
        return place
    if tuple(value.shape) != target.shape:
        value = broadcast_to(value, target.shape)
    assign(target.tensor, value, put)
    return target


def _as(tensor: Tensor, dtype: np.dtype) -> Tensor:
    return tensor if tensor.dtype == dtype else cast(tensor, dtype=dtype)


# Other methods of ufuncs


def outer_of(ufunc: np.ufunc, first: Any, second: Any) -> Any:
    """`ufunc.outer` of two arrays; NotImplemented where it has to run on real arrays."""
    a, b = as_array(first), as_array(second)
    if a is None or b is None:
        return NotImplemented
    return call(ufunc, array_of(reshape(a.tensor, (*a.shape, *(1,) * b.ndim)), a.is_scalar and not b.ndim), b)


def changed_at(ufunc: np.ufunc, place: Any, indices: Any, operands: tuple[Any, ...]) -> Any:
    """`ufunc.at`; NotImplemented where it has to run on real arrays."""
    target, keys = as_array(place), [as_array(k) for k in (indices if type(indices) is tuple else (indices,))]
    values = [as_array(v) for v in operands]
    if target is None or any(k is None or k.dtype.kind not in "iu" for k in keys) or any(v is None for v in values) or is_readonly(target):
        return NotImplemented
    try:
        one = np.zeros((1,) * target.ndim, target.dtype)
        ufunc.at(one, tuple([np.zeros((1,) * k.ndim, np.intp) for k in keys]), *[np.ones((), v.dtype) for v in values])
        places = broadcast_shapes(*[k.shape for k in keys])
        shape = (*places, *target.shape[len(keys) :])
        fits = broadcast_shapes(*[v.shape for v in values], shape) == shape
    except Exception:
        return NotImplemented
    if ufunc is np.add and fits and values[0].dtype == target.dtype and compute_dtype(target.dtype) == target.dtype != bool_:
        at = common_shape([as_index(k.tensor) for k in keys])
        added = bind(index_add_op, target.tensor, broadcast_to(values[0].tensor, shape), *at, axes=tuple(range(len(keys))))
    elif type(indices) is not tuple:
        tensors = [target.tensor, keys[0].tensor, *[v.tensor for v in values]]
        added = host("changed_at", *tensors, shape=target.shape, dtype=target.dtype, options={"ufunc": ufunc.__name__})
    else:
        return NotImplemented
    assign(target.tensor, added, put)
    return None
