"""Convolution, pooling, interpolation: against loops written out, PyTorch where it is installed, and finite differences."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from gradients import check_gradients

import tracejit as tj
from tracejit.autograd import grad
from tracejit.ops import conv, pool
from tracejit.ops.interp import interp
from tracejit.tensor import wrap

RNG = np.random.default_rng(11)


def normal(*shape: int, dtype: Any = "float64") -> np.ndarray:
    return RNG.standard_normal(shape).astype(dtype)


def close(found: Any, wanted: np.ndarray, limit: float = 1e-10) -> None:
    found = found.detach().numpy()
    assert (found.shape, found.dtype) == (wanted.shape, wanted.dtype)
    np.testing.assert_allclose(found.astype(np.float64), wanted.astype(np.float64), rtol=limit, atol=limit)


# Convolution

CONV = {
    "plain": ((2, 3, 6, 7), (4, 3, 3, 2), {}),
    "padded": ((2, 3, 6, 7), (4, 3, 3, 2), {"padding": (2, 1)}),
    "strided": ((2, 3, 6, 7), (4, 3, 3, 2), {"stride": (2, 3), "padding": 1}),
    "dilated": ((2, 3, 8, 9), (4, 3, 3, 2), {"dilation": (2, 3)}),
    "grouped": ((2, 4, 6, 7), (6, 2, 3, 2), {"groups": 2}),
    "depthwise": ((2, 3, 6, 7), (6, 1, 3, 3), {"groups": 3, "padding": 1}),
    "everything": ((2, 4, 9, 8), (6, 2, 3, 2), {"stride": (2, 1), "padding": (1, 2), "dilation": (2, 1), "groups": 2}),
    "same": ((2, 3, 6, 7), (4, 3, 3, 4), {"padding": "same"}),
    "same dilated": ((2, 3, 9, 7), (4, 3, 3, 2), {"padding": "same", "dilation": (2, 3)}),
    "valid": ((2, 3, 6, 7), (4, 3, 3, 2), {"padding": "valid"}),
    "pointwise": ((2, 3, 4, 5), (4, 3, 1, 1), {}),
    "whole": ((2, 3, 4, 5), (4, 3, 4, 5), {}),
    "no batch": ((3, 6, 7), (4, 3, 3, 2), {"padding": 1}),
    "empty batch": ((0, 3, 6, 7), (4, 3, 3, 2), {}),
    "one axis": ((2, 3, 9), (4, 3, 4), {"stride": 2, "padding": 3, "dilation": 2}),
    "one axis same": ((2, 3, 9), (4, 3, 4), {"padding": "same"}),
    "one axis, no batch": ((3, 9), (4, 3, 4), {}),
    "three axes": ((2, 3, 5, 4, 6), (2, 3, 2, 3, 2), {"stride": (1, 1, 2), "padding": 1}),
}


def convolve(x: Any, w: Any, b: Any = None, library: Any = tj, **options: Any) -> Any:
    return getattr(library, f"conv{w.ndim - 2}d")(x, w, b, **options)


def written_out(x: np.ndarray, w: np.ndarray, stride: Any, padding: Any, dilation: Any, groups: int) -> np.ndarray:
    """A convolution as loops, from its definition."""
    n = w.ndim - 2
    stride, dilation = (v if isinstance(v, tuple) else (v,) * n for v in (stride, dilation))
    reach = [d * (k - 1) for d, k in zip(dilation, w.shape[2:])]
    if padding == "same":
        pads = [(r // 2, r - r // 2) for r in reach]
    else:
        sizes = (0,) * n if padding == "valid" else padding if isinstance(padding, tuple) else (padding,) * n
        pads = [(p, p) for p in sizes]
    x = np.pad(x, [(0, 0), (0, 0), *pads])
    extents = [(e - r - 1) // s + 1 for e, r, s in zip(x.shape[2:], reach, stride)]
    result = np.zeros((x.shape[0], w.shape[0], *extents))
    per_group = w.shape[0] // groups
    for out, at in itertools.product(range(w.shape[0]), np.ndindex(*extents)):
        first = out // per_group * w.shape[1]
        window = tuple(slice(i * s, i * s + r + 1, d) for i, s, r, d in zip(at, stride, reach, dilation))
        seen = x[(slice(None), slice(first, first + w.shape[1]), *window)]
        result[(slice(None), out, *at)] = (seen * w[out]).sum(tuple(range(1, n + 2)))
    return result


@pytest.mark.parametrize("name", CONV)
def test_conv_is_its_definition(name: str) -> None:
    shape, kernel, options = CONV[name]
    x, w, b = normal(*shape), normal(*kernel), normal(kernel[0])
    batch = x if x.ndim == w.ndim else x[None]
    wanted = written_out(batch, w, **{"stride": 1, "padding": 0, "dilation": 1, "groups": 1, **options})
    wanted = wanted + b.reshape(-1, *(1,) * (w.ndim - 2))
    close(convolve(wrap(x), wrap(w), wrap(b), **options), wanted if x.ndim == w.ndim else wanted[0])


@pytest.mark.parametrize("name", [n for n in CONV if n != "empty batch"])
def test_conv_gradients(name: str) -> None:
    shape, kernel, options = CONV[name]
    check_gradients(lambda x, w, b: convolve(x, w, b, **options), normal(*shape), normal(*kernel), normal(kernel[0]))


@pytest.mark.parametrize("name", CONV)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.filterwarnings("ignore:Using padding")
def test_conv_is_pytorchs(name: str, dtype: str) -> None:
    torch = pytest.importorskip("torch")
    shape, kernel, options = CONV[name]
    arrays = [normal(*s, dtype=dtype) for s in (shape, kernel, (kernel[0],))]
    agree_with_torch(torch, lambda lib, *t: convolve(*t, library=torch.nn.functional if lib is torch else tj, **options), arrays)


def agree_with_torch(torch: Any, function: Any, arrays: list[np.ndarray]) -> None:
    """Equal values, and equal gradients of a weighted sum of squares."""
    limit = 1e-4 if arrays[0].dtype == np.float32 else 1e-10
    ours = [wrap(a).requires_grad_() for a in arrays]
    theirs = [torch.tensor(a, requires_grad=True) for a in arrays]
    result, reference = function(tj, *ours), function(torch, *theirs)
    close(result, reference.detach().numpy(), limit)
    (reference * reference).sum().backward()
    for g, t in zip(grad((result * result).sum(), ours), theirs):
        wanted = t.grad.numpy()
        np.testing.assert_allclose(g.numpy(), wanted, rtol=limit, atol=limit * max(1.0, np.abs(wanted).max(initial=0)))


TRANSPOSED = {
    "plain": ((2, 3, 4, 5), (3, 4, 3, 2), {}),
    "strided": ((2, 3, 4, 5), (3, 4, 3, 2), {"stride": (2, 3), "padding": 1}),
    "output padding": ((2, 3, 4, 5), (3, 4, 3, 2), {"stride": 2, "padding": 1, "output_padding": (1, 0)}),
    "dilated": ((2, 3, 4, 5), (3, 4, 3, 2), {"dilation": (2, 3), "stride": 2}),
    "grouped": ((2, 4, 4, 5), (4, 3, 3, 2), {"groups": 2, "padding": 1}),
    "one axis": ((2, 3, 5), (3, 2, 4), {"stride": 3, "padding": 2, "output_padding": 1}),
    "no batch": ((3, 4, 5), (3, 4, 3, 2), {"bias": True}),
}


def transpose_convolve(x: Any, w: Any, b: Any, library: Any = conv, **options: Any) -> Any:
    options = {k: v for k, v in options.items() if k != "bias"}
    return getattr(library, f"conv_transpose{w.ndim - 2}d")(x, w, b, **options)


@pytest.mark.parametrize("name", TRANSPOSED)
def test_conv_transpose_is_the_adjoint(name: str) -> None:
    """⟨conv(y), x⟩ = ⟨y, conv_transpose(x)⟩."""
    shape, kernel, options = TRANSPOSED[name]
    x, w = normal(*shape), normal(*kernel)
    up = transpose_convolve(wrap(x), wrap(w), None, **options)
    y = normal(*up.shape)
    same = {k: v for k, v in options.items() if k not in ("output_padding", "bias")}
    down = convolve(wrap(y), wrap(w), **same).numpy()
    np.testing.assert_allclose((down * x).sum(), (y * up.numpy()).sum(), rtol=1e-10)


@pytest.mark.parametrize("name", TRANSPOSED)
def test_conv_transpose_gradients(name: str) -> None:
    shape, kernel, options = TRANSPOSED[name]
    outs = kernel[1] * options.get("groups", 1)
    arrays = [normal(*shape), normal(*kernel), normal(outs)]
    check_gradients(lambda x, w, b: transpose_convolve(x, w, b, **options), *arrays)
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    agree_with_torch(torch, lambda lib, *t: transpose_convolve(*t, library=functional if lib is torch else conv, **options), arrays)


UNFOLD = {"plain": {"kernel_size": (2, 3)}, "all": {"kernel_size": (3, 2), "dilation": (1, 2), "padding": (1, 0), "stride": 2}}


@pytest.mark.parametrize("name", UNFOLD)
def test_unfold_and_fold(name: str) -> None:
    options = UNFOLD[name]
    x = normal(2, 3, 6, 7)
    columns = conv.unfold(wrap(x), **options)
    g = normal(*columns.shape)
    back = conv.fold(wrap(g), (6, 7), **options)
    np.testing.assert_allclose((columns.numpy() * g).sum(), (x * back.numpy()).sum(), rtol=1e-10)
    close(conv.unfold(wrap(x[0]), **options), columns.numpy()[0])
    close(conv.fold(wrap(g[0]), (6, 7), **options), back.numpy()[0])
    check_gradients(lambda t: conv.unfold(t, **options), x)
    check_gradients(lambda t: conv.fold(t, (6, 7), **options), g)
    torch = pytest.importorskip("torch")
    close(columns, torch.nn.functional.unfold(torch.tensor(x), **options).numpy())
    close(back, torch.nn.functional.fold(torch.tensor(g), (6, 7), **options).numpy())


def test_small_floats_convolve_in_float32() -> None:
    x, w = normal(1, 8, 6, 6, dtype=np.float16), normal(4, 8, 3, 3, dtype=np.float16)
    close(tj.conv2d(wrap(x), wrap(w)), tj.conv2d(wrap(x.astype("f4")), wrap(w.astype("f4"))).numpy().astype("f2"), 2e-3)


# Pooling

POOL = {
    "plain": ((2, 3, 6, 8), {"kernel_size": 2}),
    "overlapping": ((2, 3, 7, 8), {"kernel_size": 3, "stride": 2}),
    "padded": ((2, 3, 7, 8), {"kernel_size": (3, 2), "stride": (2, 1), "padding": (1, 1)}),
    "whole": ((2, 3, 4, 5), {"kernel_size": (4, 5)}),
    "no batch": ((3, 6, 8), {"kernel_size": 2}),
    "one axis": ((2, 3, 9), {"kernel_size": 3, "stride": 2, "padding": 1}),
    "one axis, no batch": ((3, 9), {"kernel_size": 3}),
}


def windows_of(x: np.ndarray, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, fill: float = 0.0) -> np.ndarray:
    """All windows (…, positions, places), from NumPy's sliding windows."""
    n = 1 if x.ndim == 2 or (x.ndim == 3 and not isinstance(kernel_size, tuple) and x.shape == (2, 3, 9)) else 2
    kernel, dilation, padding = (v if isinstance(v, tuple) else (v,) * n for v in (kernel_size, dilation, padding))
    stride = kernel if stride is None else stride if isinstance(stride, tuple) else (stride,) * n
    x = np.pad(x, [(0, 0)] * (x.ndim - n) + [(p, p) for p in padding], constant_values=fill)
    spans = tuple(d * (k - 1) + 1 for d, k in zip(dilation, kernel))
    seen = np.lib.stride_tricks.sliding_window_view(x, spans, tuple(range(-n, 0)))
    return seen[(..., *(slice(None, None, s) for s in stride), *(slice(None, None, d) for d in dilation))]


