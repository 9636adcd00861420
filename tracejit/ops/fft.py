"""Discrete Fourier transforms. Three ops (complex, real to complex, complex to real); all else is made of them.

Each op is linear, so its VJP is the adjoint transform: the other direction, with the other direction's normalisation.
"""

from __future__ import annotations

from typing import Any, Sequence

import numpy as np

from ..dispatch import bind
from ..errors import ArgumentError, AxisError, DTypeError, ShapeError, fail
from ..op import Library
from ..spec import (
    SMALL_FLOATS,
    TensorSpec,
    as_axis,
    as_dtype,
    complex_dtype,
    float32,
    float64,
    get_default_dtype,
    int64,
    is_complex,
    is_floating,
    is_inexact,
    real_dtype,
)
from ..tensor import Tensor
from .create import iota
from .elementwise import cast, conjugate, greater, where
from .join import pad, roll
from .manipulate import as_tensor, slice_axis
from .transfer import on_device
from .view import reshape

OPPOSITE = {"backward": "forward", "ortho": "ortho", "forward": "backward"}


def _complex_spec(x: TensorSpec, **_: Any) -> TensorSpec:
    return TensorSpec(x.shape, complex_dtype(x.dtype))


def _half_spec(x: TensorSpec, *, axis: int, norm: str) -> TensorSpec:
    return TensorSpec((*x.shape[:axis], x.shape[axis] // 2 + 1, *x.shape[axis + 1 :]), complex_dtype(x.dtype))


def _real_spec(x: TensorSpec, *, n: int, axis: int, norm: str) -> TensorSpec:
    return TensorSpec((*x.shape[:axis], n, *x.shape[axis + 1 :]), real_dtype(x.dtype))


def _transform(x: np.ndarray, *, axes: tuple[int, ...], inverse: bool, norm: str) -> np.ndarray:
    return (np.fft.ifftn if inverse else np.fft.fftn)(x, axes=axes, norm=norm)  # type: ignore[arg-type]


complex_transform = Library(
    "fft", numpy=_transform, spec=_complex_spec, parameters="x, /, *, axes, inverse, norm",
    vjp=lambda g, _y, _x, *, axes, inverse, norm: (complex_transform(g, axes=axes, inverse=not inverse, norm=OPPOSITE[norm]),),
    doc="The discrete Fourier transform over `axes`.",
)  # fmt: skip

# Of a real signal half the spectrum is kept: each frequency but 0 and the highest of an even n stands for two.
half_transform = Library(
    "rfft", numpy=lambda x, *, axis, norm: np.fft.rfft(x, axis=axis, norm=norm), spec=_half_spec, parameters="x, /, *, axis, norm",
    vjp=lambda g, _y, _x, *, axis, norm: (
        real_transform(g / _multiplicity(g, _x.shape[axis], axis), n=_x.shape[axis], axis=axis, norm=OPPOSITE[norm]),
    ),
    doc="The Fourier transform of a real signal: its frequencies from 0 to n // 2.",
)  # fmt: skip


def _real_vjp(g: Tensor, _y: TensorSpec, _x: TensorSpec, *, n: int, axis: int, norm: str) -> tuple[Tensor]:
    spectrum = half_transform(g, axis=axis, norm=OPPOSITE[norm])
    return (spectrum * _multiplicity(spectrum, n, axis),)


real_transform = Library(
    "irfft", numpy=lambda x, *, n, axis, norm: np.fft.irfft(x, n, axis, norm), spec=_real_spec, vjp=_real_vjp,
    parameters="x, /, *, n, axis, norm", doc="The real signal of n elements whose frequencies from 0 to n // 2 are given.",
)  # fmt: skip


def _multiplicity(spectrum: Tensor, n: int, axis: int) -> Tensor:
    """How many frequencies of a real signal of n elements each of the half spectrum stands for, along `axis`."""
    k = bind(iota, shape=(n // 2 + 1,), dtype=int64)
    count = cast(where(k == 0, 1, where(greater(n, 2 * k), 2, 1)), dtype=real_dtype(spectrum.dtype))
    return reshape(count, (n // 2 + 1,) + (1,) * (spectrum.ndim - 1 - axis))


# Operands


def _signal(x: Any) -> Tensor:
    """`x` in a dtype that can be transformed: float16 and bfloat16 become float32, integers and bools float64."""
    x = as_tensor(x)
    if is_inexact(x.dtype):
        return cast(x, dtype=float32) if x.dtype in SMALL_FLOATS else x
    return cast(x, dtype=float64)


def _real_signal(x: Any, what: str) -> Tensor:
    x = _signal(x)
    if is_complex(x.dtype):
        fail(DTypeError, f"{what} of {x.spec}", f"It takes real input; use {what.replace('rfft', 'fft').replace('ihfft', 'ifft')}.")
    return x


def _spectrum(x: Any) -> Tensor:
    x = _signal(x)
    return x if is_complex(x.dtype) else cast(x, dtype=complex_dtype(x.dtype))


def _norm(norm: str | None) -> str:
    if norm not in (None, *OPPOSITE):
        fail(ArgumentError, f"norm={norm!r}", 'Give "backward" (1/n on the inverse), "ortho" (1/√n on both) or "forward".')
    return norm or "backward"


def _resized(x: Tensor, axis: int, n: int) -> Tensor:
    """Cut, or filled up with zeros, to n elements along `axis`."""
    if n < 1:
        fail(ShapeError, f"a transform of {n} elements along axis {axis} of {x.spec}", "A transform takes one element or more.")
    if n < x.shape[axis]:
        return slice_axis(x, axis, 0, n)
    return pad(x, [(0, n - e if d == axis else 0) for d, e in enumerate(x.shape)]) if n > x.shape[axis] else x


def _extents(x: Tensor, s: Sequence[int] | None, axes: Sequence[int] | None) -> tuple[list[int], list[int]]:
    """The axes to transform and their lengths; a length of −1 is the axis's own."""
    if axes is None:
        axes = range(x.ndim) if s is None else range(x.ndim - len(s), x.ndim)
    found = [as_axis(axis, x.ndim) for axis in axes]
    lengths = [-1] * len(found) if s is None else list(s)
    if len(lengths) != len(found) or len(set(found)) != len(found):
        fail(AxisError, f"a transform of lengths {s} over axes {tuple(axes)}", "Give one length for each axis, each axis once.")
    return found, [x.shape[axis] if n == -1 else n for axis, n in zip(found, lengths)]


def _complex(x: Tensor, s: Any, axes: Any, norm: str | None, inverse: bool) -> Tensor:
    found, lengths = _extents(x, s, axes)
    for axis, n in zip(found, lengths):
        x = _resized(x, axis, n)
    return bind(complex_transform, x, axes=tuple(found), inverse=inverse, norm=_norm(norm)) if found else x


def _one(n: int | None, axis: int) -> dict[str, Any]:
    return {"s": None if n is None else (n,), "axes": (axis,)}


# One axis


def fft(x: Tensor, /, n: int | None = None, axis: int = -1, norm: str | None = "backward") -> Tensor:
    """The discrete Fourier transform along `axis`, of n elements (cut or filled with zeros). float32 gives complex64."""
    return fftn(x, **_one(n, axis), norm=norm)


def ifft(x: Tensor, /, n: int | None = None, axis: int = -1, norm: str | None = "backward") -> Tensor:
    """The inverse of `fft`, scaled by 1/n under norm="backward"."""
    return ifftn(x, **_one(n, axis), norm=norm)


def rfft(x: Tensor, /, n: int | None = None, axis: int = -1, norm: str | None = "backward") -> Tensor:
    """The transform of a real signal: its n // 2 + 1 frequencies from 0 up. The others are their conjugates."""
    return rfftn(x, **_one(n, axis), norm=norm)


def irfft(x: Tensor, /, n: int | None = None, axis: int = -1, norm: str | None = "backward") -> Tensor:
    """The inverse of `rfft`: a real signal of n elements (2·(m − 1) of m frequencies, if None)."""
    return irfftn(x, **_one(n, axis), norm=norm)


def hfft(x: Tensor, /, n: int | None = None, axis: int = -1, norm: str | None = "backward") -> Tensor:
    """The (real) spectrum, of n frequencies, of a signal with Hermitian symmetry, of which the first n // 2 + 1 are given."""
    return irfft(conjugate(_spectrum(x)), n, axis, OPPOSITE[_norm(norm)])


def ihfft(x: Tensor, /, n: int | None = None, axis: int = -1, norm: str | None = "backward") -> Tensor:
    """The inverse of `hfft`: the first n // 2 + 1 elements of a signal with Hermitian symmetry."""
    return conjugate(rfft(_real_signal(x, "ihfft"), n, axis, OPPOSITE[_norm(norm)]))


# Several axes


def fftn(x: Tensor, /, s: Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: str | None = "backward") -> Tensor:
    """The transform over `axes` (the last len(s), if None; all, if s is None too), each cut or filled to its length in `s`."""
    return _complex(_spectrum_or_signal(x, axes), s, axes, norm, False)


def ifftn(x: Tensor, /, s: Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: str | None = "backward") -> Tensor:
    """The inverse of `fftn`."""
    return _complex(_spectrum_or_signal(x, axes), s, axes, norm, True)


def _spectrum_or_signal(x: Any, axes: Any) -> Tensor:
    """Complex if there is nothing to transform; else as it is, since the transform makes it complex."""
    x = _signal(x)
    return _spectrum(x) if x.ndim == 0 or (axes is not None and not len(axes)) else x


def rfftn(x: Tensor, /, s: Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: str | None = "backward") -> Tensor:
    """`rfft` over the last of `axes`, then `fftn` over the others."""
    x = _real_signal(x, "rfftn")
    found, lengths = _some_axes(x, s, axes)
    half = bind(half_transform, _resized(x, found[-1], lengths[-1]), axis=found[-1], norm=_norm(norm))
    return _complex(half, lengths[:-1], found[:-1], norm, False)


def irfftn(x: Tensor, /, s: Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: str | None = "backward") -> Tensor:
    """The inverse of `rfftn`: real, of shape `s` over `axes`. The last length is 2·(m − 1) of m frequencies, if s is None."""
    x = _spectrum(x)
    found, lengths = _some_axes(x, s, axes)
    n = 2 * (lengths[-1] - 1) if s is None else lengths[-1]
    x = _complex(x, lengths[:-1], found[:-1], norm, True)
    return bind(real_transform, _resized(x, found[-1], n // 2 + 1), n=n, axis=found[-1], norm=_norm(norm))


def _some_axes(x: Tensor, s: Any, axes: Any) -> tuple[list[int], list[int]]:
    found, lengths = _extents(x, s, axes)
    if not found:
        fail(AxisError, f"a real transform of {x.spec} over no axes", "Name at least one axis.")
    return found, lengths


# Frequencies


def _frequencies(count: int, wrap_after: int, n: int, d: float, dtype: Any, device: Any) -> Tensor:
    wanted = get_default_dtype() if dtype is None else as_dtype(dtype)
    if not is_floating(wanted):
        fail(DTypeError, f"frequencies of dtype {wanted.name}", "Give a floating dtype.")
    k = bind(iota, shape=(count,), dtype=int64)
    return on_device(cast(cast(where(k > wrap_after, k - n, k), dtype=float64) * (1.0 / (n * d)), dtype=wanted), device)


def fftfreq(n: int, /, d: float = 1.0, *, dtype: Any = None, device: Any = None) -> Tensor:
    """The frequencies of the n elements of an `fft` of samples d apart: 0, 1, …, −2, −1 over n·d."""
    return _frequencies(n, (n - 1) // 2, n, d, dtype, device)


def rfftfreq(n: int, /, d: float = 1.0, *, dtype: Any = None, device: Any = None) -> Tensor:
    """The frequencies of the n // 2 + 1 elements of an `rfft` of n samples d apart: 0, 1, …, n // 2 over n·d."""
    return _frequencies(n // 2 + 1, n, n, d, dtype, device)


def fftshift(x: Tensor, /, axes: int | Sequence[int] | None = None) -> Tensor:
    """The zero frequency moved to the middle of each of `axes` (of all, if None)."""
    return _shifted(x, axes, 1)


def ifftshift(x: Tensor, /, axes: int | Sequence[int] | None = None) -> Tensor:
    """The inverse of `fftshift`."""
    return _shifted(x, axes, -1)


def _shifted(x: Any, axes: Any, sign: int) -> Tensor:
    x = as_tensor(x)
    chosen = range(x.ndim) if axes is None else axes if isinstance(axes, (tuple, list)) else (axes,)
    found = tuple(as_axis(axis, x.ndim) for axis in chosen)
    return roll(x, tuple(sign * (x.shape[axis] // 2) for axis in found), axis=found)
