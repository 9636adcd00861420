"""`DeviceArray`: an array in the memory of another device. It walks like NumPy's where the rest of the library asks what it is; its elements are computed on by the device's backend alone.

Devices have names: "cpu", "cuda" (which is "cuda:0"), "cuda:1" … An array of NumPy's says "cpu".
"""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

import numpy as np

from .backend import get_backend
from .errors import DeviceError, fail
from .spec import DType, Shape, TensorSpec, contiguous_strides

_ndarray = np.ndarray


class Memory:
    """Bytes of a device, from an address on. `owner` keeps them: it is let go of with the last array that shows them."""

    __slots__ = ("address", "size", "device", "owner", "home")

    def __init__(self, address: int, size: int, device: str, owner: Any) -> None:
        self.address, self.size, self.device, self.owner = address, size, device, owner
        self.home: dict[Any, np.ndarray] | None = None  # what it was handed out as: see `DeviceArray.at_home`

    def is_apart(self, other: Memory) -> bool:
        """Whether it surely has no byte in common with another; its size is 0 where nobody knows it."""
        mine, theirs = self.address, other.address
        return self.size > 0 < other.size and (mine + self.size <= theirs or theirs + other.size <= mine)


class Flags(NamedTuple):
    """What NumPy's `flags` say, as far as it is asked for."""

    c_contiguous: bool
    owndata: bool
    writeable: bool = True


