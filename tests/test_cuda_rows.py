"""Reductions on a GPU: near the exact value, and of the same bits eagerly and compiled, however their operands lie; for the order of a sum
follows from its shape alone."""

from __future__ import annotations


import itertools
from dataclasses import replace

import numpy as np
import pytest
from support import assert_bits_equal

import tracejit as tj
import tracejit.backend as backends
import tracejit.nn.functional as F
from tracejit.backends.cuda import backend
from tracejit.backends.cuda.text.kernels import print_kernel
from tracejit.backends.cuda.assembler.ptx import ptx_of
from tracejit.backends.cuda.text.schedule import GPU
from tracejit.backends.cuda.simulated.simulator import Simulator
from tracejit.lowering.kernel import Load, Store
from tracejit.op import OPS
from tracejit.ops.gather import index_add_op
from tracejit.spec import DTYPES, SMALL_FLOATS, complex128, float64
from tracejit.tensor import wrap

pytestmark = [pytest.mark.filterwarnings("ignore::RuntimeWarning"), pytest.mark.usefixtures("simulated_gpu")]

SHAPES = {  # a shape, and the axes that are reduced
    "packs of one thread": ((5, 4), (1,)),
    "less than a pack": ((5, 3), (1,)),
    "rows that share a warp": ((7, 40), (1,)),
    "a warp, and a rest": ((2, 131), (1,)),
    "warps": ((2, 512), (1,)),
    "warps, and a rest": ((2, 265), (1,)),
    "all axes": ((3, 4, 5), (0, 1, 2)),
    "axes around a kept one": ((3, 5, 8), (0, 2)),
    "axes around a kept one, in no packs": ((3, 5, 7), (0, 2)),
    "columns": ((40, 35), (0,)),
    "few columns": ((70, 3), (0,)),
    "columns of two axes": ((3, 5, 6), (0, 1)),
    "columns between": ((3, 20, 5), (1,)),
}
LAYOUTS = {  # an array's values, lying so in a GPU's memory
    "contiguous": lambda x: on_gpu(x),
    "transposed": lambda x: on_gpu(np.ascontiguousarray(x.T)).permute(tuple(reversed(range(x.ndim)))),
    "not at a pack": lambda x: on_gpu(np.concatenate([x[..., :1], x], -1))[..., 1:],
    "every other": lambda x: on_gpu(np.stack([x, x], -1))[..., 0],
    "broadcast": lambda x: on_gpu(x[:1]).broadcast_to(x.shape),
}


def draw(shape, dtype=np.float32, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.integers(-3, 3, shape) if np.dtype(dtype).kind in "iub" else rng.normal(size=shape)).astype(dtype)


def on_gpu(array):
    return wrap(array).to("cuda")


def host(tensor):
    return tensor.cpu().detach().numpy()


MIXED = ("rows that share a warp", "warps, and a rest", "axes around a kept one", "columns")  # shapes that are tried in every layout


@pytest.mark.parametrize(("name", "layout"), [(n, k) for n in SHAPES for k in LAYOUTS if n in MIXED or k in ("contiguous", "transposed")])
def test_sums(name, layout):
    """Within two units of rounding of the sum of magnitudes, with the bits of a contiguous operand, fused or not."""
    shape, axes = SHAPES[name]
    x = draw(shape)
    there = LAYOUTS[layout](x)
    values = host(there).astype(np.float64)
    total = host(there.sum(axes))
    assert np.all(np.abs(total - values.sum(axes)) <= 2 * np.spacing(np.abs(values).sum(axes).astype(np.float32)))
    assert_bits_equal(total, host(there.contiguous().clone().sum(axes)))

    def scaled(x):
        return (x * 3 + 1).sum(axes) * 2

    assert_bits_equal(host(tj.compile(scaled)(there)), host(scaled(there)))


# Every op, every dtype


def reductions():
    return [op for op in OPS.values() if op.kind == "reduction"]


@pytest.mark.parametrize("op", reductions(), ids=lambda op: op.name)
def test_every_op_of_every_dtype(op):
    """Of integers and extremes the CPU's very bits; else within a unit of rounding for each element."""
    reduced = getattr(tj, op.name)
    for dtype, (shape, axes) in itertools.product(DTYPES, [((3, 37), (1,)), ((37, 3), (0,)), ((1, 5), (0,))]):
        x = wrap(draw(shape, np.dtype(np.int8) if dtype.kind == "b" else dtype).astype(dtype))
        try:
            here = reduced(x, axis=axes)
        except (TypeError, ValueError):
            continue
        there = reduced(x.to("cuda"), axis=axes)
        assert (there.dtype, there.shape) == (here.dtype, here.shape)
        if dtype.kind in "biu" or op.name in ("max", "min"):
            assert_bits_equal(host(there), here.numpy())
        else:
            rounding = 2.0**-7 if dtype in SMALL_FLOATS else 2.0**-45 if dtype in (float64, complex128) else 2.0**-17
            np.testing.assert_allclose(host(there).astype(complex), here.numpy().astype(complex), rtol=rounding, atol=rounding)


