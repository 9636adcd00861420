"""Index arithmetic: affine expressions of loop variables, and positions in an array.

An `Index` is a sum of variables times integer coefficients, plus an integer. A `Position` says which element of a value is
meant, either axis by axis or by its place in row-major order; each form is made from the other when first asked for.
"""

from __future__ import annotations

from math import prod
from typing import Callable, NamedTuple

from ..spec import Shape, contiguous_strides

Box = tuple[tuple[int, int], ...]  # from which index to which, on each axis


class Index(NamedTuple):
    """Σ coefficient · variable + offset. Terms are sorted by variable; no coefficient is 0."""

    terms: tuple[tuple[str, int], ...] = ()
    offset: int = 0

    def __add__(self, other: Index | int) -> Index:  # type: ignore[override]
        if isinstance(other, int):
            return Index(self.terms, self.offset + other)
        total = dict(self.terms)
        for variable, coefficient in other.terms:
            total[variable] = total.get(variable, 0) + coefficient
        return Index(tuple(sorted((v, c) for v, c in total.items() if c)), self.offset + other.offset)

    def times(self, factor: int) -> Index:
        """This index, scaled."""
        if factor == 0:
            return ZERO
        return Index(tuple((v, c * factor) for v, c in self.terms), self.offset * factor)

    def coefficient(self, variable: str) -> int:
        return dict(self.terms).get(variable, 0)

    def without(self, variable: str) -> Index:
        """This index where the variable is 0."""
        return Index(tuple(t for t in self.terms if t[0] != variable), self.offset)

    def at(self, variable: str, value: Index) -> Index:
        """This index where the variable is another index."""
        return self.without(variable) + value.times(self.coefficient(variable))

    def renamed(self, name: Callable[[str], str]) -> Index:
        """This index of variables of other names."""
        return Index(tuple(sorted((name(v), c) for v, c in self.terms)), self.offset)


ZERO = Index()


def variable(name: str) -> Index:
    """The index that is this variable."""
    return Index(((name, 1),))


def linear(indices: tuple[Index, ...], strides: tuple[int, ...], offset: int = 0) -> Index:
    """Σ index · stride + offset."""
    total = Index((), offset)
    for index, stride in zip(indices, strides):
        total = total + index.times(stride)
    return total


def tells(index: Index, name: str, step: int, extents: dict[str, int]) -> bool:
    """Whether the variable i < n can be told from the index: it is step·i + l + h, 0 ≤ l < step, h a multiple of step·n."""
    if step <= 0 or index.coefficient(name) != step:
        return False
    period = step * extents[name]
    low = high = index.offset % period
    for other, coefficient in index.terms:
        if other == name or coefficient % period == 0:
            continue
        if other not in extents:
            return False
        span = coefficient * (extents[other] - 1)
        low, high = low + min(0, span), high + max(0, span)
    return 0 <= low and high < step


class Position:
    """Which element of an array of a certain shape."""

    def __init__(self, shape: Shape, axes: tuple[Index, ...] | None = None, flat: Index | None = None) -> None:
        self.shape = shape
        self._axes, self._flat = axes, flat

    @property
    def flat(self) -> Index:
        """The place in row-major order."""
        if self._flat is None:
            self._flat = linear(self._axes or (), contiguous_strides(self.shape))
        return self._flat

    def axes(self, extent: Callable[[str], int | None], divide: Callable[[Index, int], tuple[Index, Index]]) -> tuple[Index, ...]:
        """The place axis by axis. `extent` bounds a variable; `divide` gives quotient and remainder, at run time."""
        if self._axes is None:
            self._axes = split(self.flat, self.shape, extent) or _divide_out(self.flat, self.shape, divide)
        return self._axes

    @property
    def key(self) -> tuple[Shape, Index]:
        """Equal for equal positions."""
        return self.shape, self.flat


def without(boxes: list[Box], taken: Box) -> list[Box]:
    """What is left of boxes that do not overlap when another is taken out of them."""
    left = []
    for box in boxes:
        if any(stop <= first or last <= start for (start, stop), (first, last) in zip(box, taken)):
            left.append(box)
            continue
        for d, ((start, stop), (first, last)) in enumerate(zip(box, taken)):
            for part in ((start, first), (last, stop)):
                if part[0] < part[1]:
                    left.append((*box[:d], part, *box[d + 1 :]))
            box = (*box[:d], (max(start, first), min(stop, last)), *box[d + 1 :])
    return left


def box_of(shape: Shape, strides: tuple[int, ...], offset: int, whole: Shape) -> Box | None:
    """The box, in a contiguous array of another shape, that a strided view shows; None if it is none."""
    found = []
    for n, stride in zip(whole, contiguous_strides(whole)):
        count = next((m for m, s in zip(shape, strides) if s == stride and m > 1), 1) if n > 1 else 1
        start, offset = divmod(offset, stride)
        if start + count > n:
            return None
        found.append((start, start + count))
    return tuple(found) if prod(stop - start for start, stop in found) == prod(shape) else None


def split(flat: Index, shape: Shape, extent: Callable[[str], int | None]) -> tuple[Index, ...] | None:
    """The axes of a flat index where no division is needed: each term belongs to one axis and none overflows."""
    if any(n == 0 for n in shape):
        return (ZERO,) * len(shape)
    wide = [(d, s) for d, (s, n) in enumerate(zip(contiguous_strides(shape), shape)) if n > 1]
    axes = [ZERO] * len(shape)
    rest = flat.offset
    for d, stride in wide:
        axes[d] = Index((), rest // stride)
        rest %= stride
    if rest or flat.offset < 0:
        return None
    for name, coefficient in flat.terms:
        count = extent(name)
        if count is None:
            return None
        for d, stride in wide:
            if coefficient % stride == 0 and abs(coefficient) // stride * (count - 1) < shape[d]:
                axes[d] = axes[d] + Index(((name, coefficient // stride),))
                break
        else:
            return None
    for d, _ in wide:
        low = high = axes[d].offset
        for name, coefficient in axes[d].terms:
            span = coefficient * ((extent(name) or 1) - 1)
            low, high = low + min(0, span), high + max(0, span)
        if low < 0 or high >= shape[d]:
            return None
    return tuple(axes)


def through(indices: tuple[Index, ...], shape: Shape, strides: tuple[int, ...], offset: int, source: Shape) -> tuple[Index, ...] | None:
    """Where an element of a view lies in a contiguous source, axis by axis, if each axis of the view walks one of the source's."""
    steps = contiguous_strides(source)
    axes = [Index((), offset // step % n) if n else ZERO for step, n in zip(steps, source)]
    last = [axis.offset for axis in axes]
    for index, extent, stride in zip(indices, shape, strides):
        if extent == 1:
            continue
        for d, (step, n) in enumerate(zip(steps, source)):
            turns = stride // step
            if n > 1 and stride == turns * step and 0 <= turns and turns * (extent - 1) < n:
                axes[d] = axes[d] + index.times(turns)
                last[d] += turns * (extent - 1)
                break
        else:
            return None
    return tuple(axes) if all(end < n for end, n in zip(last, source)) else None


def _divide_out(flat: Index, shape: Shape, divide: Callable[[Index, int], tuple[Index, Index]]) -> tuple[Index, ...]:
    axes = []
    rest = flat
    wide = [d for d, n in enumerate(shape) if n > 1]
    strides = contiguous_strides(shape)
    for d in range(len(shape)):
        if d not in wide:
            axes.append(ZERO)
        elif d == wide[-1]:
            axes.append(rest)
        else:
            quotient, rest = divide(rest, strides[d])
            axes.append(quotient)
    return tuple(axes)
