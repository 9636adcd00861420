"""Operators of NumPy's complex scalars, which round otherwise than those of its arrays: `*` rounds each operation, `abs` is C's hypot.

So do np.square of a scalar, and `*=` or `out=` into an operand of one element, which NumPy takes for a reduction.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...dispatch import assign, bind
from ...op import Elementwise
from ...ops import elementwise
from ...ops.view import put
from ...tensor import Tensor
from .array import Array, array_of
from .operands import is_readonly
from .ufuncs import operand, planned


def _product(a: Any, b: Any) -> np.ndarray:
    result = np.asarray(np.multiply(a, b))
    if result.dtype.kind == "c":
        a, b = np.asarray(a, result.dtype), np.asarray(b, result.dtype)
        result.real = a.real * b.real - a.imag * b.imag
        result.imag = a.real * b.imag + a.imag * b.real
    return result


def _magnitude(z: np.ndarray) -> np.ndarray:
    return np.hypot(z.real, z.imag) if z.dtype.kind == "c" else np.abs(z)


PRODUCT = Elementwise(
    "plain_multiply", arity=2, numpy=_product, exact=True, method=False, scalar={}, of_complex="plain_product({0}, {1})",
    vjp=elementwise.multiply.vjp, doc="The product; of complex numbers, each operation rounded.",
)  # fmt: skip
MAGNITUDE = Elementwise(
    "plain_abs", numpy=_magnitude, exact=True, result="real", method=False, scalar={}, vjp=elementwise.abs.vjp,
    doc="The magnitude; of complex numbers, by C's hypot.",
)  # fmt: skip


PRODUCTS = (np.multiply, np.square)


def product(x: Array, other: Any) -> Any:
    """x * other; None where NumPy does not round it so."""
    return array_of(_multiplied(x, other), True) if x.is_scalar and _is_scalar(other) else None


def product_in_place(x: Array, other: Any) -> Any:
    """x *= other, the same."""
    if x.is_scalar:
        return product(x, other)
    if is_readonly(x) or not (_is_scalar(other) or type(other) is Array and other.dtype.kind == "c" and other.size == 1 and other.ndim <= x.ndim):
        return None
    result = _multiplied(x, other)
    if result.dtype != x.dtype:
        return None
    assign(x.tensor, result, put)
    return x


def rounded(ufunc: np.ufunc, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """A call of np.square or np.multiply, where NumPy rounds each operation; None where it does not."""
    if ufunc is np.square:
        inputs = inputs * 2
    if ufunc not in PRODUCTS or len(inputs) != 2:
        return None
    one, other = inputs
    if not options:
        return product(one, other) if ufunc is np.square and type(one) is Array else None
    out = options.get("out")
    out = out[0] if type(out) is tuple and len(out) == 1 else out
    if len(options) > 1 or type(out) is not Array or out.is_scalar or out.size != 1 or out.dtype.kind != "c":
        return None
    return product_in_place(out, other if out is one else one) if out is one or out is other else None


def magnitude(x: Array) -> Any:
    """abs(x), the same."""
    return array_of(bind(MAGNITUDE, x.tensor), True) if x.is_scalar else None


def _is_scalar(value: Any) -> bool:
    return value.is_scalar and value.dtype.kind == "c" if type(value) is Array else isinstance(value, complex)


def _multiplied(*operands: Any) -> Tensor:
    plan, values = planned(np.multiply, operands)
    assert plan is not None, "NumPy multiplies any complex numbers"
    return bind(PRODUCT, *[operand(value, dtype) for value, dtype in zip(values, plan.taken)])
