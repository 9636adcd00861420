"""The functions of NVIDIA's driver under their own names, with errors as exceptions."""

from __future__ import annotations

import ctypes
import sys
from functools import lru_cache
from typing import Any, Callable, NoReturn

from ....errors import DeviceError, fail
from ..packages import package

_LOST = {"CUDA_ERROR_ILLEGAL_ADDRESS", "CUDA_ERROR_ASSERT", "CUDA_ERROR_LAUNCH_FAILED", "CUDA_ERROR_MISALIGNED_ADDRESS", "CUDA_ERROR_ILLEGAL_INSTRUCTION"}


class Calls:
    """`calls.cuStreamCreate(0)` is what the driver's function of that name returns beside its status: nothing, one value, or several.

    `cu` is the module `cuda.bindings.driver`, which has the driver's types too. context: of the GPU that is meant. It is set before each
    call, for a thread has none at first, and other libraries and GPUs set theirs. several: whether there are such.
    Raises DeviceError where a function reports an error, which may be of work that was issued before.
    """

    def __init__(self, cu: Any, context: Any = None, several: bool = False) -> None:
        self.cu, self.context, self.several = cu, context, several

    def __getattr__(self, name: str) -> Callable[..., Any]:
        function = getattr(self.cu, name)

        def call(*values: Any) -> Any:
            self.here()
            status, *found = function(*values)
            if status:
                self.failed(name, status)
            return found[0] if len(found) == 1 else found

        setattr(self, name, call)  # next time it is found without asking here
        return call

    def last_captured(self, stream: int) -> Any:
        """The node that was captured last on a stream, by its handle: what the next one would wait for.

        By the C function itself, in its form without data of edges: the binding's reads them, and a driver need not give any.
        """
        self.here()
        state, number, graph, count = ctypes.c_int(), ctypes.c_uint64(), ctypes.c_void_p(), ctypes.c_size_t()
        nodes = ctypes.POINTER(ctypes.c_void_p)()
        status = self.library().cuStreamGetCaptureInfo_v2(
            ctypes.c_void_p(stream), *map(ctypes.byref, (state, number, graph, nodes, count))
        )  # fmt: skip
        if status:
            self.failed("cuStreamGetCaptureInfo", status)
        return self.cu.CUgraphNode(nodes[0])

    def library(self) -> Any:
        """The driver's own library."""
        own = getattr(self.cu, "library", None)
        return own if own is not None else _library()

    def here(self) -> None:
        """Have the driver's calls of this thread mean this GPU."""
        if self.context is not None:
            self.cu.cuCtxSetCurrent(self.context)

    def tried(self, name: str, *values: Any) -> Any:
        """All that a function returns, its status first, whatever that is."""
        self.here()
        return getattr(self.cu, name)(*values)

    def failed(self, name: str, status: Any) -> NoReturn:
        """Say what the driver says of a status."""
        error = self.cu.CUresult(status).name
        if error in _LOST:
            instead = "The GPU's memory is lost to this process: start another. CUDA_LAUNCH_BLOCKING=1 in its environment makes the error stand at the call that met it."
        elif error in ("CUDA_ERROR_NOT_INITIALIZED", "CUDA_ERROR_DEINITIALIZED"):
            instead = 'The child of a fork cannot use a GPU: start processes by multiprocessing\'s "spawn".'
        else:
            instead = "nvidia-smi tells what the driver can do, and what else uses the GPU."
        fail(DeviceError, f"the GPU's driver reports {error}: {self.told(status)} ({name})", instead)

    def told(self, status: Any) -> str:
        """The driver's words for a status."""
        return text_of(self.cu.cuGetErrorString(self.cu.CUresult(status))[1])


@lru_cache(maxsize=1)
def _library() -> Any:
    return ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")


def text_of(raw: bytes) -> str:
    """The text of a C string."""
    return raw.split(b"\0")[0].decode()


@lru_cache(maxsize=1)
def driver_calls() -> Calls:
    """The driver's functions, ready to be called. Raises DeviceError where the packages, the driver or every GPU are absent."""
    cu = package("cuda.bindings.driver")
    try:
        (status,) = cu.cuInit(0)
        reason = status and Calls(cu).told(status)
    except RuntimeError as absent:  # the driver's library is not on this machine
        reason = str(absent)
    if reason:
        fail(DeviceError, f"no CUDA device was found: {reason}", 'Compute on the CPU: device="cpu". tj.cuda.is_available() tells.')
    return Calls(cu)
