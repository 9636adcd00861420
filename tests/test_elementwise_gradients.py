"""Gradients of elementwise ops: finite differences to second order, the rules at edges, and functions made of ops."""

from __future__ import annotations

import math

import numpy as np
import pytest
from support import ATTRS, COMPLEX, FLOATING, assert_bits_equal, elementwise_ops, tensors, values

import tracejit.ops.activation as nonlinear
import tracejit.ops.elementwise as ew
import tracejit.ops.transcendental as tr
from tracejit.autograd.engine import grad
from tracejit.errors import ArgumentError
from tracejit.ops.reduce import sum as total
from tracejit.spec import float32, float64, is_complex
from tracejit.tensor import Tensor, wrap

OPS_LIST = elementwise_ops()
differentiable = pytest.mark.parametrize("op", [op for op in OPS_LIST if op.vjp is not None], ids=lambda op: op.name)
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


def attrs_of(op):
    return ATTRS.get(op.name, {})


def weighted(op, inputs, weights):
    """A real scalar of a function's result, so that its gradient tells all its derivatives."""
    y = op(*inputs)
    product = ew.real(y * wrap(weights)) if is_complex(y.dtype) else y * wrap(weights)
    return total(product)


def numeric(f, arrays, k, step):
    """Central differences of a scalar function by each element of array k; by the imaginary part too, if it is complex."""
    parts = (1, 1j) if is_complex(arrays[k].dtype) else (1,)
    result = np.zeros(arrays[k].shape, arrays[k].dtype)
    for place in np.ndindex(arrays[k].shape):
        for part in parts:
            moved = [[a.copy() for a in arrays] for _ in range(2)]
            moved[0][k][place] += step * part
            moved[1][k][place] -= step * part
            result[place] += part * (f(moved[0]) - f(moved[1])) / (2 * step)
    return result


def smooth_operands(op, dtype, seed=3):
    return values(op, dtype, (2, 3), seed=seed)


def function_of(op):
    return lambda *inputs: op(*inputs, **attrs_of(op))


def check_first(op, arrays):
    rng = np.random.default_rng(5)
    function = function_of(op)
    shape_of = function(*tensors(arrays)).numpy()
    weights = rng.uniform(0.5, 1.5, shape_of.shape) + (1j * rng.uniform(0.5, 1.5, shape_of.shape) if is_complex(shape_of.dtype) else 0)
    inputs = tensors(arrays, requires_grad=True)
    wanted = [t for t in inputs if t.requires_grad]
    found = iter(grad(weighted(function, inputs, weights), wanted, materialize_grads=True))
    for k, t in enumerate(inputs):
        if t.requires_grad:
            g = next(found)
            assert g.dtype == t.dtype and g.shape == t.shape
            by_steps = numeric(lambda moved: weighted(function, tensors(moved), weights).item(), arrays, k, 1e-6)
            np.testing.assert_allclose(g.numpy(), by_steps, rtol=1e-6, atol=1e-7, err_msg=f"{op.name}, operand {k}")


@differentiable
def test_gradient_by_finite_differences(op):
    arrays = smooth_operands(op, float64)
    if op.name == "cast":
        result = op(*tensors(arrays, requires_grad=True), dtype=float32)
        assert result.requires_grad
        return
    check_first(op, arrays)


