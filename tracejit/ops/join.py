"""Functions that build a new tensor out of others: each piece is written in place into memory that nothing initialised."""

from __future__ import annotations

import operator
from typing import Any, Iterable, Sequence

from ..device import device_of
from ..dispatch import assign, bind, walk_chain
from ..errors import ArgumentError, ShapeError, fail
from ..op import Put
from ..spec import Shape, as_axis, is_integer, promote
from ..tensor import Tensor
from .convert import as_tensor
from .create import arange, empty, full, zeros
from .elementwise import cast, copy, maximum, minimum
from .index import take
from .manipulate import diagonal as diagonal_of
from .manipulate import atleast_1d, atleast_2d, flip, ravel, slice_axis
from .view import basic_index, broadcast_to, diagonal_view, put, reshape

put_first = Put(
    "put_first", numpy=put.numpy, combine=put.combine,
    vjp=lambda g, _y, _base, _value, *, chain: (g, walk_chain(g, chain)),
    doc="As `put`, at places of `base` that hold nothing yet: what the cotangent says of them there, nobody asks.",
)  # fmt: skip


def _common(arrays: Iterable[Any], what: str) -> list[Tensor]:
    """The arrays as tensors of their common dtype."""
    tensors = [as_tensor(a) for a in arrays]
    if not tensors:
        fail(ArgumentError, f"{what} of no arrays", "Give at least one.")
    dtype = promote(*[t.dtype for t in tensors])
    return [t if t.dtype == dtype else cast(t, dtype=dtype) for t in tensors]


def _fits_beside(shape: Shape, first: Shape, axis: int) -> bool:
    return len(shape) == len(first) and shape[:axis] == first[:axis] and shape[axis + 1 :] == first[axis + 1 :]


# Joining


def concat(arrays: Sequence[Any], /, *, axis: int | None = 0) -> Tensor:
    """The arrays one after another along `axis`, which alone may differ in extent; flattened first, if `axis` is None.

    The result has the common dtype of all.
    """
    tensors = _common(arrays, "concat")
    if axis is None:
        tensors, axis = [ravel(t) for t in tensors], 0
    first = tuple(tensors[0].shape)
    if not first:
        fail(ShapeError, "concat of 0-d tensors", "Use stack, which adds an axis.")
    at = as_axis(axis, len(first))
    for t in tensors[1:]:
        if not _fits_beside(tuple(t.shape), first, at):
            met = f"concat of shapes {first} and {tuple(t.shape)} along axis {at}"
            fail(ShapeError, met, "All extents but that axis's must be equal; use stack to join along a new axis.")
    total = sum(t.shape[at] for t in tensors)
    result = empty((*first[:at], total, *first[at + 1 :]), dtype=tensors[0].dtype, device=_beside(tensors))
    start = 0
    for t in tensors:
        stop = start + t.shape[at]
        assign(slice_axis(result, at, start, stop), t, put_first)
        start = stop
    return result


def _beside(tensors: Sequence[Tensor]) -> str:
    """The device that what is joined lies on."""
    return device_of([t._value for t in tensors])


def cat(tensors: Sequence[Any], dim: int = 0) -> Tensor:
    """PyTorch's name of `concat`."""
    return concat(tensors, axis=dim)


def stack(arrays: Sequence[Any], /, *, axis: int = 0) -> Tensor:
    """Arrays of one shape joined along a new axis at position `axis` of the result, in their common dtype."""
    tensors = _common(arrays, "stack")
    first = tuple(tensors[0].shape)
    for t in tensors[1:]:
        if tuple(t.shape) != first:
            fail(ShapeError, f"stack of shapes {first} and {tuple(t.shape)}", "All shapes must be equal; concat joins along an axis.")
    at = as_axis(axis, len(first) + 1)
    result = empty((*first[:at], len(tensors), *first[at:]), dtype=tensors[0].dtype, device=_beside(tensors))
    front = tuple((0, n, 1) for n in first[:at])
    for i, t in enumerate(tensors):
        assign(bind(basic_index, result, key=(*front, i)), t, put_first)
    return result


def hstack(arrays: Sequence[Any], /) -> Tensor:
    """The arrays joined along their second axis (their only one, if 1-d)."""
    tensors = [atleast_1d(a) for a in arrays]
    return concat(tensors, axis=0 if tensors and tensors[0].ndim == 1 else 1)


