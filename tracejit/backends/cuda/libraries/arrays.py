"""A GPU's memory as arrays of a library that has NumPy's functions: CuPy's; or NumPy itself, where the GPU is simulated."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import Any, Iterator, NamedTuple

import numpy as np

from ....device import DeviceArray, bounds
from ....spec import DType, bfloat16, complex64, complex128, float16, float32, float64
from ..packages import package


class Matrix(NamedTuple):
    """Matrices as cuBLAS takes them, column by column: bytes from where an array lies to the first, elements from column to column, and from
    matrix to matrix."""

    offset: int
    lead: int
    step: int


class Product(NamedTuple):
    """`times` products of matrices, C = op(A)·op(B), added to what C holds if `add`; op transposes where `turned` says so.

    op(A) is m × k, op(B) k × n; A lies in our right operand and B in the left one. Elements are of `dtype`; small floats are added up in float32.
    """

    dtype: DType
    turned: tuple[bool, bool]
    m: int
    n: int
    k: int
    a: Matrix
    b: Matrix
    c: Matrix
    times: int
    add: bool = False


def widened(xp: Any, bits: Any) -> Any:
    """float32 of the bits of bfloat16, which are its upper half."""
    return (bits.astype(np.uint32) << 16).view(np.float32)


def narrowed(xp: Any, values: Any) -> Any:
    """The bits of float32 values that bfloat16 holds exactly."""
    return (xp.ascontiguousarray(values).view(np.uint32) >> 16).astype(np.uint16)


class Arrays:
    """What both libraries have in common. `xp`: the library's functions, under NumPy's names; `linalg`: those of `scipy.linalg`."""

    xp: Any

    def bits(self, array: DeviceArray) -> Any:
        """The memory of an array as an array of the library; of bfloat16, which it does not know, as 16-bit integers."""
        raise NotImplementedError

    def read(self, array: DeviceArray) -> Any:
        """An array to be read only: bfloat16 as a copy in float32."""
        return widened(self.xp, self.bits(array)) if array.dtype == bfloat16 else self.bits(array)

    def put(self, target: DeviceArray, found: Any) -> None:
        """Write what a function has found into memory; for bfloat16, values that it holds exactly."""
        self.bits(target)[...] = narrowed(self.xp, found) if target.dtype == bfloat16 else found


class CupyArrays(Arrays):
    """CuPy's arrays on our memory, and its functions on our stream, with memory of our pool."""

    def __init__(self, driver: Any, number: int) -> None:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # of fixed size, so that its choice of algorithm does not depend on what else runs
        self.driver, self.number = driver, number
        self.xp, self._extra = package("cupy"), package("cupyx")
        self._cublas, self._handles = package("cupy_backends.cuda.libs.cublas"), package("cupy.cuda.device")
        self._sizes: dict[int, int] = {}
        self._streams: dict[int, Any] = {}
        self._pool = self.xp.cuda.PythonFunctionAllocator(self._allocate, self._release).malloc
        self._ready: set[int] = set()

    @property
    def linalg(self) -> Any:
        return package("cupyx.scipy.linalg")

    def _allocate(self, size: int, _device: int) -> int:
        address = self.driver.allocate(max(size, 1))
        self._sizes[address] = max(size, 1)
        return address

    def _release(self, address: int, _device: int) -> None:
        self.driver.release(address, self._sizes.pop(address))

    def bits(self, array: DeviceArray) -> Any:
        first, end = bounds(array) if array.size else (array.address, array.address)
        cuda = self.xp.cuda
        memory = cuda.UnownedMemory(first, max(end - first, 1), array.memory, self.number)
        dtype = np.dtype(np.uint16) if array.dtype == bfloat16 else array.dtype
        return self.xp.ndarray(array.shape, dtype, cuda.MemoryPointer(memory, array.address - first), array.strides)

    @contextmanager
    def here(self) -> Iterator[None]:
        """Within it CuPy works on this GPU, on the thread's stream, and raises LinAlgError where a routine of linear algebra refuses values."""
        with self._on_stream(), self.xp.cuda.using_allocator(self._pool), self._extra.errstate(linalg="raise"):
            yield

    @contextmanager
    def _on_stream(self) -> Iterator[None]:
        with self.xp.cuda.Device(self.number), self._stream(self.driver.stream_handle):
            yield

    def _stream(self, handle: int) -> Any:
        found = self._streams.get(handle)
        if found is None:
            found = self._streams[handle] = self.xp.cuda.ExternalStream(handle, self.number)
        return found

    def multiply(self, product: Product, places: tuple[int, int, int], precise: bool) -> None:
        """Products of matrices, by cuBLAS. places: where the left operand, the right one and the result lie; precise: float32 is multiplied as it is."""
        p, (right, left, result), (kind, factors, compute) = product, _addresses(product, places), _CUBLAS[product.dtype]
        if p.dtype == float32 and not precise:
            compute += "_FAST_TF32"
        zero = factors.ctypes.data
        one = zero + factors.itemsize
        with self._on_stream():
            handle = self._handles.get_cublas_handle()
            if handle not in self._ready:
                self._cublas.setMathMode(handle, _NO_SMALL_SUMS)
                self._ready.add(handle)
            self._cublas.gemmStridedBatchedEx(
                handle, int(p.turned[0]), int(p.turned[1]), p.m, p.n, p.k, one, right, kind, p.a.lead, p.a.step,
                left, kind, p.b.lead, p.b.step, one if p.add else zero, result, kind, p.c.lead, p.c.step, p.times,
                getattr(self._cublas, compute), _ANY_ALGORITHM,
            )  # fmt: skip