def pooled(kind: str, x: Any, library: Any = pool, **options: Any) -> Any:
    n = 1 if x.ndim == 2 or tuple(x.shape) == (2, 3, 9) else 2
    return getattr(library, f"{kind}_pool{n}d")(x, **options)


@pytest.mark.parametrize("name", POOL)
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32"])
def test_max_pool(name: str, dtype: str) -> None:
    shape, options = POOL[name]
    for extra in ({}, {"dilation": 2}) if min(shape[-2:]) > 5 and name != "whole" else ({},):
        x = (normal(*shape) * 10).astype(dtype)
        lowest = -np.inf if dtype != "int32" else np.iinfo(np.int32).min
        seen = windows_of(x, **options, **extra, fill=lowest)
        places = (-1,) if seen.ndim == x.ndim + 1 else (-2, -1)
        close(pooled("max", wrap(x), **options, **extra), seen.max(places))


@pytest.mark.parametrize("name", POOL)
@pytest.mark.parametrize("include", [True, False])
def test_avg_pool(name: str, include: bool) -> None:
    shape, options = POOL[name]
    x = normal(*shape)
    seen, count = windows_of(x, **options), windows_of(np.ones(shape), **options)
    places = (-1,) if seen.ndim == x.ndim + 1 else (-2, -1)
    wanted = seen.mean(places) if include else seen.sum(places) / count.sum(places)
    close(pooled("avg", wrap(x), **options, count_include_pad=include), wanted)