def vstack(arrays: Sequence[Any], /) -> Tensor:
    """The arrays joined along their first axis; 1-d arrays are rows."""
    return concat([atleast_2d(a) for a in arrays], axis=0)


# Repeating


def repeat(x: Tensor, repeats: Any, /, *, axis: int | None = None) -> Tensor:
    """Each element (along `axis`; of the flattened array, if None) repeated in place.

    repeats: an int, or a sequence or integer tensor with a count for each element; a tensor's values are observed, because
      the result's shape depends on them.
    """
    x = as_tensor(x)
    if axis is None:
        x, axis = ravel(x), 0
    at = as_axis(axis, x.ndim)
    counts = _counts(repeats, x.shape[at])
    if isinstance(counts, int):
        shape = (*x.shape[: at + 1], counts, *x.shape[at + 1 :])
        wide = broadcast_to(reshape(x, (*x.shape[: at + 1], 1, *x.shape[at + 1 :])), shape)
        return reshape(copy(wide), (*x.shape[:at], x.shape[at] * counts, *x.shape[at + 1 :]))
    shape = (*x.shape[:at], sum(counts), *x.shape[at + 1 :])
    result, start = empty(shape, dtype=x.dtype), 0
    for i, n in enumerate(counts):
        if n:
            piece = slice_axis(x, at, i, i + 1)
            assign(slice_axis(result, at, start, start + n), piece, put_first)
            start += n
    return result


def _counts(repeats: Any, extent: int) -> int | list[int]:
    if isinstance(repeats, int):
        counts: list[int] = [repeats]
    else:
        values = as_tensor(repeats)
        if not is_integer(values.dtype):
            fail(ArgumentError, f"repeats of {values.dtype.name}", "Give integers.")
        counts = values.tolist() if values.ndim else [values.item()]
    if min(counts, default=0) < 0 or len(counts) not in (1, extent):
        fail(ArgumentError, f"repeats {counts} for {extent} elements", "Give one count, or one for each element, none negative.")
    return counts[0] if len(counts) == 1 else counts


def tile(x: Tensor, repetitions: int | tuple[int, ...], /) -> Tensor:
    """Copies of `x` laid out `repetitions` times along each axis; missing axes and missing counts are 1, in front."""
    x = as_tensor(x)
    counts = tuple(repetitions) if isinstance(repetitions, (tuple, list)) else (repetitions,)
    counts = (1,) * (x.ndim - len(counts)) + tuple(operator.index(c) for c in counts)
    shape = (1,) * (len(counts) - x.ndim) + tuple(x.shape)
    ones = tuple(e for n in shape for e in (1, n))
    wide = tuple(e for c, n in zip(counts, shape) for e in (c, n))
    return reshape(copy(broadcast_to(reshape(x, ones), wide)), tuple(c * n for c, n in zip(counts, shape)))


def roll(x: Tensor, /, shift: int | tuple[int, ...], *, axis: int | tuple[int, ...] | None = None) -> Tensor:
    """The elements moved on by `shift` places along `axis`, those that fall off coming in at the front.

    axis: an int, a tuple matched with `shift` (which may be one int for all), or None for the flattened array.
    """
    x = as_tensor(x)
    if axis is None:
        if isinstance(shift, (tuple, list)):
            shift = sum(shift)
        return reshape(roll(ravel(x), shift, axis=0), x.shape)
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    shifts = shift if isinstance(shift, (tuple, list)) else (shift,) * len(axes)
    if len(axes) == 1 and len(shifts) > 1:
        axes = tuple(axes) * len(shifts)
    if len(shifts) != len(axes):
        fail(ArgumentError, f"{len(shifts)} shifts for {len(axes)} axes", "Give one shift for each axis.")
    totals: dict[int, int] = {}
    for s, a in zip(shifts, axes):
        at = as_axis(a, x.ndim)
        totals[at] = totals.get(at, 0) + operator.index(s)
    result = copy(x)
    for at, total in totals.items():
        extent = x.shape[at]
        if extent and total % extent:
            cut = extent - total % extent
            result = concat([slice_axis(result, at, cut, extent), slice_axis(result, at, 0, cut)], axis=at)
    return result


# Padding and diagonals


