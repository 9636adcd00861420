"""Ufuncs on Arrays: NumPy says which dtypes a call computes in, an op of that dtype does it, or else NumPy itself (`host.py`)."""

from __future__ import annotations

from typing import Any, Callable, NamedTuple

import numpy as np

from ...dispatch import assign, bind, mode
from ...errors import TracejitError
from ...op import OPS
from ...ops.casts import cast, where
from ...ops.create import fill
from ...ops.numpy_protocol import UFUNCS
from ...ops.view import broadcast_to, put, reshape, strides_of
from ...spec import DTYPES, TensorSpec, bool_, broadcast_shapes
from ...tensor import Tensor, wrap
from .array import Array, array_of, real, stand_in, stand_in_all
from .host import host, host_pair
from .layout import C_ORDER, Order, back_in_place, common_order, in_order, order_of

_WEAK: dict[type, Any] = {bool: bool_, int: int, float: float, complex: complex}
_ndarray = np.ndarray


class Plan(NamedTuple):
    """What a ufunc does of operands of some dtypes. op: None where NumPy itself computes it."""

    op: Any
    taken: tuple[np.dtype, ...]  # what operands are cast to
    given: tuple[np.dtype, ...]  # the dtypes of the results
    plain: bool = False  # whether an op takes operands as they are


PLANS: dict[tuple[Any, ...], Plan] = {}  # by ufunc and what `described` says of its operands


def call(ufunc: np.ufunc, *inputs: Any) -> Any:
    """A plain call of a ufunc; NotImplemented where it has to run on real arrays."""
    values = [value if type(value) is Array or type(value) in _WEAK else as_operand(value) for value in inputs]
    key = (ufunc, *[v.tensor._value.dtype if type(v) is Array else type(v) for v in values])
    plan = PLANS.get(key) or _new_plan(key)
    return NotImplemented if plan is None else run(ufunc, plan, values)


def as_operand(value: Any) -> Any:
    """A value that a ufunc computes with: an Array, a Python number or a NumPy scalar; else None."""
    kind = type(value)
    if kind is Array or kind in _WEAK:
        return value
    if kind is _ndarray or kind is list or kind is tuple:
        return as_array(value)
    return value if isinstance(value, np.generic) and value.dtype in DTYPES else None


def as_array(value: Any) -> Any:
    """The Array of an array, a number or a list of numbers; None where there is none."""
    kind = type(value)
    if kind is Array:
        return value
    if kind is _ndarray:
        found = stand_in(value)
        return found if type(found) is Array else None
    if _holds_arrays(value):
        return None
    try:
        made = np.asarray(value)
    except Exception:
        return None
    if made.dtype not in DTYPES:
        return None
    return array_of(mode.interpreter.constant(made)) if made.ndim else array_of(constant(value, made.dtype), True)


def constant(value: Any, dtype: np.dtype) -> Tensor:
    """A number as a tensor of this dtype without axes."""
    return bind(fill, shape=(), dtype=dtype, value=np.asarray(value, dtype).item())


def _holds_arrays(value: Any) -> bool:
    return type(value) is Array or (type(value) in (list, tuple) and any(map(_holds_arrays, value)))


# Which op


def _new_plan(key: tuple[Any, ...]) -> Plan | None:
    """The plan of a ufunc; None where NumPy raises, or computes what is not traced."""
    ufunc: np.ufunc = key[0]
    described = key[1:]
    if ufunc.nout > 2 or ufunc.signature is not None or getattr(np, ufunc.__name__, None) is not ufunc:
        return None
    kinds = [_WEAK.get(d, d) if isinstance(d, type) else d for d in described]
    kinds = [np.dtype(k) if isinstance(k, type) and issubclass(k, np.generic) else k for k in kinds]
    if type(None) in kinds:
        return None
    plan = plan_of(ufunc, kinds, {})
    if plan is not None:
        plan = PLANS[key] = plan._replace(plain=plan.op is not None and described == plan.taken)
    return plan


