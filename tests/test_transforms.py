"""`grad`, `value_and_grad`, `vjp`, `jacobian`, `hessian` of functions."""

from __future__ import annotations

import math

import numpy as np
import pytest

import tracejit as tj
from tracejit import autograd

X = np.array([0.5, -1.0, 2.0])


def tensor(values, **options) -> tj.Tensor:
    return tj.tensor(values, dtype=tj.float64, **options)


def cubes(x):
    return (x * x * x).sum()


def same(tree, wanted) -> None:
    np.testing.assert_allclose(tree.detach().numpy(), wanted, rtol=1e-12)


def test_grad_is_the_gradient_and_the_result_has_no_history():
    g = tj.grad(cubes)(tensor(X))
    same(g, 3 * X**2)
    assert not g.requires_grad


def test_grad_leaves_the_argument_as_it_is():
    for requires_grad in (False, True):
        x = tensor(X, requires_grad=requires_grad)
        tj.grad(cubes)(x)
        assert x.requires_grad == requires_grad and x.grad is None and x.is_leaf and x._version == 0


def test_grad_nests():
    f = lambda x: tj.sin(x)
    wanted = [math.cos, lambda x: -math.sin(x), lambda x: -math.cos(x), math.sin]
    for derivative in wanted:
        f = tj.grad(f)
        same(f(tensor(0.7)), derivative(0.7))


def test_grad_within_a_function_that_closes_over_what_the_outer_grad_differentiates():
    def outer(x):
        return tj.grad(lambda y: (x * x * y * y).sum())(tensor(2.0)) * x  # d/dy = 2 x² y, so 4 x³

    same(tj.grad(outer)(tensor(3.0)), 12 * 3.0**2)


def test_grad_keeps_apart_an_outer_and_an_inner_variable():
    # d/dx (x · d/dy (x + y)) = d/dx (x · 1) = 1: the perturbations must not be confused
    same(tj.grad(lambda x: x * tj.grad(lambda y: x + y)(tensor(1.0)))(tensor(5.0)), 1.0)


def test_grad_is_differentiable_by_backward_where_something_outside_requires_grad():
    x, w = tensor(X, requires_grad=True), tensor(2.0, requires_grad=True)
    g = tj.grad(lambda x: (w * x * x).sum())(x)
    assert g.requires_grad
    g.sum().backward()
    same(x.grad, np.full(3, 4.0))
    same(w.grad, 2 * X.sum())


def test_grad_by_a_constant_argument_sees_a_closure_that_requires_grad():
    w = tensor(2.0, requires_grad=True)
    g = tj.grad(lambda x: (w * x * x).sum())(tensor(X))
    g.sum().backward()
    same(w.grad, 2 * X.sum())


def test_grad_in_no_grad_computes_but_does_not_record():
    w = tensor(2.0, requires_grad=True)
    with tj.no_grad():
        g = tj.grad(lambda x: (w * x * x).sum())(tensor(X))
    same(g, 4 * X)
    assert not g.requires_grad


def test_grad_of_a_function_that_uses_no_grad_inside():
    def half_constant(x):
        with tj.no_grad():
            c = x * x
        return (c * x).sum()

    same(tj.grad(half_constant)(tensor(X)), X**2)


def test_argnums_choose_the_arguments():
    f = lambda a, b, scale=1.0: (a * b * b).sum() * scale
    a, b = tensor([1.0, 2.0]), tensor([3.0, 4.0])
    same(tj.grad(f)(a, b), [9, 16])
    same(tj.grad(f, argnums=1)(a, b), [6, 16])
    same(tj.grad(f, argnums=-1)(a, b, scale=2.0), [12, 32])
    by_a, by_b = tj.grad(f, argnums=(0, 1))(a, b)
    same(by_a, [9, 16])
    same(by_b, [6, 16])
    (only,) = tj.grad(f, argnums=(1,))(a, b)
    same(only, [6, 16])
    with pytest.raises(tj.ArgumentError, match="argument 2 of a call with 2"):
        tj.grad(f, argnums=2)(a, b)


