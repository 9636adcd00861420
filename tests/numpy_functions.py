"""Tables of NumPy's functions and of arguments: each row is an expression of `np`, and of arrays by name."""

from __future__ import annotations

from typing import Any, Iterator

import numpy as np

TABLE: dict[str, list[str]] = {
    "shapes": [
        "np.reshape({x}, -1)", "np.reshape({x}, (-1, 1))", "np.reshape({x}, ({x}.size,), order='F')", "np.ravel({x})", "np.ravel({x}, 'F')",
        "np.transpose({x})", "{x}.T", "np.squeeze({x})", "np.squeeze({x}[None], 0)", "np.expand_dims({x}, 0)", "np.expand_dims({x}, (0, -1))",
        "np.atleast_1d({x})", "np.atleast_2d({x})", "np.atleast_3d({x})", "np.broadcast_to({x}, (2, *{x}.shape))", "np.copy({x})", "{x}.copy()",
        "{x}.flatten()", "{x}.flatten('F')", "np.shape({x})", "np.ndim({x})", "np.size({x})", "np.flip({x})", "np.tile({x}, 2)", "np.tile({x}, (2, 1))",
        "np.repeat({x}, 2)", "{x}.astype('f4')", "{x}.astype(int, copy=False)", "np.zeros_like({x})", "np.ones_like({x}, dtype='i4')",
        "np.full_like({x}, 3)", "np.zeros_like({x}, order='F').flags.f_contiguous", "np.empty_like({x}).strides", "np.copy({x}).strides",
        "np.array({x})", "np.asarray({x})", "np.append({x}, {x})", "np.resize({x}, (3, 2))", "np.roll({x}, 1)", "{x}.flat[:]",
    ],
    "axes": [
        "np.swapaxes({x}, 0, 1)", "np.moveaxis({x}, 0, -1)", "np.rollaxis({x}, 1)", "np.transpose({x}, (1, 0))", "np.flip({x}, 0)", "np.fliplr({x})",
        "np.flipud({x})", "np.rot90({x})", "np.rot90({x}, 3)", "np.roll({x}, 2, axis=1)", "np.roll({x}, (1, 2), axis=(0, 1))", "np.tril({x})",
        "np.triu({x}, 1)", "np.diag({x})", "np.diagonal({x}, 1)", "np.trace({x})", "np.split({x}, 2, axis=0)", "np.array_split({x}, 3, axis=1)",
        "np.hsplit({x}, [1])", "np.vsplit({x}, [1])", "np.concatenate([{x}, {x}], axis=1)", "np.concatenate([{x}, {x}], axis=None)", "np.vstack([{x}, {x}])",
        "np.hstack([{x}, {x}])", "np.dstack([{x}, {x}])", "np.stack([{x}, {x}], axis=1)", "np.column_stack([{x}, {x}])", "np.block([[{x}, {x}], [{x}, {x}]])",
        "np.repeat({x}, 3, axis=0)", "np.repeat({x}, [1, 2], axis=0)", "np.delete({x}, 0, axis=1)", "np.insert({x}, 1, 2, axis=0)", "np.kron({x}, {x})",
        "np.pad({x}, 1)", "np.pad({x}, ((1, 0), (0, 2)), mode='edge')", "np.pad({x}, 1, mode='wrap')", "np.pad({x}, 1, mode='reflect')",
        "np.pad({x}, 1, constant_values=2)", "np.take({x}, [1, 0], axis=1)", "np.take({x}, 1, axis=0)", "np.take({x}, 1)",
        "np.lib.stride_tricks.sliding_window_view({x}, (1, 2))", "np.unstack({x})",
    ],
    "reductions": [
        "np.sum({x})", "np.sum({x}, axis=0)", "np.mean({x})", "np.mean({x}, axis=-1, keepdims=True)", "np.prod({x})", "np.max({x})", "np.min({x}, axis=0)",
        "np.ptp({x})", "np.any({x})", "np.all({x}, axis=0)", "np.argmax({x})", "np.argmin({x}, axis=0)", "np.std({x})", "np.var({x}, axis=0, ddof=1)",
        "np.cumsum({x})", "np.cumprod({x}, axis=0)", "np.median({x})", "np.average({x})", "np.count_nonzero({x})", "np.count_nonzero({x}, axis=0)",
        "np.nansum({x})", "np.nanmean({x}, axis=0)", "np.nanmax({x})", "np.nanprod({x})", "np.nancumsum({x})", "np.cumulative_sum({x}.ravel())",
        "np.trapezoid({x})", "np.diff({x})", "np.diff({x}, axis=0, prepend=0)", "np.ediff1d({x})",
    ],
    "order": [
        "np.sort({x})", "np.sort({x}, axis=0)", "np.sort({x}, axis=None)", "np.argsort({x})", "np.argsort({x}, axis=0, stable=True)", "np.partition({x}, 1)",
        "np.argpartition({x}, 1)", "np.unique({x})", "np.unique({x}, return_counts=True)", "np.searchsorted(np.sort({x}, axis=None), {x})",
        "np.isin({x}, [1, 2])", "np.nonzero({x})", "np.argwhere({x})", "np.flatnonzero({x})", "np.where({x})", "np.where({x}, {x}, 0)",
        "np.where({x} > 1, 1.5, {x})", "np.extract({x} > 0, {x})", "np.select([{x} > 1, {x} > 0], [{x}, 2], 7)", "np.clip({x}, 0, 2)", "np.clip({x}, None, 1)",
        "np.clip({x}, 1, None)", "np.round({x}, 1)", "np.round({x})", "np.isclose({x}, 1)", "np.allclose({x}, {x})", "np.array_equal({x}, {x})",
        "np.nan_to_num({x})", "np.sign({x})", "np.digitize({x}, [0, 1, 2])", "np.percentile({x}, 30)", "np.quantile({x}, [0.2, 0.7], axis=0)",
        "np.histogram({x}, bins=3, range=(0, 3))", "np.take_along_axis({x}, np.argsort({x}, axis=0), axis=0)",
    ],
    "numbers": [
        "np.real({x})", "np.imag({x})", "np.conj({x})", "np.angle({x})", "np.iscomplexobj({x})", "np.isreal({x})", "np.result_type({x}, 'f4')",
        "np.gradient({x}, axis=0)", "np.interp({x}, [0, 1, 3], [1.0, 2.0, 0.0])", "np.polyval([1, 2, 3], {x})", "np.sinc({x})", "np.heaviside({x}, 0.5)",
        "np.fix({x})", "np.unwrap({x})", "np.vander({x}.ravel(), 3)", "np.convolve({x}.ravel(), [1, 2])", "np.correlate({x}.ravel(), [1, 2], 'same')",
        "np.piecewise({x}, [{x} > 1, {x} <= 1], [1, lambda v: v * 2])", "np.apply_along_axis(np.sum, 0, {x})", "np.meshgrid({x}.ravel(), [1, 2])",
        "np.ix_({x}.ravel())", "np.outer({x}, [1, 2])", "np.inner({x}, {x})", "np.vdot({x}, {x})", "np.dot({x}, 2)", "np.multiply.outer({x}, {x})",
    ],
    "products": [
        "np.dot({x}, {x}.T)", "{x} @ {x}.T", "np.matmul({x}.T, {x})", "np.dot({x}[0], {x}[1])", "np.vdot({x}, {x})", "np.inner({x}, {x})",
        "np.tensordot({x}, {x}, axes=([0], [0]))", "np.einsum('ij,kj->ik', {x}, {x})", "np.einsum('ij->ji', {x})", "np.einsum('ij->j', {x})",
        "np.cross({x}, {x}[::-1])", "np.outer({x}, {x})", "np.cov({x})", "np.corrcoef({x})", "np.linalg.norm({x})", "np.linalg.norm({x}, axis=1)",
        "np.linalg.norm({x}, 1)", "np.linalg.norm({x}, np.inf, axis=0)", "np.linalg.multi_dot([{x}, {x}.T, {x}])",
    ],
    "matrices": [
        "np.linalg.inv({x})", "np.linalg.det({x})", "np.linalg.solve({x}, {x}[0])", "np.linalg.solve({x}, {x})", "np.linalg.slogdet({x})",
        "np.linalg.eigh({x} + {x}.T)", "np.linalg.eigvalsh({x} + {x}.T)", "np.linalg.svd({x})", "np.linalg.svd({x}, full_matrices=False)",
        "np.linalg.svd({x}, compute_uv=False)", "np.linalg.qr({x})", "np.linalg.qr({x}, mode='r')", "np.linalg.cholesky({x} @ {x}.T + np.eye(3))",
        "np.linalg.matrix_power({x}, 3)", "np.linalg.matrix_rank({x})", "np.linalg.pinv({x})", "np.linalg.cond({x})", "np.linalg.eigvals({x})",
        "np.linalg.lstsq({x}, {x}[0])", "np.linalg.matrix_power({x}, -1)",
    ],
    "transforms": [
        "np.fft.fft({x})", "np.fft.ifft({x})", "np.fft.fft({x}, 5)", "np.fft.fft({x}, axis=0, norm='ortho')", "np.fft.rfft({x}.real)", "np.fft.irfft({x})",
        "np.fft.fft2({x})", "np.fft.fftn({x})", "np.fft.ifft2({x})", "np.fft.rfft2({x}.real)", "np.fft.irfftn({x})", "np.fft.fftshift({x})",
        "np.fft.ifftshift({x}, axes=0)", "np.fft.hfft({x})",
    ],
}  # fmt: skip
ROUNDED = {"products": 64, "matrices": 1 << 20, "transforms": 64, "numbers": 8, "reductions": 8, "order": 4}  # units in the last place

