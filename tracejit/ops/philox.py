"""Philox4x32-10, in integer arithmetic that Python, NumPy and Numba do alike."""

from __future__ import annotations

from typing import Any

import numpy as np

# Multipliers and key increments of Salmon et al. 2011, table 2 and section 3.3. They are np.uint64, not ints: Numba would
# make a float64 of uint64 mixed with a signed integer.
_MULTIPLIER_0, _MULTIPLIER_1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_WEYL_0, _WEYL_1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_LOW, _HALF = np.uint64(0xFFFFFFFF), np.uint64(32)


def philox(key: Any, low: Any, high: Any) -> Any:
    """The first 64 of the 128 bits that ten rounds make of the 128-bit counter (`low`, `high`) under a 64-bit key.

    All are uint64 scalars or arrays; products of two 32-bit words fit, so nothing overflows.
    """
    k0, k1 = key & _LOW, key >> _HALF
    c0, c1, c2, c3 = low & _LOW, low >> _HALF, high & _LOW, high >> _HALF
    for _ in range(10):
        p0, p1 = c0 * _MULTIPLIER_0, c2 * _MULTIPLIER_1
        c0, c1, c2, c3 = (p1 >> _HALF) ^ c1 ^ k0, p1 & _LOW, (p0 >> _HALF) ^ c3 ^ k1, p0 & _LOW
        k0, k1 = (k0 + _WEYL_0) & _LOW, (k1 + _WEYL_1) & _LOW
    return (c1 << _HALF) | c0
