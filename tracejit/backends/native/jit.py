"""Kernel text to machine code, kept on disk; and as plain Python."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from time import perf_counter
from typing import Any, Callable

import numpy as np

from ...backend import NotKept
from ...forks import shared_lock
from ...logs import kernels as kernel_log
from ...runtime import store
from ..llvm import joined, machine, translate
from ..llvm.expressions import Module
from . import gate, interrupts, walker


_lock = shared_lock()
_addresses: dict[str, int] = {}  # of kernels by their text, of other functions by the key that the store knows them by
_compiled = 0

def address_of(text: str, compile: bool = True, module: Callable[[str], Module] = translate.translate) -> int:
    """The address of a kernel's machine code: known already, kept on disk, or compiled now (NotKept, unless `compile`) from what
    `module` makes of the text."""
    found = _addresses.get(text)
    if found is None:
        with _lock:
            found = _addresses.get(text)
            if found is None:
                found = _addresses[text] = _kept(_key(text), text, lambda: module(text), compile)
    return found


def compiled_count() -> int:
    """How many kernels, and functions that they call, were compiled, not loaded, in this process."""
    return _compiled


@lru_cache(maxsize=None)
def _version() -> str:
    """What all machine code made here depends on: the compiler, the processor, and the modules that kernel text leans on."""
    own = [Path(str(module.__file__)).read_text() for module in (interrupts, joined)]
    return store.key_of(machine.host(), *own, *translate.sources())


def _key(text: str) -> str:
    return store.key_of(text, _version())


def _kept(key: str, text: str, module: Callable[[], Module], may_compile: bool = True) -> int:
    """The address of what a text is compiled to: object code from the store, or compiled now and stored."""
    start = perf_counter()
    kept = store.load(key)
    if kept is not None:
        try:
            address = _linked(*kept)
        except Exception:  # another LLVM's object file, a damaged one, or one that calls what is not there any more
            pass
        else:
            kernel_log.info("%s loaded from disk in %.2f ms", key, 1e3 * (perf_counter() - start))
            return address
    if not may_compile:
        raise NotKept
    global _compiled
    _compiled += 1
    symbol, assembly_text, called = module()
    record = machine.object_code(assembly_text), symbol, {inner.symbol: _known(inner) for inner in called}
    address = _linked(*record)
    store.save(key, record, text)
    kernel_log.info("%s compiled in %.1f ms: %d lines", key, 1e3 * (perf_counter() - start), text.count("\n"))
    return address


def _known(module: Module) -> str:
    """The key of a function that others call, which is there now."""
    key = _key(module.text)
    if key not in _addresses:
        _addresses[key] = _kept(key, module.text, lambda: module)
    return key


def _linked(code: bytes, symbol: str, called: dict[str, str]) -> int:
    """The address of object code; `called`: the keys of the functions that it calls, by symbol."""
    for key in called.values():
        if key not in _addresses:
            _addresses[key] = _linked(*store.load(key))  # type: ignore[misc]
    return machine.load(code, symbol, {name: _addresses[key] for name, key in called.items()})


@lru_cache(maxsize=None)
def native(text: str, symbol: str) -> int:
    """The address of a function or a variable of a module in LLVM's assembly."""
    with _lock:
        return _addresses[_known(Module(symbol, text, ()))]


def program(words: np.ndarray) -> Callable[[tuple[np.ndarray, ...]], int]:
    """The native function that runs a program of words on a tuple of arrays: 0, or 1 if a step failed."""
    return machine.method(native(walker.native_text(), walker.SYMBOL), words)


def gate_of(owner: list[Any]) -> Callable[..., Any]:
    """The gate as a Python function: `owner` is what it calls where no permit lets a call through, then (words, what they point to) of permits."""
    return machine.method(native(gate.native_text(), gate.SYMBOL), owner, machine.METH_FASTCALL | machine.METH_KEYWORDS)
