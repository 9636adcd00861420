"""Whether the gate may be used: where CPython and NumPy keep things."""

from __future__ import annotations

import ctypes
import struct
import sys
import sysconfig
import weakref
from functools import lru_cache
from typing import Any

import numpy as np

from ..backends.native import gate


@lru_cache(maxsize=None)
def measured() -> bool:
    """Whether CPython and NumPy keep things where the gate looks for them."""
    if sys.implementation.name != "cpython" or sysconfig.get_config_var("Py_GIL_DISABLED") or struct.calcsize("P") != 8:
        return False
    array, number, place = np.empty((3, 5), np.float32)[:, ::2], 1.5, gate.LAYOUT
    reference = weakref.ref(array)

    def word(value: Any, name: str) -> int:
        return ctypes.c_int64.from_address(id(value) + 8 * place[name]).value

    def numbers(address: int, count: int) -> tuple[int, ...]:
        return tuple((ctypes.c_int64 * count).from_address(address))

    listed, tupled = [array, number], (array, number)
    return (
        (word(array, "TYPE"), word(array, "DATA"), word(array, "DTYPE")) == (id(np.ndarray), array.ctypes.data, id(array.dtype))
        and (word(array, "AXES") & 0xFFFFFFFF, numbers(word(array, "EXTENTS"), 2), numbers(word(array, "STRIDES"), 2)) == (2, array.shape, array.strides)
        and (word(listed, "SIZE"), numbers(word(listed, "LIST_ITEMS"), 2), word(tupled, "TUPLE_ITEMS")) == (2, tuple(map(id, listed)), id(array))
        and (word(reference, "REFERENT"), word(number, "FLOAT")) == (id(array), struct.unpack("q", struct.pack("d", number))[0])
    )
