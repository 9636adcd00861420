"""How convolutions are summed: one order for each shape, whatever op, mode, tile, thread or layout computes them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from support import RELAID, assert_bits_equal

import tracejit as tj
from tracejit.autograd import grad
from tracejit.backends.tiles import REGISTER, text_of
from tracejit.backends import correlations
from tracejit.backends.text.in_python import python_kernel
from tracejit.dispatch import bind
from tracejit.ops import convolution as ops
from tracejit.tensor import wrap

RNG = np.random.default_rng(5)

# input, weight, options: tiles that are whole, cut short, narrow and under a mask; chains of many channels and of part of one
SHAPES: dict[str, tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = {
    "images": ((3, 5, 13, 13), (16, 5, 3, 3), {}),
    "padded": ((2, 4, 14, 14), (7, 4, 3, 3), {"padding": 1}),
    "one position": ((5, 6, 5, 5), (9, 6, 5, 5), {}),
    "few positions": ((2, 33, 4, 4), (10, 33, 3, 3), {"padding": 1}),
    "pixels": ((3, 70, 1, 1), (40, 70, 1, 1), {}),
    "many channels": ((1, 70, 6, 7), (5, 70, 3, 3), {"padding": (1, 2)}),
    "large windows": ((1, 2, 30, 40), (3, 2, 25, 31), {"padding": 3}),
    "strided": ((2, 3, 20, 23), (26, 3, 5, 5), {"stride": 2, "padding": 2}),
    "strided beyond the window": ((2, 3, 13, 11), (4, 3, 2, 2), {"stride": 3}),
    "strided and dilated": ((2, 3, 20, 23), (5, 3, 3, 4), {"stride": (2, 4), "dilation": (4, 2), "padding": 3}),
    "groups": ((2, 12, 9, 9), (20, 3, 3, 3), {"groups": 4, "padding": 1}),
    "depthwise": ((2, 24, 9, 9), (24, 1, 3, 3), {"groups": 24, "padding": 1}),
    "window larger than the image": ((2, 3, 2, 3), (4, 3, 5, 5), {"padding": 2}),
    "padding larger than the window": ((2, 3, 4, 5), (4, 3, 1, 2), {"padding": 4}),
    "long lines": ((2, 4, 5, 37), (6, 4, 2, 3), {"padding": 1}),
    "joined lines": ((2, 5, 6, 7), (13, 5, 1, 1), {}),
    "signals": ((2, 8, 200), (12, 8, 9), {"padding": 4}),
    "volumes": ((2, 3, 6, 7, 8), (4, 3, 3, 2, 3), {"padding": 1, "stride": (1, 2, 1)}),
}


def convolve(x: Any, w: Any, b: Any = None, **options: Any) -> Any:
    return getattr(tj, f"conv{w.ndim - 2}d")(x, w, b, **options)


def drawn(name: str, dtype: str = "float32") -> tuple[list[tj.Tensor], dict[str, Any]]:
    shape, kernel, options = SHAPES[name]
    return [wrap(RNG.standard_normal(s).astype(dtype)) for s in (shape, kernel, kernel[:1])], options


def all_of_it(options: dict[str, Any]) -> Any:
    """The result, and the gradients of a weighted sum of its squares."""

    def function(x: Any, w: Any, b: Any) -> tuple[Any, ...]:
        operands = [t.detach().requires_grad_() for t in (x, w, b)]
        y = convolve(*operands, **options)
        return y, *grad(tj.real(y * y).sum(), operands)

    return function


def complex_of(x: tj.Tensor) -> tj.Tensor:
    """The same numbers in double precision, of a dtype that NumPy convolves: no routine does."""
    return wrap(x.numpy().astype(np.complex128))


@contextmanager
def threads(number: int) -> Iterator[None]:
    before = tj.get_num_threads()
    tj.set_num_threads(number)
    yield
    tj.set_num_threads(before)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", SHAPES)
def test_modes_and_threads_agree_to_the_bit(name: str, dtype: str) -> None:
    operands, options = drawn(name, dtype)
    function = all_of_it(options)
    eager, compiled = function(*operands), tj.compile(function)
    for number in (1, 3):
        with threads(number):
            for got, wanted in zip(compiled(*operands), eager):
                assert_bits_equal(got, wanted, name)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", SHAPES)
def test_sums_are_numpys(name: str, dtype: str) -> None:
    """And so are the gradients of a sum of squares."""
    operands, options = drawn(name, dtype)
    limit = {"float32": 2e-5, "float64": 4e-14}[dtype]
    for got, wanted in zip(all_of_it(options)(*operands), all_of_it(options)(*map(complex_of, operands))):
        close = wanted.detach().numpy().real
        np.testing.assert_allclose(got.detach().numpy(), close, rtol=0, atol=limit * np.abs(close).max())


@pytest.mark.parametrize("name", [n for n, (_, _, options) in SHAPES.items() if "stride" not in options])
def test_both_ops_sum_in_one_order(name: str) -> None:
    """So which of them is taken is a question of speed alone."""
    (x, w, _), options = drawn(name)
    n = w.ndim - 2
    padding = options.get("padding", 0)
    x = ops.framed(x, [(p, p) for p in (padding if isinstance(padding, tuple) else (padding,) * n)])
    attrs = {"dilation": (1,) * n, "groups": options.get("groups", 1)}
    positions = ops.positions_of(x.shape[2:], w.shape[2:], (1,) * n, (1,) * n)
    wide = bind(ops.by_positions, x, w, **attrs).numpy()[(..., *map(slice, positions))]
    last = bind(ops.by_channels, x, w.permute(*range(1, n + 2), 0), stride=(1,) * n, **attrs).numpy()
    assert_bits_equal(np.moveaxis(last, -1, 1), np.ascontiguousarray(wide), name)


@pytest.mark.parametrize("layout", RELAID)
@pytest.mark.parametrize("name", ["padded", "images", "groups", "strided"])
def test_layouts_do_not_count(name: str, layout: str) -> None:
    operands, options = drawn(name)
    relaid = [wrap(RELAID[layout](t.numpy())) for t in operands]
    for got, wanted in zip(all_of_it(options)(*relaid), all_of_it(options)(*(wrap(t.numpy().copy()) for t in relaid))):
        assert_bits_equal(got, wanted, name)


@pytest.mark.parametrize("name", ["padded", "strided", "depthwise"])
def test_what_is_not_finite_stays_in_its_windows(name: str) -> None:
    """Lanes that are computed and not read, and zeros that frame rows, spread nothing: not in the result, not in the weight's gradient."""
    operands, options = drawn(name)
    operands[0].numpy()[0, 0, 3, 4] = np.inf
    operands[0].numpy()[1, 1, 5, 0] = np.nan

    def finite(x: Any, w: Any, b: Any) -> list[np.ndarray]:
        leaf = w.detach().requires_grad_()
        y = convolve(x, leaf, b, **options)
        return [np.isfinite(t.detach().numpy()) for t in (y, *grad(tj.real(y.sum()), [leaf]))]

    with np.errstate(invalid="ignore"):
        for got, wanted in zip(finite(*operands), finite(*map(complex_of, operands))):
            np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("high, vectors, masked", [(1, 3, False), (3, 2, False), (5, 1, False), (2, 1, True)])
