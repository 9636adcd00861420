"""Tensors of data from outside: NumPy arrays (their memory is shared), Python numbers, nested lists, DLPack."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from ..dispatch import bind, mode
from ..errors import ArgumentError, DTypeError, ShapeError, TracejitError, fail
from ..op import Library
from ..spec import DTYPES, DType, TensorSpec, as_dtype, default_dtype_of, element_strides, get_default_dtype, is_complex, promote
from ..tensor import StandIn, Tensor, wrap
from .casts import cast, copy
from .sharing import adopted
from .transfer import on_device

__all__ = ["as_tensor", "asarray", "assemble", "beside", "from_dlpack", "number_dtype", "plain_number", "tensor"]

_NUMBERS: tuple[Any, ...] = (bool, int, float, complex)
_SEQUENCES = (list, tuple, range)

assemble = Library(
    "assemble", numpy=lambda *parts: np.stack(parts), spec=lambda *parts: TensorSpec((len(parts), *parts[0].shape), parts[0].dtype),
    vjp=lambda g, _y, *_parts: tuple(g[i] for i in range(len(_parts))), parameters="*parts",
    doc="Tensors of one shape and dtype, one after another along a new first axis.",
)  # fmt: skip


def as_tensor(x: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """`x` itself, or a Tensor of a NumPy array, a number or nested lists; of this dtype and on this device, if they are given."""
    return x if isinstance(x, Tensor) and dtype is device is None else asarray(x, dtype=dtype, device=device)


def beside(value: Any, dtype: DType) -> Tensor:
    """`value` as a tensor: a Python number in the dtype it takes beside a tensor of this dtype."""
    if type(value) not in _NUMBERS:
        return as_tensor(value)
    kind: Any = type(value)
    return asarray(value, dtype=promote(dtype, kind))


def asarray(obj: Any, /, *, dtype: Any = None, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor of an array, of a Python number, or of nested lists (which may hold tensors, with their history).

    A NumPy array, a tensor, or anything that offers its memory is shared, not copied, unless `dtype` asks for another dtype.
    copy: True always copies; False makes a needed copy an error.
    Python floats take the default dtype (float32), ints int64, bools bool, complex numbers complex64; arrays keep theirs.
    """
    if device is not None:
        return on_device(asarray(obj, dtype=dtype, copy=copy), device)
    wanted = None if dtype is None else as_dtype(dtype)
    if isinstance(obj, StandIn):
        obj = obj.tensor
    if isinstance(obj, Tensor):
        return _converted(obj, wanted, copy)
    if isinstance(obj, np.ndarray):
        return _converted(wrap(supported(np.asarray(obj))), wanted, copy)
    if not isinstance(obj, (np.generic, *_NUMBERS, *_SEQUENCES)):
        shared = _offered(obj)
        if shared is not None:
            return _converted(wrap(supported(shared)), wanted, copy)
    if copy is False:
        fail(ArgumentError, f"asarray of a {type(obj).__name__} with copy=False", "Python data can only be copied; leave copy out.")
    return _of_python(obj, wanted)


def _converted(x: Tensor, dtype: DType | None, copied: bool | None) -> Tensor:
    if dtype is None or dtype == x.dtype:
        return bind(copy, x) if copied else x
    if copied is False:
        fail(ArgumentError, f"asarray of {x.dtype.name} as {dtype.name} with copy=False", "Another dtype needs a copy; leave copy out.")
    return bind(cast, x, dtype=dtype)


def supported(array: Any) -> Any:
    """The array, if its dtype is one a tensor can have."""
    dtype = array.dtype
    if dtype in DTYPES:
        element_strides(array)  # raises where there are none
        return array
    native = dtype.newbyteorder("=")
    if native in DTYPES:
        met = f"an array of {native.name} in the byte order of another machine ({dtype.str})"
        fail(DTypeError, met, "Its memory cannot be shared; convert it: a.astype(a.dtype.newbyteorder('=')).")
    fail(DTypeError, f"an array of dtype {dtype}", "Tensors hold " + ", ".join(d.name for d in DTYPES) + "; convert it with a.astype(...).")


def _offered(obj: Any) -> Any:
    """The array on the memory that an object offers, by NumPy's protocol, DLPack or the buffer protocol."""
    if (on_gpu := adopted(obj)) is not None:
        return on_gpu
    if hasattr(obj, "__array__") or hasattr(obj, "__array_interface__"):
        return np.asarray(obj)
    if hasattr(obj, "__dlpack__"):
        return _dlpack(obj, None)
    try:
        return np.asarray(memoryview(obj))
    except TypeError:
        return None


# Python data


