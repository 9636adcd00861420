"""Machine code in this process: object code made callable by llvmlite alone. A process whose kernels are all kept on disk loads
no compiler."""

from __future__ import annotations

import ctypes
import importlib
import itertools
from functools import lru_cache
from typing import Any, Callable, Mapping, Sequence

# Few, since the text is already in vectors: local arrays become registers, what is computed twice or never goes.
PASSES = ("always_inliner", "sroa", "instruction_combine", "new_gvn", "simplify_cfg", "loop_rotate", "simplify_cfg")
_count = itertools.count()
_loaded: list[Any] = []  # machine code lives as long as the object that tracks it


class _Method(ctypes.Structure):
    """CPython's PyMethodDef."""

    _fields_ = [("name", ctypes.c_char_p), ("function", ctypes.c_void_p), ("flags", ctypes.c_int), ("doc", ctypes.c_char_p)]


METH_O, METH_FASTCALL, METH_KEYWORDS = 0x0008, 0x0080, 0x0002
_new_function = ctypes.pythonapi.PyCFunction_NewEx
_new_function.restype, _new_function.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p]


@lru_cache(maxsize=None)
def compiler() -> Any:
    """llvmlite, with this machine as its target."""
    llvm = importlib.import_module("llvmlite.binding")
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm


@lru_cache(maxsize=None)
def _linker() -> Any:
    return compiler().create_lljit_compiler(compiler().Target.from_default_triple().create_target_machine())


@lru_cache(maxsize=None)
def _target() -> Any:
    """This processor, with all its instructions."""
    llvm = compiler()
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=1, reloc="pic", codemodel="default"
    )


@lru_cache(maxsize=None)
def register_bytes() -> int:
    """The size of a vector register."""
    features = compiler().get_host_cpu_features()
    return 64 if features.get("avx512f") else 32 if features.get("avx") else 16


@lru_cache(maxsize=None)
def any_register() -> str | None:
    """What assembly within LLVM's calls «any vector register» of this kind of processor; None where that is not known."""
    processor = _target().triple.partition("-")[0]
    return {"x86_64": "x", "aarch64": "w", "arm64": "w"}.get(processor)


def object_code(text: str, passes: Sequence[str] = PASSES) -> bytes:
    """The object code of a module in LLVM's assembly language, for this processor."""
    return _target().emit_object(optimised(text, _target(), passes))


def optimised(text: str, target: Any, passes: Sequence[str]) -> Any:
    """A module in LLVM's assembly language, ready to be made code for a target."""
    llvm = compiler()
    module = llvm.parse_assembly(text)
    module.verify()
    manager = llvm.create_new_module_pass_manager()
    for name in passes:
        getattr(manager, f"add_{name}_pass")()
    manager.run(module, llvm.create_pass_builder(target, llvm.create_pipeline_tuning_options(speed_level=2)))
    return module


@lru_cache(maxsize=None)
def host() -> str:
    """What object code depends on beside its text: LLVM's version, and this processor."""
    llvm = compiler()
    features = sorted(k for k, v in llvm.get_host_cpu_features().items() if v)
    return f"{llvm.llvm_version_info} {llvm.get_host_cpu_name()} {features}"


def load(code: bytes, symbol: str, called: Mapping[str, int] = {}) -> int:
    """The address of a function in object code, which is linked to functions at these addresses, and to what this process has. Raises
    RuntimeError."""
    builder = compiler().JITLibraryBuilder().add_object_img(code).add_current_process().export_symbol(symbol)
    for name, address in called.items():
        builder.import_symbol(name, address)
    library = builder.link(_linker(), f"tracejit.{next(_count)}")
    _loaded.append(library)
    return library[symbol]


def method(address: int, owner: Any, flags: int = METH_O) -> Callable[..., Any]:
    """A Python function of native code: `(owner, argument) → object`, or what other METH flags say."""
    return _new_function(ctypes.addressof(_definition(address, flags)), owner, None)


@lru_cache(maxsize=None)
def _definition(address: int, flags: int) -> _Method:
    return _Method(b"native", address, flags, None)
