"""The words of kernel text for Numba: typed pointers, scalars and small local arrays; and the lean compiler pipeline.

Imported only when a kernel is compiled: nothing else in the library needs Numba.
"""

from __future__ import annotations

from functools import lru_cache
from types import FunctionType
from typing import Any, Callable

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils, compiler, registry
from numba.core.compiler_machinery import PassManager
from numba.core.typed_passes import NativeLowering, NoPythonBackend, NopythonTypeInference, PreLowerStripPhis
from numba.core.untyped_passes import FixupArgs, IRProcessing, ReconstructSSA, TranslateByteCode
from numba.extending import intrinsic, register_jitable

from . import memory, scalar

KINDS = {
    "i8": types.int8, "i16": types.int16, "i32": types.int32, "i64": types.int64, "u8": types.uint8, "u16": types.uint16,
    "u32": types.uint32, "u64": types.uint64, "f32": types.float32, "f64": types.float64, "c64": types.complex64, "c128": types.complex128,
}  # fmt: skip
KERNEL_SIGNATURE = (types.CPointer(types.int64),)
FLAGS = {"error_model": "numpy", "nrt": False, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}


def word(define: Callable) -> Any:
    """Numba's intrinsic. Untyped: it is called without the typing context that its definition takes first."""
    return intrinsic(define)


class LeanCompiler(compiler.CompilerBase):
    """Numba's nopython pipeline without the passes for what kernel text never has: with-blocks, closures, generators, arrays."""

    def define_pipelines(self) -> list[PassManager]:
        passes = PassManager("tracejit")
        for step in (TranslateByteCode, FixupArgs, IRProcessing, ReconstructSSA, NopythonTypeInference, PreLowerStripPhis, NativeLowering, NoPythonBackend):
            passes.add_pass(step, step.__name__)
        passes.finalize()
        return [passes]


def compile_text(text: str) -> tuple[bytes, str]:
    """(object code, symbol) of a kernel. The symbol follows Numba's convention: (result*, error**, args…) → status."""
    scope = dict(words())
    exec(compile(text, "<tracejit kernel>", "exec"), scope)
    library, symbol = compile_lean(scope["kernel"], KERNEL_SIGNATURE)
    return object_code(library), symbol


def object_code(library: Any) -> bytes:
    """What a linker takes of a code library."""
    _name, _kind, (code, _bitcode) = library.serialize_using_object_code()
    return code


def compile_lean(function: Callable, signature: tuple[Any, ...]) -> tuple[Any, str]:
    """(code library, symbol) of a function to int64."""
    target = registry.cpu_target
    target.typing_context.refresh()
    target.target_context.refresh()
    flags = compiler.Flags()
    for name, value in FLAGS.items():
        setattr(flags, name, value)
    found = compiler.compile_extra(
        target.typing_context, target.target_context, function, signature, types.int64, flags, {}, pipeline_class=LeanCompiler
    )
    return found.library, found.fndesc.llvm_func_name


def _pointer(kind: Any) -> Callable:
    @intrinsic
    def pointer(typing: Any, args: Any, k: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            word = builder.load(builder.gep(values[0], [values[1]]))
            return builder.inttoptr(word, context.get_value_type(signature.return_type))

        return types.CPointer(kind)(args, k), generate

    return pointer


def _value(kind: Any) -> Callable:
    @intrinsic
    def value(typing: Any, args: Any, k: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            place = builder.gep(values[0], [values[1]])
            if kind is types.boolean:
                return builder.icmp_unsigned("!=", builder.load(place), ir.Constant(ir.IntType(64), 0))
            return builder.load(builder.bitcast(place, context.get_value_type(kind).as_pointer()))

        return kind(args, k), generate

    return value


def _lanes(kind: Any) -> Callable:
    stored = types.uint8 if kind is types.boolean else kind

    @intrinsic(prefer_literal=True)
    def lanes(typing: Any, n: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            return cgutils.alloca_once(builder, context.get_value_type(stored), size=n.literal_value)

        return (types.CPointer(stored)(n), generate) if isinstance(n, types.Literal) else None

    return lanes


@lru_cache(maxsize=None)
def words() -> dict[str, Any]:
    """The names that kernel text may use, as Numba knows them."""
    found: dict[str, Any] = {name: kind for name, kind in KINDS.items()}
    found["boolean"] = bool
    found["inf"] = float("inf")
    for name, kind in (*KINDS.items(), ("boolean", types.boolean)):
        found[f"{name}_value"] = _value(kind)
        found[f"{name}_pointer"] = _pointer(kind)
        found[f"lanes_{name}"] = _lanes(kind)
    found.update(scalar.numba_twins())
    world: dict[str, Any] = {"np": np}
    for name, function in memory.WORDS.items():
        world[name] = found[name] = register_jitable(FunctionType(function.__code__, world, name))
    found.update(_routines())
    return found


def _routines() -> dict[str, Any]:
    return {"call_gemm_f32": _gemm(ir.FloatType()), "call_gemm_f64": _gemm(ir.DoubleType())}


def _gemm(real: Any) -> Callable:
    @intrinsic
    def gemm(typing: Any, routine: Any, ta: Any, tb: Any, m: Any, n: Any, k: Any, a: Any, lda: Any, b: Any, ldb: Any, c: Any) -> Any:
        """BLAS ?gemm, in Fortran's convention: every argument by address, columns first. C = A·B, alpha 1, beta 0."""

        def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            byte, integer = ir.IntType(8), ir.IntType(32)

            def by_address(kind: Any, value: Any) -> Any:
                place = cgutils.alloca_once(builder, kind)
                builder.store(value, place)
                return place

            def letter(flag: Any) -> Any:
                is_set = builder.icmp_signed("!=", flag, ir.Constant(flag.type, 0))
                return by_address(byte, builder.select(is_set, ir.Constant(byte, ord("T")), ir.Constant(byte, ord("N"))))

            def number(value: Any) -> Any:
                return by_address(integer, builder.trunc(value, integer))

            fn, ta_, tb_, m_, n_, k_, a_, lda_, b_, ldb_, c_ = values
            one, zero = by_address(real, ir.Constant(real, 1.0)), by_address(real, ir.Constant(real, 0.0))
            matrix = real.as_pointer()
            arguments = [
                letter(tb_), letter(ta_), number(n_), number(m_), number(k_), one, builder.inttoptr(b_, matrix), number(ldb_),
                builder.inttoptr(a_, matrix), number(lda_), zero, builder.inttoptr(c_, matrix), number(n_),
            ]  # fmt: skip
            kind = ir.FunctionType(ir.VoidType(), [value.type for value in arguments])
            builder.call(builder.inttoptr(fn, kind.as_pointer()), arguments)
            return context.get_dummy_value()

        return types.void(*([types.int64] * 11)), generate

    return gemm
