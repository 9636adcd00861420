"""What of Tensor's surface is about the handle: copies, casts, detaching, in-place writes, memory, Python's conversions."""

from __future__ import annotations

import operator
from typing import Any



from ..dispatch import assign, bind
from ..errors import ArgumentError, DTypeError, GradError, fail
from ..spec import (
    as_dtype,
    bfloat16,
    bool_,
    float16,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    is_integer,
    names_device,
    uint8,
)
from ..tensor import Tensor, method
from .create import empty, fill, full, ones, zeros
from .dtypes import astype as astype_function
from .elementwise import cast, copy
from .manipulate import matrix_transpose, shape_of_arguments
from .transfer import on_device
from .view import alias, broadcast_to, is_contiguous, permute, put, strides_of

# Copies and casts


@method("clone")
def clone(self: Tensor, *, memory_format: Any = None) -> Tensor:
    """The values in new memory, with history."""
    return bind(copy, self)


@method("copy")
def copy_method(self: Tensor) -> Tensor:
    """NumPy's name of `clone`."""
    return bind(copy, self)


@method("contiguous")
def contiguous(self: Tensor, *, memory_format: Any = None) -> Tensor:
    """`self` if its elements lie in row-major order without gaps, else a copy in which they do."""
    return self if is_contiguous(self) else bind(copy, self)


@method("is_contiguous")
def is_contiguous_method(self: Tensor, *, memory_format: Any = None) -> bool:
    """Whether the elements lie in memory in row-major order, without gaps."""
    return is_contiguous(self)


@method("stride")
def stride(self: Tensor, dim: int | None = None) -> Any:
    """The strides of the memory, in elements; of one axis, if `dim` is given."""
    strides = strides_of(self)
    return strides if dim is None else strides[dim]


@method("astype")
def astype(self: Tensor, dtype: Any, copy: bool = True) -> Tensor:
    """The values in another dtype; with `copy=False`, `self` where the dtype is already right."""
    return astype_function(self, dtype, copy=copy)


@method("to")
def to(
    self: Tensor, *targets: Any, dtype: Any = None, device: Any = None, copy: bool = False, non_blocking: bool = False, memory_format: Any = None
) -> Tensor:
    """The values in another dtype or on another device: `x.to(tj.float64)`, `x.to("cpu")`, `x.to(other)`."""
    for target in targets:
        if isinstance(target, Tensor):
            dtype, device = target.dtype, target.device
        elif isinstance(target, bool):
            continue  # PyTorch's positional `non_blocking`
        elif names_device(target):
            device = target
        elif target is not None:
            dtype = target
    there = on_device(self, device)
    return astype_function(there, self.dtype if dtype is None else dtype, copy=copy and there is self)


@method("type")
def type_(self: Tensor, dtype: Any) -> Tensor:
    """PyTorch's name of a cast."""
    return astype_function(self, dtype, copy=False)


@method("type_as")
def type_as(self: Tensor, other: Tensor) -> Tensor:
    """The values in the dtype of `other`."""
    return astype_function(self, other.dtype, copy=False)


def _conversion(name: str, dtype: Any) -> None:
    def convert(self: Tensor) -> Tensor:
        return astype_function(self, dtype, copy=False)

    convert.__name__ = name
    convert.__doc__ = f"The values as {dtype.name}."
    method(name)(convert)


for _name, _dtype in {
    "float": float32, "double": float64, "half": float16, "bfloat16": bfloat16, "int": int32, "long": int64, "short": int16,
    "char": int8, "byte": uint8, "bool": bool_,
}.items():  # fmt: skip
    _conversion(_name, _dtype)


@method("cpu")
def cpu(self: Tensor) -> Tensor:
    """The tensor on the CPU: itself, if it is there."""
    return on_device(self, "cpu")


@method("cuda")
def cuda(self: Tensor, device: Any = None, non_blocking: bool = False) -> Tensor:
    """The tensor on a GPU: by its number, or the first."""
    return on_device(self, "cuda" if device is None else device)


@method("to_device")
def to_device(self: Tensor, device: Any, /, stream: Any = None) -> Tensor:
    """The tensor on this device (the array API's name of `to`)."""
    if stream is not None:
        fail(ArgumentError, f"a stream ({stream!r}) of the cpu", "Give stream=None.")
    return on_device(self, device)


# History


@method("detach")
def detach(self: Tensor) -> Tensor:
    """Another handle on the same memory, outside the history."""
    return bind(alias, self)


