"""`z.real` and `z.imag` of complex arrays: views, as NumPy's are, though their elements are half as long as those of `z`."""

from __future__ import annotations

from typing import Any

from ...dispatch import bind
from ...op import Elementwise
from ...ops.casts import imag, real
from ...spec import Shape, is_complex
from .array import Array, array_of, shown
from .methods import attribute, view_of


class Part(Elementwise):
    """One of the two numbers in each element. Read, it is computed as any elementwise op is; what is written goes to the memory of the
    operand, as a view's does."""

    is_view = True

    def __init__(self, name: str, number: int, of: Elementwise) -> None:
        part = (lambda x: x.imag) if number else (lambda x: x.real)
        super().__init__(
            name, numpy=part, exact=True, accepts="c", result="real", method=False, scalar={}, of_complex=of.of_complex, vjp=of.vjp,
            doc=f"{of.__doc__} It is a view.",
        )  # fmt: skip
        self.number, self.numpy, self.eager = number, part, self._checked  # as they are: no copy

    def layout(self, shape: Shape, strides: tuple[int, ...], /) -> tuple[Shape, tuple[int, ...], int]:
        """(shape, strides, offset) of the view, in its own elements, of an array with this shape and these strides in its own."""
        return shape, tuple([2 * s for s in strides]), self.number


PARTS = {"real": (Part("real_part", 0, real), real), "imag": (Part("imaginary_part", 1, imag), imag)}


@attribute("real")
def _real(x: Array) -> Any:
    return _part(x, "real") if is_complex(x.dtype) else x


@attribute("imag")
def _imag(x: Array) -> Any:
    if is_complex(x.dtype):
        return _part(x, "imag")
    zeros = array_of(bind(imag, x.tensor), x.is_scalar)
    zeros.readonly = True
    return zeros


def _part(x: Array, name: str) -> Array:
    view, copied = PARTS[name]
    return array_of(bind(copied, x.tensor), True) if x.is_scalar else view_of(x, bind(view, x.tensor))


def _set(name: str) -> Any:
    def write(x: Array, value: Any) -> None:
        if x.is_scalar:
            setattr(shown(x), name, value)  # which NumPy refuses
        if name == "imag" and not is_complex(x.dtype):
            raise TypeError("array does not have imaginary part to set")
        getattr(x, name)[...] = value

    return write


for _name in PARTS:
    setattr(Array, _name, getattr(Array, _name).setter(_set(_name)))