def pad(x: Tensor, pad_width: Any, mode: str = "constant", constant_values: Any = 0) -> Tensor:
    """`x` with elements added at both ends of its axes, as NumPy's `pad`.

    pad_width: an int, (before, after) for every axis, or one such pair for each axis.
    mode: "constant" (of `constant_values`), "edge", "reflect" (without the edge), "symmetric" (with it), or "wrap".
    """
    x = as_tensor(x)
    widths = _pad_widths(pad_width, x.ndim)
    if mode == "constant":
        return _pad_constant(x, widths, constant_values)
    if mode not in ("edge", "reflect", "symmetric", "wrap"):
        fail(ArgumentError, f"pad mode {mode!r}", 'Give "constant", "edge", "reflect", "symmetric" or "wrap".')
    for at, (before, after) in enumerate(widths):
        if before or after:
            if not x.shape[at]:
                fail(ShapeError, f"pad mode {mode!r} on axis {at}, which is empty", 'Only mode "constant" can pad an empty axis.')
            beyond = _beyond(x, at, before, after, mode)
            x = concat([part for part in beyond if part.shape[at]], axis=at) if beyond else take(x, _source_places(x.shape[at], before, after, mode), axis=at)
    return x


def _beyond(x: Tensor, at: int, before: int, after: int, mode: str) -> list[Tensor]:
    """`x` between what pads an axis: slices, which are copied row by row where `take` would turn the axis to the front.

    Nothing, where a pad is so long that it goes through the axis more than once.
    """
    n = x.shape[at]
    if mode == "edge":
        ends = [(slice_axis(x, at, 0, 1), before), (slice_axis(x, at, n - 1, n), after)]
        first, last = (broadcast_to(end, (*x.shape[:at], count, *x.shape[at + 1 :])) for end, count in ends)
        return [first, x, last]
    skipped = 1 if mode == "reflect" else 0  # the edge itself
    if max(before, after) > n - skipped:
        return []
    if mode == "wrap":
        return [slice_axis(x, at, n - before, n), x, slice_axis(x, at, 0, after)]
    first, last = slice_axis(x, at, skipped, skipped + before), slice_axis(x, at, n - skipped - after, n - skipped)
    return [flip(first, axis=at), x, flip(last, axis=at)]


def _pad_widths(pad_width: Any, ndim: int) -> list[tuple[int, int]]:
    if isinstance(pad_width, int):
        pad_width = (pad_width, pad_width)
    pairs = [p if isinstance(p, (tuple, list)) else p for p in pad_width]
    if len(pairs) == 2 and all(isinstance(p, int) for p in pairs):
        pairs = [tuple(pairs)] * ndim
    elif len(pairs) == 1:
        pairs = pairs * ndim
    good = len(pairs) == ndim and all(isinstance(p, (tuple, list)) and len(p) == 2 and min(p) >= 0 for p in pairs)
    if not good:
        fail(ArgumentError, f"pad_width {pad_width!r} for {ndim} axes", "Give an int, (before, after), or one pair for each axis.")
    return [(operator.index(b), operator.index(a)) for b, a in pairs]


def _pad_constant(x: Tensor, widths: list[tuple[int, int]], value: Any) -> Tensor:
    shape = tuple(b + n + a for (b, a), n in zip(widths, x.shape))
    result = full(shape, value, dtype=x.dtype, device=x.device)
    key = tuple((b, b + n, 1) for (b, _), n in zip(widths, x.shape))
    assign(bind(basic_index, result, key=key), x, put_first)
    return result


def _source_places(n: int, before: int, after: int, mode: str) -> Tensor:
    """For each place of a padded axis of `n` elements, the index that its element comes from."""
    places = arange(-before, n + after)
    if mode == "edge":
        return minimum(maximum(places, 0), n - 1)
    if mode == "wrap" or n == 1:
        return places % n
    last = 2 * n - 1 if mode == "symmetric" else 2 * n - 2  # a period is the axis there and back
    places = places % (last + 1 if mode == "symmetric" else last)
    return minimum(places, last - places)


def diag(x: Tensor, diagonal: int = 0) -> Tensor:
    """Of a 1-d tensor, the matrix with it on that diagonal and zeros elsewhere; of a matrix, a copy of that diagonal."""
    x = as_tensor(x)
    if x.ndim == 2:
        return copy(diagonal_of(x, diagonal))
    if x.ndim != 1:
        fail(ShapeError, f"diag of a tensor with {x.ndim} axes", "It takes a vector or a matrix; see diagonal for more axes.")
    n = x.shape[0] + abs(diagonal)
    result = zeros((n, n), dtype=x.dtype, device=x.device)
    assign(bind(diagonal_view, result, offset=diagonal), x, put_first)
    return result
