"""Arrays of a device: which of them share memory."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from tracejit.backends.cuda.driver.exchange import HOST, Shown, array_of
from tracejit.device import DeviceArray, Memory, may_share_memory

WHOLE = np.zeros(64, np.float32)
VIEWS = {
    "whole": WHOLE, "first half": WHOLE[:32], "second half": WHOLE[32:], "middle": WHOLE[16:48], "backwards": WHOLE[40:20:-1], "columns": WHOLE.reshape(8, 8)[:, :2],
    "broadcast": np.broadcast_to(WHOLE[3:4], (5,)), "empty": WHOLE[:0], "one": WHOLE[31:32], "other": np.zeros(64, np.float32),
}  # fmt: skip


def alone(array: np.ndarray) -> DeviceArray:
    """An array whose memory is no larger than it is."""
    return array_of(Shown(array.ctypes.data, array.shape, array.strides, array.dtype, (HOST, 0), None), "cuda:0")


def in_a_block(array: np.ndarray) -> DeviceArray:
    """An array in the memory that all views are of."""
    base = array if array.base is None else WHOLE
    memory = Memory(base.ctypes.data, base.nbytes, "cuda:0", None)
    return DeviceArray(memory, array.shape, array.dtype, array.strides, array.ctypes.data - base.ctypes.data)


def of_unknown_size(array: np.ndarray) -> DeviceArray:
    """An array of whose memory only the beginning is known."""
    return DeviceArray(Memory(array.ctypes.data, 0, "cuda:0", None), array.shape, array.dtype, array.strides)


@pytest.mark.parametrize("made", list(product((alone, in_a_block, of_unknown_size), repeat=2)), ids=lambda made: " and ".join(m.__name__ for m in made))
def test_arrays_share_memory_where_numpys_do(made) -> None:
    for a, b in product(VIEWS.values(), repeat=2):
        assert may_share_memory(made[0](a), made[1](b)) == np.may_share_memory(a, b)


def test_devices_share_no_memory_and_the_host_none_with_them() -> None:
    here = alone(WHOLE)
    there = DeviceArray(Memory(WHOLE.ctypes.data, WHOLE.nbytes, "cuda:1", None), WHOLE.shape, WHOLE.dtype)
    assert may_share_memory(here, here) and not may_share_memory(here, there) and not may_share_memory(here, WHOLE)
