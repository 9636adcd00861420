"""What stands for the helper in C by which NumPy's own functions take arrays and numbers alike, and give scalars for scalars."""

from __future__ import annotations

from typing import Any, Iterator

import numpy as np

from .array import Array, array_of
from .create import asarray
from .manipulate import dtype_of
from .table import implements

_NUMBERS = (bool, int, float, complex)


@implements(np._core._multiarray_umath._array_converter)  # type: ignore[attr-defined]
class Converter:
    """`conv = _array_converter(*objects)`."""

    def __init__(self, *objects: Any) -> None:
        self.objects = objects
        self.scalar_input = tuple([type(v) in _NUMBERS or isinstance(v, np.generic) for v in objects])

    def __len__(self) -> int:
        return len(self.objects)

    def __iter__(self) -> Iterator[Any]:
        return map(asarray, self.objects)

    def __getitem__(self, number: Any) -> Any:
        return asarray(self.objects[number])

    def as_arrays(self, subok: bool = True, pyscalars: str = "convert_if_no_array") -> tuple[Any, ...]:
        """The objects as arrays; Python's numbers as they are, where they are to be weak."""
        plain = [type(v) in _NUMBERS for v in self.objects]
        weak = pyscalars == "preserve" or (pyscalars == "convert_if_no_array" and not all(plain))
        return tuple([v if weak and number else asarray(v) for v, number in zip(self.objects, plain)])

    def result_type(self, extra_dtype: Any = None, ensure_inexact: bool = False) -> np.dtype:
        """The dtype of all objects together."""
        found = dtype_of(*self.objects)
        if extra_dtype is not None:
            found = np.result_type(found, extra_dtype)
        return np.result_type(found, 1.0) if ensure_inexact and found.kind in "biu" else found

    def wrap(self, array: Any, /, to_scalar: bool | None = None) -> Any:
        """A result: a scalar, where all objects were."""
        scalar = all(self.scalar_input) if to_scalar is None else to_scalar
        return array_of(array.tensor, True) if scalar and type(array) is Array and not array.ndim else array
