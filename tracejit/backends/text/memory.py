"""How kernel text reads and writes memory: small floats from and to their 16 bits, and indices that count from the end.

float16 is IEEE 754 binary16, bfloat16 the upper half of binary32; both round to nearest, ties to even.
"""

from __future__ import annotations

from typing import Any, Callable

import numpy as np


def wrap(i: Any, n: Any) -> Any:
    """An index on an axis of n elements; a negative one counts from the end."""
    return i + n if i < 0 else i


def within(i: Any, n: Any) -> Any:
    """Whether i is an index on an axis of n elements."""
    return i >= 0 and i < n


def f16_load(h: Any) -> Any:
    """The float32 of binary16 bits: the exponent is moved by a product with 2**112, which also normalises denormals."""
    h = np.int64(h)
    magnitude = (h & 0x7FFF) << 13
    value = np.uint32(magnitude).view(np.float32) * np.float32(5192296858534827628530496329220096.0)
    if magnitude >= 0x0F800000:  # infinity or NaN
        value = np.uint32(0x7F800000 | magnitude).view(np.float32)
    return -value if h & 0x8000 else value


def f16_store(x: Any) -> Any:
    """The binary16 bits of a float32."""
    bits = np.int64(np.float32(x).view(np.int32)) & 0xFFFFFFFF
    sign, magnitude = (bits >> 16) & 0x8000, bits & 0x7FFFFFFF
    if magnitude > 0x7F800000:
        return np.uint16(sign | 0x7E00)
    if magnitude >= 0x47800000:
        return np.uint16(sign | 0x7C00)
    if magnitude < 0x38800000:  # the sum with ½ rounds a denormal to its last place
        half = np.uint32(magnitude).view(np.float32) + np.float32(0.5)
        return np.uint16(sign | (np.int64(np.float32(half).view(np.int32)) - 0x3F000000))
    return np.uint16(sign | ((magnitude + ((magnitude >> 13) & 1) + 0xFFF - 0x38000000) >> 13))


def f16_round(x: Any) -> Any:
    """A float32 rounded to binary16."""
    return f16_load(f16_store(x))


def bf16_load(h: Any) -> Any:
    """The float32 of bfloat16 bits."""
    return np.uint32(np.int64(h) << 16).view(np.float32)


def bf16_store(x: Any) -> Any:
    """The bfloat16 bits of a float32."""
    bits = np.int64(np.float32(x).view(np.int32)) & 0xFFFFFFFF
    if bits & 0x7FFFFFFF > 0x7F800000:
        return np.uint16((bits >> 16) & 0x8000 | 0x7FC0)
    return np.uint16((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16)


def bf16_round(x: Any) -> Any:
    """A float32 rounded to bfloat16."""
    return bf16_load(bf16_store(x))


# Each after those it calls.
WORDS: dict[str, Callable[..., Any]] = {
    f.__name__: f for f in (wrap, within, f16_load, f16_store, f16_round, bf16_load, bf16_store, bf16_round)
}
