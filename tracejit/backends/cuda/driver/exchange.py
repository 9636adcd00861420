"""Arrays that we and other libraries show each other without a copy: DLPack's capsules, and `__cuda_array_interface__`.

The structures are those of DLPack 1.0 (dlpack.h): https://dmlc.github.io/dlpack/latest/c_api.html
"""

from __future__ import annotations

import ctypes
from math import prod
from typing import Any, NamedTuple

import numpy as np

from ....device import DeviceArray, Memory, bounds
from ....errors import ArgumentError, DTypeError, fail
from ....spec import Shape, bfloat16, contiguous_strides

HOST, GPU, MANAGED = 1, 2, 13  # kinds of device
READ_ONLY, COPIED = 1, 2  # flags
_KINDS = {"i": 0, "u": 1, "f": 2, "c": 5, "b": 6}
_BFLOAT = 4
_PLAIN, _VERSIONED = b"dltensor", b"dltensor_versioned"
_USED = {_PLAIN: b"used_dltensor", _VERSIONED: b"used_dltensor_versioned"}


class Shown(NamedTuple):
    """Elements in some memory: strides in bytes; device: its kind and number; owner: keeps the memory."""

    address: int
    shape: Shape
    strides: tuple[int, ...]
    dtype: np.dtype
    device: tuple[int, int]
    owner: Any
    read_only: bool = False


class _Tensor(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p), ("device", ctypes.c_int32 * 2), ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)), ("strides", ctypes.POINTER(ctypes.c_int64)), ("offset", ctypes.c_uint64),
    ]  # fmt: skip


class _Plain(ctypes.Structure):
    _fields_ = [("tensor", _Tensor), ("context", ctypes.c_void_p), ("deleter", ctypes.c_void_p)]


class _Versioned(ctypes.Structure):
    _fields_ = [
        ("version", ctypes.c_uint32 * 2), ("context", ctypes.c_void_p), ("deleter", ctypes.c_void_p), ("flags", ctypes.c_uint64), ("tensor", _Tensor),
    ]  # fmt: skip


_STRUCTURES: dict[bytes, Any] = {_PLAIN: _Plain, _VERSIONED: _Versioned}
_Function = ctypes.CFUNCTYPE(None, ctypes.c_void_p)  # of one address: a deleter, or what ends a capsule


def _of_python(name: str, result: Any, *arguments: Any) -> Any:
    return ctypes.PYFUNCTYPE(result, *arguments)((name, ctypes.pythonapi))


_new = _of_python("PyCapsule_New", ctypes.py_object, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)
_is_named = _of_python("PyCapsule_IsValid", ctypes.c_int, ctypes.py_object, ctypes.c_char_p)
_pointer = _of_python("PyCapsule_GetPointer", ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)
_rename = _of_python("PyCapsule_SetName", ctypes.c_int, ctypes.py_object, ctypes.c_char_p)
_is_named_at = _of_python("PyCapsule_IsValid", ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p)  # of a capsule that nobody holds any more
_pointer_at = _of_python("PyCapsule_GetPointer", ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p)


# Showing

_shown: dict[int, Any] = {}  # by the address of its structure, what must stay until that is deleted


@_Function
def _delete(address: int) -> None:
    _shown.pop(address, None)


@_Function
def _end(capsule: int) -> None:
    """Delete what a capsule holds if nobody took it: who does, renames it."""
    for name in _STRUCTURES:
        if _is_named_at(capsule, name):
            _shown.pop(_pointer_at(capsule, name), None)


