"""Manipulation: values as NumPy's, views where NumPy's are views, gradients to second order."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

import tracejit as tj

RNG = np.random.default_rng(7)
DTYPES = ["bool", "int8", "uint16", "int64", "float16", "float32", "float64", "complex64"]


def array(shape=(3, 4, 5), dtype="float32"):
    values = RNG.integers(-9, 9, shape) if np.dtype(dtype).kind not in "b" else RNG.integers(0, 2, shape)
    return values.astype(dtype)


def layouts(a):
    """The same values, laid out in memory in different ways."""
    yield a
    yield np.asfortranarray(a)
    wide = np.zeros((*a.shape[:-1], 2 * a.shape[-1]), a.dtype)
    wide[..., ::2] = a
    yield wide[..., ::2]
    yield np.ascontiguousarray(a[::-1])[::-1]


# name, call on tj and a tensor, call on NumPy and an array; whether NumPy's result is a view of a C-contiguous array
VIEWS = [
    ("broadcast_to", lambda t: tj.broadcast_to(t, (2, 3, 4, 5)), lambda a: np.broadcast_to(a, (2, 3, 4, 5))),
    ("broadcast_to itself", lambda t: tj.broadcast_to(t, (3, 4, 5)), lambda a: np.broadcast_to(a, (3, 4, 5))),
    (
        "broadcast_arrays", lambda t: tj.broadcast_arrays(t, tj.ones((2, 1, 1, 1)))[0],
        lambda a: np.broadcast_arrays(a, np.ones((2, 1, 1, 1)))[0],
    ),
    ("expand", lambda t: t.expand(2, -1, -1, 5), lambda a: np.broadcast_to(a, (2, 3, 4, 5))),
    ("expand_dims", lambda t: tj.expand_dims(t, axis=-2), lambda a: np.expand_dims(a, -2)),
    ("expand_dims of two", lambda t: tj.expand_dims(t, axis=(0, 2)), lambda a: np.expand_dims(a, (0, 2))),
    ("unsqueeze", lambda t: t.unsqueeze(-1), lambda a: a[..., None]),
    ("squeeze", lambda t: tj.squeeze(t[:1, :, :1], axis=(0, -1)), lambda a: np.squeeze(a[:1, :, :1], (0, -1))),
    ("squeeze all", lambda t: t[:1, :, :1].squeeze(), lambda a: np.squeeze(a[:1, :, :1])),
    ("flip", lambda t: tj.flip(t), np.flip),
    ("flip one", lambda t: tj.flip(t, axis=1), lambda a: np.flip(a, 1)),
    ("flip method", lambda t: t.flip(0, 2), lambda a: np.flip(a, (0, 2))),
    ("moveaxis", lambda t: tj.moveaxis(t, 0, -1), lambda a: np.moveaxis(a, 0, -1)),
    ("moveaxis of two", lambda t: tj.moveaxis(t, (0, 1), (2, 0)), lambda a: np.moveaxis(a, (0, 1), (2, 0))),
    ("permute_dims", lambda t: tj.permute_dims(t, (2, 0, -2)), lambda a: np.transpose(a, (2, 0, 1))),
    ("permute", lambda t: t.permute(2, 0, 1), lambda a: a.transpose(2, 0, 1)),
    ("matrix_transpose", tj.matrix_transpose, np.matrix_transpose),
    ("mT", lambda t: t.mT, lambda a: a.mT),
    ("T", lambda t: t.T, lambda a: a.T),
    ("transpose", lambda t: tj.transpose(t, 0, 1), lambda a: a.swapaxes(0, 1)),
    ("transpose by name", lambda t: tj.transpose(t, dim0=0, dim1=2), lambda a: a.swapaxes(0, 2)),
    ("transpose of all", lambda t: tj.transpose(t), np.transpose),
    ("transpose to axes", lambda t: tj.transpose(t, (1, 2, 0)), lambda a: np.transpose(a, (1, 2, 0))),
    ("swapaxes", lambda t: tj.swapaxes(t, -1, 0), lambda a: np.swapaxes(a, -1, 0)),
    ("rot90", lambda t: tj.rot90(t), np.rot90),
    ("rot90 twice", lambda t: tj.rot90(t, 2, (1, 2)), lambda a: np.rot90(a, 2, (1, 2))),
    ("rot90 back", lambda t: tj.rot90(t, -1, (2, 0)), lambda a: np.rot90(a, -1, (2, 0))),
    ("rot90 not at all", lambda t: tj.rot90(t, 4), lambda a: np.rot90(a, 4)),
    ("unstack", lambda t: tj.unstack(t, axis=1)[2], lambda a: np.unstack(a, axis=1)[2]),
    ("unbind", lambda t: t.unbind()[1], lambda a: a[1]),
    ("split", lambda t: tj.split(t, 3, dim=1)[1], lambda a: a[:, 3:]),
    ("split to sizes", lambda t: tj.split(t, [1, 3], 1)[1], lambda a: a[:, 1:]),
    ("chunk", lambda t: tj.chunk(t, 2, -1)[1], lambda a: a[..., 3:]),
    ("narrow", lambda t: tj.narrow(t, 1, 1, 2), lambda a: a[:, 1:3]),
    ("narrow from the end", lambda t: t.narrow(2, -3, 2), lambda a: a[..., 2:4]),
    ("diagonal", lambda t: tj.diagonal(t), np.diagonal),
    ("diagonal above", lambda t: tj.diagonal(t, 1, 1, 2), lambda a: np.diagonal(a, 1, 1, 2)),
    ("diagonal below", lambda t: t.diagonal(-2, 2, 0), lambda a: np.diagonal(a, -2, 2, 0)),
    ("diagonal outside", lambda t: tj.diagonal(t, 9), lambda a: np.diagonal(a, 9)),
    ("unfold", lambda t: t.unfold(1, 2, 2), lambda a: sliding_window_view(a, 2, 1)[:, ::2]),
    ("sliding_window_view", lambda t: tj.sliding_window_view(t, (2, 3), (0, 2)), lambda a: sliding_window_view(a, (2, 3), (0, 2))),
    ("atleast_1d", tj.atleast_1d, np.atleast_1d),
    ("atleast_2d of a vector", lambda t: tj.atleast_2d(t[0, 0]), lambda a: np.atleast_2d(a[0, 0])),
    ("atleast_3d of a matrix", lambda t: tj.atleast_3d(t[0]), lambda a: np.atleast_3d(a[0])),
    ("reshape", lambda t: tj.reshape(t, (4, 15)), lambda a: np.reshape(a, (4, 15))),
    ("reshape with -1", lambda t: t.reshape(-1, 5), lambda a: a.reshape(-1, 5)),
    ("flatten", lambda t: t.flatten(1), lambda a: a.reshape(3, 20)),
    ("flatten some", lambda t: tj.flatten(t, 0, 1), lambda a: a.reshape(12, 5)),
    ("ravel", lambda t: tj.ravel(t), np.ravel),
    ("unflatten", lambda t: tj.unflatten(t, 1, (2, -1)), lambda a: a.reshape(3, 2, 2, 5)),
]  # fmt: skip

COPIES = [
    ("concat", lambda t: tj.concat([t, t[:, 1:], t], axis=1), lambda a: np.concatenate([a, a[:, 1:], a], 1)),
    ("concat of flattened", lambda t: tj.concat([t, t], axis=None), lambda a: np.concatenate([a, a], None)),
    ("cat", lambda t: tj.cat((t, t), dim=-1), lambda a: np.concatenate([a, a], -1)),
    ("stack", lambda t: tj.stack([t, t[::-1]], axis=-2), lambda a: np.stack([a, a[::-1]], -2)),
    ("hstack", lambda t: tj.hstack([t, t]), lambda a: np.hstack([a, a])),
    ("hstack of vectors", lambda t: tj.hstack([t[0, 0], t[0, 1]]), lambda a: np.hstack([a[0, 0], a[0, 1]])),
    ("vstack", lambda t: tj.vstack([t[0, 0], t[0]]), lambda a: np.vstack([a[0, 0], a[0]])),
    ("repeat", lambda t: tj.repeat(t, 3), lambda a: np.repeat(a, 3)),
    ("repeat along", lambda t: tj.repeat(t, 2, axis=-1), lambda a: np.repeat(a, 2, -1)),
    ("repeat by counts", lambda t: tj.repeat(t, tj.asarray([1, 0, 2]), axis=0), lambda a: np.repeat(a, [1, 0, 2], 0)),
    ("repeat_interleave", lambda t: t.repeat_interleave(2, dim=1), lambda a: np.repeat(a, 2, 1)),
    ("repeat method", lambda t: t.repeat(2, 1, 1, 3), lambda a: np.tile(a, (2, 1, 1, 3))),
    ("tile", lambda t: tj.tile(t, (2, 3)), lambda a: np.tile(a, (2, 3))),
    ("tile to more axes", lambda t: tj.tile(t, (2, 1, 2, 1)), lambda a: np.tile(a, (2, 1, 2, 1))),
    ("tile to nothing", lambda t: tj.tile(t, (0, 1)), lambda a: np.tile(a, (0, 1))),
    ("roll", lambda t: tj.roll(t, 4), lambda a: np.roll(a, 4)),
    ("roll along", lambda t: tj.roll(t, -7, axis=1), lambda a: np.roll(a, -7, 1)),
    ("roll along two", lambda t: tj.roll(t, (1, 2), axis=(0, 2)), lambda a: np.roll(a, (1, 2), (0, 2))),
    ("roll one by one", lambda t: t.roll(1, (0, 0)), lambda a: np.roll(a, 1, (0, 0))),
    ("diag", lambda t: tj.diag(t[0, 0], 1), lambda a: np.diag(a[0, 0], 1)),
    ("diag of a matrix", lambda t: tj.diag(t[0], -1), lambda a: np.diag(a[0], -1)),
    ("clone", lambda t: t.clone(), np.copy),
    ("reshape of a copy", lambda t: tj.reshape(t, (60,), copy=True), lambda a: a.reshape(60).copy()),
    *[
        (f"pad {mode} {width}", lambda t, m=mode, w=width: tj.pad(t, w, m), lambda a, m=mode, w=width: np.pad(a, w, m))
        for mode in ("constant", "edge", "reflect", "symmetric", "wrap") for width in (2, (1, 3), ((0, 0), (9, 4), (2, 11)))
    ],
]  # fmt: skip
ALL = VIEWS + COPIES
NAMES = [name for name, *_ in ALL]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("name", "ours", "theirs"), ALL, ids=NAMES)
def test_values_are_numpys(name, ours, theirs, dtype):
    for a in layouts(array(dtype=dtype)):
        result, wanted = ours(tj.asarray(a)), theirs(a)
        assert result.dtype == wanted.dtype
        assert result.shape == wanted.shape
        np.testing.assert_array_equal(result.numpy(), wanted)


@pytest.mark.parametrize(("name", "ours", "theirs"), VIEWS, ids=[name for name, *_ in VIEWS])
def test_a_view_is_a_view_exactly_when_numpys_is(name, ours, theirs):
    for a in layouts(array()):
        t = tj.asarray(a)
        assert np.shares_memory(ours(t).numpy(), a) == np.shares_memory(theirs(a), a), a.strides


@pytest.mark.parametrize(("name", "ours", "theirs"), COPIES, ids=[name for name, *_ in COPIES])
def test_a_copy_shares_nothing(name, ours, theirs):
    a = array()
    assert not np.shares_memory(ours(tj.asarray(a)).numpy(), a)


WRITABLE = [(n, o, t) for n, o, t in VIEWS if not n.startswith(("broadcast", "expand", "unfold", "sliding")) or n.startswith("expand_dims")]


@pytest.mark.parametrize(("name", "ours", "theirs"), WRITABLE, ids=[name for name, *_ in WRITABLE])
def test_a_write_through_a_view_changes_the_base(name, ours, theirs):
    a = array()
    t = tj.asarray(a.copy())
    ours(t).fill_(77)
    touched = np.isin(np.arange(60).reshape(3, 4, 5), theirs(np.arange(60).reshape(3, 4, 5)))
    np.testing.assert_array_equal(t.numpy(), np.where(touched, np.float32(77), a))


@pytest.mark.parametrize(
    "make", [lambda t: t.expand(2, 3, 4, 5), lambda t: t.unfold(1, 2, 1), lambda t: tj.broadcast_to(t, (2, 3, 4, 5))[0]]
)
def test_a_write_where_elements_share_memory_is_an_error(make):
    with pytest.raises(RuntimeError, match="clone"):
        make(tj.asarray(array())).zero_()




@pytest.mark.parametrize(("name", "ours", "theirs"), ALL, ids=NAMES)
def test_gradients_to_second_order(name, ours, theirs):
    """These functions are linear, so the gradient of Σ c·f(x)² is fᵀ(2c·f(x)), and that of Σ of it squared again follows."""
    a = RNG.standard_normal((3, 4, 5))
    places = theirs(np.arange(1, 61).reshape(3, 4, 5)) - 1  # −1: padding
    c = RNG.standard_normal(places.shape)

    def adjoint(g):
        flat = np.zeros(61)
        np.add.at(flat, places.reshape(-1), g.reshape(-1))
        return flat[:60].reshape(3, 4, 5)

    def forward(x):
        return np.append(x.reshape(-1), 0.0)[places]

    x = tj.asarray(a).requires_grad_()
    y = (tj.asarray(c) * ours(x) * ours(x)).sum()
    (first,) = tj.autograd.grad(y, x, create_graph=True)
    wanted = adjoint(2 * c * forward(a))
    np.testing.assert_allclose(first.detach().numpy(), wanted, rtol=1e-12, atol=1e-12)
    (second,) = tj.autograd.grad((first * first).sum(), x)
    np.testing.assert_allclose(second.numpy(), adjoint(2 * c * forward(2 * wanted)), rtol=1e-12, atol=1e-12)


def test_concat_promotes_and_keeps_what_it_was_given():
    parts = [tj.asarray([1, 2], dtype=tj.int8), tj.asarray([0.5], dtype=tj.float32), tj.asarray([True])]
    assert tj.concat(parts).dtype == tj.float32
    assert tj.concat(parts).tolist() == [1.0, 2.0, 0.5, 1.0]
    assert tj.stack([parts[0], tj.asarray([1j, 2])]).dtype == tj.complex128 if tj.asarray([1j]).dtype == tj.complex128 else True
    assert tj.concat([parts[0]]).dtype == tj.int8


def test_concat_gradient_of_one_part_only():
    a, b = tj.ones((2, 3)).requires_grad_(), tj.ones((2, 3))
    tj.concat([b, a, b, a * 2], axis=1).sum().backward()
    assert a.grad.tolist() == [[3.0] * 3] * 2
    assert b.grad is None


def test_stack_of_many_is_differentiated_in_one_pass():
    x = tj.ones((4,)).requires_grad_()
    steps = [x * k for k in range(200)]
    tj.stack(steps).sum().backward()
    assert x.grad.tolist() == [float(sum(range(200)))] * 4


EMPTY = [(n, o, t) for n, o, t in ALL if n.split()[0] in {"expand_dims", "flip", "moveaxis", "permute_dims", "T", "mT", "ravel", "clone"}]


@pytest.mark.parametrize(("name", "ours", "theirs"), EMPTY, ids=[name for name, *_ in EMPTY])
def test_empty_tensors(name, ours, theirs):
    a = np.zeros((3, 0, 5), np.float32)
    result, wanted = ours(tj.asarray(a)), theirs(a)
    assert result.shape == wanted.shape and result.size == 0


def test_reshape_copy_argument():
    t = tj.asarray(array())
    assert np.shares_memory(tj.reshape(t, (60,), copy=False).numpy(), t.numpy())
    assert not np.shares_memory(tj.reshape(t, (60,), copy=True).numpy(), t.numpy())
    with pytest.raises(ValueError, match="copy"):
        tj.reshape(t.mT, (60,), copy=False)
    with pytest.raises(ValueError, match="copy"):
        t.mT.view(60)
    assert t.view(-1, 20).shape == (3, 20)


ERRORS = [
    (lambda t: tj.reshape(t, (7, 7)), ValueError, "49|60"),
    (lambda t: tj.reshape(t, (-1, -1)), ValueError, "-1"),
    (lambda t: tj.reshape(t, "ab"), ValueError, "shape"),
    (lambda t: tj.squeeze(t, axis=0), ValueError, "one-long"),
    (lambda t: tj.squeeze(t, axis=5), IndexError, "axis 5"),
    (lambda t: tj.expand_dims(t, axis=9), IndexError, "axis 9"),
    (lambda t: tj.permute_dims(t, (0, 1)), ValueError, "each axis"),
    (lambda t: tj.permute_dims(t, (0, 0, 1)), ValueError, "each axis"),
    (lambda t: tj.moveaxis(t, (0, 0), (1, 2)), ValueError, "moveaxis"),
    (lambda t: tj.matrix_transpose(t[0, 0]), ValueError, "two axes"),
    (lambda t: tj.concat([t, t[:, :2]]), ValueError, "stack"),
    (lambda t: tj.concat([]), ValueError, "no arrays"),
    (lambda t: tj.concat([t[0, 0, 0]]), ValueError, "0-d"),
    (lambda t: tj.stack([t, t[0]]), ValueError, "equal"),
    (lambda t: tj.broadcast_to(t, (3, 4, 6)), ValueError, "broadcast"),
    (lambda t: tj.broadcast_to(t, (4, 5)), ValueError, "broadcast"),
    (lambda t: tj.split(t, [1, 1], 1), ValueError, "add up"),
    (lambda t: tj.split(t, 0), ValueError, "positive"),
    (lambda t: tj.narrow(t, 0, 2, 2), ValueError, "axis"),
    (lambda t: tj.diagonal(t, 0, 1, 1), ValueError, "different"),
    (lambda t: t.unfold(0, 4, 1), ValueError, "windows"),
    (lambda t: tj.repeat(t, [1, 2], axis=0), ValueError, "count"),
    (lambda t: tj.repeat(t, -1), ValueError, "negative"),
    (lambda t: tj.repeat(t, tj.ones(3), axis=0), TypeError, "integer"),
    (lambda t: tj.roll(t, (1, 2), axis=(0, 1, 2)), ValueError, "shift"),
    (lambda t: tj.pad(t, ((1, 1), (2, 2))), ValueError, "pad_width"),
    (lambda t: tj.pad(t, 1, "odd"), ValueError, "mode"),
    (lambda t: tj.pad(tj.zeros((0,)), 1, "edge"), ValueError, "empty"),
    (lambda t: tj.diag(t), ValueError, "vector"),
    (lambda t: tj.flip(t, axis=3), IndexError, "axis 3"),
    (lambda t: tj.unflatten(t, 0, (2, 2)), ValueError, "product"),
    (lambda t: tj.flatten(t, 2, 1), ValueError, "after"),
]


@pytest.mark.parametrize(("call", "kind", "text"), ERRORS, ids=range(len(ERRORS)))
def test_errors_teach_on_the_users_line(call, kind, text):
    with pytest.raises(kind, match=text) as caught:
        call(tj.asarray(array()))
    assert isinstance(caught.value, tj.TracejitError)
    assert __file__ in str(caught.value)


def test_pad_of_a_constant_in_every_dtype():
    assert tj.pad(tj.asarray([1, 2], dtype=tj.int8), 1, constant_values=-3).tolist() == [-3, 1, 2, -3]
    assert tj.pad(tj.asarray([True]), (1, 0)).tolist() == [False, True]


def test_bfloat16_moves_like_the_others():
    t = tj.asarray(array(), dtype=tj.bfloat16)
    for ours, theirs in (
        (lambda x: tj.concat([x, x]), lambda a: np.concatenate([a, a])),
        (lambda x: tj.roll(x, 1), lambda a: np.roll(a, 1)),
    ):
        assert ours(t).dtype == tj.bfloat16
        np.testing.assert_array_equal(ours(t).numpy(), theirs(t.numpy()))


@pytest.mark.parametrize(("name", "ours", "theirs"), ALL, ids=NAMES)
def test_compiled_gives_the_same_bits(name, ours, theirs):
    def step(x):
        y = ours(x)
        (y * y).sum().backward()
        return y

    a = RNG.standard_normal((3, 4, 5)).astype(np.float32)
    results = []
    for function in (step, tj.compile(step)):
        for values in (a, np.asfortranarray(a)):
            x = tj.asarray(values.copy("K")).requires_grad_()
            y = function(x)
            results.append((y.detach().numpy().tobytes(), x.grad.numpy().tobytes()))
    assert results[:2] == results[2:]
