"""From one device to another: the op `transfer`, and what of Tensor's surface is about devices."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import get_backend
from ..device import on_host
from ..dispatch import EAGER, bind, mode
from ..op import Op
from ..spec import TensorSpec, check_device
from ..tensor import Tensor, wrap


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

