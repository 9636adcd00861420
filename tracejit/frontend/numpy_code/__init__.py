"""NumPy code in a trace: `Array` stands for arrays and NumPy scalars, with NumPy's dtypes, types, views and exceptions."""

from .array import Array, array_of, real, stand_in, stand_in_all
from . import create, functions, indexing, ufuncs  # noqa: F401  (they attach themselves)
from .survivors import replace
from .table import SUBSTITUTES, implements
from .world import world

__all__ = ["SUBSTITUTES", "Array", "array_of", "implements", "real", "replace", "stand_in", "stand_in_all", "world"]
