"""Linear algebra and Fourier transforms by a library of arrays: cuSOLVER, cuBLAS and cuFFT behind NumPy's names."""

from __future__ import annotations

from typing import Any

import numpy as np


def solve(xp: Any, a: Any, b: Any) -> Any:
    """The op `solve`. CuPy's does not broadcast."""
    return xp.linalg.solve(*_stacked(xp, a, b))


def _stacked(xp: Any, a: Any, b: Any) -> tuple[Any, Any]:
    """Both as stacks of equally many matrices."""
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    return tuple(m if m.shape[:-2] == batch else xp.broadcast_to(m, (*batch, *m.shape[-2:])) for m in (a, b))  # type: ignore[return-value]


def solve_triangular(xp: Any, linalg: Any, a: Any, b: Any, *, upper: bool, unit: bool) -> Any:
    """The op `solve_triangular`. A zero on the diagonal is refused, as LAPACK does and cuBLAS does not."""
    a, b = _stacked(xp, a, b)
    if not unit and bool((xp.diagonal(a, 0, -2, -1) == 0).any()):
        raise np.linalg.LinAlgError("a zero on the diagonal")
    found = xp.empty(b.shape, b.dtype)
    for place in np.ndindex(b.shape[:-2]):
        found[place] = linalg.solve_triangular(a[place], b[place], lower=not upper, unit_diagonal=unit, check_finite=False)
    return found


def cofactors(xp: Any, x: Any) -> Any:
    """The op `cofactors`; of singular matrices the host finds them."""
    return xp.linalg.det(x)[..., None, None] * xp.linalg.inv(x).swapaxes(-1, -2)


def svd(xp: Any, x: Any, *, full: bool) -> tuple[Any, Any, Any]:
    """The op `svd`."""
    u, s, vh = xp.linalg.svd(x, full_matrices=full)
    return u, _converged(xp, s), vh


def svdvals(xp: Any, x: Any) -> Any:
    """The op `svdvals`."""
    return _converged(xp, xp.linalg.svd(x, compute_uv=False))


def eigh(xp: Any, x: Any) -> tuple[Any, Any]:
    """The op `eigh`."""
    values, vectors = xp.linalg.eigh(x)
    return _converged(xp, values), vectors


def eigvalsh(xp: Any, x: Any) -> Any:
    """The op `eigvalsh`."""
    return _converged(xp, xp.linalg.eigvalsh(x))


def _converged(xp: Any, values: Any) -> Any:
    """Of matrices that LAPACK refuses, cuSOLVER's values are NaN."""
    if not bool(xp.isfinite(values).all()):
        raise np.linalg.LinAlgError("values that are not finite")
    return values


def pinv(xp: Any, x: Any, rtol: Any) -> Any:
    """The op `pinv`."""
    u, s, vh = svd(xp, x, full=False)
    large = s > rtol * s[..., :1]
    inverses = xp.where(large, 1 / xp.where(large, s, s.dtype.type(1)), s.dtype.type(0))
    return xp.matmul(vh.conj().swapaxes(-1, -2), inverses[..., None] * u.conj().swapaxes(-1, -2))


def eig(xp: Any, x: Any) -> tuple[Any, Any]:
    """The op `eig`, matrix by matrix."""
    values, vectors = (xp.empty(shape, np.result_type(x.dtype, np.complex64)) for shape in (x.shape[:-1], x.shape))
    for place in np.ndindex(x.shape[:-2]):
        values[place], vectors[place] = xp.linalg.eig(x[place])
    return values, vectors


def fft(xp: Any, x: Any, *, axes: tuple[int, ...], inverse: bool, norm: str) -> Any:
    """The op `fft`."""
    return (xp.fft.ifftn if inverse else xp.fft.fftn)(x, axes=axes, norm=norm)