def capsule_of(what: Shown, versioned: bool = True, copied: bool = False) -> Any:
    """A capsule that shows an array. versioned: as DLPack 1.0 has it, which older readers do not know."""
    name = _VERSIONED if versioned else _PLAIN
    made = _STRUCTURES[name]()
    count = len(what.shape)
    shape, strides = (ctypes.c_int64 * count)(*what.shape), (ctypes.c_int64 * count)(*[s // what.dtype.itemsize for s in what.strides])
    tensor = made.tensor
    tensor.data, tensor.ndim, tensor.shape, tensor.strides = what.address if prod(what.shape) else None, count, shape, strides
    tensor.device[:] = what.device
    tensor.code = _BFLOAT if what.dtype == bfloat16 else _KINDS[what.dtype.kind]
    tensor.bits, tensor.lanes = 8 * what.dtype.itemsize, 1
    made.deleter = ctypes.cast(_delete, ctypes.c_void_p)
    if versioned:
        made.version[:] = (1, 0)
        made.flags = READ_ONLY * what.read_only | COPIED * copied
    address = ctypes.addressof(made)
    _shown[address] = made, shape, strides, what.owner
    return _new(address, name, ctypes.cast(_end, ctypes.c_void_p))


# Taking


class Taken:
    """What another library shows us; it is told when nobody needs it any more."""

    def __init__(self, address: int, deleter: int | None) -> None:
        self._address, self._deleter = address, deleter

    def __del__(self) -> None:
        if self._deleter:
            _Function(self._deleter)(self._address)


def read(capsule: Any) -> Shown:
    """What a capsule shows, which is ours to keep from now on. Raises ArgumentError for one that was taken before, DTypeError for a dtype that tensors cannot have."""
    name = next((name for name in _STRUCTURES if _is_named(capsule, name)), None)
    if name is None:
        fail(ArgumentError, f"no DLPack capsule, or one that was taken before: {capsule!r}", "Ask the array for a new one: x.__dlpack__().")
    address = _pointer(capsule, name)
    found = _STRUCTURES[name].from_address(address)
    if name is _VERSIONED and found.version[0] != 1:
        fail(ArgumentError, f"an array shown as version {found.version[0]} of DLPack", "Ask for version 1: x.__dlpack__(max_version=(1, 0)).")
    tensor = found.tensor
    dtype = _dtype_of(tensor.code, tensor.bits, tensor.lanes)
    shape = tuple(tensor.shape[: tensor.ndim])
    strides = tuple(tensor.strides[: tensor.ndim]) if tensor.strides else contiguous_strides(shape)
    _rename(capsule, _USED[name])
    return Shown(
        (tensor.data or 0) + tensor.offset, shape, tuple([s * dtype.itemsize for s in strides]), dtype, tuple(tensor.device),
        Taken(address, found.deleter), name is _VERSIONED and bool(found.flags & READ_ONLY),
    )  # fmt: skip


def _dtype_of(code: int, bits: int, lanes: int) -> np.dtype:
    kind = next((kind for kind, of in _KINDS.items() if of == code), None)
    try:
        if lanes == 1 and (code, bits) == (_BFLOAT, 16):
            return bfloat16
        if lanes == 1 and kind:
            return np.dtype(f"{kind}{bits // 8}")
    except TypeError:
        pass
    fail(DTypeError, f"an array of DLPack's dtype {code} of {bits} bits, {lanes} together", "Convert it before it is shown: to a NumPy dtype, or bfloat16.")


def asked(x: Any, stream: int | None) -> Shown:
    """What an object shows by DLPack. stream: of ours, on which it will be read."""
    try:
        capsule = x.__dlpack__(stream=stream, max_version=(1, 0))
    except TypeError:  # it has the older protocol
        capsule = x.__dlpack__(stream=stream)
    return read(capsule)


# __cuda_array_interface__, version 3: https://numba.readthedocs.io/en/stable/cuda/cuda_array_interface.html


def interface_of(what: Shown, stream: int) -> dict[str, Any]:
    """The dictionary that shows an array of a GPU. stream: the one that computes it, which the reader waits for."""
    if what.dtype == bfloat16:
        fail(DTypeError, "__cuda_array_interface__ has no bfloat16", "Use DLPack: from_dlpack(x) of the other library.")
    return {
        "shape": what.shape, "typestr": what.dtype.str, "data": (what.address if prod(what.shape) else 0, what.read_only),
        "strides": what.strides, "version": 3, "stream": stream,
    }  # fmt: skip


def read_interface(x: Any) -> tuple[Shown, int | None]:
    """What an object shows of a GPU's memory, and the stream to wait for. The GPU's number is for the driver to tell."""
    found = x.__cuda_array_interface__
    if found.get("mask") is not None:
        fail(ArgumentError, "an array with a mask", "Fill in what is masked first.")
    dtype, shape = np.dtype(found["typestr"]), tuple(found["shape"])
    address, read_only = found["data"]
    strides = found.get("strides") or tuple([s * dtype.itemsize for s in contiguous_strides(shape)])
    return Shown(address, shape, tuple(strides), dtype, (GPU, 0), x, read_only), found.get("stream")


# Arrays of ours


def shown_of(array: DeviceArray, device: tuple[int, int]) -> Shown:
    """An array of ours, to be shown as one of this device."""
    return Shown(array.address, array.shape, array.strides, array.dtype, device, array.memory)


def array_of(what: Shown, device: str) -> DeviceArray:
    """What was shown to us, as an array of ours, on the same memory."""
    bare = DeviceArray(Memory(what.address, 0, device, what.owner), what.shape, what.dtype, what.strides)
    first, end = bounds(bare) if bare.size else (what.address, what.address)
    return DeviceArray(Memory(first, end - first, device, what.owner), what.shape, what.dtype, what.strides, what.address - first)