def _of_python(obj: Any, dtype: DType | None) -> Tensor:
    kinds: set[Any] = set()
    if isinstance(obj, _SEQUENCES):
        _survey(obj, kinds)
    else:
        kinds.add(_kind(obj))
    if dtype is None:
        found = kinds - {Tensor}
        dtype = promote(*found) if found else get_default_dtype()
    if Tensor in kinds:
        return _stacked(obj, dtype)
    try:
        return mode.interpreter.constant(np.array(obj, dtype=dtype))
    except (ValueError, TypeError, OverflowError) as error:
        _explain(obj, dtype, error)


def _survey(data: Any, kinds: set[Any]) -> None:
    """Collect what nested sequences hold: dtypes, types of Python numbers, and `Tensor` if there are tensors."""
    types = set(map(type, data))
    if types <= set(_NUMBERS):
        kinds |= types
        return
    for item in data:
        if isinstance(item, _SEQUENCES):
            _survey(item, kinds)
        else:
            if isinstance(item, Tensor):
                kinds.add(Tensor)
            kinds.add(_kind(item))


def _kind(item: Any) -> Any:
    """The dtype of an array, or the (weak) type of a Python number."""
    if isinstance(item, (Tensor, np.generic, np.ndarray)):
        return as_dtype(item.dtype)
    for plain in _NUMBERS:
        if isinstance(item, plain):
            return plain
    offered = _offered(item)
    if offered is None:
        fail(DTypeError, f"data that holds a {type(item).__name__}: {item!r:.60}", "Give numbers, arrays, or nested lists of them.")
    return as_dtype(supported(offered).dtype)


def _stacked(obj: Any, dtype: DType) -> Tensor:
    """Nested sequences that hold tensors: stacked, so that their history is kept."""
    if not isinstance(obj, _SEQUENCES):
        return asarray(obj, dtype=dtype)
    parts = [_stacked(item, dtype) for item in obj]
    if len({p.shape for p in parts}) > 1:
        shapes = ", ".join(sorted({str(p.shape) for p in parts}))
        fail(ShapeError, f"a list of parts of shapes {shapes}", "All parts of one list must have one shape.")
    return bind(assemble, *parts)


def _explain(obj: Any, dtype: DType, error: Exception) -> NoReturn:
    if isinstance(error, OverflowError):
        fail(ArgumentError, f"a number that does not fit {dtype.name}: {error}", "Pass a wider dtype=, such as tj.int64 or tj.float64.")
    if "inhomogeneous" in str(error):
        fail(ShapeError, "nested lists of unequal lengths", "All lists at one depth must be equally long.")
    fail(DTypeError, f"{obj!r:.60} as {dtype.name}: {error}", "Pass a dtype= that holds such values.")


def plain_number(value: Any, dtype: DType) -> Any:
    """A number as the Python number that fills a tensor of this dtype: truncated for integers; it must fit."""
    try:
        if dtype.kind == "b":
            return bool(value)
        if dtype.kind in "iu":
            number = int(value)
            return number if type(value) is bool else int(np.array(number, dtype))
        if is_complex(dtype):
            return complex(value)
        return float(value)
    except TracejitError:
        raise
    except (TypeError, ValueError, OverflowError) as error:
        fail(ArgumentError, f"{value!r:.60} in a tensor of {dtype.name}: {error}", "Give a number that this dtype holds, or a wider dtype.")


# Copies, and other libraries' memory


def tensor(data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A new leaf tensor with a copy of the data: numbers, nested lists, arrays, or a tensor (without its history)."""
    if isinstance(data, (Tensor, np.ndarray)):
        result = asarray(data, dtype=dtype, device=device, copy=True)
    else:
        result = asarray(data, dtype=dtype, device=device, copy=True if hasattr(data, "__array__") else None)
    if result.requires_grad:
        result = result.detach()
    return result.requires_grad_() if requires_grad else result


def from_dlpack(x: Any, /, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor on the memory of any object with the DLPack protocol; a copy of it, if `copy` is True."""
    if device is not None:
        return on_device(from_dlpack(x, copy=copy), device)
    if isinstance(x, Tensor):
        return _converted(x.detach(), None, copy)
    if not hasattr(x, "__dlpack__"):
        fail(ArgumentError, f"from_dlpack of a {type(x).__name__}", "Give an array with __dlpack__, or use asarray.")
    on_gpu = adopted(x)
    return wrap(supported(_dlpack(x, copy))) if on_gpu is None else _converted(wrap(supported(on_gpu)), None, copy)


def _dlpack(x: Any, copied: bool | None) -> np.ndarray:
    try:
        return np.from_dlpack(x, copy=copied)
    except TypeError:  # an exporter of the older protocol
        array = np.from_dlpack(x)
        return array.copy() if copied else array


def number_dtype(value: Any) -> DType:
    """The dtype that a tensor filled with this number has by default."""
    if isinstance(value, (Tensor, np.generic, np.ndarray)):
        return as_dtype(value.dtype)
    return default_dtype_of(next((t for t in _NUMBERS if isinstance(value, t)), float))
