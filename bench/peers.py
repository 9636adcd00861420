"""The libraries that are compared: how each takes arrays, compiles a function, and is waited for.

A peer is loaded in a process of its own (`bench.worker`); here it is only named.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
from dataclasses import dataclass
from typing import Any, Callable

import numpy as np


def _itself(value: Any) -> Any:
    return value


@dataclass
class Peer:
    """One column of the report, ready to work. `library` names the programs of a workload that it runs."""

    name: str
    library: str
    xp: Any
    functional: Any = None
    array: Callable[[np.ndarray], Any] = _itself
    compile: Callable[[Callable], Callable] = _itself
    wait: Callable[[Any], Any] | None = None  # None: a call returns when its work is done
    forget: Callable[[], None] = lambda: None  # between rows, so that no row meets what another left in the library's caches
    compiles: bool = True
    device: str = "cpu"


def _tracejit(name: str) -> Peer:
    tj = importlib.import_module("tracejit")
    functional = importlib.import_module("tracejit.nn.functional")
    if name == "eager":
        return Peer(name, "tracejit", tj, functional, tj.asarray, compiles=False)
    return Peer(name, "tracejit", tj, functional, tj.asarray, tj.compile)


def _numpy(name: str) -> Peer:
    return Peer(name, "numpy", np, np, compiles=False)


def _numexpr(name: str) -> Peer:
    return Peer(name, "numexpr", importlib.import_module("numexpr"))


def _numba(name: str) -> Peer:
    numba = importlib.import_module("numba")
    return Peer(name, "numba", np, compile=numba.njit(parallel=name == "Numba ∥"))


def _torch(name: str) -> Peer:
    torch = importlib.import_module("torch")
    peer = Peer(name, "torch", torch, torch.nn.functional, torch.from_numpy, compiles=False)
    if name == "torch.compile":
        # functions of one text are one function to its cache, which gives up after a few of them: hence the reset between rows
        peer.compile, peer.forget, peer.compiles = lambda f: torch.compile(f, dynamic=False), torch.compiler.reset, True
    return peer


def _jax(name: str) -> Peer:
    jax = importlib.import_module("jax")
    jax.config.update("jax_enable_x64", True)  # so that there is float64; float32 stays float32

    def wait(value: Any) -> Any:
        for part in value if isinstance(value, tuple) else (value,):
            part.block_until_ready()
        return value

    return Peer(name, "jax", jax.numpy, jax.nn, jax.numpy.asarray, jax.jit, wait, jax.clear_caches)


_MAKERS: dict[str, tuple[str, Callable[[str], Peer]]] = {
    "compiled": ("tracejit", _tracejit),
    "eager": ("tracejit", _tracejit),
    "NumPy": ("numpy", _numpy),
    "numexpr": ("numexpr", _numexpr),
    "Numba": ("numba", _numba),
    "Numba ∥": ("numba", _numba),
    "torch": ("torch", _torch),
    "torch.compile": ("torch", _torch),
    "JAX": ("jax", _jax),
}
OURS = ("compiled", "eager")


def package(name: str) -> str:
    return _MAKERS[name][0]


def load(name: str) -> Peer:
    """Import the peer's library, in this process."""
    return _MAKERS[name][1](name)


def installed(skip: set[str]) -> list[str]:
    """The columns whose packages are installed, but those that `skip` names (by column or package)."""
    return [name for name, (package, _) in _MAKERS.items() if not {name, package} & skip and importlib.util.find_spec(package) is not None]


def versions(names: list[str]) -> dict[str, str]:
    return {package: importlib.metadata.version(package) for package in dict.fromkeys(map(package, names))}


def thread_settings(threads: int) -> dict[str, str]:
    """Environment variables that hold libraries to that many threads."""
    names = "TRACEJIT_NUM_THREADS OMP_NUM_THREADS OPENBLAS_NUM_THREADS MKL_NUM_THREADS NUMEXPR_NUM_THREADS NUMBA_NUM_THREADS".split()
    return dict.fromkeys(names, str(threads))