def test_extremes_of_zeros_and_of_nan():
    """A zero's sign and a NaN do not depend on which thread asks: what a row is shifted by is what is stored."""
    x = np.zeros((4, 70), np.float32)
    x[0, 1::2], x[1, ::2], x[2, 69], x[3, 0] = -0.0, -0.0, np.nan, np.inf
    there = on_gpu(x)

    def shifted(x):
        top = x.amax(1, keepdims=True)
        return top, x - top

    for a, b in zip(tj.compile(shifted)(there), shifted(there)):
        assert_bits_equal(host(a), host(b))


# Stages


def layer_norm(x):
    return F.layer_norm(x, (x.shape[-1],))


def rms_norm(x):
    return x * ((x * x).mean(-1, keepdims=True) + 1e-6).rsqrt()


def cross_entropy(x):
    return F.cross_entropy(x, (x[:, 0] > 0).to(tj.int64), reduction="none")


def standardised(x):
    """Of columns."""
    return (x - x.mean(0)) / x.std(0)


def differentiated(function):
    def both(x):
        y, pull_back = tj.vjp(function, x)
        return y, *pull_back(y * 2 - 1)

    both.__name__ = f"{function.__name__} and its gradient"
    return both


STAGED = [tj.softmax, tj.log_softmax, tj.logsumexp, layer_norm, rms_norm, standardised, cross_entropy]
STAGED = [*STAGED, *map(differentiated, [tj.softmax, tj.log_softmax, layer_norm, rms_norm, standardised, cross_entropy])]


@pytest.fixture
def kernels(monkeypatch):
    """The kernels that are printed."""
    found = []

    def seen(kernel, *args):
        found.append(kernel)
        return print_kernel(kernel, *args)

    monkeypatch.setattr(backend, "print_kernel", seen)
    return found


@pytest.fixture
def planned_for(monkeypatch, simulated_gpu):
    """A GPU that has compiled nothing yet, and is planned for so."""

    def device(number, **changes):
        monkeypatch.setattr(backend, "GPU", replace(GPU, **changes))
        found = backend.Cuda(number)
        monkeypatch.setattr(backends, "_loaded", {**backends._loaded, found.name: found})
        return found.name

    return device


def results(function, x):
    found = function(x)
    return [host(t) for t in (found if isinstance(found, tuple) else (found,))]


@pytest.mark.parametrize("shape", [(3, 37), (2, 264)], ids=str)
@pytest.mark.parametrize("function", STAGED, ids=lambda f: f.__name__)
def test_stages(function, shape, kernels, planned_for, monkeypatch):
    """One kernel has the bits of many, whether rows are held or read again. One block walks all rows."""
    monkeypatch.setattr(Simulator, "processors", 0)
    x = wrap(draw(shape))
    eagerly = results(function, x.to(planned_for(1)))
    for found, wanted in zip(eagerly, results(function, x)):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)
    for device in (planned_for(2), planned_for(3, held=0)):
        kernels.clear()
        for a, b in zip(results(tj.compile(function), x.to(device)), eagerly):
            assert_bits_equal(a, b)
        assert sum(k.reduces for k in kernels) == 1, [k.title for k in kernels]


@pytest.mark.parametrize("function", [tj.softmax, layer_norm, rms_norm], ids=lambda f: f.__name__)
def test_memory_is_read_once_and_written_once(function, kernels):
    """In packs, and without a temporary."""
    compiled, x = tj.compile(function), on_gpu(draw((2, 1024)))
    compiled(x)
    (kernel,) = kernels
    assert [type(s) for s in kernel.accesses() if not s.slot.private] == [Load, Store]
    assert "temporaries: 0 bytes" in compiled.plan(x)
    packed, loose = [ptx_of(print_kernel(kernel, packed=packed).text) for packed in (True, False)]
    for access in ("ld.global", "st.global"):
        assert access in packed and packed.count(access) == packed.count(f"{access}.v4") and f"{access}.v4" not in loose