def test_gradients_have_the_structure_of_the_arguments():
    parameters = {"layers": [(tensor([1.0, 2.0]), tensor(3.0))], "scale": tensor(2.0)}

    def loss(p, x):
        ((w, b),) = p["layers"]
        return ((w * x).sum() + b) * p["scale"]

    g = tj.grad(loss)(parameters, tensor([5.0, 6.0]))
    assert set(g) == {"layers", "scale"}
    same(g["layers"][0][0], [10, 12])
    same(g["layers"][0][1], 2.0)
    same(g["scale"], 5 + 12 + 3)


def test_gradient_by_an_argument_that_is_not_used_is_zero():
    same(tj.grad(lambda a, b: cubes(a), argnums=1)(tensor(X), tensor([1.0, 2.0])), [0, 0])
    same(tj.grad(lambda a: tensor(1.0))(tensor(X)), np.zeros(3))


def test_value_and_grad_gives_both():
    value, g = tj.value_and_grad(cubes)(tensor(X))
    same(value, (X**3).sum())
    same(g, 3 * X**2)
    assert not value.requires_grad


def test_has_aux_passes_on_what_else_the_function_returns():
    f = lambda x: (cubes(x), {"double": x * 2, "name": "f"})
    (value, aux), g = tj.value_and_grad(f, has_aux=True)(tensor(X))
    same(value, (X**3).sum())
    same(aux["double"], 2 * X)
    assert aux["name"] == "f" and not aux["double"].requires_grad
    g, aux = tj.grad(f, has_aux=True)(tensor(X))
    same(g, 3 * X**2)
    same(aux["double"], 2 * X)
    with pytest.raises(tj.ArgumentError, match="pair"):
        tj.grad(cubes, has_aux=True)(tensor(X))


NOT_SCALARS = [lambda x: x * 2, lambda x: 3.0, lambda x: (x.sum(), x.sum()), lambda x: (x * 1j).sum()]


@pytest.mark.parametrize("function", NOT_SCALARS)
def test_grad_of_a_function_that_gives_no_real_scalar_is_an_error(function):
    with pytest.raises(tj.GradError, match="one real number"):
        tj.grad(function)(tensor(X))


@pytest.mark.parametrize("bad, error", [(3.0, "float"), (tj.ones(2, dtype=tj.int64), "int64"), ([tj.ones(1), "a"], "str")])
def test_argument_that_has_no_gradient_is_an_error(bad, error):
    with pytest.raises(TypeError, match=error):
        tj.grad(lambda x: tensor(1.0))(bad)


def test_numpy_array_is_taken_as_a_tensor():
    g = tj.grad(cubes)(X)
    assert isinstance(g, tj.Tensor)
    same(g, 3 * X**2)


def test_complex_argument_has_the_conjugate_wirtinger_derivative():
    z = np.array([1 + 2j, 3 - 1j])
    same(tj.grad(lambda z: (z * z).real.sum())(tj.tensor(z)), np.conj(2 * z))


# vjp


def test_vjp_gives_the_output_and_a_pull_back_that_can_be_called_again():
    output, pull_back = tj.vjp(lambda a, b: (a * b, {"sum": a + b}), tensor(X), tensor(2.0))
    same(output[0], 2 * X)
    assert not output[0].requires_grad
    for weight in (1.0, 3.0):
        by_a, by_b = pull_back((tensor(X) * weight, {"sum": tensor([0.0, 0.0, 1.0])}))
        same(by_a, weight * 2 * X + [0, 0, 1])
        same(by_b, weight * (X * X).sum() + 1)


