"""The libraries that are compared: how each takes arrays, compiles a function, and is waited for."""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass, field
from typing import Any, Callable

import numpy as np


def _itself(value: Any) -> Any:
    return value


@dataclass
class Peer:
    """One column of the report. `library` names the implementations of a workload it runs."""

    name: str
    library: str
    module: str
    array: Callable[[np.ndarray], Any] = _itself
    compile: Callable[[Callable], Callable] = _itself
    wait: Callable[[Any], Any] = _itself
    compiles: bool = False
    version: str = field(default="")


def _numpy() -> list[Peer]:
    return [Peer("NumPy", "numpy", "numpy")]


def _tracejit() -> list[Peer]:
    tj = importlib.import_module("tracejit")
    return [
        Peer("eager", "tracejit", "tracejit", tj.asarray),
        Peer("compiled", "tracejit", "tracejit", tj.asarray, tj.compile, compiles=True),
    ]


def _torch() -> list[Peer]:
    torch = importlib.import_module("torch")
    return [
        Peer("torch", "torch", "torch", torch.from_numpy),
        Peer("torch.compile", "torch", "torch", torch.from_numpy, lambda f: torch.compile(f, dynamic=False), compiles=True),
    ]


def _jax() -> list[Peer]:
    jax = importlib.import_module("jax")
    jax.config.update("jax_enable_x64", True)  # so that int64 labels stay int64; the float32 workloads stay float32
    return [Peer("JAX jit", "jax", "jax", jax.numpy.asarray, jax.jit, jax.block_until_ready, compiles=True)]


def _numexpr() -> list[Peer]:
    return [Peer("numexpr", "numexpr", "numexpr")]


MAKERS = {"tracejit": _tracejit, "numpy": _numpy, "numexpr": _numexpr, "torch": _torch, "jax": _jax}


def installed(skip: set[str]) -> list[Peer]:
    """The peers whose packages are installed, but those named in `skip` (by column or package)."""
    found = []
    for package, make in MAKERS.items():
        if package in skip or importlib.util.find_spec(package) is None:
            continue
        for peer in make():
            if peer.name not in skip:
                peer.version = str(getattr(importlib.import_module(package), "__version__", ""))
                found.append(peer)
    return found