def test_rows_that_are_too_long_are_read_again(kernels):
    x = on_gpu(np.ones((1, 40_000), np.float32))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Simulator, "launch", lambda *args: None)
        tj.compile(tj.softmax)(x)
    (kernel,) = kernels
    assert not any(s.slot.private for s in kernel.accesses())
    assert ptx_of(print_kernel(kernel).text, "sm_80")


def test_puts_in_order_walk_what_lies_behind_side_by_side(kernels):
    """Each thread adds rows at one place in their order, which is the CPU's."""
    places, rows = np.array([3, 0, 3, 3, -1, 0]), draw((6, 10))

    def added(x, places, rows):
        return x.index_add(0, places, rows)

    here = added(tj.ones((4, 10)), wrap(places % 4), wrap(rows))
    assert_bits_equal(host(added(on_gpu(np.ones((4, 10), np.float32)), on_gpu(places % 4), on_gpu(rows))), here.numpy())
    (put,) = [k for k in kernels if k.title == "index_add"]
    assert [axis.extent for axis in put.axes] == [10] and [axis.role for axis in put.stages[0].axes] == ["serial"]


@pytest.mark.parametrize("name", [name for name in SHAPES if "columns" in name or "axes" in name or "warps" in name])
def test_parts(name, planned_for, kernels):
    """What is large and has few rows is cut in parts, by its shape alone: eagerly and fused alike."""
    shape, axes = SHAPES[name]
    x = wrap(draw(shape)).to(planned_for(1, long=8, part=4, parts=8, columns=1))

    def both(x):
        return (x * 3 + 1).sum(axes) * 2, (x * 3).amax(axes)

    eagerly = results(both, x)
    assert any(k.title.endswith("of parts") for k in kernels)
    for a, b in zip(results(tj.compile(both), x), eagerly):
        assert_bits_equal(a, b)
    exact = (host(x).astype(np.float64) * 3 + 1).sum(axes) * 2
    assert np.all(np.abs(eagerly[0] - exact) <= 4 * np.spacing(np.abs(host(x) * 3 + 1).sum(axes) * 2))


@pytest.mark.parametrize("shape", [(9,), (5, 7), (4, 2, 3)], ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.int32], ids=lambda t: t.__name__)
def test_many_additions_are_sums(shape, dtype, kernels):
    """Each place looks for the values that name it, in an order of the shapes alone; negative indices count from the end."""
    rng = np.random.default_rng(0)
    x, values = draw(shape, dtype), draw((80, *shape[1:]), dtype)
    places = rng.integers(-shape[0], shape[0], 80)
    exact = x.astype(np.float64)
    np.add.at(exact, places, values)

    def added(x, places, values):
        return index_add_op(x, values, places)

    operands = [on_gpu(a) for a in (x, places, values)]
    eagerly = host(added(*operands))
    np.testing.assert_allclose(eagerly, exact, rtol=0, atol=0 if dtype is np.int32 else 1e-5)
    assert_bits_equal(host(tj.compile(added)(*operands)), eagerly)
    assert not any(axis.role == "serial" for k in kernels for stage in k.stages for axis in stage.axes)


def test_gradients_of_elements_chosen_on_two_axes():
    rng = np.random.default_rng(0)
    x, g, i, j = draw((5, 4, 2)), draw((6, 12, 2)), rng.integers(0, 5, (6, 12)), rng.integers(-4, 4, (12,))
    exact = np.zeros(x.shape)
    np.add.at(exact, (i, j[None]), g)

    def gradient(x, i, j, g):
        return tj.vjp(lambda x: x[i, j], x)[1](g)[0]

    operands = [on_gpu(a) for a in (x, i, j, g)]
    eagerly = host(gradient(*operands))
    np.testing.assert_allclose(eagerly, exact, rtol=0, atol=1e-5)
    assert_bits_equal(host(tj.compile(gradient)(*operands)), eagerly)


def test_threads_wait_for_what_others_wrote(kernels):
    """A stage that reads what an earlier one left at another place of its row; one that reads it at its own place waits for nobody."""
    x = on_gpu(draw((3, 70)))

    def turned(x):
        y = x - x.mean(1, keepdims=True)
        return y, y + tj.flip(y, (1,)) * (y * y).sum(1, keepdims=True)

    for a, b in zip(results(tj.compile(turned), x), results(turned, x)):
        assert_bits_equal(a, b)
    text = print_kernel(next(k for k in kernels if len(k.stages) > 2)).text
    assert text.count("together()") == 1  # the team is of one warp
