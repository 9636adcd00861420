"""The one seam by which eager tensors reach kernels and devices: backends are found by name, and loaded when first asked for."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from typing import Any, Callable, Protocol, Sequence

from .errors import DeviceError, fail
from .tensor import Tensor

LARGE = 1 << 22  # bytes from which an array is worth memory out of a pool; measured: docs/decisions.md

_MODULES = {"cpu": "tracejit.backends.cpu", "cuda": "tracejit.backends.cuda.backend"}
_loaded: dict[str, Any] = {}


class NotKept(Exception):
    """A kernel would have to be compiled, and that was not asked for."""


class Replay(Protocol):
    """A function that was traced, to be run on other tensors of the same layouts."""

    def fits(self, arrays: list[Any]) -> bool:
        """Whether it may be run on these arrays: what it writes can be written, and shares no memory with what else it is given."""

    def run(self, function: Callable[[], Any], tensors: Sequence[Tensor], arrays: list[Any]) -> Any:
        """What `function()` would return and write, the arrays being those of the tensors."""


class Backend(ABC):
    """What a device must be able to do."""

    name: str
    small_products = False  # whether it multiplies matrices of float16 and bfloat16 as they are: summed in float32, rounded once

    @abstractmethod
    def apply(self, op: Any, values: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
        """Run one op on arrays of this device, as the kernel of a one-node graph."""

    @abstractmethod
    def source(self, kernel: Any, name: str = "kernel") -> str:
        """The text of a kernel, as it is compiled, with the user's lines."""

    @abstractmethod
    def synchronize(self) -> None:
        """Wait until everything that was issued is done."""

    @abstractmethod
    def trace(self, function: Callable[[], Any], tensors: Sequence[Tensor], compile: bool) -> tuple[Any, Replay | None]:
        """Run a function that reads and assigns these tensors alone, as a graph: its result, and its replay, if a graph can give it.

        Raises NotKept, nothing having been run, if a kernel is not at hand and `compile` is False.
        """


def get_backend(name: str = "cpu") -> Any:
    """The backend of a device: "cpu", "cuda:0" …"""
    backend = _loaded.get(name)
    if backend is None:
        kind, _, number = name.partition(":")
        if kind not in _MODULES:
            fail(DeviceError, f"there is no device {name!r}", f"Devices are {', '.join(_MODULES)}.")
        backend = _loaded[name] = importlib.import_module(_MODULES[kind]).backend_of(int(number or 0))
    return backend


def device_names() -> list[str]:
    """The names of the devices that exist here: the CPU's first."""
    gpus = importlib.import_module("tracejit.backends.cuda.devices").device_count()
    return ["cpu", *[f"cuda:{number}" for number in range(gpus)]]
