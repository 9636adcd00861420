"""What a replay must do again, beside its values: whose gradient, which exception, whose memory."""

from __future__ import annotations

import numpy as np
import pytest
from support import assert_bits_equal

import tracejit as tj
from tracejit.op import OPS, Elementwise, Reduction
from tracejit.spec import DTYPES, TensorSpec


def data(*shape: int, seed: int = 0) -> tj.Tensor:
    return tj.asarray(np.random.default_rng(seed).standard_normal(shape))


# Gradients


def squares(x):
    loss = (x * x).sum()
    loss.backward()
    return loss.detach()


def test_each_call_gives_its_gradient_to_its_own_argument():
    f = tj.compile(squares)
    for seed in range(3):
        x = data(4, seed=seed).requires_grad_()
        f(x)
        assert_bits_equal(x.grad, 2 * x.detach())
    assert f.trace_count == 1


def test_a_grad_that_is_there_is_added_to_and_none_is_replaced():
    f = tj.compile(squares)
    x = data(4).requires_grad_()
    wanted = tj.zeros(4, dtype=tj.float64)
    for call in range(7):
        if call in (3, 4):
            x.grad, wanted = None, tj.zeros(4, dtype=tj.float64)
        f(x)
        wanted += 2 * x.detach()
        assert_bits_equal(x.grad, wanted)
    assert f.trace_count == 2


def test_a_captured_leaf_gathers_gradients_over_calls():
    w = data(4).requires_grad_()
    f = tj.compile(lambda x: squares(x * w))
    total = tj.zeros(4, dtype=tj.float64)
    for seed in range(4):
        x = data(4, seed=seed)
        f(x)
        total += 2 * x * (x * w.detach())
        assert_bits_equal(w.grad, total)
    assert f.trace_count == 2
    kept = w.grad
    f(data(4))
    assert w.grad is kept


# Dtypes that an op does not take

REFUSING = [op for op in OPS.values() if isinstance(op, (Elementwise, Reduction))]


@pytest.mark.parametrize("op", REFUSING, ids=lambda op: op.name)
def test_eager_refuses_the_dtypes_that_a_trace_refuses(op):
    attrs = {"axes": (0,)} if isinstance(op, Reduction) else {"cast": {"dtype": tj.float32}, "polygamma": {"n": 1}}.get(op.name, {})
    for dtype in DTYPES:
        operands = [tj.ones(2, dtype=tj.bool if op.name == "where" and i == 0 else dtype) for i in range(getattr(op, "arity", 1))]
        try:
            op.spec(*(TensorSpec(x.shape, x.dtype) for x in operands), **attrs)
        except tj.DTypeError as refusal:
            with pytest.raises(tj.DTypeError, match=str(refusal).split("\n")[0].replace("(", r"\(")):
                op(*operands, **attrs)


def test_writing_to_an_empty_view_changes_nothing():
    base = tj.zeros((3, 0))

    def program(part):
        part[...] = 1.0
        return base * 2

    assert_bits_equal(tj.compile(program)(base[1:]), tj.zeros((3, 0)))


# Arguments that are changed while their old contents are still needed


def read_beside_a_write(x, y):
    old = tj.abs(x.reshape(x.shape))
    x *= 2.0
    return old + 0 * y


def swapped(x, y):
    old, new = x[::-1], x * 2.0
    x[...] = y
    y[...] = new
    return old + x


def rotated(x, y):
    first, shown = x * 2.0, x[::-1]
    y[...] = shown
    x[...] = first
    return x + y


def shifted(x, y):
    x[1:] = x[:-1]
    y[:-1] = x[1:] * y[1:]
    y[::2] += y[1::2]
    return x[::-1]


def summed_then_written(x, y):
    total = x.sum()
    x -= total
    y[...] = y[::-1] + x
    x += y.sum()
    return total


def through_views(x, y):
    part = x[1:5]
    part *= 2.0
    inner = part[::-2]
    inner += y[: inner.shape[0]]
    x[:3] = part[1:]
    return inner, part


def cumulated(x, y):
    x[...] = tj.cumsum(x[::-1])
    y[2:] = x[:-2]
    x[...] = tj.sort(y)[::-1] + x
    return y * x


def moved_by_itself(x, y):
    place = (x * 100).astype(tj.int64) % 3
    place[place] = place[::-1] - 1
    x[place % 6] -= y
    return place