@differentiable
def test_second_gradient_by_finite_differences(op):
    if op.name == "cast":
        return
    arrays = smooth_operands(op, float64)
    floats = [k for k, a in enumerate(arrays) if a.dtype == float64]
    rng = np.random.default_rng(6)
    weights = rng.uniform(0.5, 1.5, arrays[0].shape)
    directions = [rng.uniform(0.5, 1.5, arrays[0].shape) for _ in floats]

    def slope(moved, differentiate):
        """The derivative of the result along the directions, itself a scalar function of the operands."""
        inputs = tensors(moved, requires_grad=True)
        wanted = [inputs[k] for k in floats]
        y = op(*inputs, **attrs_of(op))
        result = total(y * wrap(weights.astype(y.dtype)))
        first = grad(ew.real(result) if is_complex(y.dtype) else result, wanted, create_graph=True, materialize_grads=True)
        s = total(first[0] * wrap(directions[0]))
        for g, d in zip(first[1:], directions[1:]):
            s = s + total(g * wrap(d))
        if not differentiate:
            return s.item()
        return grad(s, wanted, materialize_grads=True) if s.requires_grad else [None] * len(floats)

    for k, g in zip(floats, slope(arrays, True)):
        by_steps = numeric(lambda moved: slope(moved, False), arrays, k, 1e-5)
        np.testing.assert_allclose(np.zeros(arrays[k].shape) if g is None else g.numpy(), by_steps, rtol=2e-5, atol=2e-6, err_msg=op.name)


@pytest.mark.parametrize("op", [op for op in OPS_LIST if op.vjp and "c" in op.accepts], ids=lambda op: op.name)
def test_gradient_of_complex_operands(op):
    if op.name == "cast":
        return
    arrays = smooth_operands(op, COMPLEX[1])
    if op.name == "pow":
        arrays = [a + 0.5 for a in arrays]
    check_first(op, arrays)


def test_gradient_of_real_operands_beside_complex_ones_is_real():
    x = tensors([np.array([1.0, 2.0])], requires_grad=True)[0]
    (g,) = grad(total(ew.real(x * wrap(np.array([1 + 2j, 3 - 1j])))), x)
    assert_bits_equal(g, np.array([1.0, 3.0]))


@pytest.mark.parametrize("dtype", FLOATING, ids=str)
def test_gradients_keep_their_dtype(dtype):
    x = tensors([np.array([0.25, 0.5, 0.75], dtype)], requires_grad=True)[0]
    for function in (tr.sigmoid, tr.tanh, ew.sqrt, lambda t: t * 2.5, lambda t: t**2, lambda t: 1 / t, nonlinear.gelu, tr.atanh, tr.lgamma):
        (g,) = grad(total(ew.cast(function(x), dtype=float64)), x)
        assert g.dtype == dtype


EDGES = [  # (function, where, gradient)
    (nonlinear.relu, [-1.0, 0.0, 2.0], [0, 0, 1]), (ew.abs, [-1.0, 0.0, 2.0], [-1, 0, 1]), (lambda x: x.clip(-1, 1), [-2, -1, 0.0, 1, 2], [0, 1, 1, 1, 0]),
    (lambda x: x.clip(min=0.0), [-1, 0.0, 1], [0, 1, 1]), (lambda x: ew.maximum(x, 1.0), [0.0, 1.0, 2.0], [0, 0.5, 1]),
    (lambda x: ew.minimum(x, 1.0), [0.0, 1.0, 2.0], [1, 0.5, 0]), (lambda x: x**2, [0.0, 3.0], [0, 6]), (lambda x: x**1, [0.0, 3.0], [1, 1]),
    (lambda x: x**0, [0.0, 3.0], [0, 0]), (lambda x: x**0.5, [0.0, 4.0], [math.inf, 0.25]), (ew.floor, [0.0, 1.5], [0, 0]), (ew.sign, [0.0, -2.0], [0, 0]),
    (lambda x: tr.atan2(x, 0.0), [0.0], [0]), (lambda x: tr.hypot(x, 0.0), [0.0, 2.0], [0, 1]), (lambda x: nonlinear.elu(x), [-1e3, 0.0, 1e3], [0, 1, 1]),
    (nonlinear.hardtanh, [-1.0, 0.0, 1.0], [0, 1, 0]), (nonlinear.softplus, [-1e3, 0.0, 30.0, 1e3], [0, 0.5, 1, 1]), (tr.sigmoid, [-1e3, 1e3], [0, 0]),
    (lambda x: 2.0**x, [0.0, 1.0], [math.log(2), 2 * math.log(2)]), (lambda x: 0.0**x, [1.0, 2.0], [0, 0]), (lambda x: x % 3.0, [4.0, -1.0], [1, 1]),
    (lambda x: 7.0 % x, [2.0, -4.0], [-3, 2]), (lambda x: ew.fmax(x, math.nan), [1.0, 2.0], [1, 1]), (lambda x: tr.xlogy(0.0, x), [0.0, 1.0], [0, 0]),
    (tr.sinc, [0.0], [0]), (tr.nan_to_num, [math.nan, 1.0, math.inf], [0, 1, 0]),
]  # fmt: skip


