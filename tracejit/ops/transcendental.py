"""Exponentials, logarithms, circular, hyperbolic and special functions: elementwise ops, and plain functions made of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..op import ROUTINE, Elementwise
from ..precision import precision
from ..spec import is_complex
from ..tensor import Tensor
from .convert import as_tensor, beside
from .elementwise import conjugate, equal, exp, imag, log, nonzero_divisor, real, reciprocal, sqrt, where
from .lazy import in_double, scipy, special
from .logic import isnan

LN2, LN10, SQRT_PI = math.log(2), math.log(10), math.sqrt(math.pi)


def _unary(name: str, numpy: Any, vjp: Any, domain: Any = (-2, 2), scalar: Any = None, **definition: Any) -> Elementwise:
    text = f"{name}({{0}})" if scalar is None else scalar
    return Elementwise(name, numpy=numpy, floats=True, scalar=text, cost=ROUTINE, vjp=vjp, domain=(domain,), **definition)


def _binary(name: str, numpy: Any, vjp: Any, domain: Any = ((-2, 2),), **definition: Any) -> Elementwise:
    text = f"{name}({{0}}, {{1}})"
    return Elementwise(
        name, arity=2, numpy=numpy, accepts="bif", floats=True, scalar=text, cost=ROUTINE, vjp=vjp, domain=domain, **definition
    )  # fmt: skip


# Exponentials and logarithms


def _expm1(x: np.ndarray) -> np.ndarray:
    result = np.expm1(x)
    if not is_complex(result.dtype):
        return result
    return np.where(np.isfinite(x), result, np.exp(x) - 1)  # where a part is infinite or NaN, NumPy's own is NaN nearly always


exp2 = _unary("exp2", np.exp2, lambda g, y, _x: (g * conjugate(y) * LN2,), doc="2 to the power x.")
expm1 = _unary("expm1", _expm1, lambda g, y, _x: (g * conjugate(y + 1),), precision="full", doc="exp(x) - 1, without cancellation near 0.")
log1p = _unary("log1p", np.log1p, lambda g, _y, x: (g / conjugate(1 + x),), (-0.5, 4), precision="full", doc="log(1 + x), without cancellation near 0.")
log2 = _unary("log2", np.log2, lambda g, _y, x: (g / (conjugate(x) * LN2),), (0.1, 4), precision="full", doc="The logarithm to base 2.")
log10 = _unary("log10", np.log10, lambda g, _y, x: (g / (conjugate(x) * LN10),), (0.1, 4), precision="full", doc="The logarithm to base 10.")
logaddexp = _binary(
    "logaddexp", np.logaddexp, lambda g, _y, a, b: (g * sigmoid(a - b), g * sigmoid(b - a)), doc="log(exp(x1) + exp(x2)), without overflow."
)
logaddexp2 = _binary(
    "logaddexp2", np.logaddexp2, lambda g, _y, a, b: (g * sigmoid((a - b) * LN2), g * sigmoid((b - a) * LN2)),
    doc="log2(2^x1 + 2^x2), without overflow.",
)  # fmt: skip
cbrt = _unary("cbrt", np.cbrt, lambda g, y, _x: (g / (3 * y * y),), (0.5, 4), accepts="bif", doc="The cube root, also of negative numbers.")

# Circular functions

sin = _unary("sin", np.sin, lambda g, _y, x: (g * conjugate(cos(x)),), doc="The sine of radians.")
cos = _unary("cos", np.cos, lambda g, _y, x: (-g * conjugate(sin(x)),), doc="The cosine of radians.")
tan = _unary("tan", np.tan, lambda g, y, _x: (g * conjugate(1 + y * y),), (-1.2, 1.2), precision="full", doc="The tangent of radians.")
asin = _unary(
    "asin", np.arcsin, lambda g, _y, x: (g / conjugate(sqrt((1 - x) * (1 + x))),), (-0.9, 0.9), precision="full", doc="The arc sine, in [-π/2, π/2]."
)
acos = _unary(
    "acos", np.arccos, lambda g, _y, x: (-g / conjugate(sqrt((1 - x) * (1 + x))),), (-0.9, 0.9), precision="full", doc="The arc cosine, in [0, π]."
)
atan = _unary("atan", np.arctan, lambda g, _y, x: (g / conjugate(1 + x * x),), doc="The arc tangent, in [-π/2, π/2].")
atan2 = _binary(
    "atan2", np.arctan2, lambda g, _y, a, b: _atan2_vjp(g, a, b), ((0.5, 2), (-2, 2)), doc="The angle of the point (x2, x1), in [-π, π]."
)


def _atan2_vjp(g: Tensor, a: Any, b: Any) -> tuple[Tensor, Tensor]:
    scaled = g / nonzero_divisor(a * a + b * b)
    return scaled * b, -scaled * a


# Hyperbolic functions

sinh = _unary("sinh", np.sinh, lambda g, _y, x: (g * conjugate(cosh(x)),), precision="full")
cosh = _unary("cosh", np.cosh, lambda g, _y, x: (g * conjugate(sinh(x)),), precision="full")
tanh = _unary("tanh", np.tanh, lambda g, y, _x: (g * conjugate(1 - y * y),))
asinh = _unary("asinh", np.arcsinh, lambda g, _y, x: (g / conjugate(sqrt(x * x + 1)),))
acosh = _unary("acosh", np.arccosh, lambda g, _y, x: (g / conjugate(sqrt(x - 1) * sqrt(x + 1)),), (1.2, 4))
atanh = _unary("atanh", np.arctanh, lambda g, _y, x: (g / conjugate((1 - x) * (1 + x)),), (-0.9, 0.9))
hypot = _binary(
    "hypot", np.hypot, lambda g, y, a, b: _hypot_vjp(g, nonzero_divisor(y), a, b), ((0.5, 2), (-2, 2)),
    doc="√(x1² + x2²), without overflow.",
)  # fmt: skip


def _hypot_vjp(g: Tensor, y: Tensor, a: Any, b: Any) -> tuple[Tensor, Tensor]:
    return g * (a / y), g * (b / y)


# Special functions (DLMF chapters 5 and 7)

erf = _unary(
    "erf", special("erf"), lambda g, _y, x: (g * (exp(-x * x) * (2 / SQRT_PI)),), accepts="bif",
    doc="The error function: 2/√π ∫₀ˣ exp(-t²) dt.",
)  # fmt: skip
erfc = _unary(
    "erfc", special("erfc"), lambda g, _y, x: (g * (exp(-x * x) * (-2 / SQRT_PI)),), accepts="bif", doc="1 - erf(x), without cancellation."
)
erfinv = _unary(
    "erfinv", special("erfinv"), lambda g, y, _x: (g * (exp(y * y) * (SQRT_PI / 2)),), (-0.9, 0.9), accepts="bif", scalar={},
    precision="full", doc="The inverse of erf; ±inf at ±1, NaN outside [-1, 1].",
)  # fmt: skip
lgamma = _unary(
    "lgamma", in_double(lambda x: np.where(np.isneginf(x), np.inf, scipy("special").gammaln(x))),
    lambda g, _y, x: (g * digamma(x),), (0.5, 4), accepts="bif", doc="log |Γ(x)|; +inf at the poles.",
)  # fmt: skip
digamma = _unary(
    "digamma", special("digamma"), lambda g, _y, x: (g * trigamma(x),), (0.5, 4), accepts="bif",
    doc="The derivative of lgamma; NaN at the poles.",
)  # fmt: skip
trigamma = _unary(
    "trigamma", lambda x: polygamma.numpy(x, n=1), lambda g, _y, x: (g * polygamma(x, n=2),), (0.5, 4), accepts="bif",
    doc="The derivative of digamma; +inf at the poles.",
)  # fmt: skip
polygamma = _unary(
    "polygamma", in_double(lambda x, *, n: scipy("special").polygamma(n, x)), lambda g, _y, x, *, n: (g * polygamma(x, n=n + 1),),
    (0.5, 4), accepts="bif", scalar={}, method=False, parameters="x, /, *, n", doc="The n-th derivative of digamma, n ≥ 1.",
)  # fmt: skip


def _sigmoid(x: np.ndarray) -> np.ndarray:
    if is_complex(x.dtype):
        return 1 / (1 + np.exp(-x))
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


sigmoid = _unary("sigmoid", in_double(_sigmoid), lambda g, y, _x: (g * conjugate(y * (1 - y)),), doc="1 / (1 + exp(-x)), without overflow.")
expit = sigmoid

# Made of the above


@precision("full")
def rsqrt(x: Tensor, /) -> Tensor:
    """1 / √x."""
    return reciprocal(sqrt(x))


@precision("widest")
def logit(x: Tensor, /, eps: float | None = None) -> Tensor:
    """log(x / (1 - x)), the inverse of the sigmoid; with `eps`, x is first clipped to [eps, 1 - eps]."""
    if eps is not None:
        x = x.clip(eps, 1 - eps)
    return log(x / (1 - x))


@precision("widest")
def xlogy(x: Any, y: Any, /) -> Tensor:
    """x log(y), and 0 where x is 0 (NaN where y is NaN)."""
    x = as_tensor(x)
    y = beside(y, x.dtype)
    zero = equal(x, 0)
    return where(isnan(y), y, where(zero, 0, x * log(where(zero, 1, y))))


def sinc(x: Tensor, /) -> Tensor:
    """sin(πx) / (πx), and 1 at 0."""
    angle = nonzero_divisor(x) * math.pi
    return where(equal(x, 0), 1, sin(angle) / angle)


def angle(x: Tensor, /) -> Tensor:
    """The argument of complex numbers, in radians in [-π, π]; of real ones, 0 or π."""
    return atan2(imag(x), real(x))


def deg2rad(x: Tensor, /) -> Tensor:
    """Degrees as radians."""
    return x * (math.pi / 180)


def rad2deg(x: Tensor, /) -> Tensor:
    """Radians as degrees."""
    return x * (180 / math.pi)


def lerp(start: Tensor, end: Any, weight: Any, /) -> Tensor:
    """start + weight (end - start), from the nearer end: exact at weights 0 and 1."""
    gap = end - start
    from_start, from_end = start + weight * gap, end - gap * (1 - weight)
    if isinstance(weight, Tensor):
        return where(weight < 0.5, from_start, from_end)
    return from_start if weight < 0.5 else from_end


def nan_to_num(x: Tensor, /, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Tensor:
    """x with NaN and the infinities replaced; the infinities by the largest and smallest finite numbers unless given."""
    if x.dtype.kind not in "fV":
        return x
    limits = np.finfo(np.float64 if x.dtype.itemsize == 8 else np.float32 if x.dtype.itemsize == 4 else x.dtype)
    top, bottom = (float(limits.max) if posinf is None else posinf), (float(limits.min) if neginf is None else neginf)
    return where(isnan(x), nan, where(equal(x, math.inf), top, where(equal(x, -math.inf), bottom, x)))


def heaviside(x: Any, values: Any, /) -> Tensor:
    """0 where x is negative, 1 where it is positive, `values` where it is 0, NaN where it is NaN."""
    return where(x < 0, 0, where(x > 0, 1, where(isnan(x), x, values)))
