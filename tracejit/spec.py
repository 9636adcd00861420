"""What is known of an array without its values: `TensorSpec`, dtypes and their promotion, broadcasting, axes."""

from __future__ import annotations

import operator
from functools import lru_cache
from math import prod
from typing import Any, Iterable, NamedTuple, Sequence

import ml_dtypes
import numpy as np

from .errors import AxisError, DeviceError, DTypeError, ShapeError, fail

DType = np.dtype
Shape = tuple[int, ...]

bool_ = np.dtype(np.bool_)
int8, int16, int32, int64 = (np.dtype(f"int{bits}") for bits in (8, 16, 32, 64))
uint8, uint16, uint32, uint64 = (np.dtype(f"uint{bits}") for bits in (8, 16, 32, 64))
float16, float32, float64 = (np.dtype(f"float{bits}") for bits in (16, 32, 64))
bfloat16 = np.dtype(ml_dtypes.bfloat16)
complex64, complex128 = np.dtype("complex64"), np.dtype("complex128")

SHORT_NAMES = {
    bool_: "bool", int8: "i8", int16: "i16", int32: "i32", int64: "i64",
    uint8: "u8", uint16: "u16", uint32: "u32", uint64: "u64",
    float16: "f16", bfloat16: "bf16", float32: "f32", float64: "f64", complex64: "c64", complex128: "c128",
}  # fmt: skip
DTYPES = tuple(SHORT_NAMES)
SMALL_FLOATS = (float16, bfloat16)  # stored small, computed in float32
_SCALAR_RANK = {bool: 0, int: 1, float: 2, complex: 3}
_default_dtype = float32


class TensorSpec(NamedTuple):
    """Shape, dtype and device of a tensor; prints as `f32[8,4]`."""

    shape: Shape
    dtype: DType
    device: str = "cpu"

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return prod(self.shape)

    def __str__(self) -> str:
        return f"{SHORT_NAMES[self.dtype]}[{','.join(map(str, self.shape))}]"


def get_default_dtype() -> DType:
    """The dtype of floats that tracejit makes itself (`zeros`, `tensor([1.0])`): float32 at first."""
    return _default_dtype


def set_default_dtype(dtype: Any) -> None:
    """Make `dtype` (float32 or float64) the dtype of new floating tensors."""
    global _default_dtype
    dtype = as_dtype(dtype)
    if dtype not in (float32, float64):
        fail(DTypeError, f"the default dtype cannot be {dtype.name}", "Give tj.float32 or tj.float64.")
    _default_dtype = dtype
    promote.cache_clear()  # of Python floats alone, it gave the default


def default_dtype_of(scalar_type: type) -> DType:
    """The dtype a Python scalar of this type takes when it becomes a tensor."""
    if scalar_type is bool:
        return bool_
    if scalar_type is int:
        return int64
    if scalar_type is float:
        return _default_dtype
    return complex64 if _default_dtype == float32 else complex128


@lru_cache(maxsize=None)
def _known_dtype(dtype: Any) -> DType:
    found = np.dtype(bool if dtype is bool else dtype)
    return found if found in SHORT_NAMES else found.newbyteorder("=")


def as_dtype(dtype: Any) -> DType:
    """The dtype a user named: `tj.float32`, `np.float32`, "float32", `float` …"""
    if dtype is float or dtype is complex:
        return default_dtype_of(dtype)
    if isinstance(dtype, str) and dtype == "bfloat16":
        return bfloat16
    try:
        found: DType | None = _known_dtype(dtype)
    except TypeError:
        found = None
    if found is None or found not in SHORT_NAMES:
        fail(DTypeError, f"{dtype!r} is not a dtype", "Give one of " + ", ".join(f"tj.{d.name}" for d in DTYPES) + ".")
    return found


def is_floating(dtype: DType) -> bool:
    return dtype.kind == "f" or dtype == bfloat16


def is_complex(dtype: DType) -> bool:
    return dtype.kind == "c"


def is_inexact(dtype: DType) -> bool:
    """Floating or complex: the dtypes that can carry a gradient."""
    return dtype.kind in "fc" or dtype == bfloat16


