"""NumPy code in a trace: `Array` stands for arrays and NumPy scalars, with NumPy's dtypes, types, views and exceptions."""

from .array import Array, array_of, attach, from_outside, real, stand_in, stand_in_all
from . import (  # noqa: F401  (they attach themselves)
    attributes, complex_parts, converter, create, fft, flat, indexing, linalg, manipulate, medians, methods, operators, protocol, reductions,
    sorting, whole,
)  # fmt: skip
from .functions import FUNCTIONS, constants, is_plain
from .number import Number, bound_of, is_number, kind_of, number_of, of_kind
from .operands import as_array, holds_arrays, is_readonly
from .survivors import replace
from .table import SUBSTITUTES, implements
from .real_calls import each, on_real_arrays
from .world import world

__all__ = [
    "FUNCTIONS", "Number", "SUBSTITUTES", "Array", "array_of", "as_array", "attach", "bound_of", "constants", "each", "from_outside", "holds_arrays", "implements", "is_plain",
    "is_number", "is_readonly", "kind_of", "number_of", "of_kind", "on_real_arrays", "real", "replace", "stand_in", "stand_in_all", "world",
]  # fmt: skip
