"""Arithmetic: elementwise ops, one statement each, and the plain functions made of them."""

from __future__ import annotations

import cmath
import math
from typing import Any

import numpy as np

from ..op import DIVISION, ROUTINE, Elementwise
from ..spec import DType, TensorSpec, bfloat16, float16, float64, int8, is_complex, is_inexact, is_integer
from ..tensor import Tensor, method
from .casts import cast, conj, conjugate, copy, imag, real, where
from .create import zeros_like
from .logic import equal, greater, greater_equal, isnan, less, less_equal, not_equal, signbit
from .numpy_complex import MAGNITUDE, PRODUCT, SQUARE

__all__ = [
    "abs", "add", "cast", "ceil", "clip", "conj", "conjugate", "copy", "copysign", "divide", "equal", "exp", "floor", "floor_divide",
    "fmax", "fmin", "fmod", "greater", "greater_equal", "imag", "less", "less_equal", "log", "maximum", "minimum", "multiply",
    "negative", "nextafter", "not_equal", "positive", "pow", "real", "reciprocal", "remainder", "round", "sign", "sqrt", "square",
    "subtract", "trunc", "where",
]  # fmt: skip


def _unary(name: str, **definition: Any) -> Elementwise:
    return Elementwise(name, arity=1, **definition)


def _binary(name: str, **definition: Any) -> Elementwise:
    return Elementwise(name, arity=2, **definition)


def nonzero_divisor(x: Tensor) -> Tensor:
    """`x` with 1 in place of 0, for a VJP whose numerator is 0 there."""
    return where(x == 0, 1, x)


def _level(g: Tensor, *_: Any) -> tuple[Tensor]:
    """The VJP of a step function."""
    return (zeros_like(g),)


def _or_none(operand: Any, rule: Any) -> Any:
    """A cotangent, computed only if the operand is not a Python scalar."""
    return rule() if isinstance(operand, (Tensor, TensorSpec)) else None


# The four operations

add = _binary(
    "add", numpy=np.add, exact=True, operator="add", scalar={"bool": "{0} | {1}", "integer": "{0} + {1}", "floating": "{0} + {1}"},
    of_complex="{0} + {1}", vjp=lambda g, _y, _a, _b: (g, g),
)  # fmt: skip
subtract = _binary(
    "subtract", numpy=np.subtract, exact=True, operator="sub", accepts="ifc", scalar="{0} - {1}", of_complex="{0} - {1}",
    vjp=(lambda g, _y, _a, _b: g, lambda g, _y, _a, _b: -g),
)  # fmt: skip
multiply = _binary(
    "multiply", numpy=np.multiply, exact=True, operator="mul",
    scalar={"bool": "{0} & {1}", "integer": "{0} * {1}", "floating": "{0} * {1}"}, of_complex=PRODUCT, directed=True,
    vjp=(lambda g, _y, _a, b: g * conjugate(b), lambda g, _y, a, _b: g * conjugate(a)),
)  # fmt: skip
divide = _binary(
    "divide", numpy=np.divide, exact=True, operator="truediv", floats=float64, scalar="{0} / {1}", of_complex="quotient({0}, {1})", cost=DIVISION, domain=((-2, 2), (0.5, 2)),
    vjp=(lambda g, _y, _a, b: g / conjugate(b), lambda g, y, _a, b: -g * conjugate(y / b)), doc="The quotient; of integers, in float64.",
)  # fmt: skip
negative = _unary(
    "negative", numpy=np.negative, exact=True, operator="neg", accepts="ifc", scalar="-{0}", of_complex="-{0}", vjp=lambda g, _y, _x: (-g,)
)
positive = _unary(
    "positive", numpy=np.positive, exact=True, operator="pos", accepts="ifc", scalar="{0}", of_complex="{0}", vjp=lambda g, _y, _x: (g,)
)
reciprocal = _unary(
    "reciprocal", precision="full", numpy=np.reciprocal, exact=True, bools=int8, scalar={"floating": "{T}(1) / {0}"}, of_complex="inverse({0})", cost=DIVISION,
    domain=((0.5, 2),), vjp=lambda g, y, _x: (-g * conjugate(y * y),), doc="1 / x; of integers, truncated.",
)  # fmt: skip
square = _unary(
    "square", precision="full", numpy=np.square, exact=True, bools=int8, scalar="{0} * {0}", of_complex=SQUARE, directed=True,
    vjp=lambda g, _y, x: (g * (2 * conjugate(x)),), doc="x times x.",
)  # fmt: skip


