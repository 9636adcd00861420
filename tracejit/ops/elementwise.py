"""Elementwise ops: one statement each."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..op import Elementwise
from ..spec import TensorSpec, bool_, is_complex, promote

# Arithmetic


def _unary(name: str, **definition: Any) -> Elementwise:
    return Elementwise(name, arity=1, **definition)


def _binary(name: str, **definition: Any) -> Elementwise:
    return Elementwise(name, arity=2, **definition)


add = _binary(
    "add", numpy=np.add, exact=True, operator="add", scalar={"bool": "{0} | {1}", "integer": "{0} + {1}", "floating": "{0} + {1}"},
    vjp=lambda g, _y, _a, _b: (g, g),
)  # fmt: skip
subtract = _binary("subtract", numpy=np.subtract, exact=True, operator="sub", accepts="ifc", scalar="{0} - {1}", vjp=lambda g, _y, _a, _b: (g, -g))
multiply = _binary(
    "multiply", numpy=np.multiply, exact=True, operator="mul", scalar={"bool": "{0} & {1}", "integer": "{0} * {1}", "floating": "{0} * {1}"},
    vjp=lambda g, _y, a, b: (g * conj(b), g * conj(a)),
)  # fmt: skip
divide = _binary(
    "divide", numpy=np.divide, exact=True, operator="truediv", floats=True, scalar="{0} / {1}", domain=((-2, 2), (0.5, 2)),
    vjp=lambda g, y, _a, b: (g / conj(b), -g * conj(y / b)),
)  # fmt: skip
negative = _unary("negative", numpy=np.negative, exact=True, operator="neg", accepts="ifc", scalar="-{0}", vjp=lambda g, _y, _x: (-g,))
sqrt = _unary("sqrt", numpy=np.sqrt, exact=True, floats=True, scalar="sqrt({0})", domain=((0.1, 4),), vjp=lambda g, y, _x: (g / (2 * conj(y)),))
exp = _unary("exp", numpy=np.exp, floats=True, scalar="exp({0})", cheap=False, vjp=lambda g, y, _x: (g * conj(y),))
log = _unary("log", numpy=np.log, floats=True, scalar="log({0})", cheap=False, domain=((0.1, 4),), vjp=lambda g, _y, x: (g / conj(x),))
maximum = _binary(
    "maximum", numpy=np.maximum, accepts="bif", scalar="maximum({0}, {1})",
    vjp=lambda g, _y, a, b: (g * _share(a > b, a == b, g), g * _share(b > a, a == b, g)),
)  # fmt: skip
conj = _unary("conj", numpy=np.conj, exact=True, scalar="{0}", vjp=lambda g, _y, _x: (conj(g),))
greater = _binary("greater", numpy=np.greater, exact=True, operator="gt", accepts="bif", result="bool", scalar="{0} > {1}")
equal = _binary("equal", numpy=np.equal, exact=True, operator="eq", result="bool", scalar="{0} == {1}")


def _share(wins: Any, tie: Any, g: Any) -> Any:
    """1 where an operand wins, ½ where both are equal."""
    return cast(where(wins, 1.0, where(tie, 0.5, 0.0)), dtype=g.dtype)


def _where_dtypes(condition: Any, x: Any, y: Any) -> tuple[Any, ...]:
    common = promote(*(o.dtype if isinstance(o, TensorSpec) else type(o) for o in (x, y)))
    return (bool_, common, common)


where = Elementwise(
    "where", arity=3, numpy=np.where, exact=True, operand_dtypes=_where_dtypes, scalar="{1} if {0} else {2}", parameters="condition, x1, x2, /",
    vjp=lambda g, _y, c, _a, _b: (None, where(c, g, 0), where(c, 0, g)),
)  # fmt: skip


def _cast(x: np.ndarray, *, dtype: Any) -> np.ndarray:
    if is_complex(x.dtype) and not is_complex(dtype):
        x = x.real
    return x.astype(dtype, order="C")


cast = Elementwise(
    "cast", numpy=_cast, exact=True, method=False, scalar="{0}", parameters="x, /, *, dtype",
    operand_dtypes=lambda x, *, dtype: (x.dtype,), result=lambda _from, *, dtype: dtype,
    vjp=lambda g, _y, _x, *, dtype: (g,),
    doc="The values in another dtype.",
)  # fmt: skip
copy = Elementwise(
    "copy", numpy=lambda x: x.copy(), exact=True, method=False, scalar="{0}", vjp=lambda g, _y, _x: (g,), doc="The values in new memory."
)
real = Elementwise("real", numpy=np.real, exact=True, method=False, result="real", scalar="{0}", vjp=lambda g, _y, _x: (g,))
