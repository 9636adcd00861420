"""CUDA's packages: none is needed until a GPU is asked for, so each is imported by name then."""

from __future__ import annotations

import importlib
from typing import Any

from ...errors import DeviceError, fail


def package(name: str) -> Any:
    """The module of this name. Raises DeviceError where its package is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError as missing:
        fail(DeviceError, f'device "cuda" needs {name}, which is not installed ({missing})', 'Install CUDA\'s packages: pip install "tracejit[cuda]"')
