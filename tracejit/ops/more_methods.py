"""PyTorch's methods that are not simply an op: arithmetic with `alpha`, functions as methods, and their in-place forms."""

from __future__ import annotations

from typing import Any, Callable

from ..dispatch import assign, bind
from ..errors import ArgumentError, fail
from ..tensor import Tensor, method
from . import activation, create, elementwise, transcendental, utility
from .casts import conj, where
from .convert import asarray
from .elementwise import add, divide, floor_divide, subtract, trunc
from .manipulate import matrix_transpose, split
from .view import index_basic, put


def _with_in_place(name: str, function: Callable[..., Tensor]) -> None:
    """Attach a function of a tensor under `name`, and under `name_` the same written into the tensor."""

    def change(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return assign(self, function(self, *args, **kwargs), put)

    change.__name__, change.__doc__ = name + "_", f"`{name}`, written into this tensor."
    method(name)(function)
    method(name + "_")(change)


# Arithmetic with PyTorch's extra arguments


def _add(self: Tensor, other: Any, *, alpha: Any = 1) -> Tensor:
    """self + alpha · other."""
    return bind(add, self, other if type(alpha) is int and alpha == 1 else other * alpha)


def _sub(self: Tensor, other: Any, *, alpha: Any = 1) -> Tensor:
    """self - alpha · other."""
    return bind(subtract, self, other if type(alpha) is int and alpha == 1 else other * alpha)


def _div(self: Tensor, other: Any, *, rounding_mode: str | None = None) -> Tensor:
    """self / other; rounded down with rounding_mode="floor", towards 0 with "trunc"."""
    if rounding_mode is None:
        return bind(divide, self, other)
    if rounding_mode == "floor":
        return bind(floor_divide, self, other)
    if rounding_mode != "trunc":
        fail(ArgumentError, f"rounding_mode={rounding_mode!r}", 'Give None, "floor" or "trunc".')
    return trunc(bind(divide, self, other)).to(self.dtype)


def _addcmul(self: Tensor, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Tensor:
    """self + value · tensor1 · tensor2."""
    return self + (tensor1 * tensor2 if value == 1 else value * (tensor1 * tensor2))


def _addcdiv(self: Tensor, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Tensor:
    """self + value · tensor1 / tensor2."""
    return self + (tensor1 / tensor2 if value == 1 else value * (tensor1 / tensor2))


def _clamp_min(self: Tensor, min: Any) -> Tensor:
    """The elements, at least `min`."""
    return elementwise.clip(self, min, None)


def _clamp_max(self: Tensor, max: Any) -> Tensor:
    """The elements, at most `max`."""
    return elementwise.clip(self, None, max)


def _frac(self: Tensor) -> Tensor:
    """What truncation takes away."""
    return self - trunc(self)


def _tril(self: Tensor, diagonal: int = 0) -> Tensor:
    """The elements on and below a diagonal of the last two axes, zeros above."""
    return create.tril(self, k=diagonal)


def _triu(self: Tensor, diagonal: int = 0) -> Tensor:
    """The elements on and above a diagonal of the last two axes, zeros below."""
    return create.triu(self, k=diagonal)


_IN_PLACE_TOO: dict[tuple[str, ...], Callable[..., Any]] = {
    ("add",): _add, ("sub", "subtract"): _sub, ("div", "divide", "true_divide"): _div, ("addcmul",): _addcmul, ("addcdiv",): _addcdiv,
    ("clamp", "clip"): elementwise.clip, ("clamp_min",): _clamp_min, ("clamp_max",): _clamp_max, ("round",): elementwise.round,
    ("frac",): _frac, ("tril",): _tril, ("triu",): _triu, ("lerp",): transcendental.lerp, ("rsqrt",): transcendental.rsqrt,
    ("logit",): transcendental.logit, ("xlogy",): transcendental.xlogy, ("sinc",): transcendental.sinc,
    ("deg2rad",): transcendental.deg2rad, ("rad2deg",): transcendental.rad2deg, ("nan_to_num",): transcendental.nan_to_num,
    ("heaviside",): transcendental.heaviside,
}  # fmt: skip
for _names, _function in _IN_PLACE_TOO.items():
    for _name in _names:
        _with_in_place(_name, _function)

# Functions of a tensor that are methods too

_METHODS: dict[str, Callable[..., Any]] = {
    "angle": transcendental.angle, "polygamma": lambda self, n: transcendental.polygamma(self, n=n), "prelu": activation.prelu,
    "hardshrink": activation.hardshrink, "isclose": utility.isclose, "allclose": utility.allclose, "diff": utility.diff, "conjugate": conj,
    "adjoint": lambda self: conj(matrix_transpose(self)), "split_with_sizes": split, "ndimension": lambda self: self.ndim,
    "nelement": lambda self: self._value.size,
    "new_tensor": lambda self, data, dtype=None, device=None: asarray(data, dtype=dtype or self.dtype, device=device or self.device, copy=True),
}  # fmt: skip
for _name, _function in _METHODS.items():
    if _name not in vars(Tensor):
        setattr(Tensor, _name, _function)


@method("where")
def where_method(self: Tensor, condition: Any, other: Any) -> Tensor:
    """The elements where the condition holds, those of `other` elsewhere."""
    return where(condition, self, other)


@method("select")
def select(self: Tensor, dim: int, index: int) -> Tensor:
    """The view at one index of an axis."""
    return index_basic(self, (slice(None),) * (dim % max(self.ndim, 1)) + (index,))
