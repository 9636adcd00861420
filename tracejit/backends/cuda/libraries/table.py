"""Ops on whole arrays on a GPU: what computes each. Eager ops and the steps of plans come here alike, so both have the same bits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Callable, Sequence

import numpy as np

from ....device import DeviceArray, on_host
from ....op import Op
from ....spec import TensorSpec, category
from . import convolutions, matrices, orders, products, scans

Written = Callable[[Any, Sequence[DeviceArray], Sequence[DeviceArray], dict[str, Any]], None]


@dataclass(frozen=True)
class Row:
    """What computes an op.

    writes: (device, results, operands, attrs) writes the results into memory. gives: (library, arrays, attrs) gives arrays of the library.
    With neither the op is computed on the host, and `reason` says why. only: the first letters of the categories of dtypes that it takes,
    of b(ool) i(nteger) f(loating) c(omplex); others are computed on the host.
    What `writes` issues launches alone, so a CUDA graph may hold it; what `gives` computes may make the host wait, for values that it refuses.
    """

    writes: Written | None = None
    gives: Callable[..., Any] | None = None
    only: str = "bifc"
    reason: str = ""

    @property
    def computes(self) -> bool:
        """Whether the GPU computes it."""
        return self.writes is not None or self.gives is not None


def _library(function: Callable[..., Any], **row: Any) -> Row:
    """A function of (xp, arrays, attrs)."""
    return Row(gives=lambda arrays, *values, **attrs: function(arrays.xp, *values, **attrs), **row)


def _linalg(name: str) -> Row:
    """A function of the library's `linalg`."""
    return Row(gives=lambda arrays, x, **attrs: getattr(arrays.xp.linalg, name)(x, **attrs))


_NUMPYS = Row(reason="it is a call of NumPy's")
_NO_ROUTINE = Row(reason="there is no routine for it")
_REAL: dict[str, Any] = {"only": "bif", "reason": "complex numbers are compared by NumPy alone"}
_INEXACT: dict[str, Any] = {"only": "fc", "reason": "cuBLAS multiplies no integers"}

ROWS: dict[str, Row] = {
    "assemble": _library(lambda xp, *parts: xp.stack(parts)),
    "matmul": Row(products.product),
    "convolution_by_positions": Row(convolutions.by_positions, **_INEXACT),
    "convolution_by_channels": Row(convolutions.by_channels, **_INEXACT),
    "convolution_by_lines": Row(convolutions.by_lines, **_INEXACT),
    # linear algebra
    "solve": _library(matrices.solve),
    "solve_triangular": Row(gives=lambda arrays, *values, **attrs: matrices.solve_triangular(arrays.xp, arrays.linalg, *values, **attrs)),
    "inv": _linalg("inv"),
    "det": _linalg("det"),
    "slogdet": _linalg("slogdet"),
    "cofactors": _library(matrices.cofactors),
    "cholesky": _linalg("cholesky"),
    "qr": _linalg("qr"),
    "svd": _library(matrices.svd),
    "svdvals": _library(matrices.svdvals),
    "eigh": _library(matrices.eigh),
    "eigvalsh": _library(matrices.eigvalsh),
    "eig": _library(matrices.eig),
    "pinv": _library(matrices.pinv),
    # Fourier transforms
    "fft": _library(matrices.fft),
    "rfft": _library(lambda xp, x, *, axis, norm: xp.fft.rfft(x, axis=axis, norm=norm)),
    "irfft": _library(lambda xp, x, *, n, axis, norm: xp.fft.irfft(x, n, axis, norm)),
    # sorting, searching, counting
    "argsort": _library(orders.argsort),
    "sort": _library(orders.sort),
    "argmax": _library(partial(orders.extreme, smallest=False), **_REAL),
    "argmin": _library(partial(orders.extreme, smallest=True), **_REAL),
    "searchsorted": _library(orders.searchsorted, **_REAL),
    "interval": _library(orders.interval),
    "isin": _library(orders.isin, **_REAL),
    "nonzero": _library(orders.nonzero),
    "unique": _library(orders.unique),
    "histogram": _library(orders.histogram),
    # scans
    "running_sum": Row(scans.running("sum")),
    "running_product": Row(scans.running("product")),
    "recurrence": Row(scans.recurrence),
    "host": _NUMPYS,
    "host_pair": _NUMPYS,
}
ROWS |= {f"numpy_{name}": ROWS[name] for name in ("inv", "solve", "cholesky", "qr", "svd", "svdvals", "eigh", "eigvalsh")}


def row_of(op: Op, dtypes: Sequence[Any]) -> Row:
    """What computes an op of operands of these dtypes."""
    row = ROWS.get(op.name, _NO_ROUTINE)
    if all(category(dtype)[0] in row.only for dtype in dtypes):
        return row
    return Row(reason=row.reason)


def whole(device: Any, op: Op, values: Sequence[Any], attrs: dict[str, Any], into: Sequence[DeviceArray] | None = None) -> list[DeviceArray]:
    """The results of an op on whole arrays: in `into`, or, where that is None, in new memory."""
    row = row_of(op, [v.dtype for v in values if isinstance(v, (DeviceArray, np.ndarray))])
    if not row.computes:
        device.told_of_host(op, row.reason)
        return _on_host(device, op, values, attrs, into)
    operands = [_operand(device, v, k in op.contiguous) for k, v in enumerate(values)]
    if op.dynamic:
        return _given(device, row, operands, attrs, None)
    results = into
    if results is None:
        specs = op.spec(*[TensorSpec(v.shape, v.dtype) for v in operands], **attrs)
        results = [device.empty(s.shape, s.dtype) for s in (specs if type(specs) is tuple else (specs,))]
    if not any(r.size for r in results):
        return list(results)
    if row.writes is not None:
        row.writes(device, results, operands, attrs)
        return list(results)
    try:
        return _given(device, row, operands, attrs, results)
    except np.linalg.LinAlgError:  # the host says what is wrong, or finds the answer
        return _on_host(device, op, values, attrs, results)


def _operand(device: Any, value: Any, contiguous: bool) -> DeviceArray:
    array = value if type(value) is DeviceArray else device.upload(np.asarray(value))
    return device.copied(array) if contiguous and not array.flags.c_contiguous else array


def _given(device: Any, row: Row, operands: Sequence[DeviceArray], attrs: dict[str, Any], into: Sequence[DeviceArray] | None) -> list[DeviceArray]:
    arrays = device.arrays
    with arrays.here():
        found = row.gives(arrays, *map(arrays.read, operands), **attrs)  # type: ignore[misc]
        found = found if isinstance(found, tuple) else (found,)
        results = into or [device.empty(f.shape, np.dtype(f.dtype)) for f in found]
        for result, each in zip(results, found):
            if result.size:
                arrays.put(result, each)
    return list(results)


def _on_host(device: Any, op: Op, values: Sequence[Any], attrs: dict[str, Any], into: Sequence[DeviceArray] | None) -> list[DeviceArray]:
    """By the op's NumPy function, on copies in the host's memory."""
    found = op.eager(*map(on_host, values), **attrs)
    found = found if isinstance(found, tuple) else (found,)
    if into is None:
        return [device.upload(np.asarray(f)) for f in found]
    for result, each in zip(into, found):
        device.write(result, np.asarray(each))
    return list(into)
