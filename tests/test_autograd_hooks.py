"""Hooks, anomaly mode, gradcheck, complex gradients."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

import tracejit as tj
from tracejit import autograd
from tracejit.autograd import gradcheck, gradgradcheck


def leaf(*values, dtype=tj.float64) -> tj.Tensor:
    return tj.tensor(list(values), dtype=dtype, requires_grad=True)


# Hooks


def test_hook_runs_when_the_gradient_is_computed_and_may_replace_it():
    x = leaf(1.0, 2.0)
    y = x * 3
    seen = []
    y.register_hook(lambda g: seen.append(g.tolist()))
    y.register_hook(lambda g: g * 10)
    y.register_hook(lambda g: seen.append(g.tolist()))
    (y * y).sum().backward()
    assert seen == [[6, 12], [60, 120]], "in the order of registration, each after the one before"
    assert x.grad.tolist() == [180, 360]


def test_hook_on_a_leaf_sees_the_whole_gradient_before_it_accumulates():
    x = leaf(2.0)
    seen = []
    x.register_hook(lambda g: seen.append((g.item(), x.grad)) or g * 2)
    (x * x + x * 3).sum().backward()
    assert seen == [(7, None)] and x.grad.tolist() == [14]
    assert autograd.grad((x * 3).sum(), x)[0].tolist() == [6], "autograd.grad runs it too"


def test_removed_hook_does_not_run():
    x = leaf(2.0)
    seen = []
    handles = [x.register_hook(lambda g, n=n: seen.append(n)) for n in range(3)]
    handles[1].remove()
    handles[1].remove()
    (x * 1).sum().backward()
    assert seen == [0, 2]
    with handles[0]:
        (x * 1).sum().backward()
    (x * 1).sum().backward()
    assert seen == [0, 2, 0, 2, 2]


def test_hook_may_remove_itself():
    x = leaf(2.0)
    seen = []
    handle = x.register_hook(lambda g: (seen.append(1), handle.remove())[0])
    x.register_hook(lambda g: seen.append(2))
    for _ in range(2):
        (x * 1).sum().backward()
    assert seen == [1, 2, 2]


def test_hook_on_an_inner_tensor_changes_what_retain_grad_keeps_and_grad_returns():
    x = leaf(1.0)
    y = x * 2
    y.retain_grad()
    y.register_hook(lambda g: g * 5)
    (y * 1).sum().backward(retain_graph=True)
    assert y.grad.tolist() == [5], "retaining comes after all hooks"
    assert autograd.grad((y * 1).sum(), y)[0].tolist() == [5]


def test_hook_stays_with_the_value_it_was_registered_on():
    x = leaf(1.0)
    y = x * 1
    order = []
    y.register_hook(lambda g: order.append("old"))
    y += 1
    y.register_hook(lambda g: order.append("new"))
    y.sum().backward()
    assert order == ["new", "old"]


def test_hook_is_differentiable_with_create_graph():
    x = leaf(2.0)
    y = x * 1
    y.register_hook(lambda g: g * x)
    (g,) = autograd.grad(y.sum(), x, create_graph=True)
    assert autograd.grad(g.sum(), x)[0].tolist() == [1]


@pytest.mark.parametrize("returned, match", [(1.0, "float"), (tj.ones(3), r"\(3,\).*\(1,\)")])
def test_hook_must_return_a_tensor_of_the_gradients_shape(returned, match):
    x = leaf(1.0)
    x.register_hook(lambda g: returned)
    with pytest.raises(tj.GradError, match=match):
        (x * 1).sum().backward()


def test_post_accumulate_hook_runs_on_leaves_after_grad_is_filled():
    x, w = leaf(1.0), leaf(2.0)
    seen = []
    handle = x.register_post_accumulate_grad_hook(lambda p: seen.append((p is x, p.grad.item())))
    (x * w).sum().backward()
    (x * w).sum().backward()
    autograd.grad((x * w).sum(), x)
    assert seen == [(True, 2), (True, 4)]
    handle.remove()
    (x * w).sum().backward()
    assert len(seen) == 2


def test_post_accumulate_hook_may_step_and_clear_the_gradient():
    x = leaf(1.0, 2.0)

    def step(p):
        with tj.no_grad():
            p -= 0.5 * p.grad
        p.grad = None

    x.register_post_accumulate_grad_hook(step)
    (x * 2).sum().backward()
    assert x.tolist() == [0, 1] and x.grad is None


def test_hooks_need_a_tensor_that_requires_grad_and_the_post_hook_a_leaf():
    constant = tj.ones(2)
    for register in (constant.register_hook, constant.register_post_accumulate_grad_hook):
        with pytest.raises(tj.GradError, match="does not require grad"):
            register(print)
    with pytest.raises(tj.GradError, match="not a leaf"):
        (leaf(1.0) * 2).register_post_accumulate_grad_hook(print)


def test_leaves_are_reached_in_pytorchs_order_as_soon_as_their_gradient_is_whole():
    order = []
    tensors = {name: leaf(1.0) for name in "abc"}
    for name, t in tensors.items():
        t.register_hook(lambda g, name=name: order.append(name))
    a, b, c = tensors.values()
    first = a * b
    second = first * c
    first.register_hook(lambda g: order.append("first"))
    (second + a).sum().backward()
    assert order == ["c", "first", "b", "a"] or order == ["c", "first", "a", "b"]
    assert order.index("c") < order.index("first")


# Anomaly mode


def test_anomaly_mode_names_the_op_whose_gradient_is_nan_and_where_its_forward_ran():
    x = leaf(0.0, 1.0)
    with autograd.detect_anomaly():
        y = x.sqrt() * 0  # the line of the op to be named is the one before the product's
        root = tj.sqrt(x)
        line = _line_here() - 1
        loss = (root * 0 + y).sum() + 0 * (root / root).sum()
        with pytest.raises(tj.GradError, match=re.escape(f"sqrt returned NaN as the gradient of input 0; its forward ran at {__file__}:{line}")):
            autograd.grad((root * tj.tensor([0.0, 1.0], dtype=tj.float64)).sum(), x)
        with pytest.raises(tj.GradError, match="divide returned NaN"):
            loss.backward()
    (x.sqrt() * 0).sum().backward()
    assert math.isnan(x.grad.tolist()[0]), "outside it nothing is checked"


def _line_here() -> int:
    import sys

    return sys._getframe(1).f_lineno


def test_anomaly_mode_tells_of_every_error_where_the_forward_ran():
    class Broken(autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            raise KeyError("broken")

    with autograd.set_detect_anomaly(True):
        y = Broken.apply(leaf(1.0))
        with pytest.raises(KeyError) as caught:
            y.sum().backward()
    assert f"Broken ran at {__file__}:" in caught.value.__notes__[0]


def test_set_detect_anomaly_acts_at_once_and_can_be_a_context():
    from tracejit.application import anomaly

    autograd.set_detect_anomaly(True)
    assert anomaly.enabled
    with autograd.set_detect_anomaly(False):
        assert not anomaly.enabled
    assert anomaly.enabled
    autograd.set_detect_anomaly(False)
    assert not anomaly.enabled


# Complex numbers: the gradient of a real L is ∂L/∂Re z + i ∂L/∂Im z


COMPLEX = {
    "|z|²": (lambda z: (z * z.conj()).real.sum(), lambda z: 2 * z),
    "Re z²": (lambda z: (z * z).real.sum(), lambda z: np.conj(2 * z)),
    "Im z³": (lambda z: (z * z * z).imag.sum(), lambda z: np.conj(3 * z * z / 1j)),
    "|z|": (lambda z: tj.abs(z).sum(), lambda z: z / np.abs(z)),
    "Re exp z": (lambda z: tj.exp(z).real.sum(), lambda z: np.conj(np.exp(z))),
    "Re 1/z": (lambda z: (1 / z).real.sum(), lambda z: np.conj(-1 / z**2)),
    "Re log z": (lambda z: tj.log(z).real.sum(), lambda z: np.conj(1 / z)),
}


@pytest.mark.parametrize("name", COMPLEX)
def test_complex_gradient_is_the_conjugate_wirtinger_derivative(name):
    loss, wanted = COMPLEX[name]
    values = np.array([1 + 2j, -0.5 + 0.25j, 3 - 1j])
    z = tj.tensor(values, requires_grad=True)
    loss(z).backward()
    np.testing.assert_allclose(z.grad.numpy(), wanted(values), rtol=1e-12)


def test_gradient_of_a_real_tensor_among_complex_ones_is_real():
    x, z = leaf(1.0, 2.0), tj.tensor([1 + 2j, 3 - 1j], requires_grad=True)
    (x * z).imag.sum().backward()
    assert x.grad.dtype == tj.float64 and x.grad.tolist() == [2, -1]


def test_complex_gradients_pass_gradcheck_and_are_differentiable():
    z, w = leaf(1 + 2j, 3 - 1j, dtype=tj.complex128), leaf(0.5 - 1j, 2 + 0.5j, dtype=tj.complex128)
    assert gradcheck(lambda z, w: z * w / (z + 2), (z, w)) and gradgradcheck(lambda z, w: z * w / (z + 2), (z, w))


# gradcheck


class Wrong(autograd.Function):
    """Squares; its gradient is half of what it should be."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, g):
        return g * ctx.saved_tensors[0]