def plan_of(ufunc: np.ufunc, kinds: list[Any], options: dict[str, Any]) -> Plan | None:
    """The plan for operands of these dtypes or Python types, with `signature` and `casting` as options."""
    try:
        resolved = ufunc.resolve_dtypes((*kinds, *[None] * ufunc.nout), **options)
    except TypeError:
        return None
    taken, given = tuple(resolved[: ufunc.nin]), tuple(resolved[ufunc.nin :])
    if any(d not in DTYPES for d in resolved):
        return None
    op: Any = OPS.get(UFUNCS.get(ufunc.__name__, ufunc.__name__)) if ufunc.nout == 1 else None
    if ufunc in (np.degrees, np.radians, np.rad2deg, np.deg2rad):
        op = _scaled(ufunc, given[0]) if given[0] != np.float16 else None
    elif ufunc is np.float_power:
        op = OPS["pow"]
    elif op is not None and (op.kind != "elementwise" or not _gives(op, taken, given[0])):
        op = None
    return Plan(op, taken, given)


def _gives(op: Any, taken: tuple[np.dtype, ...], given: np.dtype) -> bool:
    try:
        return op.spec(*[TensorSpec((), dtype) for dtype in taken]).dtype == given
    except TypeError:
        return False


def _scaled(ufunc: np.ufunc, dtype: np.dtype) -> Callable[[Tensor], Tensor]:
    """np.degrees and its kin: a product with what they give of 1."""
    factor, multiply = ufunc(dtype.type(1)).item(), OPS["multiply"]
    return lambda x: bind(multiply, x, factor)


# Running it


def run(ufunc: np.ufunc, plan: Plan, values: list[Any]) -> Any:
    """The results of a plan, laid out in memory as NumPy does. NotImplemented where the operands do not fit, which NumPy words."""
    order: Order = C_ORDER
    try:
        for value in values:
            if type(value) is Array and order_of(value):
                order = _common_order(values)
                values = [_turned(v, order) for v in values]
                break
        result = _apply(ufunc, plan, [operand(value, dtype) for value, dtype in zip(values, plan.taken)])
    except (TracejitError, OverflowError, ValueError):
        return NotImplemented
    if type(result) is tuple:
        return tuple([array_of(back_in_place(r, order), not r._value.shape) for r in result])
    if order:
        return array_of(back_in_place(result, order))
    return array_of(result, not result._value.shape, None, C_ORDER)


def operand(value: Any, dtype: np.dtype) -> Any:
    """A value as an operand of this dtype. Raises OverflowError for a Python number that it cannot hold."""
    if type(value) is Array:
        tensor = value.tensor
        return tensor if tensor._value.dtype is dtype or tensor.dtype == dtype else cast(tensor, dtype=dtype)
    return np.asarray(value, dtype).item()


def _apply(ufunc: np.ufunc, plan: Plan, operands: list[Any]) -> Any:
    if plan.op is not None and any(type(o) is Tensor for o in operands):
        return plan.op(*operands)
    tensors = [o if type(o) is Tensor else constant(o, dtype) for o, dtype in zip(operands, plan.taken)]
    if plan.op is not None:
        return plan.op(*tensors)
    shape = broadcast_shapes(*[tuple(t.shape) for t in tensors])
    if ufunc.nout == 2:
        pair = PAIRS.get(ufunc)
        if pair is not None and _gives(OPS["trunc"], plan.taken[:1], plan.given[0]):
            return pair(*tensors)
        return host_pair(ufunc.__name__, *tensors, shape=shape, dtypes=plan.given)
    return host(ufunc.__name__, *tensors, shape=shape, dtype=plan.given[0])


def _modf(x: Tensor) -> tuple[Tensor, Tensor]:
    whole = OPS["trunc"](x)
    return OPS["copysign"](where(OPS["isinf"](x), 0.0, x - whole), x), whole


