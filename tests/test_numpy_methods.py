"""The law of methods: each of an ndarray's, and of a NumPy scalar's, gives of stand-ins what it gives of arrays, and does to them what it does."""

from __future__ import annotations

import os
from typing import Any, Callable

import numpy as np
import pytest
from in_world import compare

pytestmark = pytest.mark.filterwarnings("ignore")
CALLS = """
x.T | x.mT | x.real | x.imag | x.size | x.itemsize | x.nbytes | x.ndim | x.shape | x.strides | x.dtype | x.base is None | x.flags.writeable
x.device | x.flags.c_contiguous, x.flags.f_contiguous, x.flags['ALIGNED'] | x.T.flags.f_contiguous | x[:, 1].flags.contiguous
x.data.nbytes | x.ctypes.shape[0] | bytes(x.data) | x.__array_interface__['shape'] | x.__array_priority__ | x.tobytes() | x.tobytes('F')
x.tolist() | x.item(3) | x.item((1, 2)) | x.item() | x.astype('f4') | x.astype(int, copy=False) | x.astype(float, copy=False) is x
x.astype('i1', casting='safe') | x.astype('f4', order='F').strides | x.astype(bool) | x.astype(complex) | x.astype('U8') | x.astype(object)
x.copy() | x.copy('F').strides | x.copy(order='K').strides | x.view() | x.view().base is x | x.view('i8') | x.view(np.uint8).shape
x.view(np.ndarray) | x.reshape(2, 6) | x.reshape((6, -1)) | x.reshape(-1) | x.reshape(5) | x.reshape(2, -1, order='F')
x.reshape(12, order='A') | x.T.reshape(-1, copy=False) | x.reshape(-1, -1) | x.ravel() | x.ravel('F') | x.ravel('K') | x.ravel('A')
x.flatten() | x.flatten('F') | x.transpose() | x.transpose(1, 0) | x.transpose((0, 1)) | x.transpose(0, 0) | x.transpose(None)
x.transpose(-1, 0) | x.swapaxes(0, 1) | x.swapaxes(0, 5) | x.squeeze() | x[:1].squeeze(0) | x.squeeze(0) | x.diagonal() | x.diagonal(1)
x.diagonal(-1, 1, 0) | x.diagonal().flags.writeable | x.trace() | x.trace(1) | x.trace(dtype='f4') | x.take([0, 3])
x.take([[0], [2]], axis=0) | x.take(1, axis=1) | x.take([0, 30]) | x.take([0, 30], mode='wrap') | x.take([-1, 30], mode='clip') | x.take(i)
x.put([0, 1], 9) | x.put(i, [5.0, 6.0, 7.0, 8.0]) | x.put([0, 99], 1, mode='wrap') | x.put([0, 1, 2], [7, 8]) | x.repeat(2)
x.repeat([1, 2, 3], axis=0) | x.repeat(2, axis=1) | x.fill(3) | x.fill(2.5) | x.fill('a') | x.clip(1, 3) | x.clip(None, 3) | x.clip(min=2)
x.clip(1.5, y) | x.clip(2, 5, out=x) | x.round() | x.round(1) | x.round(-1) | x.round(1, out=x) | x.dot(x.T) | x.dot(2) | x.dot(x[0])
x.dot([1, 2, 3]) | x @ x.T | x @ x | x[0] @ x[1] | x.conj() | x.conjugate() | x.cumsum() | x.cumsum(0) | x.cumprod(1) | x.cumsum(axis=5)
x.argmax() | x.argmax(1) | x.argmin(axis=0) | x.argmax(keepdims=True) | x.argsort() | x.argsort(0) | x.argsort(axis=None)
x.argsort(kind='stable') | x.sort() | x.sort(0) | x.sort(axis=None) | x[::-1].sort(0) | x.partition(2) | x.argpartition(1)[:, 0]
x.searchsorted(2) | x[0].searchsorted([1, 2], side='right') | x.nonzero() | x[0].nonzero() | x.choose([x, y])
(x[0] > 1).astype(int).choose([[1, 2, 3, 4], [5, 6, 7, 8]]) | x.compress([True, False, True], axis=0) | x.compress(x[0] > 1, axis=1)
x.all() | x.any() | x.all(1) | x.any(axis=0, keepdims=True) | x.sum() | x.sum(0, out=x[0]) | x.prod(1) | x.max() | x.min(0) | x.mean()
x.std(0) | x.var(ddof=1) | x.ptp() | x.mean(1, keepdims=True) | x.max(axis=(0, 1)) | x.sum(where=x > 2) | x.max(initial=99, where=x > 2)
x.mean(where=x > 2) | x.var(where=x > 2) | x.mean(axis=9) | x.nonsense | x.nonsense() | x.byteswap() | x.byteswap(inplace=True)
x.setflags(write=False) | x.getfield('i4') | x.__array__() | x.__array__(int) | x.__array_wrap__(x) | x.__array_namespace__() is np
x.__class__ is np.ndarray | isinstance(x, np.ndarray) | x.flat[5] | x.flat[1:4] | list(x.flat) | x.flat.base is x | len(x.flat)
np.asarray(x.flat) | x.__len__() | x.__contains__(3) | x.to_device('cpu') is x | x.__dlpack_device__() | x.__sizeof__() > 0
x.dumps() is not None | divmod(x, 2) | x.__pow__(2) | pow(x, 2) | pow(x, 2, 3) | x.__iadd__(1) is x | x.__matmul__(x.T) | x.__rsub__(1)
x.__radd__([1, 2, 3, 4]) | x.__eq__(3) | x.__lt__(None) | x.__and__(1) | x.__invert__() | +x | -x | abs(x) | ~x | x << 1 | 1 << x | x and 1
not x | x or 2 | (x[0, 0] or 5) | int(x) | float(x[:1, :1]) | complex(x[0, 1]) | x.__index__() | range(x[0, 3]) | round(x[1, 1], 1)
round(x[1, 1]) | round(x) | x.__floor__() | int(x[1, 1]) | math.floor(x[1, 1]) | math.sqrt(x[1, 1]) | "%d" % x[1, 1] | max(x[0]) | sum(x)
sorted(x[0], reverse=True) | min(x[0, 1], 3) | x.resize(2, 6) | x.resize((2, 2)) | np.shares_memory(x, x[1:]) | np.shares_memory(x, x + 0)
np.may_share_memory(x, x.T) | x.astype(x.dtype, copy=False, order='C') is x | x.astype(x.dtype, copy=False, order='F').strides
x.astype(x.dtype, order='A').strides
"""
STATEMENTS = """
x.shape = (4, 3); return x | x.shape = -1; return x | x.shape = (5,) | x.real = 5; return x | x.imag = 2; return x | x.real[0] = 7; return x
x.real += 1; return x | x.flat = 3; return x | x.flat[::5] = 0; return x | x.flat[[1, 2]] += 10; return x | x.T[0] = 1; return x
x.T.flat[1] = 99; return x | x.diagonal()[0] = 1 | x.flags.writeable = False; x[0] = 1 | x.setflags(write=False); x += 1
x.flags.writeable = False; return x[1:].flags.writeable | y = x.view(); y[0] = 3; return x | x.reshape(-1)[3] = 8; return x
x.ravel()[0] = 8; return x | x.flatten()[0] = 8; return x | x.swapaxes(0, 1)[0] = 4; return x | x.squeeze()[0] = 4; return x
x[None][0, 1] = 4; return x | y = x.real; x += 1; return y, x | del x[0] | x.T.sort(0); return x
x.sort(1); y = x[::-1]; y.sort(0); return x, y | y = x.imag; return y | y = x.astype(x.dtype, copy=False); y += 1; return x
x.fill(4); return x.sum() | x.dtype = 'i8'; return x | x.T.real[0] = 1; return x | y = x[1:]; y.shape = (8,); y[0] = 9; return x, y
y = np.broadcast_to(x, (2, *x.shape)); y[0] = 1 | y = x[0]; y @= np.eye(4); return x | y = x[:, :3]; y @= np.eye(3); return x
x.imag[1] = 5; return x, x.real | y = x.imag; x *= 1j; return y, x | y = x.real; y[1] = 0; z = x.imag; return x, y, z
x[0].real[1:] = 9; return x | y = x.real[1:]; y += x.imag[1:]; return x
y = x.astype(x.dtype, copy=False, order='C'); y += 1; return x
"""
SCALARS = """
s + 1 | s.T | s.real | s.imag | s.shape | s.ndim | s.size | s.nbytes | s.dtype | s.base is None | s.flags.writeable | s.item() | s.tolist()
s.astype('f4') | s.astype(int) | s.copy() | s.view() | s.view('i8') | s.reshape(1) | s.reshape(-1) | s.reshape(()) | s.ravel() | s.flatten()
s.transpose() | s.squeeze() | s.sum() | s.mean() | s.max(axis=0) | s.min(axis=3) | s.std() | s.var() | s.prod() | s.cumsum() | s.argmax()
s.argsort() | s.all() | s.any() | s.clip(1, 2) | s.round(1) | s.conj() | s.conjugate() | s.repeat(2) | s.take(0) | s.take([0, 0])
s.nonzero() | s.dot(3) | s @ s | s.fill(3) | s.sort() | s.put(0, 1) | s.flat[0] | s.trace() | s.diagonal() | s.choose([1, 2])
s.searchsorted(1) | s.tobytes() | s.data | s.__array__() | np.asarray(s) | np.asarray(s).ndim | s.byteswap() | s.is_integer()
s.as_integer_ratio() | s.hex() | s.bit_count() | hash(s) | bool(s) | int(s) | float(s) | complex(s) | repr(s) | str(s) | f"{s:5.2f}" | s[()]
s[...]
isinstance(s, np.generic), isinstance(s, np.ndarray), isinstance(s, float), isinstance(s, int), isinstance(s, np.floating), isinstance(s, np.integer), isinstance(s, np.number)
s.nonsense | len(s) | s[0] | list(s) | s in [1, 2, 5.0] | s == 5 | np.float64(s) | float(s).hex() | max(s, 2) | abs(-s) | divmod(s, 2)
s ** 2 | s ** -1 | 2 ** s | s // 0.7 | -s | +s | ~s | s & 1 | s < 3 | s and 7 | not s | {s: 1}[5] | s.strides | s.itemsize | s.device
"""