# Of each dtype: its cudaDataType_t, 0 and 1 as the factors of a product are given, what is computed in
_SINGLE, _DOUBLE = np.array([0, 1], np.float32), np.array([0, 1], np.float64)
_CUBLAS: dict[DType, tuple[int, Any, str]] = {
    float16: (2, _SINGLE, "CUBLAS_COMPUTE_32F"), bfloat16: (14, _SINGLE, "CUBLAS_COMPUTE_32F"), float32: (0, _SINGLE, "CUBLAS_COMPUTE_32F"),
    float64: (1, _DOUBLE, "CUBLAS_COMPUTE_64F"), complex64: (4, _SINGLE.astype(complex64), "CUBLAS_COMPUTE_32F"),
    complex128: (5, _DOUBLE.astype(complex128), "CUBLAS_COMPUTE_64F"),
}  # fmt: skip
_NO_SMALL_SUMS, _ANY_ALGORITHM = 16, -1  # cublasMath_t: no partial sums in small floats; cublasGemmAlgo_t: the heuristics' choice


def _addresses(product: Product, places: tuple[int, int, int]) -> tuple[int, int, int]:
    """Where cuBLAS's first operand, its second and its result begin: the right one of ours, the left one, and the result."""
    left, right, result = places
    return right + product.a.offset, left + product.b.offset, result + product.c.offset


class NumpyArrays(Arrays):
    """NumPy's arrays on a simulated GPU's memory. An array that reaches out of what was allocated cannot be made."""

    xp = np

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    @property
    def linalg(self) -> Any:
        return package("scipy.linalg")

    def bits(self, array: DeviceArray) -> Any:
        dtype = np.dtype(np.uint16) if array.dtype == bfloat16 else array.dtype
        return self._at(array.address, array.shape, array.strides, dtype, bounds(array) if array.size else (array.address, array.address))

    def _at(self, address: int, shape: tuple[int, ...], strides: tuple[int, ...], dtype: DType, span: tuple[int, int]) -> np.ndarray:
        room = self.driver.bytes_at(span[0], span[1] - span[0])
        return np.ndarray(shape, dtype, room, address - span[0], strides)

    @contextmanager
    def here(self) -> Iterator[None]:
        """Within it NumPy says nothing of infinities and NaN, as a GPU does not."""
        with np.errstate(all="ignore"):
            yield

    def multiply(self, product: Product, places: tuple[int, int, int], precise: bool) -> None:
        """Products of matrices, as cuBLAS's documentation says what it makes of its arguments."""
        p, (right, left, result) = product, _addresses(product, places)
        wide = np.dtype(np.float32) if p.dtype in (float16, bfloat16) else p.dtype
        a, b = (self._matrices(*each, p) for each in ((right, p.a, p.m, p.k, p.turned[0]), (left, p.b, p.k, p.n, p.turned[1])))
        target = self._matrices(result, p.c, p.m, p.n, False, p)
        with np.errstate(all="ignore"):
            found = np.matmul(a.astype(wide), b.astype(wide))
            target[...] = (target.astype(wide) + found if p.add else found).astype(p.dtype)

    def _matrices(self, address: int, matrix: Matrix, rows: int, columns: int, turned: bool, p: Product) -> np.ndarray:
        """op of matrices that lie column by column: (times, rows, columns)."""
        own = (columns, rows) if turned else (rows, columns)
        if matrix.lead < max(own[0], 1):
            raise ValueError(f"columns of {own[0]} elements, {matrix.lead} from one to the next")
        size = p.dtype.itemsize
        end = ((p.times - 1) * matrix.step + (own[1] - 1) * matrix.lead + own[0]) * size if 0 not in (p.times, *own) else 0
        strides = matrix.step * size, size, matrix.lead * size
        lies = self._at(address, (p.times, *own), strides, p.dtype, (address, address + end))
        return lies.swapaxes(-1, -2) if turned else lies


def arrays_of(driver: Any, number: int, simulated: bool) -> Any:
    """The library of a GPU's arrays. Raises DeviceError where CuPy is not installed."""
    return NumpyArrays(driver) if simulated else CupyArrays(driver, number)