@pytest.mark.parametrize("name", POOL)
def test_pool_gradients(name: str) -> None:
    shape, options = POOL[name]
    x = RNG.permutation(np.prod(shape)).reshape(shape) / 8.0  # no two values near each other
    check_gradients(lambda t: pooled("max", t * t, **options), x)
    check_gradients(lambda t: pooled("avg", t * t, **options, count_include_pad=False), x)


@pytest.mark.parametrize("name", POOL)
def test_pool_is_pytorchs(name: str) -> None:
    """Of values with many ties, so that the gradient of a maximum must go to the same one."""
    torch = pytest.importorskip("torch")
    shape, options = POOL[name]
    x = RNG.integers(0, 3, shape).astype(np.float64)
    functional = torch.nn.functional
    for kind in ("max", "avg"):
        agree_with_torch(torch, lambda lib, t, k=kind: pooled(k, t, functional if lib is torch else pool, **options), [x])
    agree_with_torch(torch, lambda lib, t: pooled("avg", t, functional if lib is torch else pool, **options, count_include_pad=False), [x])


def test_the_gradient_of_a_maximum_goes_to_the_first() -> None:
    x = wrap(np.zeros((1, 1, 4, 4))).requires_grad_()
    (g,) = grad(tj.max_pool2d(x, 2).sum(), x)
    np.testing.assert_array_equal(g.numpy()[0, 0], np.tile([[1, 0], [0, 0]], (2, 2)))


