"""Pure functions that eager mode runs as one program: the bits, errors and effects are those of their ops one by one."""

from __future__ import annotations

import copy
import gc
import threading
import weakref

import numpy as np
import pytest

import tracejit as tj
import tracejit.nn.functional as F
from tracejit import whole
from tracejit.backends.native import jit
from tracejit.backends.native.jit import compiled_count
from tracejit.dispatch import assign
from tracejit.nn.functional.linear import affine
from tracejit.ops.convolution import weight_sums
from tracejit.vjp import COMPOSITES
from tracejit.whole import Whole

DRAW = np.random.default_rng(5)
CLASSES = np.array([0, 2, 1, 2], np.int64)


def floats(*shape, dtype=np.float32):
    return DRAW.normal(size=shape).astype(dtype)


COMPOSITE_CALLS = {
    "linear": [
        lambda: (F.linear, floats(4, 3), floats(5, 3), floats(5)),
        lambda: (F.linear, floats(4, 3), floats(5, 3)),
        lambda: (F.linear, floats(2, 4, 3), floats(5, 3), floats(5)),
        lambda: (F.linear, floats(3), floats(5, 3), floats(5)),
        lambda: (F.linear, floats(4, 3, dtype=np.float64), floats(5, 3), floats(5)),
        lambda: (F.linear, floats(3, 4).T, floats(3, 5).T, floats(1)),
        lambda: (F.linear, floats(0, 3), floats(5, 3), floats(5)),
        lambda: (F.linear, floats(4, 3).astype(np.float16), floats(5, 3).astype(np.float16)),
        lambda: (F.linear, floats(4, 3) + 1j * floats(4, 3), floats(5, 3) + 1j * floats(5, 3)),
    ],
    "layer_norm": [
        lambda: (lambda x, w, b: F.layer_norm(x, (6,), w, b), floats(2, 3, 6), floats(6), floats(6)),
        lambda: (lambda x, w: F.layer_norm(x, (3, 6), w), floats(2, 3, 6), floats(3, 6)),
        lambda: (lambda x: F.layer_norm(x, (6,), eps=0.1), floats(6)),
        lambda: (lambda x: F.layer_norm(x, (4,)), floats(4, 5, dtype=np.float64).T),
        lambda: (lambda x, w: F.layer_norm(x, (6,), w, w), floats(3, 6).astype(np.float16), floats(6).astype(np.float16)),
    ],
    "cross_entropy": [
        *(lambda r=r: (lambda x: F.cross_entropy(x, tj.asarray(CLASSES), reduction=r), floats(4, 3)) for r in ("mean", "sum", "none")),
        lambda: (lambda x: F.cross_entropy(x, tj.asarray(CLASSES), ignore_index=2), floats(4, 3)),
        lambda: (lambda x: F.cross_entropy(x, tj.asarray(CLASSES), tj.asarray(np.float32([1, 2, 3]))), floats(4, 3)),
        lambda: (lambda x: F.cross_entropy(x, tj.asarray(CLASSES[:3]).reshape((1, 3))), floats(1, 4, 3)),
        lambda: (lambda x: F.cross_entropy(x, tj.asarray(np.int32(1))), floats(4, dtype=np.float64)),
    ],
}
STRIDED = {"stride": (1, 2), "padding": (1, 2), "dilation": (2, 1)}
COMPOSITE_CALLS |= {
    "convolution": [
        lambda: (F.conv2d, floats(2, 3, 5, 6), floats(4, 3, 2, 3), floats(4)),
        lambda: (lambda x, w: F.conv2d(x, w, None, **STRIDED), floats(2, 3, 5, 6), floats(4, 3, 2, 3)),
        lambda: (lambda x, w: F.conv1d(x, w, groups=2), floats(4, 9, dtype=np.float64), floats(6, 2, 3)),
        lambda: (F.conv1d, floats(2, 3, 6) + 1j * floats(2, 3, 6), floats(2, 3, 3) + 1j * floats(2, 3, 3)),
    ],
    "transposed_convolution": [
        lambda: (lambda x, w, b: F.conv_transpose2d(x, w, b, **STRIDED), floats(2, 4, 4, 3), floats(4, 3, 2, 3), floats(3)),
        lambda: (lambda x, w: F.conv_transpose1d(x, w, None, 3, groups=2), floats(1, 4, 3), floats(4, 2, 2)),
    ],
    "convolution_weight_sums": [
        lambda: (lambda x, y: weight_sums(x, y, kernel=(2, 3), stride=(2, 1), padding=((1, 0), (0, 2)), dilation=(1, 2), groups=1),
                 floats(2, 3, 6, 7), floats(2, 4, 3, 5)),
        lambda: (lambda x, y: weight_sums(x, y, kernel=(3,), stride=(1,), padding=((0, 0),), dilation=(1,), groups=2), floats(2, 4, 6), floats(2, 6, 4)),
    ],
    "max_pool": [
        lambda: (lambda x: F.max_pool2d(x, 2), floats(2, 3, 4, 6)),
        lambda: (lambda x: F.max_pool2d(x, 3, 2, 1), floats(2, 5, 7)),
        lambda: (lambda x: F.max_pool1d(x, 2, 1, dilation=2), floats(1, 2, 7, dtype=np.float64)),
    ],
}  # fmt: skip
OUTSIDE = tj.asarray(floats(4))
CASES = [pytest.param(make, id=f"{name}-{i}") for name, makes in COMPOSITE_CALLS.items() for i, make in enumerate(makes)]

