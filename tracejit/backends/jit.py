"""Kernel text to machine code, by Numba with only the passes that such text needs; and the words kernel text is written in."""

from __future__ import annotations

import importlib
import math
import sys
import threading
from pathlib import Path
from typing import Any, Callable

import numpy as np

from ..backend import NotKept
from ..runtime import store
from . import memory, scalar

_lock = threading.RLock()
_addresses: dict[str, int] = {}
_libraries: list[Any] = []  # machine code lives as long as its library object
_state: dict[str, Any] = {}

PYTHON_WORDS: dict[str, Any] = {
    **{name: np.dtype(full).type for name, full in (
        ("i8", "int8"), ("i16", "int16"), ("i32", "int32"), ("i64", "int64"), ("u8", "uint8"), ("u16", "uint16"), ("u32", "uint32"),
        ("u64", "uint64"), ("f32", "float32"), ("f64", "float64"), ("c64", "complex64"), ("c128", "complex128"))},
    "boolean": bool, "inf": math.inf,
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


def address_of(text: str, compile: bool = True) -> int:
    """The address of a kernel's machine code: known already, kept on disk, or compiled now (NotKept, unless `compile`)."""
    found = _addresses.get(text)
    if found is None:
        with _lock:
            found = _addresses.get(text)
            if found is None:
                found = _addresses[text] = _load_or_compile(text, compile)
    return found


def compiled_count() -> int:
    """How many kernels were compiled, not loaded, in this process."""
    return _state.get("compiled", 0)


def _numba() -> dict[str, Any]:
    """Numba's pieces, imported when the first kernel is needed."""
    if "numba" not in _state:
        numba = importlib.import_module("numba")
        registry = importlib.import_module("numba.core.registry")
        words = importlib.import_module("tracejit.backends.words")
        target = registry.cpu_target
        target.typing_context.refresh()
        target.target_context.refresh()
        llvm = importlib.import_module("llvmlite.binding")
        _state.update(
            numba=numba, target=target, words=words.words(), signature=words.KERNEL_SIGNATURE, compile=words.compile_lean,
            version=f"{numba.__version__} {llvm.llvm_version_info} {sys.version_info[:2]} {llvm.get_host_cpu_name()} "
            f"{sorted(k for k, v in llvm.get_host_cpu_features().items() if v)} {_source_of(scalar, memory, words)}",
        )  # fmt: skip
    return _state


def _source_of(*modules: Any) -> str:
    """The content key of the modules that kernel text leans on."""
    return store.key_of(*(Path(m.__file__).read_text() for m in modules))


def _load_or_compile(text: str, may_compile: bool) -> int:
    state = _numba()
    codegen = state["target"].target_context.codegen()
    key = store.key_of(text, state["version"])
    kept = store.load(key)
    if kept is not None:
        try:
            library = codegen.unserialize_library(kept["library"])
            return _finish(library, kept["name"])
        except Exception:  # another LLVM's object file, or a damaged one
            kept = None
    if not may_compile:
        raise NotKept
    scope = dict(state["words"])
    exec(compile(text, "<tracejit kernel>", "exec"), scope)
    library, name = state["compile"](scope["kernel"])
    _state["compiled"] = compiled_count() + 1
    address = _finish(library, name)
    store.save(key, {"library": library.serialize_using_object_code(), "name": name}, text)
    return address


def _finish(library: Any, name: str) -> int:
    _libraries.append(library)
    return library.get_pointer_to_function(name)
