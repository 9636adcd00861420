"""The words of kernel text as instructions. A word is a function `(assembly, *values) → Value`; what is a function of Python's is inlined."""

from __future__ import annotations

import math
from typing import Any, Callable

from ..text import elementary, memory, scalar
from .access import address, load, local_array
from .assembly import BITS, LLVM, Assembly, Value, literal

Word = Callable[..., Any]
FUNCTIONS: dict[str, Any] = {**scalar.TEXTS, **elementary.FUNCTIONS, **memory.WORDS}


def _pointer(kind: str) -> Word:
    def pointer(out: Assembly, args: Value, k: Value) -> Value:
        word = load(out, args, k)
        return Value(out.emit(f"inttoptr i64 {word.text} to ptr"), f"pointer {kind}")

    return pointer


def _value(kind: str) -> Word:
    def value(out: Assembly, args: Value, k: Value) -> Value:
        if kind == "boolean":
            return out.truth(load(out, args, k))
        place, _ = address(out, args, k)
        return Value(out.emit(f"load {LLVM[kind]}, ptr {place}, align 8"), kind)

    return value


def _lanes(kind: str) -> Word:
    return lambda out, count: local_array(out, kind, count)


# Functions of floats


def _intrinsic(name: str) -> Word:
    return lambda out, *operands: out.intrinsic(name, *out.alike(*operands))


def _isnan(out: Assembly, x: Value) -> Value:
    return out.compare("!=", x, x)


def _isinf(out: Assembly, x: Value) -> Value:
    return out.compare("==", out.intrinsic("fabs", x), literal(math.inf))


def _isfinite(out: Assembly, x: Value) -> Value:
    return out.compare("<", out.intrinsic("fabs", x), literal(math.inf))


def _bits(out: Assembly, x: Value) -> Value:
    return out.reinterpret(x, f"i{BITS[x.kind]}")


def _from_bits(out: Assembly, i: Value) -> Value:
    return out.reinterpret(i, f"f{BITS[i.kind]}")


def _like(out: Assembly, x: Value, value: Value) -> Value:
    return out.cast(value, x.kind)


def _fmod(out: Assembly, a: Value, b: Value) -> Value:
    return out.instruction("frem", *out.alike(a, b))


# Routines


def _gemm(real: str) -> Word:
    def gemm(out: Assembly, routine: Value, ta: Value, tb: Value, m: Value, n: Value, k: Value, a: Value, lda: Value, b: Value, ldb: Value, c: Value, ldc: Value) -> None:
        """BLAS ?gemm, in Fortran's convention: every argument by address, columns first. C = A·B, alpha 1, beta 0."""

        def by_address(kind: str, text: str) -> str:
            place = out.name()
            out.first.append(f"  {place} = alloca {kind}")
            out.do(f"store {kind} {text}, ptr {place}")
            return place

        def letter(flag: Value) -> str:
            chosen = out.select(out.truth(flag), Value(str(ord("T")), "i8"), Value(str(ord("N")), "i8"))
            return by_address("i8", chosen.text)

        def number(value: Value) -> str:
            return by_address("i32", out.cast(value, "i32").text)

        def pointer(value: Value) -> str:
            return out.emit(f"inttoptr i64 {value.text} to ptr")

        one, zero = by_address(real, "1.0"), by_address(real, "0.0")
        arguments = [
            letter(tb), letter(ta), number(n), number(m), number(k), one, pointer(b), number(ldb), pointer(a), number(lda), zero, pointer(c), number(ldc),
        ]  # fmt: skip
        out.do(f"call void {pointer(routine)}({', '.join(f'ptr {place}' for place in arguments)})")

    return gemm


def _call(out: Assembly, routine: Value, *words: Value) -> None:
    """A native routine of 64-bit words, by its address."""
    words = tuple(out.typed(word, "i64") for word in words)
    address = out.emit(f"inttoptr i64 {routine.text} to ptr")
    out.do(f"call void {address}({', '.join(f'i64 {word.text}' for word in words)})")


WORDS: dict[str, Any] = {
    "inf": math.inf,
    **{f"{kind}_pointer": _pointer(kind) for kind in BITS},
    **{f"{kind}_value": _value(kind) for kind in BITS},
    **{f"lanes_{kind}": _lanes(kind) for kind in BITS},
    **{name: _intrinsic(name) for name in scalar.INSTRUCTIONS},
    "abs": _intrinsic("fabs"), "fma": _intrinsic("fma"), "fmod": _fmod, "isnan": _isnan, "isinf": _isinf, "isfinite": _isfinite,
    "bits": _bits, "from_bits": _from_bits, "like": _like, "float": lambda out, x: out.cast(x, "f64"), "rarely": lambda out, x: out.truth(x),
    "call": _call, "call_gemm_f32": _gemm("float"), "call_gemm_f64": _gemm("double"),
}  # fmt: skip
