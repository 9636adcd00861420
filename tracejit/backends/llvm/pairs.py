"""Complex values: pairs of registers, one of the real parts and one of the imaginary parts, for one element or in lanes.

What is done to a pair is done to its parts. Products and quotients are no instructions but functions of the parts, written in kernel text:
their rounding is NumPy's (`text/complex_numbers.py`).
"""

from __future__ import annotations

from typing import Callable

from .assembly import WEAK, RealAssembly, Value, literal

REAL = {"c64": "f32", "c128": "f64"}
COMPLEX = {real: kind for kind, real in REAL.items()}


def parts(value: Value) -> tuple[Value, Value]:
    """The real and the imaginary part of a complex value."""
    kind = REAL[value.kind]
    return Value(value.text, kind, value.lanes), Value(value.imag, kind, value.lanes)


def paired(real: Value, imag: Value) -> Value:
    """The complex value of two parts, which are alike."""
    return Value(real.text, COMPLEX[real.kind], real.lanes, imag=imag.text)


def by_parts(function: Callable[..., Value], *values: Value) -> Value:
    """What a function of real values gives of the real parts, and of the imaginary parts."""
    return paired(*map(function, *map(parts, values)))


class Assembly(RealAssembly):
    """The instructions of one function, on real and on complex values."""

    def phi(self, like: Value, edges: list[tuple[Value, str]]) -> Value:
        if like.kind not in REAL:
            return super().phi(like, edges)
        sides = [(parts(value), block) for value, block in edges]
        return paired(*[super(Assembly, self).phi(part, [(own[k], block) for own, block in sides]) for k, part in enumerate(parts(like))])

    def typed(self, value: Value, kind: str | None = None) -> Value:
        if kind not in REAL or value.kind not in WEAK:
            return super().typed(value, kind)
        return paired(super().typed(value, REAL[kind]), super().typed(literal(0), REAL[kind]))

    def spread(self, value: Value) -> Value:
        return by_parts(super().spread, value) if value.kind in REAL else super().spread(value)

    def binary(self, symbol: str, a: Value, b: Value) -> Value:
        if not {a.kind, b.kind} & REAL.keys():
            return super().binary(symbol, a, b)
        if symbol not in ("+", "-"):
            raise TypeError(f"{symbol} of complex numbers, which is a function of their parts")
        a, b = self.alike(a, b)
        return by_parts(lambda x, y: super(Assembly, self).binary(symbol, x, y), a, b)

    def negative(self, a: Value) -> Value:
        return by_parts(super().negative, a) if a.kind in REAL else super().negative(a)

    def compare(self, symbol: str, a: Value, b: Value) -> Value:
        if not {a.kind, b.kind} & REAL.keys():
            return super().compare(symbol, a, b)
        if symbol not in ("==", "!="):
            raise TypeError("complex numbers have no order")
        a, b = self.alike(a, b)
        first, second = [super(Assembly, self).compare(symbol, x, y) for x, y in zip(parts(a), parts(b))]
        return super().binary("&" if symbol == "==" else "|", first, second)

    def select(self, condition: Value, yes: Value, no: Value) -> Value:
        if not {yes.kind, no.kind} & REAL.keys():
            return super().select(condition, yes, no)
        yes, no = self.alike(yes, no)
        return by_parts(lambda x, y: super(Assembly, self).select(condition, x, y), yes, no)

    def cast(self, a: Value, kind: str) -> Value:
        """Of a complex number to a real one: the real part. To a bool: whether it is not 0."""
        if a.kind in REAL:
            if kind in REAL:
                return a if a.kind == kind else by_parts(lambda x: super(Assembly, self).cast(x, REAL[kind]), a)
            return self.truth(a) if kind == "boolean" else super().cast(parts(a)[0], kind)
        if kind not in REAL or a.kind in WEAK:
            return super().cast(a, kind)
        real = super().cast(a, REAL[kind])
        zero = super().typed(literal(0), real.kind)
        return paired(real, super().spread(zero) if real.lanes > 1 else zero)