@method("detach_")
def detach_(self: Tensor) -> Tensor:
    """Cut this tensor from its history, in place."""
    if self._base is not None:
        fail(GradError, "detach_() of a view", "Use .detach(), which gives another handle.")
    self._application, self._index, self._requires_grad = None, 0, False
    return self


def _data(self: Tensor) -> Tensor:
    """The same memory outside the history; assigned to, its values are overwritten."""
    return bind(alias, self)


def _set_data(self: Tensor, value: Tensor) -> None:
    if tuple(value.shape) != tuple(self.shape) or value.dtype != self.dtype:
        fail(ArgumentError, f"x.data = … of {value.spec} for {self.spec}", "Give the same shape and dtype, or make a new tensor.")
    assign(bind(alias, self), bind(alias, value), put)


Tensor.data = property(_data, _set_data)  # type: ignore[attr-defined]


# Writing in place


@method("copy_")
def copy_(self: Tensor, source: Any, non_blocking: bool = False) -> Tensor:
    """Write the values of `source`, cast and broadcast, into this tensor."""
    value = on_device(source, self.device) if isinstance(source, Tensor) else full((), source, dtype=self.dtype)
    if value.dtype != self.dtype:
        value = bind(cast, value, dtype=self.dtype)
    return assign(self, value, put)


@method("fill_")
def fill_(self: Tensor, value: Any) -> Tensor:
    """Write one value into every element."""
    return self.copy_(value)


@method("zero_")
def zero_(self: Tensor) -> Tensor:
    """Write zero into every element."""
    return assign(self, bind(fill, shape=(), dtype=self.dtype, value=0), put)


# New tensors like this one


def _new_like(name: str, create: Any) -> None:
    def make(self: Tensor, *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
        shape = shape_of_arguments(size)
        made = create(shape, dtype=self.dtype if dtype is None else as_dtype(dtype), device=device or self.device)
        return made.requires_grad_(requires_grad)

    make.__name__ = name
    make.__doc__ = f"`tj.{create.__name__}` of this shape, in this tensor's dtype and on its device, unless others are named."
    method(name)(make)


for _name, _create in {"new_zeros": zeros, "new_ones": ones, "new_empty": empty}.items():
    _new_like(_name, _create)


@method("new_full")
def new_full(self: Tensor, size: Any, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """`tj.full` of this shape, in this tensor's dtype and on its device, unless others are named."""
    return full(size, fill_value, dtype=self.dtype if dtype is None else dtype, device=device or self.device).requires_grad_(requires_grad)


# Transposes as properties


def _reversed(self: Tensor) -> Tensor:
    """A view with the order of the axes reversed."""
    return bind(permute, self, axes=tuple(reversed(range(self.ndim))))


Tensor.T = property(_reversed)  # type: ignore[attr-defined]
Tensor.mT = property(lambda self: matrix_transpose(self), doc="A view with the last two axes exchanged.")  # type: ignore[attr-defined]
Tensor.H = property(lambda self: matrix_transpose(self).conj(), doc="The conjugate transpose.")  # type: ignore[attr-defined]
Tensor.mH = Tensor.H  # type: ignore[attr-defined]


@method("t")
def t(self: Tensor) -> Tensor:
    """The transpose of a matrix; a vector is its own."""
    return _reversed(self)


@method("expand_as")
def expand_as(self: Tensor, other: Tensor) -> Tensor:
    """`broadcast_to` the shape of `other`."""
    return broadcast_to(self, other.shape)


@method("view_as", "reshape_as")
def reshape_as(self: Tensor, other: Tensor) -> Tensor:
    """`reshape` to the shape of `other`."""
    return self.reshape(other.shape)


# Python's conversions: each is an observation


@method()
def __float__(self: Tensor) -> float:
    return float(self.item())


@method()
def __int__(self: Tensor) -> int:
    return int(self.item())


@method()
def __complex__(self: Tensor) -> complex:
    return complex(self.item())


@method()
def __index__(self: Tensor) -> int:
    if not is_integer(self.dtype) or self.ndim:
        fail(DTypeError, f"a tensor {self.spec} cannot be an index or a length", "Only a 0-d tensor of an integer dtype can; use int(x).")
    return operator.index(self.item())


@method()
def __contains__(self: Tensor, value: Any) -> bool:
    return bool((self == value).any())


@method()
def __format__(self: Tensor, spec: str) -> str:
    return format(self.item(), spec) if spec or not self.ndim else str(self)