# Quotients and what is left

floor_divide = _binary(
    "floor_divide", numpy=np.floor_divide, exact=True, operator="floordiv", accepts="bif", bools=int8, domain=((-2, 2), (0.5, 2)),
    scalar={"integer": "floor_divide_integer({0}, {1})", "floating": "floor_divide({0}, {1})"}, cost=ROUTINE,
    vjp=lambda g, _y, _a, _b: (zeros_like(g), zeros_like(g)), doc="The floor of the quotient; 0 where an integer is divided by 0.",
)  # fmt: skip
remainder = _binary(
    "remainder", numpy=np.remainder, exact=True, operator="mod", accepts="bif", bools=int8, domain=((0.1, 0.9), (1, 2)),
    scalar={"integer": "remainder_integer({0}, {1})", "floating": "remainder({0}, {1})"}, cost=ROUTINE,
    vjp=(lambda g, _y, _a, _b: g, lambda g, _y, a, b: -g * floor_divide(a, b)),
    doc="What floor division leaves, with the sign of x2; 0 where an integer is divided by 0.",
)  # fmt: skip
fmod = _binary(
    "fmod", numpy=np.fmod, exact=True, accepts="bif", bools=int8, domain=((0.1, 0.9), (1, 2)),
    scalar={"integer": "fmod_integer({0}, {1})", "floating": "fmod({0}, {1})"}, cost=ROUTINE,
    vjp=(lambda g, _y, _a, _b: g, lambda g, _y, a, b: -g * trunc(a / b)), doc="What truncated division leaves, with the sign of x1.",
)  # fmt: skip

# Powers and their inverses

sqrt = _unary(
    "sqrt", numpy=np.sqrt, exact=True, floats=True, scalar="sqrt({0})", cost=DIVISION, domain=((0.1, 4),), vjp=lambda g, y, _x: (g / (2 * conjugate(y)),),
    doc="The square root; NaN of negative numbers.",
)  # fmt: skip
exp = _unary("exp", precision="full", numpy=np.exp, floats=True, scalar="exp({0})", cost=ROUTINE, vjp=lambda g, y, _x: (g * conjugate(y),))
log = _unary(
    "log", precision="full", numpy=np.log, floats=True, scalar="log({0})", cost=ROUTINE, domain=((0.1, 4),), vjp=lambda g, _y, x: (g / conjugate(x),),
    doc="The natural logarithm; -inf at 0, NaN of negative numbers.",
)  # fmt: skip


def _pow_vjp_base(g: Tensor, _y: Any, a: Tensor, b: Any) -> Tensor:
    if isinstance(b, Tensor):
        return where(b == 0, 0, g * conjugate(b * pow(a, b - 1)))
    return g * conjugate(b * pow(a, b - 1)) if b else zeros_like(g)


def _log_of_base(a: Any) -> Any:
    """log(a); 0 where a is 0, where the power's derivative by its exponent is 0."""
    if isinstance(a, Tensor):
        return log(nonzero_divisor(a))
    if isinstance(a, complex):
        return cmath.log(a) if a else 0.0
    return math.log(a) if a > 0 else math.nan if a else 0.0


pow = _binary(
    "pow", precision="full", raises=True, numpy=np.power, operator="pow", bools=int8, scalar={"floating": "power({0}, {1})"}, cost=ROUTINE, domain=((0.3, 2), (-2, 2)),
    vjp=(_pow_vjp_base, lambda g, y, a, _b: g * conjugate(y * _log_of_base(a))),
    doc="x1 to the power x2. The exponents 0.5, 1, 2, 3, 4, 5 and -1 cost arithmetic only. Of integers, the exponent must not be negative.",
)  # fmt: skip



