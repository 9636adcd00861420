"""Elements that lie two apart are read as two vectors: the values of a gather, and no memory behind the last one."""

from __future__ import annotations

import ctypes
import mmap

import numpy as np
import pytest
from support import FLOATING, INTEGERS, assert_bits_equal

import tracejit as tj
from tracejit.backends.llvm.translate import translate
from tracejit.tensor import wrap

PAGE = mmap.PAGESIZE
LENGTHS = [1, 2, 3, 7, 8, 9, 15, 16, 31, 33, 64, 100]


def at_the_end_of_memory(count: int, dtype: np.dtype) -> np.ndarray:
    """An array whose last element is followed by a page that may not be read."""
    size = -(-count * dtype.itemsize // PAGE) * PAGE
    memory = mmap.mmap(-1, size + PAGE)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    if ctypes.CDLL(None, use_errno=True).mprotect(ctypes.c_void_p(start + size), PAGE, 0):
        pytest.skip("memory cannot be protected here")
    return np.frombuffer(memory, dtype, count, size - count * dtype.itemsize)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("dtype", [*FLOATING, *INTEGERS, np.dtype(bool)], ids=str)
def test_every_other_element(dtype: np.dtype, length: int) -> None:
    array = at_the_end_of_memory(2 * length - 1, dtype)
    array[:] = np.random.default_rng(length).integers(0, 2 if dtype.kind == "b" else 100, array.shape)
    sums = tj.compile(lambda x: (x[::2] == x[::2][::-1], x[::2] + x[::2]))(wrap(array))
    assert_bits_equal(sums[0], array[::2] == array[::2][::-1])
    assert_bits_equal(sums[1], array[::2] + array[::2])


@pytest.mark.parametrize("columns", LENGTHS)
def test_rows_of_every_other_element_under_a_guard(columns: int) -> None:
    """A pad reads where it has an element, and nowhere else."""
    array = at_the_end_of_memory(3 * (2 * columns - 1), np.dtype("float32")).reshape(3, -1)
    array[:] = np.random.default_rng(columns).standard_normal(array.shape)
    found = tj.compile(lambda x: tj.pad(x[:, ::2], ((1, 0), (2, 3)), constant_values=7.0) + 1)(wrap(array))
    assert_bits_equal(found, np.pad(array[:, ::2], ((1, 0), (2, 3)), constant_values=7.0) + np.float32(1))


def test_nothing_is_gathered() -> None:
    function = tj.compile(lambda x: x[:, ::2] + x[:, 1::2])
    x = tj.randn(4, 64)
    function(x)
    (text,) = [part for part in function.source(x).split("def ") if part.startswith("kernel")]
    assert "gather" not in translate("def " + text)
