"""The one seam by which eager tensors reach kernels and devices: backends are found by name, and loaded when first asked for."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from typing import Any

from .errors import DeviceError, fail

_MODULES = {"cpu": "tracejit.backends.cpu"}
_loaded: dict[str, Backend] = {}


class Backend(ABC):
    """What a device must be able to do."""

    name: str

    @abstractmethod
    def apply(self, op: Any, values: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
        """Run one op on arrays of this device, as the kernel of a one-node graph."""

    @abstractmethod
    def routine(self, op: Any, specs: tuple[Any, ...]) -> Any | None:
        """The backend's own routine for a library op on these specs, or None to use the op's NumPy function."""


def get_backend(name: str = "cpu") -> Backend:
    """The backend of a device."""
    backend = _loaded.get(name)
    if backend is None:
        if name not in _MODULES:
            fail(DeviceError, f"there is no backend named {name!r}", f"Known backends: {', '.join(_MODULES)}.")
        backend = _loaded[name] = importlib.import_module(_MODULES[name]).backend
    return backend
