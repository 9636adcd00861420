"""From one device to another: the op `transfer`, and what of Tensor's surface is about devices."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import get_backend
from ..device import on_host
from ..dispatch import EAGER, bind, mode
from ..op import Elementwise, Op
from ..spec import TensorSpec, check_device
from ..tensor import Tensor, method, wrap


class Transfer(Op):
    """The same values in another device's memory. Attribute: `device`.

    In a trace it is a call (`dynamic`): a graph is computed by one device.
    """

    kind = "transfer"
    dynamic = True

    def spec(self, x: TensorSpec, *, device: str) -> TensorSpec:
        return TensorSpec(x.shape, x.dtype, device)


def moved(array: Any, device: str) -> Any:
    """A copy of an array on this device."""
    if device == "cpu":
        return np.array(on_host(array), order="C")
    return get_backend(device).upload(array)


transfer = Transfer(
    "transfer", eager=moved, vjp=lambda g, _y, x, *, device: (on_device(g, x.device),), parameters="x, /, *, device",
    doc="The values on another device.",
)  # fmt: skip


class Placed(Elementwise):
    """A copy that is known to lie on a device: what a graph makes of no inputs lies where the graph is computed, and says so."""

    def spec(self, *operands: Any, device: str = "cpu") -> TensorSpec:
        return super().spec(*operands)._replace(device=device)


placed = Placed(
    "placed", numpy=lambda x, *, device="cpu": x.copy(), exact=True, method=False, scalar="{0}", of_complex="{0}",
    parameters="x, /, *, device='cpu'", vjp=lambda g, _y, _x, *, device="cpu": (g,), doc="The values in new memory of this device.",
)  # fmt: skip


def on_device(x: Tensor, device: Any) -> Tensor:
    """`x` on this device: itself, if it is there, or no device is named."""
    if device is None:
        return x
    name = check_device(device)
    return x if x.device == name else bind(transfer, x, device=name)


def made_on(device: Any, op: Op, *operands: Any, **attrs: Any) -> Tensor:
    """What an op makes of attributes, and of operands of the host's, on this device."""
    name = check_device(device)
    if name == "cpu" or mode.interpreter is not EAGER:
        return on_device(bind(op, *operands, **attrs), device)
    return wrap(get_backend(name).eager(op, [x._value if isinstance(x, Tensor) else x for x in operands], attrs))


# What of Tensor's surface is about devices

Tensor.is_cuda = property(lambda self: self.device.type == "cuda", doc="Whether the values are on a GPU.")  # type: ignore[attr-defined]
Tensor.is_cpu = property(lambda self: self.device.type == "cpu", doc="Whether the values are on the CPU.")  # type: ignore[attr-defined]


@method()
def get_device(self: Tensor) -> int:
    """The number of the GPU that holds the values; -1 of the CPU."""
    return -1 if self.device.index is None else self.device.index


@method()
def pin_memory(self: Tensor, device: Any = None) -> Tensor:
    """The tensor itself: transfers go through memory that the driver has pinned, whatever they are of."""
    return self


@method()
def is_pinned(self: Tensor, device: Any = None) -> bool:
    """Whether the tensor's own memory is pinned: it is not, see `pin_memory`."""
    return False