WRONG = [  # what NumPy refuses
    "np.concatenate([{x}, {x}[:, :1]], axis=0)", "np.stack([{x}, {x}[:1]])", "np.reshape({x}, (5, 5))", "np.transpose({x}, (0, 0))", "np.swapaxes({x}, 0, 5)",
    "np.squeeze({x}, 0)", "np.take({x}, 1, axis=7)", "np.broadcast_to({x}, (7, 7))", "np.dot({x}, {x})", "np.linalg.inv({x})", "np.linalg.det({x})",
    "np.split({x}, 4)", "np.expand_dims({x}, 9)", "np.moveaxis({x}, 0, 9)", "np.sum({x}, axis=4)", "np.linalg.cholesky({x}[0])", "np.fft.fft({x}, axis=5)",
    "np.diagonal({x}[0])", "np.repeat({x}, [1, 2, 3, 4], axis=0)", "np.tile({x}, 'a')", "np.cross({x}[:, :1], {x})", "np.meshgrid({x}, indexing='a')",
    "np.clip({x}, 'a', 1)", "np.vstack([{x}, {x}[:, :1]])", "np.linalg.solve({x}, {x})", "np.percentile({x}, 300)", "np.einsum('ij,jk', {x}, {x})",
]  # fmt: skip


def arrays(family: str) -> Iterator[np.ndarray]:
    """Arrays of all dtypes, and as they may lie in memory: whole, transposed, strided, empty, without axes."""
    rng = np.random.default_rng(7)
    square = family == "matrices"
    shape = (3, 3) if square else (2, 3)
    for dtype in ("f8", "f4", "c16") if family in ("matrices", "transforms") else ("f8", "f4", "i8", "i4", "?", "c16"):
        x: Any = rng.uniform(-1, 3, shape) if dtype[0] in "fc" else rng.integers(0, 4, shape)
        yield np.asarray(x + 1j * rng.uniform(-1, 1, shape) if dtype[0] == "c" else x).astype(dtype)
    base = rng.uniform(-1, 3, (6, 6))
    yield from (base[:3, :3].T, base[::2, ::-2]) if square else (base[:3, :2].T, base[::3, ::-2])
    if family in ("shapes", "numbers", "order"):
        yield from (rng.uniform(-1, 3, 5), np.array(1.5), np.empty((0, 3)))
