"""Philox4x32-10, in integer arithmetic that Python, NumPy and kernels do alike."""

from __future__ import annotations

from typing import Any

import numpy as np


def philox(key: Any, low: Any, high: Any) -> Any:
    """The first 64 of the 128 bits that ten rounds make of the 128-bit counter (`low`, `high`) under a 64-bit key.

    All are uint64 scalars or arrays. Products of two 32-bit words fit, so nothing overflows. Multipliers and key increments are
    those of Salmon et al. 2011.
    """
    word, half = np.uint64(0xFFFFFFFF), np.uint64(32)
    k0, k1 = key & word, key >> half
    c0, c1, c2, c3 = low & word, low >> half, high & word, high >> half
    for _ in range(10):
        p0, p1 = c0 * np.uint64(0xD2511F53), c2 * np.uint64(0xCD9E8D57)
        c0, c1, c2, c3 = (p1 >> half) ^ c1 ^ k0, p1 & word, (p0 >> half) ^ c3 ^ k1, p0 & word
        k0, k1 = (k0 + np.uint64(0x9E3779B9)) & word, (k1 + np.uint64(0xBB67AE85)) & word
    return (c1 << half) | c0
