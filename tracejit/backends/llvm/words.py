"""The words of kernel text as instructions. A word is a function `(assembly, *values) → Value`; what is a function of Python's is inlined."""

from __future__ import annotations

import math
from typing import Any, Callable

from ..text import complex_numbers, elementary, memory, scalar
from .access import address, load, local_array
from .assembly import BITS, FLOATS, LLVM, Value, literal
from .pairs import Assembly, paired

Word = Callable[..., Any]
FUNCTIONS: dict[str, Any] = {**scalar.TEXTS, **complex_numbers.TEXTS, **elementary.FUNCTIONS, **memory.WORDS}


def _pointer(kind: str) -> Word:
    def pointer(out: Assembly, args: Any, k: Value) -> Value:
        if not isinstance(args, Value):  # but one for each: the kernel stands in another function
            return args[k.literal]._replace(kind=f"pointer {kind}")
        word = load(out, args, k)
        return Value(out.emit(f"inttoptr i64 {word.text} to ptr"), f"pointer {kind}")

    return pointer


def _value(kind: str) -> Word:
    def value(out: Assembly, args: Any, k: Value) -> Value:
        if not isinstance(args, Value):
            return _of_word(out, args[k.literal], kind)
        if kind == "boolean":
            return out.truth(load(out, args, k))
        place, _ = address(out, args, k)
        return Value(out.emit(f"load {LLVM[kind]}, ptr {place}, align 8"), kind)

    return value


def _of_word(out: Assembly, word: Value, kind: str) -> Value:
    """The number of a kind whose bits are the lowest of a 64-bit word."""
    if kind == "boolean":
        return out.truth(word)
    bits = out.cast(word, f"i{BITS[kind]}")
    return out.reinterpret(bits, kind) if kind in FLOATS else bits._replace(kind=kind)


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


def _of_parts(out: Assembly, real: Value, imag: Value) -> Value:
    return paired(*out.alike(real, imag))


# Routines


class _Fortran:
    """A call in Fortran's convention: every argument by address."""

    def __init__(self, out: Assembly) -> None:
        self.out = out

    def by_address(self, kind: str, text: str) -> str:
        place = self.out.name()
        self.out.first.append(f"  {place} = alloca {kind}")
        self.out.do(f"store {kind} {text}, ptr {place}")
        return place

    def letter(self, flag: Value) -> str:
        chosen = self.out.select(self.out.truth(flag), Value(str(ord("T")), "i8"), Value(str(ord("N")), "i8"))
        return self.by_address("i8", chosen.text)

    def number(self, value: Value) -> str:
        return self.by_address("i32", self.out.cast(value, "i32").text)

    def pointer(self, value: Value) -> str:
        return self.out.emit(f"inttoptr i64 {value.text} to ptr")

    def call(self, routine: Value, *places: str) -> None:
        self.out.do(f"call void {self.pointer(routine)}({', '.join(f'ptr {place}' for place in places)})")


def _gemm(real: str) -> Word:
    def gemm(out: Assembly, routine: Value, ta: Value, tb: Value, m: Value, n: Value, k: Value, a: Value, lda: Value, b: Value, ldb: Value, c: Value, ldc: Value) -> None:
        """BLAS ?gemm, columns first. C = A·B, alpha 1, beta 0."""
        to = _Fortran(out)
        one, zero = to.by_address(real, "1.0"), to.by_address(real, "0.0")
        to.call(
            routine, to.letter(tb), to.letter(ta), to.number(n), to.number(m), to.number(k), one, to.pointer(b), to.number(ldb), to.pointer(a), to.number(lda),
            zero, to.pointer(c), to.number(ldc),
        )  # fmt: skip

    return gemm


def _gemv(real: str) -> Word:
    def gemv(out: Assembly, routine: Value, rows: Value, n: Value, k: Value, a: Value, lda: Value, x: Value, step: Value, y: Value) -> None:
        """BLAS ?gemv: y, of n elements in a row, = A·x, alpha 1, beta 0. The rows of A, of k elements, lie in memory one after another if `rows`, else its columns."""
        to = _Fortran(out)
        one, zero, next_to = to.by_address(real, "1.0"), to.by_address(real, "0.0"), to.by_address("i32", "1")
        high, wide = out.select(out.truth(rows), k, n), out.select(out.truth(rows), n, k)
        to.call(
            routine, to.letter(rows), to.number(high), to.number(wide), one, to.pointer(a), to.number(lda), to.pointer(x), to.number(step), zero,
            to.pointer(y), next_to,
        )  # fmt: skip

    return gemv


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
    "bits": _bits, "from_bits": _from_bits, "like": _like, "of_parts": _of_parts, "float": lambda out, x: out.cast(x, "f64"), "rarely": lambda out, x: out.truth(x),
    "call": _call, "call_gemm_f32": _gemm("float"), "call_gemm_f64": _gemm("double"),
    "call_gemv_f32": _gemv("float"), "call_gemv_f64": _gemv("double"),
}  # fmt: skip
