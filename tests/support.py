"""What the tests share: the dtypes, values in an op's domain, memory layouts, and comparisons to the bit or in ulps."""

from __future__ import annotations

import ctypes
from typing import Any, Callable

import ml_dtypes
import numpy as np

from tracejit import backend
from tracejit.backends.cuda.driver.calls import driver_calls
from tracejit.backends.cuda.devices import driver_of
from tracejit.backends.native.jit import address_of
from tracejit.op import OPS, Elementwise
from tracejit.spec import DTYPES, bfloat16, category, is_complex, is_floating, is_integer, real_dtype
from tracejit.tensor import Tensor, wrap

FLOATING = tuple(d for d in DTYPES if is_floating(d))
INTEGERS = tuple(d for d in DTYPES if is_integer(d))
COMPLEX = tuple(d for d in DTYPES if is_complex(d))
SHAPE = (3, 4)

# Attributes an op cannot do without.
ATTRS: dict[str, dict[str, Any]] = {"cast": {"dtype": np.dtype("float32")}, "polygamma": {"n": 2}}


def elementwise_ops() -> list[Elementwise]:
    """Every elementwise op of the table, by name, that makes a new array."""
    return sorted((op for op in OPS.values() if isinstance(op, Elementwise) and not op.is_view), key=lambda op: op.name)


def takes(op: Elementwise, dtype: np.dtype) -> bool:
    """Whether an op accepts this dtype."""
    return category(dtype)[0] in op.accepts


def values(op: Elementwise, dtype: np.dtype, shape: tuple[int, ...] = SHAPE, seed: int = 0) -> list[np.ndarray]:
    """One array for each operand, of this dtype, with values in the op's domain; small integers, none negative or 0."""
    rng = np.random.default_rng(seed)
    arrays = []
    for low, high in op.domain:
        if is_complex(dtype):
            parts = rng.uniform(low, high, (2, *shape))
            arrays.append((parts[0] + 1j * parts[1]).astype(dtype))
        elif is_floating(dtype):
            arrays.append(rng.uniform(low, high, shape).astype(dtype))
        elif dtype.kind == "b":
            arrays.append(rng.integers(0, 2, shape).astype(dtype))
        else:
            arrays.append(rng.integers(1, 6, shape).astype(dtype))
    if op.name == "where":
        arrays[0] = rng.integers(0, 2, shape).astype(bool)
    return arrays


def tensors(arrays: list[np.ndarray], requires_grad: bool = False) -> list[Tensor]:
    """Tensors on these arrays; the inexact ones require grad if asked."""
    return [wrap(a).requires_grad_(requires_grad and (is_floating(a.dtype) or is_complex(a.dtype))) for a in arrays]


# Layouts: each gives an array with values of the given one, laid out in another way. Those of `RELAID` keep all of them.


def _sliced(a: np.ndarray) -> np.ndarray:
    for d in range(a.ndim):
        a = np.repeat(a, 2 + d, d)
    return a[(..., *[slice(None, None, 2 + d) for d in range(a.ndim)])]


def _reversed(a: np.ndarray) -> np.ndarray:
    back = (..., *[slice(None, None, -1)] * a.ndim)
    return np.ascontiguousarray(a[back]).reshape(a.shape)[back]


RELAID: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "contiguous": lambda a: np.array(a, order="C"),
    "transposed": lambda a: np.array(a.T, order="C").T,
    "sliced": _sliced,
    "reversed": _reversed,
}
LAYOUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = RELAID | {
    "broadcast": lambda a: np.broadcast_to(a[:1], a.shape),
    "0-d": lambda a: a[:1, :1].reshape(()),
    "empty": lambda a: a[:0],
}


# Comparisons


def bits(array: Any) -> np.ndarray:
    """The bits of an array's elements, in one row; every NaN alike (a sign of NaN, or its payload, means nothing)."""
    array = np.array(array, order="C").reshape(-1)
    if is_complex(array.dtype):
        array = array.view(real_dtype(array.dtype))
    if is_floating(array.dtype):
        array = np.where(np.isnan(array), np.array(np.nan, array.dtype), array)
    return array.view(f"u{array.dtype.itemsize}")


def assert_bits_equal(got: Any, wanted: Any, what: str = "") -> None:
    """Equal shape, dtype, and bits; NaN equals NaN."""
    got, wanted = (np.asarray(v.detach().numpy() if isinstance(v, Tensor) else v) for v in (got, wanted))
    assert got.dtype == wanted.dtype, f"{what}: {got.dtype} instead of {wanted.dtype}"
    assert got.shape == wanted.shape, f"{what}: shape {got.shape} instead of {wanted.shape}"
    differ = np.flatnonzero(bits(got) != bits(wanted))
    at = differ[:4] // (2 if is_complex(got.dtype) else 1)
    assert not differ.size, f"{what}: {got.reshape(-1)[at]} instead of {wanted.reshape(-1)[at]} at {at}"


def ulps(got: np.ndarray, wanted: np.ndarray, floor: float = 0.0) -> np.ndarray:
    """The distance of each element from a float64 (complex128) reference, in units in the last place of its own dtype.

    `floor` is the magnitude below which the unit no longer shrinks. Elements that agree in being NaN or infinite are at 0.
    """
    if is_complex(got.dtype):
        size = np.maximum(np.abs(wanted), floor)
        gap = np.abs(got.astype(np.complex128) - wanted)
        return np.where(got == wanted, 0, gap / _unit(size, real_dtype(got.dtype)))
    exact = wanted.astype(np.float64)
    with np.errstate(all="ignore"):
        there = got.astype(np.float64)
        same = (there == exact.astype(got.dtype).astype(np.float64)) | (np.isnan(there) & np.isnan(exact))
        return np.where(same, 0, np.abs(there - exact) / _unit(np.maximum(np.abs(exact), floor), got.dtype))


def _unit(size: np.ndarray, dtype: np.dtype) -> np.ndarray:
    limits = ml_dtypes.finfo(dtype) if dtype == bfloat16 else np.finfo(dtype)
    exponent = np.floor(np.log2(np.maximum(size, float(limits.smallest_normal))))
    return np.exp2(exponent) * float(limits.eps)


def run_native(text: str, *arguments: Any) -> int:
    """A kernel's status: its text compiled, and run on arrays (as their addresses) and integers."""
    words = [a.ctypes.data if isinstance(a, np.ndarray) else a for a in arguments]
    args = np.array(words, np.int64)
    return ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p)(address_of(text))(args.ctypes.data)


def forget_gpus() -> None:
    """Forget what was found out about this machine's GPUs, so that drivers and backends are made anew."""
    for found in (driver_calls, driver_of):
        found.cache_clear()
    for name in [name for name in backend._loaded if name != "cpu"]:
        del backend._loaded[name]


SEEN = {  # a matrix, and views of it that lie otherwise in a device's memory
    "contiguous": lambda x: x,
    "transposed": lambda x: x.permute((1, 0)),
    "backwards": lambda x: x[::-1, ::-1],
    "not at a pack": lambda x: x[1:, 1:],
    "every other": lambda x: x[:, ::2],
    "broadcast": lambda x: x[:1].broadcast_to(x.shape),
}