def _whole_power(name: str, n: int) -> Elementwise:
    return _unary(
        name, numpy=lambda x: np.power(x, x.dtype.type(n)), exact=True, bools=int8, scalar={}, of_complex=f"{name}({{0}})", method=False,
        vjp=lambda g, _y, x: (g * conjugate(n * pow(x, n - 1)),), doc=f"x to the power {n}, of complex numbers by products of parts.",
    )  # fmt: skip


second_power, third_power = _whole_power("second_power", 2), _whole_power("third_power", 3)  # what `pow` of these numbers is made

# Signs and rounding

abs = _unary(
    "abs", numpy=np.abs, exact=True, operator="abs", result="real", vjp=lambda g, _y, x: (g * sign(x),), doc="The magnitude.",
    scalar={"bool": "{0}", "integer": "{0} if {0} >= {T}(0) else {T}(0) - {0}", "floating": "abs({0})"}, of_complex=MAGNITUDE, directed=True,
)  # fmt: skip


def _sign(x: np.ndarray) -> np.ndarray:
    result = np.sign(x)
    return result + 0 if result.dtype == bfloat16 else result  # whose sign of -0.0 is -0.0, unlike NumPy's


def _sign_vjp(g: Tensor, y: Tensor, x: Tensor) -> tuple[Tensor]:
    if not is_complex(x.dtype):
        return (zeros_like(g),)
    return (where(x == 0, 0, (g - y * real(g * conj(y))) / nonzero_divisor(abs(x))),)


sign = _unary(
    "sign", numpy=_sign, exact=True, accepts="ifc", vjp=_sign_vjp, doc="-1, 0 or 1; x / |x| of complex numbers; NaN of NaN.",
    scalar={
        "integer": "{T}({0} > {T}(0)) - {T}({0} < {T}(0))",
        "floating": "{T}(1) if {0} > {T}(0) else ({T}(-1) if {0} < {T}(0) else ({T}(0) if {0} == {T}(0) else {0}))",
    },
)  # fmt: skip
copysign = _binary(
    "copysign", numpy=np.copysign, exact=True, accepts="bif", floats=True, scalar="copysign({0}, {1})", domain=((0.5, 2), (0.5, 2)),
    vjp=lambda g, _y, a, b: (where(signbit(b), -g, g) * sign(a), zeros_like(g)), doc="The magnitude of x1 with the sign of x2.",
)  # fmt: skip
nextafter = _binary(
    "nextafter", numpy=np.nextafter, exact=True, accepts="bif", floats=True, scalar={}, doc="The number next to x1 on the way to x2."
)


def _rounding(name: str, numpy: Any, scalar: str, doc: str, **definition: Any) -> Elementwise:
    texts = {"bool": "{0}", "integer": "{0}", "floating": scalar}
    definition = {"accepts": "bif", "domain": ((0.1, 0.4),), **definition}
    return _unary(name, numpy=numpy, exact=True, scalar=texts, vjp=_level, doc=doc, **definition)


floor = _rounding("floor", np.floor, "floor({0})", "The largest integer not above x, in the dtype of x.")
ceil = _rounding("ceil", np.ceil, "ceil({0})", "The smallest integer not below x, in the dtype of x.")
trunc = _rounding("trunc", np.trunc, "trunc({0})", "The integer next to x towards 0, in the dtype of x.")
rounded = _rounding(
    "round", lambda x: x.copy() if is_integer(x.dtype) else np.rint(x), "rint({0})",
    "The nearest integer, halves to even, in the dtype of x; of bools, in float16.", accepts="bifc", bools=float16, method=False,
)  # fmt: skip


@method("round")
def round(x: Tensor, /, *, decimals: int = 0) -> Tensor:
    """The nearest multiple of 10^-decimals, halves to even, in the dtype of x: by scaling, as NumPy."""
    if not decimals:
        return rounded(x)
    factor = 10 ** (decimals if decimals > 0 else -decimals)
    if not is_inexact(x.dtype):
        return copy(x) if decimals > 0 else cast(rounded(cast(x, dtype=float64) / factor) * factor, dtype=x.dtype)
    return rounded(x * factor) / factor if decimals > 0 else rounded(x / factor) * factor


