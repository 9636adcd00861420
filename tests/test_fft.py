"""Fourier transforms: values and dtypes against NumPy, laws, gradients by finite differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gradients import check_gradients

import tracejit as tj
from tracejit import fft
from tracejit.autograd import grad
from tracejit.tensor import wrap

RNG = np.random.default_rng(5)
NORMS = ("backward", "ortho", "forward", None)
OF_REAL = ("rfft", "ihfft", "rfftn")


def signal(*shape: int, dtype: Any = "float64") -> np.ndarray:
    values = RNG.standard_normal(shape)
    if np.dtype(dtype).kind == "c":
        values = values + 1j * RNG.standard_normal(shape)
    return np.asarray(values * 3, dtype)


def close(found: Any, wanted: np.ndarray) -> None:
    found = found.numpy()
    assert (found.shape, found.dtype) == (wanted.shape, wanted.dtype)
    limit = 1e-5 if found.dtype in (np.float32, np.complex64) else 1e-12
    np.testing.assert_allclose(found, wanted, rtol=limit, atol=limit * max(1.0, np.abs(wanted).max(initial=0)))


def dtypes_of(name: str) -> tuple[str, ...]:
    return ("float32", "float64") if name in OF_REAL else ("float32", "float64", "complex64", "complex128")


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", ["fft", "ifft", "rfft", "irfft", "hfft", "ihfft"])
def test_one_axis(name: str, norm: str | None) -> None:
    ours, numpys = getattr(fft, name), getattr(np.fft, name)
    for dtype in dtypes_of(name):
        for shape in [(6,), (3, 7), (2, 5, 4)]:
            x = signal(*shape, dtype=dtype)
            for axis in range(-len(shape), len(shape)):
                for n in (None, 3, 8, 9):
                    close(ours(wrap(x), n=n, axis=axis, norm=norm), numpys(x, n, axis, norm))


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", ["fftn", "ifftn", "rfftn", "irfftn"])
def test_several_axes(name: str, norm: str | None) -> None:
    ours, numpys = getattr(fft, name), getattr(np.fft, name)
    for dtype in dtypes_of(name):
        x = signal(4, 3, 5, dtype=dtype)
        for s, axes in [(None, None), (None, (1,)), (None, (2, 0)), ((6, 2), (0, 1)), ((3, 8), (-1, -3)), ((7, -1), (0, 2))]:
            close(ours(wrap(x), s=s, axes=axes, norm=norm), numpys(x, s, axes, norm))
        close(ours(wrap(x), s=(4, 6)), numpys(x, (4, 6), (1, 2)))


@pytest.mark.parametrize("layout", [lambda x: x.T, lambda x: x[::2, ::-1], lambda x: np.broadcast_to(x[:1], x.shape)])
def test_any_layout(layout: Any) -> None:
    x = layout(signal(6, 5))
    close(fft.fftn(wrap(x)), np.fft.fftn(x))
    close(fft.rfft(wrap(x), axis=0), np.fft.rfft(x, axis=0))


def test_dtypes() -> None:
    assert fft.fft(wrap(np.arange(4))).dtype == tj.complex128
    assert fft.fft(wrap(np.ones(4, np.float16))).dtype == tj.complex64
    assert fft.rfft(wrap(np.ones(4, tj.bfloat16))).dtype == tj.complex64
    assert fft.irfft(wrap(np.ones(4, np.float32))).dtype == tj.float32
    assert fft.fftn(wrap(np.ones(4, np.float32)), axes=()).dtype == tj.complex64


@pytest.mark.parametrize("n", [1, 2, 5, 6])
def test_frequencies_and_shifts(n: int) -> None:
    for d in (1.0, 0.25):
        for dtype in (tj.float32, tj.float64):
            close(fft.fftfreq(n, d=d, dtype=dtype), np.fft.fftfreq(n, d).astype(dtype))
            close(fft.rfftfreq(n, d=d, dtype=dtype), np.fft.rfftfreq(n, d).astype(dtype))
    assert fft.fftfreq(n).dtype == tj.get_default_dtype()
    x = np.arange(3 * n).reshape(3, n)
    for axes in (None, 0, (1,), (0, 1)):
        for name in ("fftshift", "ifftshift"):
            np.testing.assert_array_equal(getattr(fft, name)(wrap(x), axes=axes).numpy(), getattr(np.fft, name)(x, axes))
    np.testing.assert_array_equal(fft.ifftshift(fft.fftshift(wrap(x))).numpy(), x)


@pytest.mark.parametrize("norm", NORMS)
def test_inverses(norm: str | None) -> None:
    z, x = signal(4, 6, dtype="complex128"), signal(4, 6)
    close(fft.ifftn(fft.fftn(wrap(z), norm=norm), norm=norm), z)
    close(fft.irfftn(fft.rfftn(wrap(x), norm=norm), norm=norm), x)
    close(fft.hfft(fft.ihfft(wrap(x), norm=norm), norm=norm), x)


GRADIENTS = {
    "fft": (lambda x, norm: fft.fft(x, n=7, axis=0, norm=norm), (5, 3), "dz"),
    "ifft cut": (lambda x, norm: fft.ifft(x, n=3, norm=norm), (2, 5), "dz"),
    "fftn": (lambda x, norm: fft.fftn(x, norm=norm), (4, 3), "dz"),
    "rfft odd": (lambda x, norm: fft.rfft(x, norm=norm), (2, 5), "d"),
    "rfft even": (lambda x, norm: fft.rfft(x, axis=0, norm=norm), (6, 2), "d"),
    "rfft one": (lambda x, norm: fft.rfft(x, norm=norm), (2, 1), "d"),
    "irfft odd": (lambda x, norm: fft.irfft(x, 7, norm=norm), (2, 4), "dz"),
    "irfft even": (lambda x, norm: fft.irfft(x, axis=0, norm=norm), (5, 2), "dz"),
    "rfftn": (lambda x, norm: fft.rfftn(x, norm=norm), (4, 6), "d"),
    "irfftn": (lambda x, norm: fft.irfftn(x, (3, 6), norm=norm), (4, 5), "dz"),
    "hfft": (lambda x, norm: fft.hfft(x, 7, norm=norm), (2, 4), "dz"),
    "ihfft": (lambda x, norm: fft.ihfft(x, norm=norm), (2, 6), "d"),
    "fftshift": (lambda x, norm: fft.fftshift(x), (3, 4), "dz"),
}


@pytest.mark.parametrize("norm", NORMS[:3])
@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients(name: str, norm: str) -> None:
    function, shape, kinds = GRADIENTS[name]
    for kind in kinds:
        check_gradients(lambda x: function(x, norm) * function(x, norm), signal(*shape, dtype="complex128" if kind == "z" else "float64"))


@pytest.mark.parametrize("name", ["fft", "ifft", "rfft", "irfft", "hfft", "ihfft"])
def test_gradients_are_pytorchs(name: str) -> None:
    torch = pytest.importorskip("torch")
    x = signal(3, 6, dtype="float64" if name in OF_REAL else "complex128")
    leaf, theirs = wrap(x).requires_grad_(), torch.tensor(x, requires_grad=True)
    (torch.abs(getattr(torch.fft, name)(theirs)) ** 2).sum().backward()
    (found,) = grad((tj.abs(getattr(fft, name)(leaf)) ** 2).sum(), leaf)
    close(found, theirs.grad.resolve_conj().numpy())


ERRORS = {
    "complex to rfft": (lambda: fft.rfft(wrap(signal(4, dtype="complex64"))), tj.DTypeError, "real input"),
    "norm": (lambda: fft.fft(wrap(signal(4)), norm="both"), tj.ArgumentError, "ortho"),
    "length": (lambda: fft.fft(wrap(signal(4)), n=0), tj.ShapeError, "one element"),
    "axis": (lambda: fft.fft(wrap(signal(4)), axis=1), tj.AxisError, "axis 1"),
    "axes twice": (lambda: fft.fftn(wrap(signal(4, 4)), axes=(0, 0)), tj.AxisError, "each axis once"),
    "lengths": (lambda: fft.fftn(wrap(signal(4, 4)), s=(2,), axes=(0, 1)), tj.AxisError, "one length"),
    "no axes": (lambda: fft.rfftn(wrap(signal(4)), axes=()), tj.AxisError, "at least one"),
    "frequencies": (lambda: fft.fftfreq(4, dtype=tj.int32), tj.DTypeError, "floating"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_teach(name: str) -> None:
    function, kind, text = ERRORS[name]
    with pytest.raises(kind, match=text):
        function()


def test_the_extension_is_complete() -> None:
    names = "fft fftfreq fftn fftshift hfft ifft ifftn ifftshift ihfft irfft irfftn rfft rfftfreq rfftn".split()
    assert sorted(fft.__all__) == names
    assert all(getattr(fft, name).__doc__ for name in names)