def is_integer(dtype: DType) -> bool:
    return dtype.kind in "iu"


def category(dtype: DType) -> str:
    """"bool", "integer", "floating" or "complex"."""
    if is_floating(dtype):
        return "floating"
    return {"b": "bool", "i": "integer", "u": "integer", "c": "complex"}[dtype.kind]


def real_dtype(dtype: DType) -> DType:
    """The dtype of a complex number's parts; any other dtype is its own."""
    return {complex64: float32, complex128: float64}.get(dtype, dtype)


def complex_dtype(dtype: DType) -> DType:
    return complex128 if dtype == float64 else complex64 if is_floating(dtype) else dtype


def floating_result(dtype: DType) -> DType:
    """The dtype NumPy's floating functions give for this input: int8 → float16, int16 → float32, int32 → float64."""
    if is_inexact(dtype):
        return dtype
    return {1: float16, 2: float32}.get(dtype.itemsize, float64)


def compute_dtype(dtype: DType) -> DType:
    """The dtype arithmetic is done in: float32 for the two small floats."""
    return float32 if dtype in SMALL_FLOATS else dtype


def accumulator_dtype(dtype: DType) -> DType:
    """The dtype of a sum: int64 or uint64 for integers and bools, the dtype itself otherwise."""
    return {"b": int64, "i": int64, "u": uint64}.get(dtype.kind, dtype)


@lru_cache(maxsize=None)
def promote(*operands: Any) -> DType:
    """NumPy 2's common dtype; an operand is a dtype, or a Python scalar type, which is weak."""
    strong = [o for o in operands if isinstance(o, np.dtype)]
    weak = max((_SCALAR_RANK[o] for o in operands if not isinstance(o, np.dtype)), default=-1)
    if not strong:
        return default_dtype_of({v: k for k, v in _SCALAR_RANK.items()}[weak])
    try:
        result = strong[0]
        for dtype in strong[1:]:
            result = np.promote_types(*_known_to_numpy(result, dtype))
    except TypeError:
        fail(DTypeError, f"no dtype holds both {strong[0]} and {strong[1]}", "Cast one of them with .astype(dtype).")
    rank = 0 if result == bool_ else 1 if is_integer(result) else 2 if is_floating(result) else 3
    if weak <= rank:
        return result
    if weak == 3:
        return complex_dtype(result) if rank == 2 else complex128
    return {1: int64, 2: float64}[weak]


def _known_to_numpy(a: DType, b: DType) -> tuple[DType, DType]:
    """Two dtypes that NumPy can promote: bfloat16 stands for float32 beside float16 and integers that it cannot hold."""
    if bfloat16 in (a, b):
        other = b if a == bfloat16 else a
        if other == float16 or (is_integer(other) and other.itemsize > 1):
            return float32, other
    return a, b


@lru_cache(maxsize=4096)
def broadcast_shapes(*shapes: Shape) -> Shape:
    """The common shape under NumPy's broadcasting rules."""
    if len(set(shapes)) == 1:
        return shapes[0]
    ndim = max(map(len, shapes))
    result = []
    for extents in zip(*((1,) * (ndim - len(s)) + s for s in shapes)):
        wide = {e for e in extents if e != 1}
        if len(wide) > 1:
            fail(
                ShapeError,
                "shapes " + " and ".join(map(str, shapes)) + " do not broadcast together",
                "Extents are compared from the last axis backwards: each pair must be equal or hold a 1. "
                "Insert an axis with x[:, None] or change a shape with .reshape(...).",
            )
        result.append(wide.pop() if wide else 1)
    return tuple(result)


def as_shape(shape: Any) -> Shape:
    """A shape the user gave: an int or a sequence of ints, none negative."""
    if type(shape) is tuple:
        for extent in shape:
            if type(extent) is not int or extent < 0:
                break
        else:
            return shape
    result: Shape
    try:
        result = (operator.index(shape),)
    except TypeError:
        try:
            result = tuple(map(operator.index, shape))
        except TypeError:
            fail(ShapeError, f"{shape!r} is not a shape", "Give an int or a tuple of ints.")
    if any(extent < 0 for extent in result):
        fail(ShapeError, f"shape {result} has a negative extent", "Extents are 0 or more.")
    return result


