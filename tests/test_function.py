"""`autograd.Function`: operations whose backward the user writes."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

import tracejit as tj
from tracejit import autograd
from tracejit.autograd import Function, gradcheck, gradgradcheck
from tracejit.autograd.function import once_differentiable


def leaf(*values: float) -> tj.Tensor:
    return tj.tensor(list(values), dtype=tj.float64, requires_grad=True)


class Square(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * 2 * x


class Exp(Function):
    @staticmethod
    def forward(ctx, x):
        y = tj.exp(x)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, g):
        return g * ctx.saved_tensors[0]


class Scale(Function):
    """Arguments that are no tensors, by the newer form."""

    @staticmethod
    def forward(x, factor, name):
        return x * factor

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.factor = inputs[1]

    @staticmethod
    def backward(ctx, g):
        return g * ctx.factor, None, None


class SumAndDifference(Function):
    @staticmethod
    def forward(ctx, a, b):
        return a + b, a - b

    @staticmethod
    def backward(ctx, to_sum, to_difference):
        return to_sum + to_difference, to_sum - to_difference


RIGHT = {
    "saves an input": (Square.apply, 1), "saves an output": (Exp.apply, 1), "setup_context": (lambda x: Scale.apply(x, 3.0, "three"), 1),
    "several outputs": (SumAndDifference.apply, 2), "one of several outputs": (lambda a, b: SumAndDifference.apply(a, b)[1], 2),
    "composed": (lambda x: Exp.apply(Square.apply(x)) * x, 1),
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT)
def test_backward_gives_the_gradients_and_can_be_differentiated(name):
    function, count = RIGHT[name]
    inputs = tuple(leaf(0.5 + i, -1.0) for i in range(count))
    assert gradcheck(function, inputs) and gradgradcheck(function, inputs)


def test_third_derivative_of_a_function_that_saves_its_output():
    x = leaf(0.5)
    g = Exp.apply(x)
    for _ in range(3):
        (g,) = autograd.grad(g.sum(), x, create_graph=True)
    np.testing.assert_allclose(g.detach().numpy(), np.exp([0.5]))


def test_forward_is_not_recorded_and_the_result_names_the_function():
    class Inspect(Square):
        @staticmethod
        def forward(ctx, x):
            assert not tj.is_grad_enabled() and not (x * 2).requires_grad
            return Square.forward(ctx, x)

    y = Inspect.apply(leaf(1.0))
    assert y.requires_grad and y.grad_fn.name == "Inspect"
    with tj.no_grad():
        assert not Square.apply(leaf(1.0)).requires_grad
    assert not Square.apply(tj.ones(2)).requires_grad


def test_keyword_arguments_and_missing_methods_are_errors():
    with pytest.raises(TypeError):
        Square.apply(x=leaf(1.0))
    with pytest.raises(tj.GradError, match="no forward"):
        Function.apply(leaf(1.0))

    class NoBackward(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

    with pytest.raises(tj.GradError, match="no backward"):
        NoBackward.apply(leaf(1.0)).sum().backward()


# Saved tensors


def test_saved_tensors_are_checked_for_changes():
    x = leaf(1.0) * 1
    y = Square.apply(x)
    x += 1
    with pytest.raises(tj.GradError, match="Square.*version 0.*version 1"):
        y.sum().backward()
    y = Exp.apply(leaf(1.0))
    y += 1
    with pytest.raises(tj.GradError, match="Exp.*version 0.*version 1"):
        y.sum().backward()


def test_saved_tensors_are_freed_by_a_backward_pass():
    y = Square.apply(leaf(1.0)).sum()
    y.backward(retain_graph=True)
    y.backward()
    with pytest.raises(tj.GradError, match="(?s)Square.*retain_graph=True"):
        y.backward()
    z = Scale.apply(leaf(1.0), 2.0, "").sum()
    z.backward()
    z.backward()  # it saved no tensor


def test_saved_tensors_may_be_none_and_must_be_tensors():
    class Maybe(Function):
        @staticmethod
        def forward(ctx, x, bad):
            ctx.save_for_backward(None, x, *bad)
            return x * 1

        @staticmethod
        def backward(ctx, g):
            nothing, x = ctx.saved_tensors
            assert nothing is None and x.requires_grad
            return g, None

    Maybe.apply(leaf(1.0), []).sum().backward()
    with pytest.raises(tj.ArgumentError, match="position 2"):
        Maybe.apply(leaf(1.0), [3.0])


def test_saving_an_output_makes_no_cycle():
    gc.collect()
    gc.disable()
    try:
        y = Exp.apply(leaf(1.0))
        watched = weakref.ref(y), weakref.ref(y.grad_fn)
        y.sum().backward()
        del y
        assert [r() for r in watched] == [None, None]
        y = Exp.apply(leaf(1.0))
        watched = weakref.ref(y), weakref.ref(y.grad_fn)
        del y
        assert [r() for r in watched] == [None, None]
    finally:
        gc.enable()


# What backward gets


def test_needs_input_grad_tells_which_arguments_require_grad():
    seen = []

    class Note(Function):
        @staticmethod
        def forward(ctx, *args):
            seen.append(ctx.needs_input_grad)
            return args[0] * 1

        @staticmethod
        def backward(ctx, g):
            seen.append(ctx.needs_input_grad)
            return g, None, None

    Note.apply(leaf(1.0), tj.ones(1), 3).sum().backward()
    assert seen == [(True, False, False)] * 2


def test_gradients_of_unused_outputs_are_zeros_unless_materializing_is_off():
    seen = []

    class Two(Function):
        @staticmethod
        def forward(ctx, x, materialize):
            ctx.set_materialize_grads(materialize)
            return x * 1, x.sum() * 2, "no tensor"

        @staticmethod
        def backward(ctx, a, b, c):
            seen.append((a, b, c))
            return (a if b is None else a + b), None

    x = leaf(1.0, 2.0)
    first, _, text = Two.apply(x, True)
    assert text == "no tensor"
    first.sum().backward()
    Two.apply(x, False)[0].sum().backward()
    assert seen[0][1].tolist() == 0 and seen[0][1].shape == () and seen[0][2] is None
    assert seen[1][1:] == (None, None)


def test_non_differentiable_outputs_have_no_gradient():
    class Largest(Function):
        @staticmethod
        def forward(ctx, x):
            where, marked = tj.argmax(x), x * 2
            ctx.mark_non_differentiable(marked)
            ctx.size = x.shape
            return tj.max(x), where, marked

        @staticmethod
        def backward(ctx, g, to_where, to_marked):
            assert to_where.tolist() == 0 and to_marked.tolist() == [0, 0]
            return g * tj.ones(ctx.size, dtype=tj.float64)

    x = leaf(1.0, 2.0)
    value, where, marked = Largest.apply(x)
    assert value.requires_grad and not where.requires_grad and not marked.requires_grad
    value.backward()
    assert x.grad.tolist() == [1, 1]


# What forward returns


def test_input_returned_as_it_is_becomes_a_tensor_of_its_own():
    class Pass(Function):
        @staticmethod
        def forward(ctx, x):
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 7

    x = leaf(1.0)
    y = Pass.apply(x)
    assert y is not x and not y.is_leaf and x.is_leaf
    y.sum().backward()
    assert x.grad.tolist() == [7]
    with pytest.raises(tj.GradError, match="view"):
        y += 1


def test_one_tensor_returned_twice_has_both_gradients():
    class Twice(Function):
        @staticmethod
        def forward(ctx, x):
            y = x * 1
            return y, y

        @staticmethod
        def backward(ctx, a, b):
            return a + 10 * b

    x = leaf(1.0)
    a, b = Twice.apply(x)
    (a * 2 + b * 3).sum().backward()
    assert x.grad.tolist() == [32]


def test_list_of_tensors_is_refused():
    class Listed(Function):
        @staticmethod
        def forward(ctx, x):
            return [x * 1]

    with pytest.raises(tj.GradError, match="(?s)list.*tuple"):
        Listed.apply(leaf(1.0))


class Double_(Function):
    """In place."""

    @staticmethod
    def forward(ctx, x):
        x.mul_(2)
        ctx.mark_dirty(x)
        return x

    @staticmethod
    def backward(ctx, g):
        return g * 2


def test_dirty_input_is_returned_itself_with_the_functions_history():
    x = leaf(1.0, 2.0)
    y = x * 3
    z = Double_.apply(y)
    assert z is y and y.grad_fn.name == "Double_" and y.tolist() == [6, 12]
    (y * y).sum().backward()
    assert x.grad.tolist() == [2 * 6 * 6, 2 * 12 * 6]


def test_dirty_view_updates_the_history_of_its_base():
    x = leaf(1.0, 2.0)
    y = x * 3
    Double_.apply(y[1:])
    assert y.tolist() == [3, 12]
    (y * y).sum().backward()
    assert x.grad.tolist() == [2 * 3 * 3, 2 * 12 * 6]


def test_dirty_leaf_is_an_error_and_so_is_one_that_is_not_returned():
    with pytest.raises(tj.GradError, match="leaf"):
        Double_.apply(leaf(1.0))

    class Lost(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.mark_dirty(x)
            return x * 1

    with pytest.raises(tj.GradError, match="does not return"):
        Lost.apply(leaf(1.0) * 1)


# What backward returns


def returning(*gradients):
    class Returns(Function):
        @staticmethod
        def forward(ctx, a, b, n):
            return a * b

        @staticmethod
        def backward(ctx, g):
            return gradients

    return Returns.apply(leaf(1.0, 2.0), leaf(3.0, 4.0), 5).sum()


def ones(*shape):
    return tj.ones(shape, dtype=tj.float64)


WRONG = {
    "too few": ((ones(2), ones(2)), "returned 2 gradients for 3 inputs"),
    "too many": ((ones(2), ones(2), None, ones(2)), "returned 4 gradients for 3 inputs"),
    "shape of the first": ((ones(3), ones(2), None), r"shape \(3,\) as gradient 0(?s:.*)f64\[2\]"),
    "shape of the second": ((ones(2), ones(), None), r"shape \(\) as gradient 1(?s:.*)f64\[2\]"),
    "no tensor": ((ones(2), 2.0, None), "a float as gradient 1"),
    "for what is no tensor": ((ones(2), ones(2), ones(2)), "a Tensor as gradient 2(?s:.*)return None"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_number_or_shape_of_gradients_is_an_error_that_says_which(name):
    gradients, match = WRONG[name]
    with pytest.raises(tj.GradError, match="backward of Returns.*" + match):
        returning(*gradients).backward()


def test_none_trailing_nones_and_gradients_to_be_summed_or_cast_are_fine():
    returning(None, None, None).backward()
    returning(ones(2), None, None, None, None).backward()

    class Spread(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return tj.ones((3, 2), dtype=tj.float32)

    x = leaf(1.0, 2.0)
    Spread.apply(x).sum().backward()
    assert x.grad.tolist() == [3, 3] and x.grad.dtype == tj.float64


def test_gradient_returned_from_a_saved_or_shared_tensor_is_not_shared():
    shared = ones(2)

    class Shared(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return shared

    x = leaf(1.0, 2.0)
    Shared.apply(x).sum().backward()
    x.grad += 5
    assert shared.tolist() == [1, 1]


def test_once_differentiable_forbids_the_second_derivative_only():
    class Once(Square):
        @staticmethod
        @once_differentiable
        def backward(ctx, g):
            assert not tj.is_grad_enabled()
            return g * 2 * ctx.saved_tensors[0]

    x = leaf(3.0)
    (Once.apply(x) * x).sum().backward()
    assert x.grad.tolist() == [27]
    (g,) = autograd.grad((Once.apply(x) * x).sum(), x, create_graph=True)
    with pytest.raises(tj.GradError, match="Once.*once_differentiable"):
        g.sum().backward()


# Under a trace


@pytest.mark.parametrize("function", [Square, Exp])
def test_function_works_inside_a_compiled_function(function):
    def step(x):
        loss = (function.apply(x) * x).sum()
        loss.backward()
        return loss

    results = []
    for run in (step, tj.compile(step)):
        x = leaf(0.5, -1.0, 2.0)
        results.append((run(x).detach().numpy().copy(), x.grad.numpy().copy()))
    for eager, compiled in zip(*results):
        np.testing.assert_array_equal(eager, compiled)