@pytest.mark.parametrize("kind", ["f32", "f64"])
def test_text_runs_as_python(kind: str, high: int, vectors: int, masked: bool) -> None:
    """Seven rows by as many columns as a tile and three more, in two chains: what the text says, against a product of matrices."""
    dtype, terms, rows = np.dtype({"f32": "f4", "f64": "f8"}[kind]), 3, 7
    wide = vectors * REGISTER // dtype.itemsize
    columns = 3 if masked else wide + 3
    a, b = RNG.standard_normal((rows, 2 * terms)).astype(dtype), RNG.standard_normal((2 * terms, columns)).astype(dtype)
    c = np.zeros((rows, columns), dtype)
    tiles = 1 if masked else 2
    numbers = [rows, columns, 4, 2, tiles, 1, terms, terms, 2, terms, 1]
    tables = [np.arange(rows) * 2 * terms, np.arange(terms), np.arange(terms) * columns]
    places = [0, 0, terms, 0, 0, terms * columns, 0, 0, columns]
    args = [0, 2 * tiles, a.ravel(), b.ravel(), c.reshape(-1), *tables, *numbers, *places]
    assert python_kernel(text_of(kind, high, vectors, masked, True))(args) == 0
    np.testing.assert_allclose(c, a @ b, rtol=0, atol=20 * np.finfo(dtype).eps)


@pytest.mark.parametrize("high, wide", [*correlations.TILES, (2, 2), (1, 1)])
@pytest.mark.parametrize("kind", ["f32", "f64"])
def test_text_of_lines_runs_as_python(kind: str, high: int, wide: int) -> None:
    """A tile and one row and column more, two images of two lines of eleven: what the text says, against a product of matrices."""
    dtype = np.dtype({"f32": "f4", "f64": "f8"}[kind])
    rows, columns = high + 1, wide + 1
    a, b = (RNG.standard_normal((n, 2, 2, 11)).astype(dtype) for n in (rows, columns))
    c = np.zeros((columns, rows), dtype)
    numbers = [rows, columns, 2, 2, 2, 2, 11, 0, 22, 0, 22, 44, 0, rows]
    args = [0, 4, a.ravel(), b.ravel(), c.reshape(-1), np.arange(rows) * 44, np.arange(2) * 11, np.arange(2) * 11, *numbers]
    text = correlations.text_of(kind, high, wide)
    assert python_kernel(text)(args) == 0
    np.testing.assert_allclose(c, b.reshape(columns, -1) @ a.reshape(rows, -1).T, rtol=0, atol=50 * np.finfo(dtype).eps)


@pytest.mark.parametrize("name", ["images", "strided", "groups"])
def test_gradients_of_gradients(name: str) -> None:
    """Each of the three functions is the gradient of the others: second derivatives are those of the complex road."""
    (x, w, _), options = drawn(name, "float64")

    def curved(x: Any, w: Any) -> Any:
        leaf = [x.detach().requires_grad_(), w.detach().requires_grad_()]
        y = convolve(*leaf, **options)
        first = grad(tj.real(y * y * y).sum(), leaf, create_graph=True)
        return grad(tj.real(sum((g * g).sum() for g in first)), leaf)

    for got, wanted in zip(curved(x, w), curved(complex_of(x), complex_of(w))):
        close = wanted.numpy().real
        np.testing.assert_allclose(got.numpy(), close, rtol=0, atol=1e-10 * np.abs(close).max())