class DeviceArray:
    """Elements of a device's memory: shape, dtype, strides in bytes, and the offset of the first in bytes."""

    __slots__ = ("memory", "shape", "dtype", "strides", "offset", "size", "nbytes", "address", "__weakref__")
    __array_ufunc__ = None  # NumPy's functions leave it to others
    base = None

    def __init__(self, memory: Memory, shape: Shape, dtype: DType, strides: tuple[int, ...] | None = None, offset: int = 0) -> None:
        self.memory, self.shape, self.dtype, self.offset = memory, shape, dtype, offset
        self.strides = strides if strides is not None else byte_strides(contiguous_strides(shape), dtype)
        self.size = prod(shape)
        self.nbytes = self.size * dtype.itemsize
        self.address = memory.address + offset

    @property
    def device(self) -> str:
        """The name of the device."""
        return self.memory.device

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def itemsize(self) -> int:
        return self.dtype.itemsize

    @property
    def flags(self) -> Flags:
        steps = byte_strides(contiguous_strides(self.shape), self.dtype)
        in_order = 0 in self.shape or all([n == 1 or have == wanted for n, have, wanted in zip(self.shape, self.strides, steps)])
        return Flags(in_order, self.offset == 0 and self.memory.size == max(self.nbytes, 1))

    def seen(self, shape: Shape, strides: tuple[int, ...], offset: int) -> DeviceArray:
        """The same memory under another shape, with these strides and this further offset, in elements."""
        return DeviceArray(self.memory, shape, self.dtype, byte_strides(strides, self.dtype), self.offset + offset * self.itemsize)

    def under(self, view: Any, attrs: dict[str, Any]) -> DeviceArray:
        """What a view op shows. Raises ValueError where strides cannot show it."""
        if not hasattr(view, "layout"):
            fail(DeviceError, f"{view.name} of a tensor on {self.device}, which shows its memory as another dtype", "Do it on the CPU: x.cpu().")
        size = self.itemsize
        shape, strides, offset = view.layout(self.shape, tuple([s // size for s in self.strides]), **attrs)
        dtype = self.dtype if view.kind == "view" else view.spec(TensorSpec(self.shape, self.dtype), **attrs).dtype  # a part of complex numbers
        return DeviceArray(self.memory, shape, dtype, byte_strides(strides, dtype), self.offset + offset * dtype.itemsize)

    # Its values

    def to_host(self) -> np.ndarray:
        """A copy of the values in NumPy's memory. Waits until they are computed."""
        return get_backend(self.device).download(self)

    def at_home(self) -> np.ndarray:
        """The array of NumPy's that takes this one's place from now on, in NumPy code that computed on the device: always the same one,
        and two of them share memory if these do."""
        memory, whole = self.memory, None
        if memory.home is None:
            host = DeviceArray(memory, (memory.size,), np.dtype(np.uint8)).to_host()
            memory.home = {whole: host}
        key = self.shape, self.strides, self.offset, self.dtype
        if key not in memory.home:
            memory.home[key] = np.ndarray(self.shape, self.dtype, memory.home[whole], self.offset, self.strides)  # type: ignore[call-overload]
        return memory.home[key]

    def copy(self, order: str = "C") -> DeviceArray:
        """The values in new memory, in row-major order."""
        return get_backend(self.device).copied(self)

    def __setitem__(self, key: Any, value: Any) -> None:
        if key is not Ellipsis:
            raise TypeError("only all elements of a device's array can be written")
        get_backend(self.device).write(self, value)

    def item(self) -> Any:
        """The one element, as a Python number."""
        return self.to_host().item()

    def tobytes(self) -> bytes:
        """The bytes of the values, in row-major order."""
        return self.to_host().tobytes()

    def tolist(self) -> Any:
        """The values as nested lists of Python numbers."""
        return self.to_host().tolist()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return memory_of(self)

    def __reduce__(self) -> Any:
        return _brought, (self.to_host(), self.device)

    def __repr__(self) -> str:
        return f"<array {self.dtype.name}{list(self.shape)} on {self.device}>"


def _brought(array: np.ndarray, device: str) -> DeviceArray:
    return get_backend(device).upload(array)


def byte_strides(strides: tuple[int, ...], dtype: DType) -> tuple[int, ...]:
    """Strides in elements as strides in bytes."""
    size = dtype.itemsize
    return tuple([s * size for s in strides])


def is_array(value: Any) -> bool:
    """Whether it holds elements: NumPy's array, or a device's."""
    return isinstance(value, (_ndarray, DeviceArray))


def memory_of(value: Any) -> np.ndarray:
    """An array of NumPy's itself. Raises DeviceError for a device's."""
    if type(value) is DeviceArray:
        fail(DeviceError, f"a tensor on {value.device} where NumPy wants an array", "Bring it to the CPU first: x.cpu(), or x.cpu().numpy().")
    return value


def on_host(value: Any) -> Any:
    """The values of an array, in NumPy's memory; anything else as it is."""
    return value.to_host() if type(value) is DeviceArray else value


def at_home(value: Any) -> Any:
    """The array of NumPy's that takes a device's array's place; anything else as it is."""
    return value.at_home() if type(value) is DeviceArray else value


def may_share_memory(a: Any, b: Any) -> bool:
    """Whether two arrays may have an element in common."""
    if type(a) is not DeviceArray or type(b) is not DeviceArray:
        return type(a) is type(b) and np.may_share_memory(a, b)
    if a.memory.is_apart(b.memory):
        return False
    (first, end), (start, stop) = bounds(a), bounds(b)
    return a.device == b.device and a.size > 0 < b.size and first < stop and start < end


def bounds(a: DeviceArray) -> tuple[int, int]:
    """The addresses of the first byte, and behind the last, that an array's elements lie between."""
    spans = [(n - 1) * s for n, s in zip(a.shape, a.strides)]
    return a.address + sum(min(span, 0) for span in spans), a.address + sum(max(span, 0) for span in spans) + a.itemsize


def device_of(arrays: Any) -> str:
    """The device that computes on these arrays (or nodes): the one that is not the CPU, if there is one, for NumPy's arrays go where they are needed.

    Raises DeviceError for arrays of two others."""
    found = {there for a in arrays if (there := getattr(a, "device", "cpu")) != "cpu"}
    if len(found) > 1:
        fail(DeviceError, f"tensors on {' and '.join(sorted(found))} in one operation", "Bring them together first: x.to(y.device).")
    return found.pop() if found else "cpu"
