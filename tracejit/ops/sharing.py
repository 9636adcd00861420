"""Memory shared with other libraries: DLPack and `__cuda_array_interface__`, on the CPU and on GPUs."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import get_backend
from ..device import DeviceArray
from ..dispatch import mode
from ..errors import ArgumentError, DTypeError, GradError, fail
from ..spec import bfloat16
from ..tensor import Tensor, method

_HOST, _GPUS = 1, (2, 13)  # kinds of device in DLPack's words; the last has memory that the host sees too


def adopted(x: Any) -> DeviceArray | None:
    """The array on the GPU's memory that an object of another library shows; None if it shows none."""
    if hasattr(x, "__dlpack_device__"):
        kind, number = x.__dlpack_device__()
        return get_backend(f"cuda:{number}").sharing.adopted(x) if kind in _GPUS else None
    if hasattr(x, "__cuda_array_interface__"):
        number = get_backend("cuda:0").sharing.number_at(x.__cuda_array_interface__["data"][0])
        return get_backend(f"cuda:{number}").sharing.adopted(x)
    return None


def _array(x: Tensor) -> Any:
    """A tensor's array itself, wherever it lies. During a trace this is an observation."""
    if x.requires_grad and mode.grad:
        fail(GradError, "a tensor that requires grad cannot share its memory", "Write x.detach().")
    return mode.interpreter.array(x)


@method()
def __dlpack__(self: Tensor, /, *, stream: Any = None, max_version: Any = None, dl_device: Any = None, copy: bool | None = None) -> Any:
    if self.device == "cpu":
        if self.dtype == bfloat16:
            fail(DTypeError, "NumPy's DLPack has no bfloat16", "Cast with .astype(tj.float32) first.")
        return self.numpy().__dlpack__(stream=stream, max_version=max_version, dl_device=dl_device, copy=copy)
    sharing = get_backend(self.device).sharing
    if dl_device is not None and tuple(dl_device) != sharing.device:
        if copy is False or dl_device[0] != _HOST:
            fail(ArgumentError, f"a tensor on {self.device} is to be shown as one of device {tuple(dl_device)}", "Bring it there first: x.to(device).")
        return self.cpu().__dlpack__(max_version=max_version)
    array = _array(self)
    return sharing.capsule(array.copy() if copy else array, stream, max_version is not None and max_version[0] > 0, bool(copy))


@method()
def __dlpack_device__(self: Tensor) -> tuple[Any, int]:
    return np.empty(0).__dlpack_device__() if self.device == "cpu" else get_backend(self.device).sharing.device


def _cuda_array_interface(self: Tensor) -> dict[str, Any]:
    if self.device == "cpu":
        raise AttributeError("a tensor on the CPU has no __cuda_array_interface__")
    return get_backend(self.device).sharing.interface(_array(self))


Tensor.__cuda_array_interface__ = property(_cuda_array_interface)  # type: ignore[attr-defined]