def test_gradcheck_passes_what_is_right():
    x, w = leaf(1.0, 2.0, 3.0), leaf(0.5)
    assert gradcheck(lambda x, w: (x * w, (x.exp() + w).sum()), (x, w))
    assert gradcheck(lambda x, n, flag: x * n, (x, 3, True)), "arguments that are no tensors are passed on"


def test_gradcheck_refuses_what_is_wrong_and_shows_both_jacobians():
    x = leaf(1.0, 2.0)
    with pytest.raises(autograd.GradcheckError, match=r"(?s)output 0 .*input 0.*differences.*4\..*backward.*2\."):
        gradcheck(Wrong.apply, x)
    assert not gradcheck(Wrong.apply, x, raise_exception=False)


def test_gradgradcheck_refuses_a_second_derivative_that_is_wrong():
    class Cut(autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            return g * 2 * ctx.saved_tensors[0].detach()

    x = leaf(1.0, 2.0)
    assert gradcheck(Cut.apply, x)
    with pytest.raises(autograd.GradcheckError):
        gradgradcheck(Cut.apply, x)


def test_gradcheck_refuses_a_backward_that_is_not_the_same_twice():
    class Noisy(autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return g + tj.rand(1) * 1e-7

    with pytest.raises(autograd.GradcheckError, match="two backward passes differ"):
        gradcheck(Noisy.apply, leaf(1.0))
    assert gradcheck(Noisy.apply, leaf(1.0), nondet_tol=1e-6)


def test_gradcheck_wants_double_precision_and_something_to_check():
    with pytest.raises(tj.DTypeError, match="float64"):
        gradcheck(lambda x: x * 2, leaf(1.0, dtype=tj.float32))
    with pytest.raises(tj.ArgumentError, match="no input"):
        gradcheck(lambda x: x * 2, tj.ones(2, dtype=tj.float64))
    with pytest.raises(tj.ArgumentError, match="no output"):
        gradcheck(lambda x: x.detach(), leaf(1.0))


def test_gradcheck_allows_in_place_changes_of_what_it_hands_in():
    def change(x):
        x *= x
        return x

    assert gradcheck(lambda x: change(x * 1), leaf(1.0, 2.0)) and gradgradcheck(lambda x: change(x * 1), leaf(1.0, 2.0))