OPTIMISERS = {
    "adam": lambda p: tj.optim.Adam(p, weight_decay=0.1),
    "adam-amsgrad": lambda p: tj.optim.Adam(p, amsgrad=True, maximize=True),
    "adamw": lambda p: tj.optim.AdamW(p),
    "sgd": lambda p: tj.optim.SGD(p, lr=0.1),
    "sgd-nesterov": lambda p: tj.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
    "sgd-dampened": lambda p: tj.optim.SGD(p, lr=0.1, momentum=0.9, dampening=0.5),
    "rmsprop": lambda p: tj.optim.RMSprop(p, momentum=0.9, centered=True),
    "adagrad": lambda p: tj.optim.Adagrad(p, lr_decay=0.1),
}


@pytest.fixture
def at_once(monkeypatch):
    """Programs are built at the first call."""
    monkeypatch.setattr(whole, "LATE", 0)


def bits(*tensors):
    return [(t.shape, t.dtype, np.ascontiguousarray(t.detach().numpy()).tobytes()) for t in tensors]


def outcome(function, *arrays):
    """The bits of the result and of all gradients."""
    leaves = [tj.asarray(a).requires_grad_() for a in arrays]
    y = function(*leaves)
    tj.autograd.backward(y, tj.asarray(np.linspace(0.5, 1, y.size).reshape(y.shape).astype(y.dtype)))
    return bits(y, *(leaf.grad for leaf in leaves))


def test_every_composite_is_in_the_table():
    assert set(COMPOSITE_CALLS) == set(COMPOSITES)


@pytest.mark.parametrize("make", CASES)
def test_a_composite_gives_the_same_bits_op_by_op_and_as_one_program(make, monkeypatch):
    function, *arrays = make()
    op_by_op = outcome(function, *arrays)
    monkeypatch.setattr(whole, "LATE", 0)
    assert [outcome(function, *arrays) for _ in range(3)] == [op_by_op] * 3


@pytest.mark.parametrize("make", CASES)
def test_the_gradient_of_a_composite_is_differentiable(make, at_once):
    function, *arrays = make()
    if all(a.dtype == np.float16 for a in arrays):
        pytest.skip("too coarse for finite differences")
    wide = [tj.asarray(a.astype(np.complex128 if a.dtype.kind == "c" else np.float64)).requires_grad_() for a in arrays]
    assert tj.autograd.gradcheck(function, wide)
    assert tj.autograd.gradgradcheck(function, wide)


def trained(make, steps, rate_at=None):
    draw = np.random.default_rng(3)
    params = [tj.asarray(draw.normal(size=shape).astype(dtype)).requires_grad_() for shape, dtype in (((3, 2), "f4"), ((4,), "f8"), ((), "f4"))]
    optimizer = make(params)
    for step in range(steps):
        if step == rate_at:
            optimizer.param_groups[0]["lr"] = 0.01
        for p in params:
            p.grad = tj.asarray(draw.normal(size=p.shape).astype(p.dtype))
        optimizer.step()
    return params, optimizer


