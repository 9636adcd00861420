"""The array API's introspection: `x.__array_namespace__()` and `tj.__array_namespace_info__()`."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from ..backend import device_names
from ..errors import ArgumentError, fail
from ..spec import DTYPES, bfloat16, check_device, complex64, complex128, float16, float32, get_default_dtype, int64
from ..tensor import Tensor
from .dtypes import isdtype

VERSIONS = ("2021.12", "2022.12", "2023.12", "2024.12")
_public: list[ModuleType] = []


def install(namespace: ModuleType) -> None:
    """Say which module is the public namespace."""
    _public[:] = [namespace]


def public() -> ModuleType:
    """The module that was installed as the public namespace."""
    return _public[0]


def __array_namespace__(self: Tensor, /, *, api_version: str | None = None) -> ModuleType:
    """The namespace that holds the array API's functions for this tensor."""
    if api_version is not None and api_version not in VERSIONS:
        fail(ArgumentError, f"array API version {api_version!r}", f"Give one of {', '.join(VERSIONS)}.")
    return public()


Tensor.__array_namespace__ = __array_namespace__  # type: ignore[attr-defined]


class Info:
    """What this library offers, in the array API's terms."""

    def capabilities(self) -> dict[str, Any]:
        """Whether boolean indexing and data-dependent shapes work, and the largest number of axes."""
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 64}

    def default_device(self) -> str:
        """The device new tensors are put on."""
        return "cpu"

    def devices(self) -> list[str]:
        """The devices that exist here."""
        return device_names()

    def default_dtypes(self, *, device: Any = None) -> dict[str, Any]:
        """The dtypes of tensors made without one."""
        check_device(device)
        real = get_default_dtype()
        return {
            "real floating": real,
            "complex floating": complex64 if real == float32 else complex128,
            "integral": int64,
            "indexing": int64,
        }

    def dtypes(self, *, device: Any = None, kind: Any = None) -> dict[str, Any]:
        """The array API's dtypes by name, of one kind (as `isdtype` takes it) or all. (float16 and bfloat16 exist beside them.)"""
        check_device(device)
        found = [d for d in DTYPES if d not in (float16, bfloat16)]
        return {d.name: d for d in found if kind is None or isdtype(d, kind)}


def __array_namespace_info__() -> Info:
    """What this library offers, in the array API's terms: devices, dtypes, defaults, capabilities."""
    return Info()