def test_vjp_refuses_cotangents_of_another_structure_or_shape():
    _, pull_back = tj.vjp(lambda a: (a, a * 2), tensor(X))
    with pytest.raises(tj.ArgumentError, match="structure"):
        pull_back(tensor(X))
    with pytest.raises(tj.ShapeError):
        pull_back((tensor(1.0), tensor(X)))


def test_vjp_with_aux():
    output, pull_back, aux = tj.vjp(lambda a: (a * 2, "aux"), tensor(X), has_aux=True)
    assert aux == "aux"
    same(pull_back(tensor(np.ones(3)))[0], [2, 2, 2])


def test_vjp_is_differentiable():
    def f(x):
        _, pull_back = tj.vjp(lambda y: y * y * y, x)
        return pull_back(x)[0].sum()  # Σ 3 x³

    same(tj.grad(f)(tensor(X)), 9 * X**2)


# Jacobians and Hessians


def test_jacobian_has_the_shape_of_the_output_then_the_input():
    a = np.arange(6.0).reshape(2, 3)
    j = tj.jacobian(lambda x: tensor(a) @ x)(tensor(X))
    same(j, a)
    j = tj.jacobian(lambda x: x.reshape((3, 1)) * x)(tensor(X))
    wanted = np.einsum("ik,j->ijk", np.eye(3), X) + np.einsum("i,jk->ijk", X, np.eye(3))
    assert j.shape == (3, 3, 3)
    same(j, wanted)


def test_jacobian_of_containers_is_a_container_of_containers():
    f = lambda p, x: {"y": p["w"] * x, "n": p["b"].sum()}
    p = {"w": tensor([1.0, 2.0]), "b": tensor([3.0])}
    by_p, by_x = tj.jacobian(f, argnums=(0, 1))(p, tensor([5.0, 6.0]))["y"]
    same(by_p["w"], np.diag([5.0, 6.0]))
    same(by_p["b"], np.zeros((2, 1)))
    same(by_x, np.diag([1.0, 2.0]))


def test_jacobian_of_something_empty_is_empty():
    assert tj.jacobian(lambda x: x[:0])(tensor(X)).shape == (0, 3)
    assert tj.jacobian(lambda x: x.sum())(tensor(np.zeros((0, 2)))).shape == (0, 2)


def test_jacobian_rows_of_complex_functions_are_what_backward_gives():
    z = np.array([1 + 2j, 3 - 1j])
    same(tj.jacobian(lambda z: z * z)(tj.tensor(z)), np.diag(np.conj(2 * z)))


def test_hessian_of_a_scalar_function():
    wanted = np.exp(X.sum()) * np.ones((3, 3)) + np.diag(6 * X)
    same(tj.hessian(lambda x: tj.exp(x.sum()) + cubes(x))(tensor(X)), wanted)


def test_hessian_of_two_arguments_has_blocks():
    f = lambda a, b: (a * a * b).sum()
    (aa, ab), (ba, bb) = tj.hessian(f, argnums=(0, 1))(tensor([2.0]), tensor([3.0]))
    for block, wanted in ((aa, 6.0), (ab, 4.0), (ba, 4.0), (bb, 0.0)):
        same(block, [[wanted]])


def test_hessian_is_the_jacobian_of_the_gradient():
    f = lambda x: (tj.sin(x) * x[0]).sum()
    same(tj.hessian(f)(tensor(X)), tj.jacobian(tj.grad(f))(tensor(X)).numpy())


def test_functional_grad_and_autograd_grad_agree():
    x = tensor(X, requires_grad=True)
    (wanted,) = autograd.grad(cubes(x), x)
    same(tj.grad(cubes)(x), wanted.numpy())


def test_transforms_work_inside_a_compiled_function():
    def step(x):
        value, g = tj.value_and_grad(cubes)(x)
        return value, g, tj.hessian(cubes)(x)

    for eager, compiled in zip(step(tensor(X)), tj.compile(step)(tensor(X))):
        np.testing.assert_array_equal(eager.numpy(), compiled.numpy())