def test_max_pool_keeps_nan_and_infinity() -> None:
    x = np.array([[1.0, np.nan, 2.0, -np.inf, -np.inf, -np.inf, 3.0, np.inf]])
    np.testing.assert_array_equal(tj.max_pool1d(wrap(x), 2).numpy(), [[np.nan, 2, -np.inf, np.inf]])


def test_divisor_override() -> None:
    x = normal(1, 2, 4, 4)
    close(tj.avg_pool2d(wrap(x), 2, divisor_override=3), tj.avg_pool2d(wrap(x), 2).numpy() * 4 / 3)


@pytest.mark.parametrize("size", [1, 2, (3, 4), (4, 3), (None, 2), (6, 8), (5, 7)], ids=str)
def test_adaptive_avg_pool(size: Any) -> None:
    x = normal(2, 3, 6, 8)
    rows, columns = size if isinstance(size, tuple) else (size, size)
    cut = [[(i * e // k, -(-(i + 1) * e // k)) for i in range(k)] for e, k in ((6, rows or 6), (8, columns))]
    wanted = np.stack([np.stack([x[..., a:b, c:d].mean((-2, -1)) for c, d in cut[1]], -1) for a, b in cut[0]], -2)
    close(tj.adaptive_avg_pool2d(wrap(x), size), wanted)
    check_gradients(lambda t: tj.adaptive_avg_pool2d(t, size), x)
    close(tj.adaptive_avg_pool1d(wrap(x[0]), columns), np.stack([x[0][..., a:b].mean(-1) for a, b in cut[1]], -1))


# Interpolation


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_interp_is_numpys(dtype: str) -> None:
    xp = np.sort(normal(7)) * 3
    fp = np.asarray(normal(7) + 1j * normal(7) if dtype == "complex128" else normal(7), dtype)
    x = np.concatenate([normal(20) * 5, xp, [np.nan, np.inf, -np.inf]])
    for options in ({}, {"left": -1.5, "right": 2.5}):
        found = interp(wrap(x), wrap(xp), wrap(fp), **options).numpy()
        np.testing.assert_array_equal(found, np.interp(x, xp, fp, **options))
    np.testing.assert_array_equal(interp(wrap(x), wrap(xp[:1]), wrap(fp[:1])).numpy(), np.interp(x, xp[:1], fp[:1]))
    np.testing.assert_array_equal(interp(wrap(x.reshape(2, 15)), wrap(xp), wrap(fp)).numpy(), np.interp(x.reshape(2, 15), xp, fp))


@pytest.mark.filterwarnings("ignore:invalid value")
def test_interp_through_infinities() -> None:
    xp, fp = np.array([0.0, 1, 2, 3, 4]), np.array([1.0, np.inf, np.inf, -np.inf, 0])
    x = np.linspace(-1, 5, 25)
    np.testing.assert_array_equal(interp(wrap(x), wrap(xp), wrap(fp)).numpy(), np.interp(x, xp, fp))


def test_interp_dtypes() -> None:
    assert interp(wrap(np.zeros(2, "f4")), wrap(np.arange(3, dtype="f4")), wrap(np.zeros(3, "f4"))).dtype == tj.float32
    assert interp(wrap(np.array([1])), wrap(np.arange(3)), wrap(np.arange(3))).dtype == tj.float64


def test_interp_gradients() -> None:
    xp = np.array([0.0, 1.0, 2.5, 4.0])
    check_gradients(interp, np.array([0.3, 1.7, 3.9, -2.0, 9.0]), xp, normal(4))


# Errors

X, W = wrap(normal(2, 4, 6, 6)), wrap(normal(4, 4, 3, 3))
ERRORS = {
    "input rank": (lambda: tj.conv2d(wrap(normal(2, 3)), W), tj.ShapeError, r"4 axes \(N, C, H, W\)"),
    "channels": (lambda: tj.conv2d(X, wrap(normal(4, 3, 3, 3))), tj.ShapeError, "in channels / groups"),
    "groups": (lambda: tj.conv2d(X, wrap(normal(3, 2, 3, 3)), groups=2), tj.ShapeError, "groups divides"),
    "bias": (lambda: tj.conv2d(X, W, wrap(normal(3))), tj.ShapeError, "4 out channels"),
    "window": (lambda: tj.conv2d(X, wrap(normal(4, 4, 7, 7))), tj.ShapeError, "must fit"),
    "same strided": (lambda: tj.conv2d(X, W, padding="same", stride=2), tj.ArgumentError, "stride 1"),
    "padding word": (lambda: tj.conv2d(X, W, padding="full"), tj.ArgumentError, '"valid"'),
    "padding": (lambda: tj.conv2d(X, W, padding=(1, 2, 3)), tj.ArgumentError, "tuple of 2"),
    "stride": (lambda: tj.conv2d(X, W, stride=0), tj.ArgumentError, "at least 1"),
    "output padding": (lambda: conv.conv_transpose2d(X, W, stride=2, output_padding=2), tj.ArgumentError, "smaller than the stride"),
    "transposed channels": (lambda: conv.conv_transpose2d(X, wrap(normal(3, 4, 3, 3))), tj.ShapeError, "in channels"),
    "nothing left": (lambda: conv.conv_transpose2d(wrap(normal(1, 4, 1, 1)), W, padding=2), tj.ShapeError, "Nothing is left"),
    "fold": (lambda: conv.fold(wrap(normal(2, 12, 5)), (4, 4), 2), tj.ShapeError, "a column for each"),
    "ceil_mode": (lambda: tj.max_pool2d(X, 2, ceil_mode=True), tj.ArgumentError, "pad the input"),
    "pool padding": (lambda: tj.max_pool2d(X, 2, padding=2), tj.ArgumentError, "half the kernel"),
    "pool window": (lambda: tj.avg_pool2d(X, 9), tj.ShapeError, "must fit"),
    "pool of complex": (lambda: tj.max_pool2d(wrap(np.zeros((1, 1, 4, 4), complex)), 2), tj.ArgumentError, "real numbers"),
    "pool rank": (lambda: tj.max_pool1d(X, 2), tj.ShapeError, "3 axes"),
    "interp": (lambda: interp(X, wrap(normal(3)), wrap(normal(4))), tj.ShapeError, "one shape"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_teach(name: str) -> None:
    function, kind, text = ERRORS[name]
    with pytest.raises(kind, match=text) as caught:
        function()
    assert "test_conv.py" in str(caught.value)
