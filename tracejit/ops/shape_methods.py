"""The manipulation functions as methods of Tensor, with PyTorch's calls: shapes and axes as one tuple or as separate ints."""

from __future__ import annotations

from typing import Any

from ..dispatch import bind
from ..spec import as_axis
from ..tensor import Tensor, method
from . import join, manipulate
from .manipulate import shape_of_arguments
from .names import torch_names
from .view import broadcast_to, reshape, same

# Functions that read the same as methods, and those that only lack another name
for _name in (
    "unsqueeze", "flatten", "ravel", "unflatten", "expand", "swapaxes", "transpose", "rot90", "unbind", "split", "chunk", "narrow",
    "unfold", "moveaxis", "expand_dims", "unstack",
):  # fmt: skip
    method(_name)(torch_names(getattr(manipulate, _name)))
method("movedim")(manipulate.moveaxis)
method("swapdims")(manipulate.swapaxes)
method("diag")(join.diag)


@method("reshape")
def reshape_method(self: Tensor, *shape: Any, copy: bool | None = None) -> Tensor:
    """The elements in row-major order under another shape; a view where strides allow it."""
    return reshape(self, shape_of_arguments(shape), copy=copy)


method("view")(manipulate.view)


@method("broadcast_to")
def broadcast_method(self: Tensor, *shape: Any) -> Tensor:
    """Repeated along new and one-long axes to this shape, without copying."""
    return broadcast_to(self, shape_of_arguments(shape))


@method("permute", "permute_dims")
def permute_method(self: Tensor, *dims: Any) -> Tensor:
    """A view whose axis k is axis `dims[k]`."""
    return manipulate.permute_dims(self, shape_of_arguments(dims))


@method("squeeze")
def squeeze_method(self: Tensor, dim: Any = None, *, axis: Any = None) -> Tensor:
    """A view without the one-long axes among `dim` (all of them, if None); as PyTorch, longer axes stay. `axis` is strict."""
    if axis is not None:
        return manipulate.squeeze(self, axis)
    if dim is None:
        return manipulate.squeeze(self)
    dims = dim if isinstance(dim, (tuple, list)) else (dim,)
    gone = tuple(d for d in dims if self.ndim and self.shape[as_axis(d, self.ndim)] == 1)
    return manipulate.squeeze(self, gone) if gone else bind(same, self)


@method("flip")
def flip_method(self: Tensor, *dims: Any, axis: Any = None) -> Tensor:
    """A view with the order along these axes reversed (all axes, if none is given)."""
    return manipulate.flip(self, axis=axis if axis is not None else shape_of_arguments(dims) or None)


@method("roll")
def roll_method(self: Tensor, shifts: Any, dims: Any = None, *, axis: Any = None) -> Tensor:
    """The elements moved on by `shifts` places along `dims` (of the flattened tensor, if None), coming in again at the front."""
    return join.roll(self, shifts, axis=dims if axis is None else axis)


@method("tile")
def tile_method(self: Tensor, *dims: Any) -> Tensor:
    """Copies laid out `dims` times along each axis."""
    return join.tile(self, shape_of_arguments(dims))


@method("repeat")
def repeat_method(self: Tensor, *repeats: Any, axis: Any = None) -> Tensor:
    """PyTorch's `repeat`: as `tile`. With `axis=`, NumPy's: each element repeated in place."""
    if axis is not None:
        return join.repeat(self, shape_of_arguments(repeats) if len(repeats) != 1 else repeats[0], axis=axis)
    return join.tile(self, shape_of_arguments(repeats))


@method("repeat_interleave")
def repeat_interleave(self: Tensor, repeats: Any, dim: int | None = None) -> Tensor:
    """Each element (along `dim`; of the flattened tensor, if None) repeated in place."""
    return join.repeat(self, repeats, axis=dim)


@method("diagonal")
def diagonal_method(self: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """The view of a diagonal of two axes, along a new last axis."""
    return manipulate.diagonal(self, offset, dim1, dim2)