# Extremes


def _to_larger(g: Tensor, a: Any, b: Any) -> Tensor:
    """The part of a cotangent that goes to `a`, if the larger gets it: half of it where both are equal."""
    return where(a > b, g, where(a == b, g * 0.5, 0))


def _extreme(name: str, numpy: np.ufunc, of_bools: str, symbol: str, vjp: Any, doc: str) -> Elementwise:
    texts = {"bool": f"{{0}} {of_bools} {{1}}", "integer": f"{{0}} if {{0}} {symbol} {{1}} else {{1}}", "floating": f"{name}({{0}}, {{1}})"}
    return _binary(name, numpy=numpy, accepts="bif", scalar=texts, vjp=vjp, doc=doc)


maximum = _extreme(
    "maximum", np.maximum, "|", ">", (lambda g, _y, a, b: _to_larger(g, a, b), lambda g, _y, a, b: _to_larger(g, b, a)),
    "The larger; NaN if either is.",
)  # fmt: skip
minimum = _extreme(
    "minimum", np.minimum, "&", "<", (lambda g, _y, a, b: _to_larger(g, b, a), lambda g, _y, a, b: _to_larger(g, a, b)),
    "The smaller; NaN if either is.",
)  # fmt: skip
fmax = _extreme(
    "fmax", np.fmax, "|", ">", lambda g, _y, a, b: _present(g, a, b, _to_larger(g, a, b), _to_larger(g, b, a)),
    "The larger; what is not NaN.",
)  # fmt: skip
fmin = _extreme(
    "fmin", np.fmin, "&", "<", lambda g, _y, a, b: _present(g, a, b, _to_larger(g, b, a), _to_larger(g, a, b)),
    "The smaller; what is not NaN.",
)  # fmt: skip


def _present(g: Tensor, a: Any, b: Any, to_a: Tensor, to_b: Tensor) -> tuple[Tensor, Tensor]:
    """The cotangents of fmax and fmin: where one operand is NaN, all goes to the other."""
    return where(isnan(b), g, where(isnan(a), 0, to_a)), where(isnan(a) & ~isnan(b), g, where(isnan(b), 0, to_b))


def _clip_vjp(g: Tensor, _y: Any, x: Any, low: Any, high: Any) -> tuple[Any, Any, Any]:
    crossed = low > high
    return (
        _or_none(x, lambda: where((x >= low) & (x <= high), g, 0)),
        _or_none(low, lambda: where((x < low) & (low <= high), g, 0)),
        _or_none(high, lambda: where((x > high) | crossed, g, 0)),
    )


bounded = Elementwise(
    "clip", arity=3, numpy=lambda x, low, high: np.minimum(np.maximum(x, low), high), accepts="if", method=False, vjp=_clip_vjp,
    parameters="x, low, high, /", domain=((-2, 2), (-1, -0.5), (0.5, 1)),
    scalar={
        "integer": "{2} if ({0} > {2}) | ({1} > {2}) else ({1} if {0} < {1} else {0})",
        "floating": "minimum(maximum({0}, {1}), {2})",
    },
    doc="x, at least `low` and at most `high`; `high` where they cross.",
)  # fmt: skip


@method("clip", "clamp")
def clip(x: Tensor, /, min: Any = None, max: Any = None) -> Tensor:
    """x, at least `min` and at most `max` (numbers or tensors that broadcast with x); a gradient of 1 within and on the bounds."""
    if min is None and max is None:
        return copy(x)
    low, high = _limits(x.dtype) if is_integer(x.dtype) else (-math.inf, math.inf)
    return bounded(x, low if min is None else min, high if max is None else max)


def _limits(dtype: DType) -> tuple[int, int]:
    limits = np.iinfo(dtype)
    return int(limits.min), int(limits.max)
