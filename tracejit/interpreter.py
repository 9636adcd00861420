"""The interpreter in force: what gives the value of an op, in this thread, now."""

from __future__ import annotations

import threading
from functools import partial
from typing import Any, Callable, NoReturn, Protocol, Sequence

import numpy as np

from .backend import LARGE, get_backend
from .device import DeviceArray, device_of, memory_of, on_host
from .errors import ArgumentError, DeviceError, TracejitError, fail
from .spec import DType, TensorSpec, bfloat16, promote
from .tensor import Tensor, wrap
from .whole import Whole

_ndarray = np.ndarray
Lows = tuple[tuple[str, DType], ...]  # the low dtype of each kind of device that autocast is in force for
_PYTHON_SCALARS = frozenset((bool, int, float, complex))


class Interpreter(Protocol):
    """Gives the value of an op: now (Eager), or as a node of a graph (Tracer). The only difference between the modes."""

    def apply(self, op: Any, args: tuple[Any, ...], attrs: dict[str, Any]) -> Any: ...
    def assign(self, target: Tensor, value: Tensor) -> None: ...
    def observe(self, tensor: Tensor) -> np.ndarray: ...  # its array itself: whoever gets it may keep it, and write to it
    def array(self, tensor: Tensor) -> Any: ...  # the same, wherever it lies
    def value(self, tensor: Tensor) -> np.ndarray: ...  # its values, to be looked at, and let go of
    def truth(self, tensor: Tensor) -> bool: ...  # of its one element
    def constant(self, array: np.ndarray) -> Tensor: ...
    def at_hand(self, tensor: Tensor) -> np.ndarray | None: ...  # the value, if nothing need be computed: for checks, it may be another at a replay
    def handle(self, tensor: Tensor) -> Tensor: ...
    def strides(self, tensor: Tensor) -> tuple[int, ...]: ...
    def read_grad(self, leaf: Tensor) -> Tensor | None: ...
    def write_grad(self, leaf: Tensor, grad: Tensor | None) -> None: ...
    def run_whole(self, whole: Whole, function: Callable[[], Any], tensors: Sequence[Tensor], key: Any) -> Any: ...


class Eager:
    """Computes at once, with NumPy or the kernel of a one-node graph."""

    def apply(self, op: Any, args: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
        values: list[Any] = []
        floats = large = elsewhere = False
        for a in args:
            if isinstance(a, Tensor):
                value = a._value
                values.append(value)
                large = large or value.nbytes >= LARGE
                elsewhere = elsewhere or type(value) is not _ndarray
            else:
                values.append(operand(a))
                floats = floats or type(a) is float
        if floats:
            values = _weak_beside_bfloat16(values, op.conditions)
        if elsewhere and (device := device_of(values)) != "cpu":
            return _wrapped(get_backend(device).eager(op, values, attrs))
        function = partial(get_backend("cpu").call_large, op.eager) if large else op.eager
        try:
            result = function(*values, **attrs)
        except TracejitError:
            raise
        except Exception as error:
            op.spec(*[spec_of(v) for v in values], **attrs)  # raises the error that teaches, if a spec is at fault
            raise error.with_traceback(None) from None
        if type(result) is _ndarray:
            return wrap(result)
        return _wrapped(result)

    def assign(self, target: Tensor, value: Tensor) -> None:
        if type(value._value) is DeviceArray and type(target._value) is not DeviceArray:
            fail_across(value.device)
        target._value[...] = value._value

    def observe(self, tensor: Tensor) -> np.ndarray:
        return memory_of(tensor._value)

    def array(self, tensor: Tensor) -> Any:
        return tensor._value

    def value(self, tensor: Tensor) -> np.ndarray:
        return on_host(tensor._value)

    def truth(self, tensor: Tensor) -> bool:
        return bool(tensor._value.item())

    def constant(self, array: np.ndarray) -> Tensor:
        return wrap(array)

    def at_hand(self, tensor: Tensor) -> np.ndarray | None:
        return tensor._value if type(tensor._value) is _ndarray else None  # what lies elsewhere is not waited for

    def handle(self, tensor: Tensor) -> Tensor:
        return wrap(tensor._value)

    def strides(self, tensor: Tensor) -> tuple[int, ...]:
        value = tensor._value
        return tuple([s // value.itemsize for s in value.strides])

    def read_grad(self, leaf: Tensor) -> Tensor | None:
        return leaf._grad

    def write_grad(self, leaf: Tensor, grad: Tensor | None) -> None:
        leaf._grad = grad

    def run_whole(self, whole: Whole, function: Callable[[], Any], tensors: Sequence[Tensor], key: Any) -> Any:
        return whole.run(function, tensors, key)


def fail_across(device: str) -> NoReturn:
    """Refuse to write a device's tensor into one of the host's."""
    met = f"an in-place operation would write a tensor on {device} into one on the CPU"
    fail(DeviceError, met, "Write it out of place (x = x + y), or bring one to the other: y.cpu(), x.to(y.device).")


EAGER = Eager()


def _wrapped(result: Any) -> Any:
    """What an op gave, as tensors."""
    if type(result) is tuple:
        return tuple(map(_wrapped, result))
    return wrap(result if type(result) is DeviceArray else np.asarray(result))


class Mode(threading.local):
    """What is in force in this thread."""

    interpreter: Interpreter = EAGER
    grad: bool = True
    inference: bool = False
    autocast: Lows | None = None  # see `precision.py`
    callee: Callable[[Any], Any] = staticmethod(lambda function: function)  # what is called in the place of a function of the user's
    in_kind: Callable[[Tensor, Any], Any] = staticmethod(lambda tensor, _: tensor)  # a tensor as a value of the kind of another


mode = Mode()


def operand(value: Any) -> Any:
    """A non-Tensor argument of an op: a Python scalar stays weak, NumPy values keep their dtype."""
    kind = type(value)
    if kind in _PYTHON_SCALARS:
        return value
    if isinstance(value, (_ndarray, np.generic)):
        return np.asarray(value)
    if isinstance(value, int):  # a subclass: an enum's member, `x.size`
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, complex):
        return complex(value)
    fail(
        ArgumentError,
        f"an operand is a {kind.__name__}: {value!r:.60}",
        "Give a Tensor, a NumPy array or a Python number; tj.asarray(...) makes a Tensor of nested lists.",
    )


def _weak_beside_bfloat16(values: list[Any], conditions: int) -> list[Any]:
    """Python floats as bfloat16 where that is the arrays' common dtype, conditions left out: NumPy does not know them to be weak there."""
    dtypes = [v.dtype for v in values[conditions:] if isinstance(v, _ndarray)]
    if bfloat16 not in dtypes or promote(*dtypes) != bfloat16:
        return values
    return [np.asarray(v, bfloat16) if type(v) is float else v for v in values]


def spec_of(value: Any) -> Any:
    """The TensorSpec of an array-like; a Python scalar is its own (weak) description."""
    if type(value) in _PYTHON_SCALARS:
        return value
    return TensorSpec(value.shape, value.dtype)
