"""Kernel text for NVIDIA's GPUs: what LLVM makes of it has IEEE arithmetic, wide accesses to global memory, and calls nothing from outside."""

from __future__ import annotations

import numpy as np
import pytest
from support import assert_bits_equal

from tracejit.backends.cuda.ptx import ptx_of
from tracejit.backends.text import remainders

MAP = """\
def kernel(args):
    x = f32_pointer(args, 0)
    y = f32_pointer(args, 1)
    for turn in range(block() * threads() + thread(), args[2], blocks() * threads()):
        first = turn * 4
        for lane in lanes(0, 4):
            i = first + lane
            y[i] = {}
"""


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=str)
def test_the_remainder_is_exact(dtype):
    """Of any bits, of extreme values, and of values near a multiple of the divisor."""
    unsigned, limits = np.dtype(f"u{np.dtype(dtype).itemsize}"), np.finfo(dtype)
    rng = np.random.default_rng(0)
    line = [0, -0.0, 1, -1, np.inf, -np.inf, np.nan, limits.max, -limits.max, limits.tiny, limits.smallest_subnormal, 2**24, 2**23 - 1, 2**53, 3.3, 1e10, 0.1]
    with np.errstate(all="ignore"):
        extreme = [g.reshape(-1) for g in np.meshgrid(*[np.array(line, dtype)] * 2)]
        anything = rng.integers(0, np.iinfo(unsigned).max, (2, 1000), unsigned).view(dtype)
        divisors = rng.normal(size=1000).astype(dtype)
        multiples = (divisors * rng.integers(1, 2000, 1000)).astype(dtype)
        a = np.concatenate([extreme[0], anything[0], multiples, np.nextafter(multiples, dtype(9e9))])
        b = np.concatenate([extreme[1], anything[1], divisors, divisors])
        assert_bits_equal(np.array([remainders.fmod(x, y) for x, y in zip(a, b)]), np.fmod(a, b))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("x[i] * x[i] + 1.0", ["ld.global.v4", "st.global.v4", "mul.rn.f32", "add.rn.f32"]),
        ("sqrt(x[i]) / x[i]", ["sqrt.rn.f32", "div.rn.f32"]),
        ("fma(x[i], x[i], x[i])", ["fma.rn.f32"]),
        ("rint(x[i])", ["cvt.rni.f32.f32"]),
        ("floor(x[i]) - ceil(x[i]) + trunc(x[i])", ["cvt.rmi.f32.f32", "cvt.rpi.f32.f32", "cvt.rzi.f32.f32"]),
        ("abs(x[i])", ["abs.f32"]),
        ("fmod(x[i], y[i])", ["fma.rn.f32", "rem.u64"]),
    ],
    ids=str,
)
def test_words_are_instructions(text, wanted):
    ptx = ptx_of(MAP.format(text))
    assert [w for w in wanted if w not in ptx] == []
    assert not [w for w in (".extern", ".approx", ".ftz") if w in ptx]
