"""Kernel text as plain Python: what its words are for one element, to run and step through."""

from __future__ import annotations

import math
from typing import Any, Callable

import numpy as np

from . import bits, memory, scalar

PYTHON_WORDS: dict[str, Any] = {
    **{name: np.dtype(full).type for name, full in (
        ("i8", "int8"), ("i16", "int16"), ("i32", "int32"), ("i64", "int64"), ("u8", "uint8"), ("u16", "uint16"), ("u32", "uint32"),
        ("u64", "uint64"), ("f32", "float32"), ("f64", "float64"), ("c64", "complex64"), ("c128", "complex128"))},
    "boolean": bool, "inf": math.inf, "lanes": range, "few": range, "bits": bits.bits, "from_bits": bits.from_bits, "fma": bits.fma, "rarely": bits.rarely,
}  # fmt: skip
for _kind in ("i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "f32", "f64", "c64", "c128"):
    PYTHON_WORDS[f"{_kind}_pointer"] = lambda args, k: args[k]
    PYTHON_WORDS[f"{_kind}_value"] = lambda args, k: args[k]
    PYTHON_WORDS[f"lanes_{_kind}"] = lambda n, _t=PYTHON_WORDS[_kind]: [_t(0)] * n
PYTHON_WORDS["boolean_value"] = lambda args, k: args[k]
PYTHON_WORDS["lanes_boolean"] = lambda n: [False] * n
PYTHON_WORDS.update(scalar.FUNCTIONS)
PYTHON_WORDS.update(memory.WORDS)


def python_kernel(text: str) -> Callable:
    """The kernel as a plain Python function, to run and step through."""
    scope = dict(PYTHON_WORDS)
    exec(compile(text, "<tracejit kernel>", "exec"), scope)
    return scope["kernel"]
