"""Ufuncs on Arrays: NumPy says which dtypes a call computes in, an op of that dtype does it, or else NumPy itself (`host.py`)."""

from __future__ import annotations

import sys
from typing import Any, Callable, NamedTuple

import numpy as np

from ...dispatch import bind
from ...errors import TracejitError
from ...op import OPS, Op
from ...ops.casts import cast, where
from ...ops.numpy_protocol import UFUNCS
from ...ops.view import reshape, strides_of
from ...precision import without_autocast
from ...spec import DTYPES, float32, float64, TensorSpec, broadcast_shapes
from ...tensor import Tensor
from .array import Array, array_of
from .functions import FUNCTIONS
from .host import host, host_pair
from .layout import C_ORDER, Order, back_in_place, common_order, in_order, order_of
from .number import Number
from .operands import WEAK, as_operand, constant


__all__ = ["PLANS", "Plan", "at_once", "call", "operand", "plan_of", "planned", "run"]


class Plan(NamedTuple):
    """What a ufunc does of operands of some dtypes. op: None where NumPy itself computes it."""

    op: Any
    taken: tuple[np.dtype, ...]  # what operands are cast to
    given: tuple[np.dtype, ...]  # the dtypes of the results
    plain: bool = False  # whether an op takes arrays as they are
    number: Any = None  # of an array as it is and a Python number: what makes the number one of the array's dtype


# SciPy's functions that ops are within 2 units in the last place of, and the dtypes in which they are
SPECIAL = {"erf": "erf", "erfc": "erfc", "expit": "sigmoid", "gammaln": "lgamma", "psi": "digamma"}
SPECIAL_DTYPES = {name: (float32, float64) if name in ("erf", "expit") else (float32,) for name in SPECIAL}
PLANS: dict[tuple[Any, ...], Plan] = {}  # by ufunc, the dtypes of arrays and the types of numbers


def call(ufunc: np.ufunc, *inputs: Any) -> Any:
    """A plain call of a ufunc; NotImplemented where it has to run on real arrays."""
    if ufunc.signature is not None:
        return of_whole_arrays(ufunc, *inputs)
    plan, values = planned(ufunc, inputs)
    return NotImplemented if plan is None else run(ufunc, plan, values)


def of_whole_arrays(ufunc: np.ufunc, *inputs: Any) -> Any:
    """A call of a ufunc such as np.matmul, whose operands are matrices or vectors."""
    ours = FUNCTIONS.get(ufunc)
    try:
        return NotImplemented if ours is None else ours(*inputs)
    except TracejitError:  # NumPy raises its own
        return NotImplemented


def at_once(ufunc: np.ufunc, *inputs: Any) -> Any:
    """A call of one or two operands that an op takes as they are, Arrays or an Array and a number: the common case. Else None."""
    left, right = inputs[0], inputs[-1]
    try:
        if type(left) is Array:
            if type(right) is Array:
                key = (ufunc, left.tensor._value.dtype, right.tensor._value.dtype) if len(inputs) == 2 else (ufunc, left.tensor._value.dtype)
                plan = PLANS.get(key)
                if plan is None or not plan.plain or left.order is not C_ORDER or right.order is not C_ORDER:
                    return None
                result = bind(plan.op, left.tensor, right.tensor) if len(inputs) == 2 else bind(plan.op, left.tensor)
            else:
                plan = PLANS.get((ufunc, left.tensor._value.dtype, type(right)))
                if plan is None or plan.number is None or left.order is not C_ORDER:
                    return None
                result = bind(plan.op, left.tensor, plan.number(right))
        else:
            plan = PLANS.get((ufunc, type(left), right.tensor._value.dtype)) if type(right) is Array else None
            if plan is None or plan.number is None or right.order is not C_ORDER:
                return None
            result = bind(plan.op, plan.number(left), right.tensor)
    except (TracejitError, OverflowError):
        return None
    return array_of(result, not result._value.shape, None, C_ORDER)


def planned(ufunc: np.ufunc, inputs: tuple[Any, ...]) -> tuple[Plan | None, list[Any]]:
    """The plan of a call, None where it has to run on real arrays, and the operands as a plan takes them."""
    values = [value if type(value) is Array or type(value) in WEAK else as_operand(value) for value in inputs]
    key = (ufunc, *[v.tensor._value.dtype if type(v) is Array else v.kind if type(v) is Number else type(v) for v in values])
    return PLANS.get(key) or _new_plan(key), values


# Which op


def _new_plan(key: tuple[Any, ...]) -> Plan | None:
    """The plan of a ufunc; None where NumPy raises, or computes what is not traced."""
    ufunc: np.ufunc = key[0]
    described = key[1:]
    scipys = getattr(np, ufunc.__name__, None) is not ufunc
    if ufunc.nout > 2 or ufunc.signature is not None or scipys and not _is_special(ufunc):
        return None
    kinds = [WEAK.get(d, d) if isinstance(d, type) else d for d in described]
    kinds = [np.dtype(k) if isinstance(k, type) and issubclass(k, np.generic) else k for k in kinds]
    if type(None) in kinds:
        return None
    plan = plan_of(ufunc, kinds, {})
    if plan is None or (scipys and plan.op is None):
        return None
    plan = PLANS[key] = plan._replace(plain=isinstance(plan.op, Op) and described == plan.taken, number=_number(plan, described))
    return plan


def _is_special(ufunc: np.ufunc) -> bool:
    """Whether it is that function of SciPy's."""
    return ufunc.__name__ in SPECIAL and getattr(sys.modules.get("scipy.special"), ufunc.__name__, None) is ufunc


def _number(plan: Plan, described: tuple[Any, ...]) -> Any:
    """What makes a Python number, the other operand, one of the dtype of an array that is taken as it is; None where more is to be done."""
    arrays = [d for d in described if isinstance(d, np.dtype)]
    numbers = [d for d in described if d is float or d is int]
    if not isinstance(plan.op, Op) or len(arrays) != 1 or len(numbers) != 1 or plan.taken != (arrays[0], arrays[0]):
        return None
    return float if arrays[0].kind == "f" else _int64 if arrays[0] == np.int64 else None


def _int64(value: int) -> int:
    if -(2**63) <= value < 2**63:
        return value
    raise OverflowError


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
    elif _is_special(ufunc):
        op = OPS[SPECIAL[ufunc.__name__]] if given[0] in SPECIAL_DTYPES[ufunc.__name__] else None
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


@without_autocast
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
    return value.in_dtype(dtype) if type(value) is Number else np.asarray(value, dtype).item()


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