@pytest.mark.parametrize("make", OPTIMISERS.values(), ids=OPTIMISERS)
def test_an_optimiser_gives_the_same_bits_op_by_op_and_as_one_program(make, monkeypatch):
    found = []
    for late in (whole.LATE, 0):
        monkeypatch.setattr(whole, "LATE", late)
        params, optimizer = trained(make, 5, rate_at=3)
        states = [t for p in params for t in optimizer.state[p].values()]
        found.append(bits(*params, *states))
    assert found[0] == found[1]


def programs(known: Whole):
    return [p for p in known.known.values() if not isinstance(p, tuple)]


@pytest.mark.parametrize("make", OPTIMISERS.values(), ids=OPTIMISERS)
def test_every_optimiser_becomes_one_program(make, at_once):
    _, optimizer = trained(make, 3)
    (clock,) = optimizer.param_groups[0].clocks
    (program,) = programs(clock.whole)
    assert program is not None


def test_a_step_is_seen_by_saved_values(at_once):
    params, optimizer = trained(OPTIMISERS["sgd"], 2)
    y = (params[0] * params[0]).sum()
    for p in params:
        p.grad = tj.ones_like(p)
    optimizer.step()
    with pytest.raises(tj.errors.GradError, match="changed in place"):
        y.backward()


def test_what_a_program_writes_may_be_shared_with_what_it_reads(at_once):
    p = tj.ones(3).requires_grad_()
    optimizer = tj.optim.SGD([p], lr=0.5)
    for g in (tj.ones(3), tj.ones(3), p.detach(), p.detach()[::-1]):
        expected = p.detach().numpy() - 0.5 * g.numpy()
        p.grad = g
        optimizer.step()
        assert np.array_equal(p.detach().numpy(), expected)


class Counting(tj.optim.SGD):
    """Its rule depends on Python, so that no program may stand for it."""

    def update(self, param, grad, state, scalars, group):
        self.calls = getattr(self, "calls", 0) + 1
        assign(param, param - self.calls)


def test_a_subclass_with_a_rule_of_its_own_is_run_by_python(at_once):
    params, optimizer = trained(Counting, 4)
    assert not optimizer.pure and optimizer.calls == 4 * len(params)
    assert tj.optim.AdamW.pure


