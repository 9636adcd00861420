"""Comparisons, tests, logic and bits: elementwise ops without gradients, one statement each."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np

from ..op import Elementwise
from ..spec import DType, TensorSpec, bool_, float64, int8, int64, is_integer, promote, uint64

# Comparisons


def _compared(*operands: Any) -> tuple[DType, ...]:
    """The dtypes operands are compared in: integers as integers, also where no dtype holds both, so that the answer is exact."""
    kinds: list[Any] = [o.dtype if isinstance(o, TensorSpec) else type(o) for o in operands]
    common = promote(*kinds)
    if all(k in (bool_, bool, int) or (isinstance(k, np.dtype) and is_integer(k)) for k in kinds):
        return tuple(_compared_as(o, common) for o in operands)
    return (common,) * len(operands)


def _compared_as(operand: Any, common: DType) -> DType:
    if isinstance(operand, TensorSpec):
        return common if common != float64 else uint64 if operand.dtype.kind == "u" else int64
    if is_integer(common) and np.iinfo(common).min <= operand <= np.iinfo(common).max:
        return common
    return int64 if -(2**63) <= operand < 2**63 else uint64 if 0 <= operand < 2**64 else float64


def _comparison(name: str, numpy: np.ufunc, symbol: str, operator: str) -> Elementwise:
    return Elementwise(
        name, arity=2, numpy=numpy, exact=True, operator=operator, result="bool", operand_dtypes=_compared,
        scalar=f"{{0}} {symbol} {{1}}", of_complex=f"{{0}} {symbol} {{1}}" if symbol in ("==", "!=") else None, doc=f"Whether `x1 {symbol} x2`, elementwise: a bool tensor. Integers compare exactly.",
    )  # fmt: skip


equal = _comparison("equal", np.equal, "==", "eq")
not_equal = _comparison("not_equal", np.not_equal, "!=", "ne")
less = _comparison("less", np.less, "<", "lt")
less_equal = _comparison("less_equal", np.less_equal, "<=", "le")
greater = _comparison("greater", np.greater, ">", "gt")
greater_equal = _comparison("greater_equal", np.greater_equal, ">=", "ge")

# Tests of one number


def _test(name: str, numpy: Callable, doc: str, scalar: dict[str, str], accepts: str = "bifc", of_complex: str | None = None) -> Elementwise:
    return Elementwise(name, numpy=numpy, exact=True, result="bool", accepts=accepts, scalar=scalar, of_complex=of_complex, doc=doc)


isnan = _test(
    "isnan", np.isnan, "Whether each element is NaN.", {"bool": "False", "integer": "False", "floating": "{0} != {0}"}, of_complex="{0} != {0}"
)
isinf = _test(
    "isinf", np.isinf, "Whether each element is infinite, of either sign.",
    {"bool": "False", "integer": "False", "floating": "isinf({0})"}, of_complex="isinf({0}.real) | isinf({0}.imag)",
)  # fmt: skip
isfinite = _test(
    "isfinite", np.isfinite, "Whether each element is neither infinite nor NaN.",
    {"bool": "True", "integer": "True", "floating": "isfinite({0})"}, of_complex="isfinite({0}.real) & isfinite({0}.imag)",
)  # fmt: skip
signbit = _test(
    "signbit", np.signbit, "Whether the sign of each element is minus: also of -0.0 and of NaN.", accepts="bif",
    scalar={"bool": "False", "integer": "{0} < {T}(0)", "floating": "copysign({T}(1), {0}) < {T}(0)"},
)  # fmt: skip

# Logic of truth values: a number is true unless it is 0


def _logical(name: str, numpy: np.ufunc, symbol: str) -> Elementwise:
    of_numbers = f"({{0}} != {{T}}(0)) {symbol} ({{1}} != {{T}}(0))"
    return Elementwise(
        name, arity=2, numpy=numpy, exact=True, result="bool",
        scalar={"bool": f"{{0}} {symbol} {{1}}", "integer": of_numbers, "floating": of_numbers}, of_complex=of_numbers,
        doc=f"`{name}` of truth values, elementwise: a number is true unless it is 0.",
    )  # fmt: skip


logical_and = _logical("logical_and", np.logical_and, "&")
logical_or = _logical("logical_or", np.logical_or, "|")
logical_xor = _logical("logical_xor", np.logical_xor, "^")
logical_not = Elementwise(
    "logical_not", numpy=np.logical_not, exact=True, result="bool",
    scalar={"bool": "not {0}", "integer": "{0} == {T}(0)", "floating": "{0} == {T}(0)"}, of_complex="{0} == {T}(0)",
    doc="Whether each element is false, or 0.",
)  # fmt: skip

# Bits


def _bitwise(name: str, numpy: np.ufunc, symbol: str, operator: str) -> Elementwise:
    return Elementwise(
        name, arity=2, numpy=numpy, exact=True, accepts="bi", operator=operator, scalar=f"{{0}} {symbol} {{1}}",
        doc=f"`x1 {symbol} x2` of bools or of the bits of integers.",
    )  # fmt: skip


bitwise_and = _bitwise("bitwise_and", np.bitwise_and, "&", "and")
bitwise_or = _bitwise("bitwise_or", np.bitwise_or, "|", "or")
bitwise_xor = _bitwise("bitwise_xor", np.bitwise_xor, "^", "xor")
bitwise_invert = Elementwise(
    "bitwise_invert", numpy=np.invert, exact=True, accepts="bi", operator="invert", scalar={"bool": "not {0}", "integer": "~{0}"},
    doc="`~x` of bools or of the bits of integers.",
)  # fmt: skip
bitwise_left_shift = Elementwise(
    "bitwise_left_shift", arity=2, numpy=np.left_shift, exact=True, accepts="bi", bools=int8, operator="lshift",
    scalar="({0} << {1}) if ({1} >= {T}(0)) & ({1} < {T}(64)) else {T}(0)",
    doc="`x1 << x2`; 0 where the shift is negative, or as wide as the dtype or wider.",
)  # fmt: skip
bitwise_right_shift = Elementwise(
    "bitwise_right_shift", arity=2, numpy=np.right_shift, exact=True, accepts="bi", bools=int8, operator="rshift",
    scalar="({0} >> {1}) if ({1} >= {T}(0)) & ({1} < {T}(64)) else {T}(0) - {T}({0} < {T}(0))",
    doc="`x1 >> x2`, keeping the sign; all bits the sign's where the shift is negative, or as wide as the dtype or wider.",
)  # fmt: skip