PAIRS: dict[Any, Callable] = {np.modf: _modf, np.divmod: lambda x, y: (OPS["floor_divide"](x, y), OPS["remainder"](x, y))}


def _common_order(values: list[Any]) -> Order:
    """The order in memory of the axes of what is computed from these operands."""
    arrays = [v for v in values if type(v) is Array]
    return common_order(broadcast_shapes(*[a.shape for a in arrays]), [(a.shape, strides_of(a.tensor)) for a in arrays])


def _turned(value: Any, order: Order) -> Any:
    """An operand with its axes in the order that the result's have in memory."""
    if not order or type(value) is not Array or not value.ndim:
        return value
    missing = len(order) - value.ndim
    return array_of(in_order(reshape(value.tensor, (*(1,) * missing, *value.shape)) if missing else value.tensor, order))


# out=, where=, dtype=, casting=


def call_with(ufunc: np.ufunc, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """A call of a ufunc with keywords; NotImplemented where it has to run on real arrays."""
    options = dict(options)
    out, mask = options.pop("out", None), options.pop("where", True)
    casting, order = options.pop("casting", "same_kind"), options.pop("order", "K")
    dtype, signature = options.pop("dtype", None), options.pop("signature", options.pop("sig", None))
    options.pop("subok", None)
    values = [as_operand(value) for value in inputs]
    if options or order not in ("K", "A") or any(v is None for v in values) or type(casting) is not str:
        return NotImplemented
    places = (None,) * ufunc.nout if out is None else out if type(out) is tuple else (out,)
    kinds = [v.dtype if isinstance(v, (Array, np.generic)) else _WEAK[type(v)] for v in values]
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


def is_readonly(array: Array) -> bool:
    """Whether NumPy refuses to write to an array."""
    return array.readonly or not all(op.writable for op, _ in array.tensor._chain)


# Other methods of ufuncs


def outer_of(ufunc: np.ufunc, first: Any, second: Any) -> Any:
    """`ufunc.outer` of two arrays; NotImplemented where it has to run on real arrays."""
    a, b = as_array(first), as_array(second)
    if a is None or b is None:
        return NotImplemented
    return call(ufunc, array_of(reshape(a.tensor, (*a.shape, *(1,) * b.ndim)), a.is_scalar and not b.ndim), b)


def changed_at(ufunc: np.ufunc, place: Any, indices: Any, operands: tuple[Any, ...]) -> Any:
    """`ufunc.at`; NotImplemented where it has to run on real arrays."""
    target, index = as_array(place), as_array(indices) if type(indices) is not tuple else None
    values = [as_array(v) for v in operands]
    if target is None or index is None or index.dtype.kind not in "iu" or any(v is None for v in values) or is_readonly(target):
        return NotImplemented
    try:
        one = np.zeros((1,) * target.ndim, target.dtype)
        ufunc.at(one, np.zeros((1,) * index.ndim, np.intp), *[np.ones((), v.dtype) for v in values])
        broadcast_shapes(*[v.shape for v in values], (*index.shape, *target.shape[1:]))
    except Exception:
        return NotImplemented
    tensors = [target.tensor, index.tensor, *[v.tensor for v in values]]
    assign(target.tensor, host("changed_at", *tensors, shape=target.shape, dtype=target.dtype, options={"ufunc": ufunc.__name__}), put)
    return None


def on_real_arrays(function: Callable, args: Any, kwargs: Any) -> Any:
    """A function that is not traced, of the arrays themselves."""
    values = [_real_all(a) for a in args]
    return stand_in_all(function(*values, **{name: _real_all(value) for name, value in kwargs.items()}))


def _real_all(value: Any) -> Any:
    if type(value) is tuple or type(value) is list:
        return type(value)(map(_real_all, value))
    return real(value)


def tensor_of(value: Any) -> Tensor:
    """The tensor of an Array, an array from outside or a NumPy scalar."""
    if type(value) is Array:
        return value.tensor
    return stand_in(value).tensor if type(value) is _ndarray else wrap(np.asarray(value))
