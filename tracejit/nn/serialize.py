"""Tensors by name, in `.safetensors` files: numbers and nothing else, so that loading a file runs no code."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import ArgumentError, fail
from ..ops.transfer import on_device
from ..tensor import Tensor, wrap


def _library() -> Any:
    return importlib.import_module("safetensors.numpy")


def save_file(tensors: Mapping[str, Tensor], filename: str | os.PathLike[str], metadata: dict[str, str] | None = None) -> None:
    """Write a state_dict (or any flat dict of tensors and arrays) to a `.safetensors` file; `metadata` holds strings."""
    arrays = {}
    for name, tensor in tensors.items():
        if not isinstance(tensor, (Tensor, np.ndarray)):
            fail(
                ArgumentError,
                f"save_file() of {name!r}, a {type(tensor).__name__}",
                "Give a flat dict from names to tensors, such as model.state_dict(); keep other things in metadata, as strings.",
            )
        array = tensor.detach().cpu().numpy() if isinstance(tensor, Tensor) else tensor
        arrays[name] = np.ascontiguousarray(array).reshape(array.shape)
    _library().save_file(arrays, os.fspath(filename), metadata)


def load_file(filename: str | os.PathLike[str], device: str = "cpu") -> dict[str, Tensor]:
    """The tensors of a `.safetensors` file, by name, in memory of their own on this device."""
    loaded = _library().load_file(os.fspath(filename))
    return {name: on_device(wrap(np.array(array)), device) for name, array in sorted(loaded.items())}


def load_metadata(filename: str | os.PathLike[str]) -> dict[str, str]:
    """The strings saved beside the tensors of a `.safetensors` file."""
    with importlib.import_module("safetensors").safe_open(os.fspath(filename), framework="numpy") as file:
        return file.metadata() or {}
