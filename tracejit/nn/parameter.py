"""`Parameter`: a tensor that a Module finds among its attributes and an optimiser changes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd.modes import GradMode
from ..device import is_array
from ..dispatch import assign, bind
from ..ops.create import fill
from ..ops.elementwise import cast
from ..ops.transfer import made_on, on_device
from ..ops.view import alias, put
from ..spec import DType, as_dtype, as_shape, get_default_dtype
from ..tensor import Tensor, storage_of, wrap


class Parameter(Tensor):
    """A leaf tensor that requires grad, on the memory of `data` (a Tensor, or anything NumPy can make an array of)."""

    def __new__(cls, data: Any = None, requires_grad: bool = True) -> Parameter:
        if data is None:
            data = empty((0,))
        elif not isinstance(data, Tensor):
            data = wrap(np.asarray(data))
        parameter = same_memory(data)
        parameter.__class__ = cls  # Tensor has no slots, so a handle can become a Parameter
        parameter.requires_grad_(requires_grad)
        return parameter  # type: ignore[return-value]

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()


def same_memory(tensor: Tensor) -> Tensor:
    """Another handle on the memory of `tensor`, without history."""
    if not is_array(tensor._value):
        return bind(alias, tensor)
    handle = wrap(tensor._value)
    handle._storage, handle._chain = storage_of(tensor), tensor._chain
    handle._seen = handle._storage.version
    return handle


def empty(shape: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """Zeros of this shape in memory of their own, to be initialised."""
    return made_on(device, fill, shape=as_shape(shape), dtype=get_default_dtype() if dtype is None else as_dtype(dtype), value=0)


def overwrite(target: Tensor, value: Tensor) -> Tensor:
    """Write `value`, cast to the dtype of `target`, into its memory, outside the history."""
    with GradMode(False):
        value = on_device(value, target.device)
        if value.shape != target.shape:
            value = value.broadcast_to(target.shape)
        return assign(target, value if value.dtype == target.dtype else cast(value, dtype=target.dtype), put)


def change_memory(tensor: Tensor, dtype: DType, device: str) -> None:
    """Give a leaf tensor, and its gradient, new memory of another dtype, or on another device; whoever holds the tensor sees the change."""
    if tensor.dtype == dtype and tensor.device == device:
        return
    with GradMode(False):
        there = on_device(tensor, device)
        tensor._value = (there if there.dtype == dtype else cast(there, dtype=dtype))._value
    tensor._storage, tensor._chain, tensor._base, tensor._seen = None, (), None, 0
    if tensor._grad is not None:
        change_memory(tensor._grad, dtype, device)