@pytest.fixture
def empty_store(monkeypatch, tmp_path):
    """No kernel is known, and none kept on disk."""
    monkeypatch.setenv("TRACEJIT_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(jit, "_addresses", {})


def double(known: Whole, times: int):
    for _ in range(times):
        x = tj.ones(7)
        assert bits(known.run(lambda: x + x, [x], "double")) == bits(x + x)


def test_a_program_that_needs_a_compiler_is_built_late(empty_store, monkeypatch):
    monkeypatch.setattr(whole, "LATE", whole.SOON + 9)
    known, before = Whole(), compiled_count()
    double(known, whole.LATE)
    assert not programs(known) and compiled_count() == before
    double(known, 1)
    assert len(programs(known)) == 1 and compiled_count() == before + 1


def test_a_function_that_takes_long_waits_for_fewer_calls(empty_store, monkeypatch):
    monkeypatch.setattr(whole, "LONG", 0.0)
    known, before = Whole(), compiled_count()
    double(known, 2)
    assert len(programs(known)) == 1 and compiled_count() == before + 1


def test_a_step_is_taken_once_where_its_program_waits_for_a_compiler(empty_store, monkeypatch):
    found = []
    for soon in (whole.SOON, 100):
        monkeypatch.setattr(whole, "SOON", soon)
        found.append(bits(*trained(OPTIMISERS["sgd"], 30)[0]))
    assert found[0] == found[1]


def test_a_program_of_known_kernels_is_built_soon():
    double(Whole(), whole.LATE + 1)
    known, before = Whole(), compiled_count()
    double(known, whole.SOON)
    assert not programs(known)
    double(known, 1)
    assert len(programs(known)) == 1 and compiled_count() == before


def test_layouts_and_keys_have_programs_of_their_own(at_once):
    known = Whole()
    whole_arrays = floats(6, 4), floats(4, 6).T, floats(12, 4)[::2], floats(6, 4, dtype=np.float64)
    for array in whole_arrays * 2:
        for factor in (2, 3):
            x = tj.asarray(array)
            y = known.run(lambda: x * factor, [x], factor)
            assert bits(y) == bits(x * factor)
    assert len(programs(known)) == 2 * len(whole_arrays)


def test_a_new_shape_compiles_no_kernel(at_once):
    counts = []
    for rows in (3, 5, 7, 11):
        outcome(F.linear, floats(rows, 6), floats(4, 6), floats(4))
        counts.append(compiled_count())
    assert counts[1:] == counts[1:2] * 3


def test_programs_are_bounded(at_once):
    known = Whole()
    for n in range(whole.LIMIT + 5):
        x = tj.ones(3)
        known.run(lambda: x + x, [x], n)
    assert len(known.known) == whole.LIMIT


def test_one_tensor_in_two_places_is_right_before_and_after(at_once):
    known = Whole()
    a, b = tj.asarray(floats(3)), tj.asarray(floats(3))
    for x, y in ((a, a), (a, b), (b, b), (a, b)):
        assert bits(known.run(lambda: x - 2 * y, [x, y], "")) == bits(x - 2 * y)


@pytest.mark.parametrize(
    "function",
    [lambda x: x[::2], lambda x: x, lambda x: x * 2 if float(x.sum()) > 0 else -x, lambda x: x * OUTSIDE, lambda x: tj.nonzero(x)[0]],
    ids=["view", "same", "value", "capture", "dynamic"],
)
def test_what_a_graph_cannot_give_is_run_op_by_op(function, at_once):
    known = Whole()
    for _ in range(3):
        x = tj.ones(4)
        assert bits(known.run(lambda: function(x), [x], "")) == bits(function(x))
    assert programs(known) == [None]


def test_errors_are_those_of_the_ops(at_once):
    known = Whole()
    x, index = tj.asarray(floats(3)), tj.asarray(np.array([0, 2]))
    for position in (2, 1, 9, 2):
        index.numpy()[1] = position
        if position == 9:
            with pytest.raises(IndexError):
                known.run(lambda: x[index], [x, index], "")
        else:
            assert bits(known.run(lambda: x[index], [x, index], "")) == bits(x[index])
    with pytest.raises(tj.errors.ShapeError):
        F.linear(tj.ones(2, 3), tj.ones(4, 5))
    with pytest.raises(tj.errors.IndexingError, match="out of bounds"):
        F.cross_entropy(tj.ones(2, 3), tj.asarray(np.array([0, 3])))


def test_a_copy_learns_for_itself(at_once):
    _, optimizer = trained(OPTIMISERS["adam"], 2)
    other = copy.deepcopy(optimizer)
    (clock,), (copied,) = optimizer.param_groups[0].clocks, other.param_groups[0].clocks
    assert programs(clock.whole) and not copied.whole.known
    kept = bits(*clock.params)
    for p in copied.params:
        p.grad = tj.ones_like(p)
    other.step()
    assert programs(copied.whole) != [None] and bits(*clock.params) == kept and bits(*copied.params) != kept


def test_programs_go_with_what_they_belong_to(at_once):
    _, optimizer = trained(OPTIMISERS["sgd"], 2)
    (clock,) = optimizer.param_groups[0].clocks
    gone = weakref.ref(programs(clock.whole)[0])
    del optimizer, clock, _
    gc.collect()
    assert gone() is None


def test_a_compiled_function_sees_the_ops(at_once):
    x, w = tj.asarray(floats(4, 3)), tj.asarray(floats(5, 3))
    outcome(F.linear, floats(4, 3), floats(5, 3))
    compiled = tj.compile(lambda x, w: F.linear(x, w).relu())
    assert bits(compiled(x, w)) == bits(F.linear(x, w).relu())
    assert "matmul" in compiled.graph(x, w)


def test_several_threads_get_right_results(at_once):
    affine.whole.known.clear()
    x, w = tj.asarray(floats(8, 3)), tj.asarray(floats(5, 3))
    expected, wrong = bits(F.linear(x, w)), []

    def work():
        wrong.extend(r for r in (bits(F.linear(x, w)) for _ in range(50)) if r != expected)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong
