"""PTX to the machine code of a GPU, by NVIDIA's nvJitLink: one shared library, called through its C interface, which needs no GPU."""

from __future__ import annotations

import ctypes
import importlib.util
import re
from functools import lru_cache
from pathlib import Path
from typing import Any, Iterator, NamedTuple

from ....errors import DeviceError, fail
from ....runtime import store
from . import ptx

_LIBRARIES = ("*/lib/libnvJitLink.so.*", "*/bin/*/nvJitLink_*.dll")  # in NVIDIA's packages
_SYSTEM = ("libnvJitLink.so.13", "libnvJitLink.so.12")
_PTX = 2  # NVJITLINK_INPUT_PTX
_REGISTERS, _SPILLED, _SHARED = r"Used (\d+) registers", r"(\d+) bytes spill (?:stores|loads)", r"Used .* (\d+) bytes smem"


class Cubin(NamedTuple):
    """A kernel's machine code, the registers that a thread takes, the bytes it spills (stored, and loaded again), the shared bytes of a
    block, and what the assembler says."""

    code: bytes
    registers: int
    spilled: int
    shared: int
    log: str


def code_of(text: str, arch: str) -> bytes | str:
    """What a GPU's driver loads of a kernel's text: machine code; where nvJitLink is not installed PTX, which the driver assembles in every process."""
    return cubin_of(text, arch).code if assembler() else ptx.ptx_of(text, arch)


def cubin_of(text: str, arch: str) -> Cubin:
    """The machine code of a kernel's text for a GPU such as "sm_90": kept on disk, or made now. Raises DeviceError without an assembler."""
    key = store.key_of(text, arch, ptx.version())
    kept = store.load(key)
    if kept is not None:
        return Cubin(*kept)
    cubin = assemble(ptx.ptx_of(text, arch), arch)
    store.save(key, tuple(cubin), text)
    return cubin


def assemble(text: str, arch: str) -> Cubin:
    """The machine code of PTX for a GPU such as "sm_90". Raises DeviceError without an assembler, and for PTX that it refuses."""
    link, source = _Link(f"-arch={arch}", "-verbose"), text.encode()
    try:
        link.call("AddData", _PTX, source, ctypes.c_size_t(len(source)), b"kernel.ptx")
        link.call("Complete")
        code, log = link.found("LinkedCubin"), link.found("InfoLog").rstrip(b"\0").decode()
    finally:
        link.close()
    registers, spilled, shared = (sum(map(int, re.findall(pattern, log))) for pattern in (_REGISTERS, _SPILLED, _SHARED))
    return Cubin(code, registers, spilled, shared, log)


class _Link:
    """One use of the library: options, data, result."""

    def __init__(self, *options: str) -> None:
        self.handle = ctypes.c_void_p()
        table = (ctypes.c_char_p * len(options))(*[option.encode() for option in options])
        _checked(self, "Create", _library().nvJitLinkCreate(ctypes.byref(self.handle), len(options), table))

    def call(self, name: str, *values: Any) -> None:
        _checked(self, name, getattr(_library(), f"nvJitLink{name}")(self.handle, *values))

    def found(self, name: str) -> bytes:
        """Bytes that the library has."""
        size = ctypes.c_size_t()
        self.call(f"Get{name}Size", ctypes.byref(size))
        room = ctypes.create_string_buffer(size.value)
        self.call(f"Get{name}", room)
        return room.raw

    def close(self) -> None:
        _library().nvJitLinkDestroy(ctypes.byref(self.handle))


def _checked(link: _Link, name: str, status: int) -> None:
    if status and name.startswith("Get"):
        fail(DeviceError, f"nvJitLink reports status {status} ({name})", "It cannot say more.")
    if status:
        said = link.found("ErrorLog").rstrip(b"\0").decode() if link.handle else f"status {status}"
        fail(DeviceError, f"nvJitLink refuses a kernel: {said.strip()}", 'Its version may not know this GPU: pip install --upgrade "tracejit[cuda]"')


def _library() -> Any:
    found = assembler()
    if found is None:
        fail(DeviceError, "a GPU's kernels are assembled by nvJitLink, which is not installed", 'Install CUDA\'s packages: pip install "tracejit[cuda]"')
    return found


@lru_cache(maxsize=None)
def assembler() -> Any | None:
    """The library; None where it is not installed."""
    for name in (*_installed(), *_SYSTEM):
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    return None


def _installed() -> Iterator[str]:
    """Where NVIDIA's Python packages have the library, the latest first."""
    packages = importlib.util.find_spec("nvidia")
    for folder in packages.submodule_search_locations or () if packages else ():
        for pattern in _LIBRARIES:
            yield from map(str, sorted(Path(folder).glob(pattern), reverse=True))