@pytest.mark.parametrize("function, at, wanted", EDGES)
def test_gradient_at_the_edges(function, at, wanted):
    (x,) = tensors([np.array(at, np.float64)], requires_grad=True)
    (g,) = grad(total(function(x)), x)
    np.testing.assert_allclose(g.numpy(), np.array(wanted, np.float64), rtol=1e-15)


def test_ties_share_the_gradient_of_both_operands():
    a, b = tensors([np.array([1.0, 2.0]), np.array([1.0, 1.0])], requires_grad=True)
    for function, of_a, of_b in [(ew.maximum, [0.5, 1], [0.5, 0]), (ew.minimum, [0.5, 0], [0.5, 1]), (ew.fmax, [0.5, 1], [0.5, 0])]:
        ga, gb = grad(total(function(a, b)), [a, b])
        assert_bits_equal(ga, np.array(of_a, float))
        assert_bits_equal(gb, np.array(of_b, float))


def test_bounds_of_clip_get_what_they_replace():
    x, low, high = tensors([np.array([-2.0, 0.0, 2.0, 0.0]), np.array([-1.0, -1, -1, 1]), np.array([1.0, 1, 1, -1])], requires_grad=True)
    for g, wanted in zip(grad(total(ew.clip(x, low, high)), [x, low, high]), ([0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 1])):
        assert_bits_equal(g, np.array(wanted, float))


def test_third_derivatives():
    (x,) = tensors([np.array([0.3, 1.7])], requires_grad=True)
    for function, third in [
        (tr.tanh, lambda v: -2 * (1 - np.tanh(v) ** 2) * (1 - 3 * np.tanh(v) ** 2)), (tr.sin, lambda v: -np.cos(v)), (lambda t: t**4, lambda v: 24 * v),
        (tr.erf, lambda v: 4 / math.sqrt(math.pi) * (2 * v * v - 1) * np.exp(-v * v)), (ew.exp, np.exp), (ew.log, lambda v: 2 / v**3),
        (tr.lgamma, lambda v: np.array([-1.0, -1.0]) * polygamma_2(v)),
    ]:  # fmt: skip
        g = function(x)
        for _ in range(3):
            (g,) = grad(total(g), x, create_graph=True)
        np.testing.assert_allclose(g.detach().numpy(), third(x.detach().numpy()), rtol=1e-12)


def polygamma_2(v):
    """-ψ''(v) = 2 Σ 1/(v+n)³, with the tail's Euler-Maclaurin terms."""
    n = np.arange(2000)
    end = v + 2000
    return 2 * ((1 / (v[:, None] + n) ** 3).sum(1) + 1 / (2 * end**2) + 1 / (2 * end**3))


# Composed functions

