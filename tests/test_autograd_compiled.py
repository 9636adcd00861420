"""The rules of autograd inside a compiled function: what it does, raises and leaves behind is what the undecorated one does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support import bits

import tracejit as tj
from tracejit.nn.parts import parts, rows
from tracejit import autograd

Program = Callable[[Any, Any, list[Any]], Any]
PROGRAMS: dict[str, Program] = {}


def program(function: Program) -> Program:
    """A function of two leaves and of a list that it may fill."""
    PROGRAMS[function.__name__.replace("_", " ")] = function
    return function


@program
def backward_reaches_its_arguments(x, w, seen):
    (x * w + x).sum().backward()


@program
def backward_reaches_them_and_the_loss_is_returned(x, w, seen):
    loss = (x * w).exp().sum()
    loss.backward()
    return loss


@program
def a_graph_that_saved_nothing_is_returned_after_its_pass(x, w, seen):
    total = (x + w).sum()
    total.backward()
    return total


@program
def gradients_accumulate_over_passes(x, w, seen):
    for k in (1.0, 2.0):
        (x * w * k).sum().backward()
    return x.grad * 2


@program
def gradients_are_cleared(x, w, seen):
    (x * w).sum().backward()
    x.grad = None


@program
def gradients_are_set(x, w, seen):
    x.grad = w.detach() * 2
    (x * w).sum().backward()


@program
def grad_leaves_the_leaves_alone(x, w, seen):
    return autograd.grad((x * w * w).sum(), [x, w])


@program
def a_gradient_of_a_gradient(x, w, seen):
    (g,) = autograd.grad((x * x * w).sum(), x, create_graph=True)
    (g * g).sum().backward()
    return g.detach()


@program
def unused_inputs(x, w, seen):
    assert autograd.grad(x.sum(), w, allow_unused=True) == (None,)
    return autograd.grad(x.sum(), [x, w], materialize_grads=True)


@program
def only_the_inputs_named(x, w, seen):
    (x * w).sum().backward(inputs=[w])
    assert x.grad is None


@program
def a_gradient_is_given(x, w, seen):
    (x * w).backward(gradient=w.detach())


@program
def a_part_is_detached(x, w, seen):
    (x * w.detach()).sum().backward()


@program
def no_grad_inside(x, w, seen):
    with tj.no_grad():
        scale = x * w
        assert not scale.requires_grad
    (x * scale).sum().backward()
    return scale


@program
def enable_grad_and_inference_mode(x, w, seen):
    with tj.no_grad(), tj.enable_grad():
        y = x * w
    with tj.inference_mode():
        z = y * 2
    assert y.requires_grad and not z.requires_grad
    y.sum().backward()
    return z


@program
def hooks_see_and_replace(x, w, seen):
    y = x * w
    y.register_hook(lambda g: g * 10)
    y.sum().backward()


@program
def hooks_that_python_must_run(x, w, seen):
    y = x * w
    y.register_hook(lambda g: seen.append(g.detach().numpy().tolist()))
    y.sum().backward()


@program
def a_hook_of_a_leaf_and_one_after_it_accumulates(x, w, seen):
    handles = [x.register_hook(lambda g: g * 2), w.register_post_accumulate_grad_hook(lambda p: seen.append(p.grad is not None))]
    (x * w).sum().backward()
    for handle in handles:
        handle.remove()


@program
def the_gradient_of_a_non_leaf_is_retained(x, w, seen):
    y = x * w
    y.retain_grad()
    (y * y).sum().backward()
    return y.grad * 1


@program
def a_non_leaf_changes_in_place(x, w, seen):
    y = x * 1
    y *= w
    y[:1] = w[1:2] * 3
    (y * y).sum().backward()
    return y.detach()


@program
def a_leaf_changes_in_no_grad(x, w, seen):
    (x * w).sum().backward()
    with tj.no_grad():
        x -= 0.5 * x.grad
    return x.detach() * 1


@program
def a_function_of_the_users(x, w, seen):
    class Scale(autograd.Function):
        @staticmethod
        def forward(ctx, a, b):
            ctx.save_for_backward(a, b)
            return a * b

        @staticmethod
        def backward(ctx, g):
            a, b = ctx.saved_tensors
            return g * b * 100, g * a

    Scale.apply(x, w).sum().backward()


@program
def functional_forms(x, w, seen):
    value, (g, h) = tj.value_and_grad(lambda a, b: (a * a * b).sum(), argnums=(0, 1))(x, w)
    output, pull_back = tj.vjp(lambda a: a * w.detach(), x)
    return value.detach(), g.detach(), h.detach(), output.detach(), pull_back(output.detach())[0].detach()


# Errors


@program
def error_a_non_scalar_root(x, w, seen):
    (x * w).backward()


@program
def error_a_root_without_history(x, w, seen):
    (x.detach() * w.detach()).sum().backward()


@program
def error_a_second_pass(x, w, seen):
    y = (x * w).sum()
    y.backward()
    y.backward()


@program
def error_an_unused_input(x, w, seen):
    autograd.grad(x.sum(), [x, w])


@program
def error_a_saved_value_was_changed(x, w, seen):
    y = x * 2
    z = (y * w).sum()
    y += 1
    z.backward()


@program
def error_in_place_on_a_leaf(x, w, seen):
    x += 1


@program
def error_in_place_on_a_view_of_a_leaf(x, w, seen):
    x[:1] *= 2


@program
def error_in_place_on_an_expanded_tensor(x, w, seen):
    tj.broadcast_to(x.detach(), (2, 3)).add_(1)


@program
def error_numpy_of_a_tensor_that_requires_grad(x, w, seen):
    np.asarray(x * w)


@program
def error_a_function_returns_too_few_gradients(x, w, seen):
    class Short(autograd.Function):
        @staticmethod
        def forward(ctx, a, b):
            return a * b

        @staticmethod
        def backward(ctx, g):
            return g

    Short.apply(x, w).sum().backward()


@program
def error_a_hook_returns_a_number(x, w, seen):
    y = x * w
    y.register_hook(lambda g: 1.0)
    y.sum().backward()


def flat(value: Any) -> Any:
    """A value, so that `==` compares its bits."""
    if isinstance(value, (list, tuple)):
        return [flat(v) for v in value]
    return (value.shape, str(value.dtype), bits(value.detach().numpy()).tolist()) if isinstance(value, tj.Tensor) else value


def outcome(run: Program, seed: int) -> list[Any]:
    """All that a call of a program leaves: its result or error, its leaves and their gradients, and what was seen."""
    rng = np.random.default_rng(seed)
    x, w = (tj.asarray(rng.standard_normal(3).astype("float32")).requires_grad_() for _ in range(2))
    seen: list[Any] = []
    try:
        result = flat(run(x, w, seen))
    except tj.TracejitError as error:
        result = (type(error), str(error))
    return [result, *(flat(t) for t in (x, w, x.grad, w.grad)), x._version, w._version, seen]


@pytest.mark.parametrize("name", PROGRAMS)
def test_compiled_does_what_eager_does(name: str) -> None:
    function = PROGRAMS[name]
    compiled = tj.compile(function)
    for seed in (0, 1, 2, 1):
        wanted = outcome(function, seed)
        assert outcome(compiled, seed) == wanted, f"call {seed}"
        assert name.startswith("error") == (isinstance(wanted[0], tuple) and isinstance(wanted[0][0], type))


@pytest.mark.parametrize("cut", [lambda w: parts(w, (2, 1, 3), 0), rows, lambda w: parts(w, (1, 3), 1)], ids=["parts", "rows", "columns"])
def test_a_leaf_whose_gradient_is_written_part_by_part(cut):
    """The gradient that a leaf gets is the whole as it is after the last part, not as it was before."""
    w = tj.asarray(np.arange(24.0).reshape(6, 4) + 1).requires_grad_()

    def step(scale):
        w.grad = None
        total = scale
        for part in cut(w):
            total = total * (part * scale).sum()
        total.backward()
        return w.grad

    scale = tj.asarray(0.5)
    wanted, compiled = step(scale).numpy().copy(), tj.compile(step)
    for _ in range(3):
        assert compiled(scale).numpy().tobytes() == wanted.tobytes()


def test_attention_of_three_tensors_trains_its_one_weight():
    attention = tj.nn.MultiheadAttention(8, 2, batch_first=True)
    given = [tj.asarray(np.random.default_rng(n).normal(size=(2, 3, 8)).astype(np.float32)) for n in range(3)]

    def step(*given):
        attention.zero_grad()
        attention(*given)[0].sum().backward()
        return [p.grad for p in attention.parameters()]

    wanted, compiled = [g.numpy().copy() for g in step(*given)], tj.compile(step)
    for _ in range(3):
        assert [g.numpy().tobytes() for g in compiled(*given)] == [g.tobytes() for g in wanted]
