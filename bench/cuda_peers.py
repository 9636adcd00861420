"""The libraries that are compared on a GPU: how each takes arrays there, and how its work is waited for, timed and read.

A library is loaded in a process of its own (`bench.cuda_worker`); here it is only named.
"""

from __future__ import annotations

import importlib
import importlib.util
import math
from dataclasses import dataclass
from typing import Any, Callable, NamedTuple

import ml_dtypes
import numpy as np

from .peers import Peer

COLUMNS = {"compiled": "tracejit", "eager": "tracejit", "torch.compile": "torch", "torch": "torch", "JAX": "jax", "CuPy": "cupy"}
ENVIRONMENT = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}  # else JAX takes three quarters of the memory that all share
FLUSHED = 1 << 28  # bytes that are written between two calls: more than any L2 cache holds


class Repeated(NamedTuple):
    """An array whose first axis is repeated, on the device: a large one is neither drawn nor sent as a whole. Or a number, as it is."""

    array: Any
    times: int = 1

    @property
    def nbytes(self) -> int:
        return np.asarray(self.array).nbytes * self.times


@dataclass
class Device:
    """A library at work on the first GPU.

    name: the GPU's; capacity: its bytes. wait: until a result, and all before it, is computed. fetch: an array of the library as NumPy's.
    flush: write so much memory that the L2 cache holds nothing else. mark: set an event on the stream that the library works on; between:
    the seconds from one to another. A library that offers no events is timed by the clock on the wall.
    copier: makes a function that copies so many bytes within the device, in the library's own way.
    """

    peer: Peer
    name: str
    capacity: int
    wait: Callable[[Any], Any]
    fetch: Callable[[Any], np.ndarray]
    copier: Callable[[int], Callable[[], Any]]
    flush: Callable[[], Any] = lambda: None
    mark: Callable[[], Any] | None = None
    between: Callable[[Any, Any], float] | None = None

    def array(self, what: Repeated) -> Any:
        """An array of the library, on the device; or the number."""
        if not isinstance(what.array, np.ndarray):
            return what.array
        small = self.peer.array(what.array)
        if what.times == 1:
            return small
        shape = what.array.shape
        return self.peer.xp.broadcast_to(small, (what.times, *shape)).reshape((what.times * shape[0], *shape[1:]))

    def sample(self, array: Any, most: int) -> np.ndarray:
        """Some elements, evenly spread, as float64."""
        some = array.reshape((-1,))[:: max(1, math.prod(array.shape) // most)]
        return (some if isinstance(some, np.ndarray) else self.fetch(some)).astype(np.float64)


def dtype_of(array: Any) -> np.dtype:
    """NumPy's name for the dtype of any library's array."""
    name = str(array.dtype).removeprefix("torch.")
    return np.dtype(getattr(ml_dtypes, name, None) or name)


def _tracejit(name: str) -> Device:
    tj = importlib.import_module("tracejit")
    driver = importlib.import_module("tracejit.backends.cuda.devices").driver_of(0)
    backend = importlib.import_module("tracejit.backend").get_backend("cuda:0")
    functional = importlib.import_module("tracejit.nn.functional")

    def array(value: Any) -> Any:
        return tj.asarray(value).to("cuda")

    def compiled(function: Callable[..., Any], **_: Any) -> Callable[..., Any]:
        return tj.compile(function, device="cuda")

    def copier(size: int) -> Callable[[], Any]:
        source, target = (backend.empty((size,), np.dtype(np.uint8)) for _ in range(2))
        return lambda: driver.copy(target.address, source.address, size)

    peer = Peer(name, "tracejit", tj, functional, array, device="cuda")
    if name == "compiled":
        peer.compile, peer.compiles = compiled, True
    stats = tj.cuda.memory_stats()
    device = Device(peer, driver.name, stats["capacity"], lambda _: tj.cuda.synchronize(), lambda x: x.detach().cpu().numpy(), copier)
    if driver.name != "simulated":
        area = backend.empty((FLUSHED,), np.dtype(np.uint8))
        device.flush = lambda: driver.fill(area.address, FLUSHED)
        device.mark, device.between = _marks(tj.cuda.Event)
    return device


def _torch(name: str) -> Device:
    torch = importlib.import_module("torch")
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False

    def array(value: Any) -> Any:
        if not isinstance(value, np.ndarray):
            return value
        if value.dtype == ml_dtypes.bfloat16:  # which it does not take from NumPy
            return torch.from_numpy(value.astype(np.float32)).cuda().bfloat16()
        return torch.from_numpy(value).cuda()

    def fetch(x: Any) -> np.ndarray:
        x = x.detach().cpu()
        return (x.float() if x.dtype == torch.bfloat16 else x).numpy()

    def forget() -> None:
        torch.compiler.reset()
        torch.cuda.empty_cache()

    def copier(size: int) -> Callable[[], Any]:
        source, target = (torch.zeros(size, dtype=torch.uint8, device="cuda") for _ in range(2))
        return lambda: target.copy_(source)

    peer = Peer(name, "torch", torch, torch.nn.functional, array, forget=forget, device="cuda")
    if name == "torch.compile":
        peer.compile, peer.compiles = lambda f, **options: torch.compile(f, dynamic=False, **options), True
    about = torch.cuda.get_device_properties(0)
    area = torch.zeros(FLUSHED, dtype=torch.uint8, device="cuda")
    marks = _marks(torch.cuda.Event)
    return Device(peer, about.name, about.total_memory, lambda _: torch.cuda.synchronize(), fetch, copier, area.zero_, *marks)


def _marks(event: Any) -> tuple[Callable[[], Any], Callable[[Any, Any], float]]:
    """Events as PyTorch has them."""

    def mark() -> Any:
        made = event(enable_timing=True)
        made.record()
        return made

    return mark, lambda a, b: 1e-3 * a.elapsed_time(b)


def _jax(name: str) -> Device:
    jax = importlib.import_module("jax")
    jax.config.update("jax_enable_x64", True)  # so that there is float64; float32 stays float32
    jax.config.update("jax_default_matmul_precision", "highest")  # no TF32
    (gpu, *_) = jax.devices("gpu")

    def copier(size: int) -> Callable[[], Any]:
        source = jax.numpy.zeros(size, np.uint8)
        return lambda: jax.numpy.copy(source)

    peer = Peer(name, "jax", jax.numpy, jax.nn, jax.numpy.asarray, lambda f, **_: jax.jit(f), forget=jax.clear_caches, wait=lambda value: value)
    return Device(peer, gpu.device_kind, gpu.memory_stats()["bytes_limit"], jax.block_until_ready, np.asarray, copier)


def _cupy(name: str) -> Device:
    cupy = importlib.import_module("cupy")
    about, (_, capacity) = cupy.cuda.runtime.getDeviceProperties(0), cupy.cuda.runtime.memGetInfo()
    area = cupy.zeros(FLUSHED, np.uint8)

    def mark() -> Any:
        event = cupy.cuda.Event()
        event.record()
        return event

    def copier(size: int) -> Callable[[], Any]:
        source, target = cupy.zeros(size, np.uint8), cupy.zeros(size, np.uint8)
        return lambda: cupy.copyto(target, source)

    peer = Peer(name, "cupy", cupy, cupy, cupy.asarray, lambda f, **_: f, forget=cupy.get_default_memory_pool().free_all_blocks, compiles=False)
    return Device(
        peer, about["name"].decode(), capacity, lambda _: cupy.cuda.runtime.deviceSynchronize(), cupy.asnumpy, copier,
        lambda: area.fill(0), mark, lambda a, b: 1e-3 * cupy.cuda.get_elapsed_time(a, b),
    )  # fmt: skip


_MAKERS = {"tracejit": _tracejit, "torch": _torch, "jax": _jax, "cupy": _cupy}


def load(name: str) -> Device:
    """Import a column's library, in this process. Raises whatever it raises where it finds no GPU."""
    return _MAKERS[COLUMNS[name]](name)


def installed(skip: set[str]) -> list[str]:
    """The columns whose packages are installed, but those that `skip` names (by column or package)."""
    return [name for name, package in COLUMNS.items() if not {name, package} & skip and importlib.util.find_spec(package) is not None]
