"""Machine code in this process: object code made callable by llvmlite alone. A process whose kernels are all kept on disk loads
no compiler."""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import itertools
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any, Callable

_count = itertools.count()
_loaded: list[Any] = []  # machine code lives as long as the object that tracks it


class _Method(ctypes.Structure):
    """CPython's PyMethodDef."""

    _fields_ = [("name", ctypes.c_char_p), ("function", ctypes.c_void_p), ("flags", ctypes.c_int), ("doc", ctypes.c_char_p)]


METH_O = 0x0008
_new_function = ctypes.pythonapi.PyCFunction_NewEx
_new_function.restype, _new_function.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p]


@lru_cache(maxsize=None)
def _llvm() -> Any:
    """llvmlite, with this machine as its target."""
    llvm = importlib.import_module("llvmlite.binding")
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm


@lru_cache(maxsize=None)
def _linker() -> Any:
    return _llvm().create_lljit_compiler(_llvm().Target.from_default_triple().create_target_machine())


@lru_cache(maxsize=None)
def _target() -> Any:
    """This processor, with all its instructions."""
    llvm = _llvm()
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=3, reloc="pic", codemodel="default"
    )


def object_code(text: str) -> bytes:
    """The object code of a module in LLVM's assembly language, optimised for this processor."""
    llvm = _llvm()
    module = llvm.parse_assembly(text)
    module.triple, module.data_layout = llvm.get_default_triple(), str(_target().target_data)
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    builder = llvm.create_pass_builder(_target(), options)
    builder.getModulePassManager().run(module, builder)
    return _target().emit_object(module)


@lru_cache(maxsize=None)
def host() -> str:
    """What object code depends on beside its text: the compiler and Python, in their versions, and this processor."""
    llvm = _llvm()
    spec = importlib.util.find_spec("numba")
    assert spec is not None and spec.origin is not None
    numba = Path(spec.origin).with_name("_version.py").read_text()  # importing Numba, or package metadata, takes longer
    features = sorted(k for k, v in llvm.get_host_cpu_features().items() if v)
    return f"{numba} {llvm.llvm_version_info} {sys.version_info[:2]} {llvm.get_host_cpu_name()} {features}"


def load(code: bytes, symbol: str) -> int:
    """The address of a function in object code, which is linked to what this process has. Raises RuntimeError."""
    builder = _llvm().JITLibraryBuilder()
    library = builder.add_object_img(code).add_current_process().export_symbol(symbol).link(_linker(), f"tracejit.{next(_count)}")
    _loaded.append(library)
    return library[symbol]


def method(address: int, owner: Any) -> Callable[[Any], Any]:
    """A Python function of one argument, of native code `(owner, argument) → object`."""
    return _new_function(ctypes.addressof(_definition(address)), owner, None)


@lru_cache(maxsize=None)
def _definition(address: int) -> _Method:
    return _Method(b"native", address, METH_O, None)
