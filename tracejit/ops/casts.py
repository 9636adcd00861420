"""Choices, casts, copies and the parts of complex numbers: elementwise ops that move values, one statement each."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..op import Elementwise
from ..spec import (
    DType, TensorSpec, bfloat16, bool_, default_dtype_of, float32, int8, int64, is_complex, is_floating, is_integer, promote, uint32,
)  # fmt: skip
from ..tensor import Tensor

def _where_dtypes(_condition: Any, x: Any, y: Any) -> tuple[Any, ...]:
    kinds: list[Any] = [o.dtype if isinstance(o, TensorSpec) else type(o) for o in (x, y)]
    common = promote(*kinds)
    return (bool_, common, common)


def _where(condition: Any, x: Any, y: Any) -> np.ndarray:
    if any(isinstance(v, np.ndarray) and v.dtype == bfloat16 for v in (x, y)):  # which NumPy does not promote
        kinds: list[Any] = [v.dtype if isinstance(v, np.ndarray) else type(v) for v in (x, y)]
        common = promote(*kinds)
        x, y = np.asarray(x, common), np.asarray(y, common)
    return np.where(condition, x, y)


where = Elementwise(
    "where", arity=3, numpy=_where, method=False, operand_dtypes=_where_dtypes, scalar="{1} if {0} else {2}",
    of_complex="{1} if {0} else {2}",
    parameters="condition, x1, x2, /",
    vjp=(None, lambda g, _y, c, _a, _b: where(c, g, 0), lambda g, _y, c, _a, _b: where(c, 0, g)),
    doc="x1 where the condition holds, x2 elsewhere.",
)  # fmt: skip
where.conditions = 1


def _cast(x: Any, *, dtype: DType) -> np.ndarray:
    x = np.asarray(x)
    if is_complex(x.dtype) and not is_complex(dtype):
        x = x != 0 if dtype == bool_ else x.real
    if is_floating(x.dtype) and is_integer(dtype):
        with np.errstate(invalid="ignore"):
            return _truncate(x, dtype)
    return x.astype(dtype, order="C")


def _truncate(x: np.ndarray, dtype: DType) -> np.ndarray:
    """Floats as integers. NaN and what is out of range give fixed values, those of `i32_from_float` … in backends/text/scalar.py."""
    if x.dtype == bfloat16:
        x = x.astype(float32)
    if dtype == uint32:  # the low bits of 64: NumPy's own answer depends on the position in the array
        x = x.astype(int64)
    return x.astype(dtype, order="C")


cast = Elementwise(
    "cast", numpy=_cast, exact=True, method=False, scalar="{0}", of_complex="{0}", parameters="x, /, *, dtype",
    operand_dtypes=lambda x, *, dtype: (x.dtype if isinstance(x, TensorSpec) else default_dtype_of(type(x)),),
    result=lambda _from, *, dtype: dtype, vjp=lambda g, _y, _x, *, dtype: (g,),
    doc="The values in another dtype: integers wrap, floats are truncated, complex numbers lose their imaginary part.",
)  # fmt: skip
copy = Elementwise(
    "copy", numpy=lambda x: x.copy(), exact=True, method=False, scalar="{0}", of_complex="{0}", vjp=lambda g, _y, _x: (g,),
    doc="The values in new memory.",
)  # fmt: skip


def conjugate(x: Any) -> Any:
    """The complex conjugate for a VJP: `x` itself where it is real."""
    if isinstance(x, Tensor):
        return conj(x) if is_complex(x.dtype) else x
    return x.conjugate()


conj = Elementwise(
    "conj", numpy=np.conj, exact=True, bools=int8, scalar="{0}", of_complex="of_parts({0}.real, -{0}.imag)",
    vjp=lambda g, _y, _x: (conjugate(g),), doc="The complex conjugate.",
)  # fmt: skip
real = Elementwise(
    "real", numpy=lambda x: np.array(x.real), exact=True, method=False, result="real", scalar="{0}", of_complex="{0}.real", vjp=lambda g, _y, _x: (g,),
    doc="The real part, in new memory.",
)  # fmt: skip
imag = Elementwise(
    "imag", numpy=lambda x: np.array(x.imag), exact=True, method=False, result="real", scalar="{T}(0)", of_complex="{0}.imag",
    vjp=lambda g, _y, _x: (g * 1j,), doc="The imaginary part, in new memory; 0 of real numbers.",
)  # fmt: skip

Tensor.real = property(lambda self: real(self), doc="The real part, in new memory.")  # type: ignore[attr-defined]
Tensor.imag = property(lambda self: imag(self), doc="The imaginary part, in new memory; 0 of real numbers.")  # type: ignore[attr-defined]
