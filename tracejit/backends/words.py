"""The words of kernel text for Numba: typed pointers, scalars and small local arrays; and the lean compiler pipeline.

Imported only when a kernel is compiled: nothing else in the library needs Numba.
"""

from __future__ import annotations

from types import FunctionType
from typing import Any, Callable

import numba
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


def compile_lean(function: Callable, signature: tuple[Any, ...] = KERNEL_SIGNATURE) -> tuple[Any, str]:
    """(code library, symbol) of a kernel. The symbol follows Numba's convention: (result*, error**, args…) → status."""
    target = registry.cpu_target
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


@word
def call_address(typing: Any, address: Any, args: Any) -> Any:
    """Call a kernel: status of `address(result*, error**, args)`, or 1 if it returned non-zero."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        word = ir.IntType(64)
        result = cgutils.alloca_once(builder, word)
        error = cgutils.alloca_once(builder, ir.IntType(8).as_pointer())
        kind = ir.FunctionType(ir.IntType(32), [word.as_pointer(), ir.IntType(8).as_pointer().as_pointer(), word.as_pointer()])
        function = builder.inttoptr(values[0], kind.as_pointer())
        builder.call(function, [result, error, values[1]])
        return builder.load(result)

    return types.int64(types.int64, types.CPointer(types.int64)), generate


@word
def words_at(typing: Any, address: Any) -> Any:
    """An address as a pointer to 64-bit words."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.inttoptr(values[0], context.get_value_type(signature.return_type))

    return types.CPointer(types.int64)(types.int64), generate


@word
def address_of_word(typing: Any, pointer: Any, k: Any) -> Any:
    """The address of word `k` behind a pointer, itself a pointer."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.gep(values[0], [values[1]])

    return types.CPointer(types.int64)(types.CPointer(types.int64), types.int64), generate


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


def make_walker() -> Callable[[int, int], int]:
    """The native machine: `walk(program, id of a tuple of arrays)` runs the steps; 0, or 1 + the step that failed.

    A program is words: steps, arrays, then for each step: address, count, and (where, value) for each argument. `where` is
    -1 for the value itself, -2 for an offset in the arena (the last array), else the number of the array it is an offset in.
    """
    tuple_items, array_data = 3, 2  # in words: PyTupleObject.ob_item, PyArrayObject.data

    @numba.njit(types.int64(types.int64, types.int64), nogil=True)
    def walk(program: int, arrays: int) -> int:
        code = words_at(program)
        objects = words_at(arrays)
        count = code[1]
        arena = words_at(objects[tuple_items + count - 1])[array_data]
        room = words_at(arena)
        for k in range(count):
            room[k] = words_at(objects[tuple_items + k])[array_data]
        args = address_of_word(room, count)
        at = 2
        for step in range(code[0]):
            address = code[at]
            n = code[at + 1]
            at += 2
            for k in range(n):
                where = code[at + 2 * k]
                value = code[at + 2 * k + 1]
                if where == -1:
                    args[k] = value
                elif where == -2:
                    args[k] = arena + value
                else:
                    args[k] = room[where] + value
            at += 2 * n
            if call_address(address, args) != 0:
                return step + 1
        return 0

    return walk
