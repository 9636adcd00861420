"""Control ops: laws over the table of `control_bodies.py`, and the errors that teach."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest
from control_bodies import CASES, IN_PYTHON, ONCE, STOPPED, W, newton, real, stencil
from support import assert_bits_equal

import tracejit as tj
from tracejit.autograd import gradcheck, gradgradcheck
from tracejit.control import unknown
from tracejit.graph.text import parse_graph, print_graph
from tracejit.lowering.kernel import Kernel
from tracejit.lowering.steps import Move
from tracejit.tree import flatten

over_the_table = pytest.mark.parametrize("function, args", CASES, ids=lambda v: v.__name__ if callable(v) else "")


def leaves(tree) -> list[tj.Tensor]:
    return flatten(tree)[0]


def loss_of(function):
    def loss(*args):
        return sum(((t * t).sum() for t in leaves(function(*args)) if t.dtype.kind == "f"), tj.asarray(0.0, dtype=tj.float64))

    return loss


def moving(args) -> tuple[int, ...]:
    return tuple(n for n, a in enumerate(args) if isinstance(a, tj.Tensor) and a.dtype.kind == "f")


def executable_of(compiled, *args):
    return compiled._entry(args, {}).executable


@over_the_table
def test_compiled_is_eager_to_the_bit(function, args):
    compiled = tj.compile(function)
    wanted = leaves(function(*args))
    for _ in range(3):
        for found, value in zip(leaves(compiled(*args)), wanted, strict=True):
            assert_bits_equal(found, value, function.__name__)
    assert compiled.cache_info().modes == (("tree",) if function in IN_PYTHON else ("graph",))


@over_the_table
def test_what_is_printed_parses_back(function, args):
    compiled = tj.compile(function)
    compiled(*args)
    if function not in IN_PYTHON:
        text = print_graph(executable_of(compiled, *args).plan.graph, lines=False)
        assert print_graph(parse_graph(text), lines=False) == text


@over_the_table
def test_gradients_are_those_of_differences_to_second_order(function, args):
    where = moving(args)
    if function in STOPPED or not where:
        pytest.skip("nothing to compare")

    def loss(*tensors):
        given = list(args)
        for n, t in zip(where, tensors):
            given[n] = t
        return loss_of(function)(*given)

    inputs = [tj.asarray(args[n].numpy().copy()).requires_grad_() for n in where]
    assert gradcheck(loss, inputs, atol=1e-5, rtol=1e-5)
    if function in ONCE:
        with pytest.raises(tj.GradError, match="inside another loop"):
            gradgradcheck(loss, inputs)
    else:
        assert gradgradcheck(loss, inputs, atol=1e-4, rtol=1e-4)


@over_the_table
def test_gradients_are_equal_eager_and_compiled(function, args):
    where = moving(args)
    if not where:
        pytest.skip("nothing to differentiate")
    gradient = tj.grad(loss_of(function), where)
    compiled, forward = tj.compile(gradient), tj.compile(loss_of(function))
    wanted = gradient(*args)
    for _ in range(2):
        given = [tj.asarray(a.numpy().copy()).requires_grad_() if n in where else a for n, a in enumerate(args)]
        forward(*given).backward()
        for n, value, found in zip(where, wanted, compiled(*args), strict=True):
            assert_bits_equal(found, value, f"grad inside, of {function.__name__}")
            assert function in IN_PYTHON or set(compiled.cache_info().modes) == {"graph"}, compiled._causes.found
            assert_bits_equal(tj.zeros_like(value) if given[n].grad is None else given[n].grad, value, f"backward outside, of {function.__name__}")


CHECKPOINTED = {
    "scan": lambda x, xs, k: tj.scan(lambda c, u: (tj.tanh(c @ W + u), c * 2), x, xs, checkpoint=k),
    "scan in reverse": lambda x, xs, k: tj.scan(lambda c, u: (tj.tanh(c @ W + u), c * 2), x, xs, reverse=True, checkpoint=k),
    "fori_loop": lambda x, xs, k: tj.fori_loop(3, 10, lambda i, c: tj.tanh(c * xs.sum()) + i, x, checkpoint=k),
    "while_loop": lambda x, xs, k: tj.while_loop(lambda s: s[0] < 7, lambda s: (s[0] + 1, tj.tanh(s[1] @ W) + xs[2]), (0, x), checkpoint=k)[1],
    "map": lambda x, xs, k: tj.map(lambda u: u * x, xs, checkpoint=k),
}


@pytest.mark.parametrize("turns", [2, 7])
@pytest.mark.parametrize("name", CHECKPOINTED)
def test_checkpoints_change_memory_not_gradients(name, turns):
    function = CHECKPOINTED[name]
    x, xs = real(4).requires_grad_(), real(7, 4).requires_grad_()
    wanted = tj.grad(loss_of(lambda x, xs: function(x, xs, None)), (0, 1))(x, xs)
    gradient = tj.grad(loss_of(lambda x, xs: function(x, xs, turns)), (0, 1))
    for eager, compiled, value in zip(gradient(x, xs), tj.compile(gradient)(x, xs), wanted, strict=True):
        np.testing.assert_allclose(eager.detach().numpy(), value.detach().numpy(), rtol=1e-12)
        assert_bits_equal(compiled, eager, name)
    assert gradgradcheck(loss_of(lambda x, xs: function(x, xs, turns)), [x, xs], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("rows", [2, 3, 50])
@pytest.mark.parametrize("turns", [0, 1, 2, 5, 9, 21])
def test_gradients_of_unknown_numbers_of_turns_in_few_rows(rows, turns, monkeypatch):
    """Of more turns than rows, and more than their square, the carries are computed again, and are the same."""
    monkeypatch.setattr(unknown, "MOST", rows)
    monkeypatch.setattr(unknown, "FEWEST", 1)

    def loss(x, w, n):
        return (tj.while_loop(lambda s: s[0] < n, lambda s: (s[0] + 1, tj.tanh(s[1] @ w) + s[0]), (0, x))[1] ** 2).sum()

    gradient = tj.grad(loss, (0, 1))
    args = real(4), real(4, 4), tj.asarray(turns)
    compiled = tj.compile(gradient)
    for found, value in zip(compiled(*args), gradient(*args), strict=True):
        assert_bits_equal(found, value, f"{turns} turns in {rows} rows")
    assert compiled.cache_info().modes == ("graph",)


def test_checkpoints_bound_what_is_kept():
    def gradient(k):
        compiled = tj.compile(tj.grad(lambda x: tj.fori_loop(0, 400, lambda i, v: tj.sin(v), x, checkpoint=k).sum()))
        compiled(real(1000))
        return executable_of(compiled, real(1000)).plan.arena

    assert gradient(20) * 5 < gradient(None)


def test_what_is_stopped_has_no_gradient():
    x = real(3).requires_grad_()
    (g,) = tj.autograd.grad(tj.fori_loop(0, 2, lambda i, v: v * v.detach(), x).sum(), [x])
    values = x.detach().numpy()
    np.testing.assert_allclose(g.numpy(), values**2 * values, rtol=1e-12)


def test_python_bools_and_ints_pick():
    assert tj.cond(True, lambda: 1, lambda: 2) == 1
    assert tj.switch(5, [lambda: 1, lambda: 2]) == 2


def test_a_body_may_write_into_its_carry_and_nobody_sees():
    x = real(8)
    before = x.numpy().copy()

    def body(i, v):
        v *= 2
        return v

    for function in (tj.fori_loop, tj.compile(tj.fori_loop)):
        assert_bits_equal(function(0, 3, body, x), tj.asarray(before * 8), "in place")
        np.testing.assert_array_equal(x.numpy(), before)


def test_thousands_of_turns_are_one_small_plan():
    few, many = tj.compile(stencil), tj.compile(stencil)
    few(real(6), 4), many(real(6), 40_000)
    plans = [executable_of(few, real(6), 4).plan, executable_of(many, real(6), 40_000).plan]
    assert len(plans[0].steps) == len(plans[1].steps)
    assert plans[0].arena == plans[1].arena


def test_updates_in_place_copy_nothing():
    compiled = tj.compile(lambda x: tj.fori_loop(0, 9, lambda i, v: v * 0.5 + 1, x))
    compiled(real(64))
    titles = [k.title for k in executable_of(compiled, real(64)).plan.kernels()]
    assert titles == ["copy", "multiply → add"]


PLACES = {
    "element": lambda v, i: v.__setitem__((i, 1), v[i, 0] * 0.5),
    "of the last column": lambda v, i: v.__setitem__((i, -1), v[i, 0] + v[i, 1]),
    "of a row": lambda v, i: v.__setitem__((2, i % 3), v[i, 0] + 1),
    "row": lambda v, i: v.__setitem__(i, v[i] * 2),
}


@pytest.mark.parametrize("name", PLACES)
def test_what_a_turn_writes_goes_where_it_belongs_at_once(name):
    def body(i, v):
        PLACES[name](v, i)
        return v

    x = real(60, 3)
    compiled = tj.compile(lambda x: tj.fori_loop(0, 60, body, x))
    assert_bits_equal(compiled(x), tj.fori_loop(0, 60, body, x), name)
    steps = executable_of(compiled, x).plan.steps
    begin, end = (next(n for n, step in enumerate(steps) if isinstance(step, Move) and step.form == form) for form in ("begin", "end"))
    sizes = [prod(axis.extent for axis in step.axes) for step in steps[begin:end] if isinstance(step, Kernel)]
    assert max(sizes) <= 3, "what is not written is copied"


def test_an_index_out_of_bounds_stops_the_loop_where_the_user_wrote_it():
    def body(i, v):
        return v + real(4)[i]

    compiled = tj.compile(lambda x, n: tj.fori_loop(0, n, body, x))
    compiled(real(3), tj.asarray(4))
    with pytest.raises(IndexError, match="index 4"):
        compiled(real(3), tj.asarray(6))
    assert_bits_equal(compiled(real(3), tj.asarray(4)), tj.fori_loop(0, 4, body, real(3)), "after an error")


def test_a_tensor_changed_from_within_is_changed():
    total = tj.zeros(1, dtype=tj.float64)

    def run(x):
        def body(i, v):
            total.add_(v.sum())
            return v + 1

        return tj.fori_loop(0, 3, body, x)

    run(real(3))
    wanted = total.numpy().copy()
    total.zero_()
    compiled = tj.compile(run)
    for turn in (1, 2):
        compiled(real(3))
        np.testing.assert_allclose(total.numpy(), turn * wanted, rtol=1e-15)


WRONG = [
    (lambda x: tj.fori_loop(0, 3, lambda i, v: tj.concat([v, v]), x), tj.ShapeError, r"shape of the carry: it was \(4,\) and is now \(8,\)"),
    (lambda x: tj.while_loop(lambda v: v["a"].sum() < 9, lambda v: {"a": v["a"].astype(tj.float32)}, {"a": x + 1}), tj.DTypeError, r"carry\['a'\]"),
    (lambda x: tj.fori_loop(0, 3, lambda i, v: (v, v), x), tj.ArgumentError, "another structure"),
    (lambda x: tj.scan(lambda c, u: c, x, x), tj.ArgumentError, "pair"),
    (lambda x: tj.scan(lambda c, u: (c, u), x, (x, W[:3])), tj.ShapeError, "numbers of turns"),
    (lambda x: tj.while_loop(lambda v: v > 0, lambda v: v, x), tj.ShapeError, "must be one bool"),
    (lambda x: tj.map(lambda u: u, x.sum()), tj.ShapeError, "0-d"),
    (lambda x: tj.fori_loop(0, 3, lambda i, v: v, x, checkpoint=0), tj.ArgumentError, "checkpoint=0"),
]


@pytest.mark.parametrize("function, error, message", WRONG)
def test_errors_are_the_same_in_both_modes(function, error, message):
    for run in (function, tj.compile(function)):
        with pytest.raises(error, match=message):
            run(real(4))


def test_branches_must_agree():
    x = real(4)
    with pytest.raises(tj.ShapeError, match="what true_fn returned|what false_fn returned"):
        tj.compile(lambda x: tj.cond(x.sum() > 0, lambda v: v, lambda v: v[:2], x))(x)


def test_a_loop_runs_natively_and_its_gradient_too():
    compiled = tj.compile(newton)
    args = (real(5, low=1), real(5, low=1))
    compiled(*args)
    assert len(executable_of(compiled, *args).steps) == 1


def counting(log):
    def body(i, v):
        log.append(len(log))
        return v + 1

    return lambda x: tj.fori_loop(0, 3, body, x)


def telling():
    def body(i, v):
        print("a turn")
        return v * 2

    return lambda x: tj.cond(x.sum() > 0, lambda v: tj.fori_loop(0, 2, body, v), lambda v: v, x)


def helped(log):
    def helper(v):
        log.append("helped")
        return v + 1

    return lambda x: tj.while_loop(lambda v: v.max() < 5, lambda v: helper(v), x)


@pytest.mark.parametrize("make", [counting, helped])
def test_what_a_body_does_besides_happens_at_each_turn(make):
    eager, log = [], []
    run, compiled = make(eager), tj.compile(make(log))
    for _ in range(3):
        assert_bits_equal(compiled(real(4)), run(real(4)), "with effects")
        assert log == eager


def test_what_a_body_prints_is_printed_at_each_turn(capsys):
    compiled = tj.compile(telling())
    for _ in range(3):
        compiled(real(4) + 3)
        assert capsys.readouterr().out == "a turn\n" * 2