def calls(text: str) -> list[str]:
    return [call.strip() for line in text.strip().splitlines() for call in line.split(" | ")]


def program(body: str, names: str = "x, y, i") -> Callable:
    scope: dict[str, Any] = {"np": np, "os": os, "math": __import__("math")}
    exec(f"def function({names}):\n {body}", scope)
    return scope["function"]


def arrays(dtype: str) -> list[np.ndarray]:
    x = np.arange(12).reshape(3, 4).astype(dtype)
    x = x * (1 + 1j) if dtype == "D" else x
    wide = np.zeros((6, 8), dtype)
    wide[::2, ::2] = x
    return [x, np.asfortranarray(x), wide[::2, ::2]]


@pytest.mark.parametrize("dtype", "dlD?")
def test_methods(dtype):
    wrong = []
    for call in calls(CALLS):
        for x in arrays(dtype):
            found = compare(program(f"return {call}"), x, np.arange(12.0).reshape(3, 4)[::-1].astype(dtype), np.array([0, 2, 2, -1]), ulps=2)
            if found:
                wrong.append(f"{call} of {dtype} with strides {x.strides} {found}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("dtype", "dlD")
def test_statements(dtype):
    wrong = []
    for statement in calls(STATEMENTS):
        for x in arrays(dtype):
            found = compare(program(statement, "x"), x, ulps=2)
            if found:
                wrong.append(f"{statement} of {dtype} with strides {x.strides} {found}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("dtype", "dlfD?")
def test_scalars(dtype):
    wrong = []
    for call in calls(SCALARS):
        x = arrays(dtype)[0]
        found = compare(program(f"s = x[1, 1]; return {call}", "x"), x, ulps=2)
        if found:
            wrong.append(f"{call} of {dtype} {found}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("exponent", ["2", "-1", "0.5", "2.0", "True", "np.int64(2)"])
@pytest.mark.parametrize("dtype", "efdFD?")
def test_powers_that_numpy_takes_otherwise(dtype, exponent):
    """`x**2` is a square, which of complex numbers is rounded otherwise than np.power(x, 2) or x**2.0, and of bools another dtype."""
    rng = np.random.default_rng(0)
    x = (rng.normal(1, 2, (3, 5)) + 1j * rng.normal(1, 2, (3, 5))).astype(dtype)
    for body in (f"return x ** {exponent}", f"x **= {exponent}; return x", f"return x[0, 0] ** {exponent}", f"x[0] **= {exponent}; return x"):
        assert not compare(program(body, "x"), x)