def as_axis(axis: Any, ndim: int) -> int:
    """One axis, counted from the front."""
    try:
        index = operator.index(axis)
    except TypeError:
        fail(AxisError, f"axis {axis!r} is not an int", "Give the axis as an int.")
    if not -ndim <= index < ndim:
        met = f"axis {index} of a tensor with {ndim} axes"
        fail(AxisError, met, f"Give an axis from {-ndim} to {ndim - 1}." if ndim else "A 0-d tensor has no axes.")
    return index % ndim


def as_axes(axis: Any, ndim: int) -> tuple[int, ...]:
    """Axes of a reduction: None is all of them; sorted, each once."""
    if axis is None:
        return tuple(range(ndim))
    axes = [as_axis(a, ndim) for a in (axis if isinstance(axis, (tuple, list)) else (axis,))]
    if len(set(axes)) != len(axes):
        fail(AxisError, f"axis {axis} names one axis twice", "Name each axis once.")
    return tuple(sorted(axes))


def reduced_shape(shape: Shape, axes: Iterable[int], keepdims: bool) -> Shape:
    gone = set(axes)
    if keepdims:
        return tuple(1 if d in gone else n for d, n in enumerate(shape))
    return tuple(n for d, n in enumerate(shape) if d not in gone)


def contiguous_strides(shape: Sequence[int]) -> tuple[int, ...]:
    """Strides in elements of a C-contiguous array."""
    strides, step = [], 1
    for extent in reversed(shape):
        strides.append(step)
        step *= extent
    return tuple(reversed(strides))


def element_strides(array: Any) -> tuple[int, ...]:
    """The strides of an array in elements."""
    if array.flags.c_contiguous:
        return contiguous_strides(array.shape)
    if not lies_in_elements(array):
        met = f"an array of {array.dtype} whose elements, of {array.itemsize} bytes, lie {array.strides} bytes apart"
        fail(DTypeError, met, "It is a field of a structured array, say, whose memory cannot be shared; copy it: a.copy().")
    size = array.itemsize
    return tuple(s // size for s in array.strides)


def lies_in_elements(array: Any) -> bool:
    """Whether from one element of an array to the next it is so many elements: in a field of a structured array it need not be."""
    return array.flags.c_contiguous or not any([s % array.itemsize for s in array.strides])


def names_device(target: Any) -> bool:
    """Whether `to(target)` means a device: by its number, or by a string that is no dtype's name."""
    return type(target) is int or isinstance(target, str) and not hasattr(np, target) and target != "bfloat16"


def check_device(device: Any) -> str:
    """The full name of a device that a user named: "cpu", "cuda:0" …; no name is "cpu", "cuda" is "cuda:0", and a number a GPU's."""
    name = "cpu" if device is None else f"cuda:{device}" if type(device) is int else str(device)
    if name == "cuda":
        return "cuda:0"
    kind, _, number = name.partition(":")
    if name != "cpu" and (kind != "cuda" or not number.isdecimal()):
        fail(DeviceError, f"there is no device {name!r}", 'Devices are "cpu", "cuda", "cuda:1" …')
    return name


class Device(str):
    """The full name of a device, with its parts: `tj.device("cuda")`, `tj.device("cuda:1")`, `tj.device("cuda", 1)`, `tj.device(1)`.

    It is a str, so it equals the name, and is taken wherever a name is. type: "cpu" or "cuda"; index: the GPU's number, None of the CPU.
    Raises DeviceError for a name that no device has.
    """

    type: str
    index: int | None  # type: ignore[assignment]

    def __new__(cls, type: Any = None, index: int | None = None) -> Device:
        return device_named(check_device(type if index is None else f"{type}:{index}"))

    def __reduce__(self) -> tuple[Any, ...]:
        return Device, (str(self),)


@lru_cache(maxsize=None)
def device_named(name: str) -> Device:
    """The one Device of this full name."""
    device = str.__new__(Device, name)
    device.type, _, number = name.partition(":")
    device.index = int(number) if number else None
    return device