PHI = np.vectorize(lambda v: 0.5 * (1 + math.erf(v / math.sqrt(2))))
COMPOSED = [
    (nonlinear.silu, lambda v: v / (1 + np.exp(-v))), (nonlinear.gelu, lambda v: v * PHI(v)), (nonlinear.logsigmoid, lambda v: -np.log1p(np.exp(-v))),
    (lambda t: nonlinear.gelu(t, "tanh"), lambda v: 0.5 * v * (1 + np.tanh(math.sqrt(2 / math.pi) * (v + 0.044715 * v**3)))),
    (nonlinear.mish, lambda v: v * np.tanh(np.log1p(np.exp(v)))), (nonlinear.softplus, lambda v: np.log1p(np.exp(v))),
    (lambda t: nonlinear.softplus(t, beta=2.0), lambda v: np.log1p(np.exp(2 * v)) / 2), (nonlinear.softsign, lambda v: v / (1 + np.abs(v))),
    (nonlinear.elu, lambda v: np.where(v > 0, v, np.expm1(v))), (lambda t: nonlinear.celu(t, 2.0), lambda v: np.where(v > 0, v, 2 * np.expm1(v / 2))),
    (nonlinear.selu, lambda v: 1.0507009873554805 * np.where(v > 0, v, 1.6732632423543772 * np.expm1(v))), (nonlinear.tanhshrink, lambda v: v - np.tanh(v)),
    (nonlinear.leaky_relu, lambda v: np.where(v > 0, v, 0.01 * v)), (nonlinear.relu6, lambda v: np.clip(v, 0, 6)), (nonlinear.hardtanh, lambda v: np.clip(v, -1, 1)),
    (nonlinear.hardsigmoid, lambda v: np.clip(v + 3, 0, 6) / 6), (nonlinear.hardswish, lambda v: v * np.clip(v + 3, 0, 6) / 6),
    (nonlinear.hardshrink, lambda v: np.where(np.abs(v) > 0.5, v, 0)), (nonlinear.softshrink, lambda v: np.sign(v) * np.maximum(np.abs(v) - 0.5, 0)),
    (lambda t: nonlinear.threshold(t, 0.1, 20.0), lambda v: np.where(v > 0.1, v, 20.0)), (tr.sinc, np.sinc), (tr.deg2rad, np.deg2rad), (tr.rad2deg, np.rad2deg),
    (lambda t: tr.rsqrt(t * t), lambda v: 1 / np.abs(v)), (lambda t: tr.logit(tr.sigmoid(t)), lambda v: v), (tr.angle, np.angle),
    (lambda t: tr.lerp(t, 2.0, 0.25), lambda v: v + 0.25 * (2 - v)), (lambda t: tr.lerp(t, t * 2, wrap(np.array(0.75))), lambda v: 1.75 * v),
    (lambda t: tr.heaviside(t, 0.5), lambda v: np.heaviside(v, 0.5)), (lambda t: tr.xlogy(t, 2.0), lambda v: v * math.log(2)),
]  # fmt: skip


@pytest.mark.parametrize("function, formula", COMPOSED)
def test_composed_functions_and_their_gradients(function, formula):
    at = np.array([-7.0, -2.1, -0.7, -0.2, 0.3, 0.8, 2.4, 7.0])
    (x,) = tensors([at], requires_grad=True)
    y = function(x)
    np.testing.assert_allclose(y.detach().numpy(), formula(at), rtol=2e-13, atol=1e-15)
    by_steps = (formula(at + 1e-6) - formula(at - 1e-6)) / 2e-6
    (g,) = grad(total(y), x, materialize_grads=True) if y.requires_grad else (np.zeros(8),)
    np.testing.assert_allclose(g.numpy() if isinstance(g, Tensor) else g, by_steps, rtol=1e-7, atol=1e-8)
    single = function(wrap(at.astype(np.float32)))
    assert single.dtype in (float32, float64)
    np.testing.assert_allclose(single.numpy(), formula(at), rtol=1e-5, atol=1e-6)


def test_prelu_has_one_weight_for_each_channel():
    x, weight = tensors([np.array([[-1.0, -2.0], [3.0, -4.0]]), np.array([0.5, 0.25])], requires_grad=True)
    assert_bits_equal(nonlinear.prelu(x, weight), np.array([[-0.5, -0.5], [3.0, -1.0]]))
    assert_bits_equal(grad(total(nonlinear.prelu(x, weight)), weight)[0], np.array([-1.0, -6.0]))
    with pytest.raises(ArgumentError, match="channels"):
        nonlinear.prelu(x, wrap(np.ones(3)))


def test_angle_of_complex_numbers():
    z = np.array([1 + 1j, -1 + 0j, 0j, -2 - 1j])
    assert_bits_equal(tr.angle(wrap(z)), np.angle(z))