CHANGING = [moved_by_itself, read_beside_a_write, swapped, rotated, shifted, summed_then_written, through_views, cumulated]


@pytest.mark.parametrize("program", CHANGING, ids=lambda f: f.__name__)
def test_old_contents_are_read_before_they_are_overwritten(program):
    f = tj.compile(program)
    for seed in range(3):
        mine, theirs = ([data(6, seed=seed), data(6, seed=seed + 9)] for _ in range(2))
        found, wanted = f(*mine), program(*theirs)
        for a, b in zip([*mine, *as_tuple(found)], [*theirs, *as_tuple(wanted)]):
            assert_bits_equal(a, b)
    assert f.trace_count == 1


def as_tuple(result):
    return result if isinstance(result, tuple) else (result,)


def test_leaves_made_in_the_function_have_gradients_and_are_replayed():
    def program(x):
        leaf = x.detach().requires_grad_()
        (leaf**3).sum().backward()
        return leaf.grad

    f = tj.compile(program)
    for seed in range(3):
        assert_bits_equal(f(data(4, seed=seed)), program(data(4, seed=seed)))
    assert f.cache_info().modes == ("graph",)

    def returned(x):
        leaf = x.detach().requires_grad_()
        (leaf**3).sum().backward()
        return leaf

    f = tj.compile(returned)
    for seed in range(3):
        assert_bits_equal(f(data(4, seed=seed)).grad, returned(data(4, seed=seed)).grad)


# Exceptions that depend on values


def unread_index(x, i):
    x += 1
    x[i]  # nobody reads it
    x += 1
    return x * 2


def unread_power(x, i):
    x += 1
    i ** (i - 1)
    return x


def inverse_between(x, i):
    x += 1
    y = tj.linalg.inv(x[:1, None] - x[i[:1], None])
    x += 1
    return y


def after_an_observation(x, i):
    y = x * float(x[0])
    return y[i]


GOOD, BAD = [1, 2], [9, -1]
RAISING = [(unread_index, BAD), (unread_power, BAD), (inverse_between, [0]), (after_an_observation, BAD)]


@pytest.mark.parametrize("program, bad", RAISING, ids=lambda p: getattr(p, "__name__", ""))
def test_values_that_make_eager_raise_do_so_at_the_trace_and_at_a_replay(program, bad):
    for calls in ([bad], [GOOD, bad], [bad, GOOD, bad, bad, GOOD]):
        f = tj.compile(program)
        mine, theirs = data(4), data(4)
        for index in calls:
            found = outcome(f, mine, tj.asarray(index))
            wanted = outcome(program, theirs, tj.asarray(index))
            assert found == wanted
            assert_bits_equal(mine, theirs)


def outcome(function, *args):
    try:
        return function(*args).tolist()
    except (ValueError, IndexError, np.linalg.LinAlgError) as error:
        return type(error), str(error).split("\n")[0]


# Tensors from outside that show one memory


def test_views_of_tensors_that_share_memory_are_views_of_the_right_one():
    def world():
        whole = data(9, 5)
        return whole, whole[1:], whole[:4]

    def reads(whole, later, first):
        return later[0], whole[0], first[0], later.mT.sum(axis=0), whole[2:] * 2, first[::-1]

    def writes(whole, later, first):
        below = later.mT < 0
        first[...] *= 2.0
        whole[...] //= -1.5
        return below, later[1:], whole[1]

    for program in (reads, writes):
        for order in ((0, 1, 2), (2, 1, 0), (1, 0, 2)):
            mine, theirs = world(), world()

            def captured(tensors, program=program, order=order):
                return lambda: program(*tensors) if order[0] == 0 else (*(tensors[k][0] for k in order), *program(*tensors))

            f = tj.compile(captured(mine))
            for _ in range(2):
                for found, wanted in zip([*f(), *mine], [*captured(theirs)(), *theirs]):
                    assert_bits_equal(found, wanted)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_numbers_beside_small_floats_are_rounded_to_them(dtype):
    """Also where they are constants of a kernel, and not memory."""
    dtype = getattr(tj, dtype)

    def function(x):
        return x * 0.6931471805599453 + 0.1, tj.full((3,), 0.3, dtype=dtype) * x - x / 0.7

    x = tj.asarray([1.1, 2.3, -0.7]).astype(dtype)
    compiled = tj.compile(function)
    for _ in range(3):
        for got, wanted in zip(compiled(x), function(x)):
            assert_bits_equal(got, wanted)
