"""Elementwise ops: the law of dtypes, values in every layout, gradients to second order, and the rules at edges."""

from __future__ import annotations

import itertools
import math
import operator

import numpy as np
import pytest
from support import ATTRS, COMPLEX, FLOATING, INTEGERS, LAYOUTS, assert_bits_equal, elementwise_ops, takes, tensors, ulps, values

import tracejit.ops.activation as nonlinear
import tracejit.ops.elementwise as ew
import tracejit.ops.logic as logic
import tracejit.ops.methods  # noqa: F401
import tracejit.ops.transcendental as tr
from tracejit.autograd.engine import grad
from tracejit.errors import ArgumentError, DTypeError
from tracejit.ops.reduce import sum as total
from tracejit.spec import DTYPES, TensorSpec, bfloat16, bool_, float16, float32, float64, int8, is_complex, is_floating
from tracejit.tensor import Tensor, wrap

OPS_LIST = elementwise_ops()
every_op = pytest.mark.parametrize("op", OPS_LIST, ids=lambda op: op.name)
differentiable = pytest.mark.parametrize("op", [op for op in OPS_LIST if op.vjp is not None], ids=lambda op: op.name)
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

# How many ulps an op may err, where its result is not fixed by IEEE arithmetic. Reference: NumPy in float64.
BOUNDS = {"logaddexp": 3, "logaddexp2": 3, "pow": 2, "sigmoid": 2.5, "softplus": 2, "erfc": 8, "digamma": 8, "trigamma": 8, "lgamma": 16}
SIZES = {"digamma": 1.0, "lgamma": 1.0, "logaddexp": 1.0, "logaddexp2": 1.0}  # errors are measured against at least this magnitude


def attrs_of(op):
    return ATTRS.get(op.name, {})


def apply(op, arrays):
    return op(*tensors(arrays), **attrs_of(op))


# Dtypes


@every_op
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_dtype_is_numpys_and_the_specs(op, dtype):
    arrays = values(op, dtype)
    if not takes(op, dtype):
        with pytest.raises(DTypeError):
            op.spec(*[TensorSpec(a.shape, a.dtype) for a in arrays], **attrs_of(op))
        return
    result = apply(op, arrays)
    assert result.spec == op.spec(*[TensorSpec(a.shape, a.dtype) for a in arrays], **attrs_of(op))
    assert result.dtype == np.asarray(op.numpy(*arrays, **attrs_of(op))).dtype


@pytest.mark.parametrize("op", [op for op in OPS_LIST if op.arity == 2], ids=lambda op: op.name)
def test_dtypes_of_pairs_are_numpys(op):
    kinds = [*DTYPES, bool, int, float, complex]
    for a, b in itertools.product(kinds, kinds):
        if not isinstance(a, np.dtype) and not isinstance(b, np.dtype):
            continue
        pair = [np.ones(2, k) if isinstance(k, np.dtype) else k(1) for k in (a, b)]
        if bfloat16 in (a, b) and (float in (a, b) or complex in (a, b)):
            continue  # NumPy does not know Python scalars to be weak beside bfloat16; the next test says what they are
        try:
            wanted = op.numpy(*pair).dtype
        except (TypeError, ValueError):
            wanted = None
        try:
            got = op.spec(*[TensorSpec(v.shape, v.dtype) if isinstance(v, np.ndarray) else v for v in pair]).dtype
        except DTypeError:
            got = None
        if got is None and op.name in ("maximum", "minimum", "fmax", "fmin") and np.result_type(*pair).kind == "c":
            continue  # NumPy orders complex numbers by their parts; here they have no extremes
        if got is None and {a, b} & {float16, bfloat16} == {float16, bfloat16}:
            continue
        assert got == wanted, f"{op.name} of {a} and {b}: {got}, NumPy {wanted}"


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_python_scalars_are_weak(dtype):
    x = wrap(np.ones(3, dtype))
    if is_floating(dtype) or is_complex(dtype):
        for scalar in (True, 2, 0.5):
            for result in (x + scalar, scalar * x, x / scalar, ew.where(wrap(np.ones(3, bool)), x, scalar)):
                assert result.dtype == dtype
    assert ew.where(wrap(np.ones(3, bool)), 1, x).dtype == (np.dtype("int64") if dtype == bool_ else dtype)


def test_scalars_beside_bfloat16_are_rounded_to_it():
    x = wrap(np.array([1.0, 3.0], bfloat16))
    assert_bits_equal(x * 0.1, np.array([1.0, 3.0], bfloat16) * np.asarray(0.1, bfloat16))
    assert (x + wrap(np.ones(2, np.int8))).dtype == bfloat16
    assert (x + wrap(np.ones(2, np.int16))).dtype == float32
    assert (x + wrap(np.ones(2, np.int64))).dtype == float64
    assert (x + wrap(np.ones(2, np.float16))).dtype == float32


# Values


def reference(op, arrays):
    """The op in float64 (complex128), or in the dtype itself where it is exact there."""
    inexact = op.floats or is_floating(arrays[-1].dtype) or is_complex(arrays[-1].dtype)
    wide = [a.astype(np.complex128 if is_complex(a.dtype) else np.float64) if inexact and op.name != "where" else a for a in arrays]
    return op.numpy(*wide, **attrs_of(op))


@every_op
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_values_in_every_layout(op, dtype):
    if not takes(op, dtype):
        pytest.skip(f"{op.name} takes no {dtype}")
    for name, layout in LAYOUTS.items():
        arrays = [layout(a) for a in values(op, dtype)]
        before = [a.copy() for a in arrays]
        result = apply(op, arrays).numpy()
        assert result.shape == arrays[0].shape and result.flags.c_contiguous, name
        assert not any(np.shares_memory(result, a) for a in arrays), f"{op.name} gives its operand's memory back"
        plain = apply(op, [np.ascontiguousarray(a).reshape(a.shape) for a in arrays])
        if is_complex(dtype):  # NumPy's own loops for complex numbers round by layout
            np.testing.assert_allclose(result, plain.numpy(), rtol=8 * np.finfo(dtype).eps)
        else:
            assert_bits_equal(result, plain, f"{op.name} of {dtype}, {name}")
        for a, b in zip(arrays, before):
            assert_bits_equal(a, b, f"{op.name} changed its operand")
    check_against_float64(op, values(op, dtype), dtype)


def check_against_float64(op, arrays, dtype):
    got, wanted = apply(op, arrays).numpy(), reference(op, arrays)
    if op.exact and (op.name in ("reciprocal", "nextafter") or not (is_floating(got.dtype) or is_complex(got.dtype))):
        return assert_bits_equal(got, op.numpy(*arrays, **attrs_of(op)), op.name)
    if not (is_floating(got.dtype) or is_complex(got.dtype)):
        return assert_bits_equal(got, wanted.astype(got.dtype), op.name)
    distance = ulps(got, np.asarray(wanted), SIZES.get(op.name, 0.0))
    bound = 4.0 if is_complex(dtype) else 0.51 if op.exact else BOUNDS.get(op.name, 1.6) + (1 if got.dtype == float64 else 0)
    assert distance.max() <= bound, f"{op.name} of {dtype}: {distance.max():.2f} ulp at {[a.reshape(-1)[distance.argmax()] for a in arrays]}"


@every_op
def test_broadcast_operands(op):
    arrays = values(op, float64 if "f" in op.accepts else np.dtype("int64"), (2, 3))
    arrays = [a[:1] if i % 2 else a[:, :1] for i, a in enumerate(arrays)] if op.arity > 1 else arrays
    full = [np.broadcast_to(a, (2, 3)).copy() for a in arrays]
    assert_bits_equal(apply(op, arrays), apply(op, full), op.name)


INTEGER_CASES = [
    (operator.floordiv, np.floor_divide), (operator.mod, np.remainder), (operator.lshift, np.left_shift), (operator.rshift, np.right_shift),
    (operator.and_, np.bitwise_and), (operator.xor, np.bitwise_xor), (ew.fmod, np.fmod), (operator.mul, np.multiply),
]  # fmt: skip


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
@pytest.mark.parametrize("function, numpy", INTEGER_CASES, ids=lambda f: f.__name__ if callable(f) else "")
def test_integers_at_the_edges(dtype, function, numpy):
    limits = np.iinfo(dtype)
    line = np.array(sorted({limits.min, limits.min + 1, 0, 1, 2, 3, 7, 8, 63, 64, 100, limits.max - 1, limits.max} | ({-1, -3} if limits.min else set())))
    line = line.astype(dtype)
    a, b = (g.reshape(-1) for g in np.meshgrid(line, line))
    assert_bits_equal(function(wrap(a), wrap(b)), numpy(a, b))


def test_integers_compare_exactly_across_signs():
    signed, unsigned = np.array([-1, 2**62, 2**63 - 1]), np.array([2**64 - 1, 2**62, 2**63], np.uint64)
    for op in (logic.equal, logic.less, logic.greater_equal):
        assert_bits_equal(op(wrap(signed), wrap(unsigned)), op.numpy(signed, unsigned))
        assert op.operand_dtypes(TensorSpec((3,), signed.dtype), TensorSpec((3,), unsigned.dtype)) == (signed.dtype, unsigned.dtype)
    spec = TensorSpec((3,), np.dtype("uint8"))
    assert logic.less.operand_dtypes(spec, 300) == (spec.dtype, np.dtype("int64"))
    assert logic.less.operand_dtypes(-1, spec) == (np.dtype("int64"), spec.dtype)
    assert logic.less.operand_dtypes(spec, 2**63) == (spec.dtype, np.dtype("uint64"))
    assert_bits_equal(wrap(np.array([3], np.uint8)) < 300, np.array([True]))


def test_powers():
    x = np.array([0.0, -0.0, 2.0, -3.0, np.inf, np.nan, 1e200])
    for y, wanted in [(0, x**0), (1, x), (2, x * x), (3, x * x * x), (0.5, np.sqrt(x)), (-1, 1 / x), (-2, x**-2.0), (2.5, x**2.5)]:
        got = (wrap(x) ** y).numpy()
        np.testing.assert_allclose(got, wanted, rtol=5e-16)
        assert y in (-2, 2.5) or np.array_equal(np.signbit(got), np.signbit(wanted)), y
    assert_bits_equal(2 ** wrap(np.arange(5)), np.array([1, 2, 4, 8, 16]))
    assert_bits_equal(wrap(np.array([3, -2], np.int8)) ** 3, np.array([27, -8], np.int8))
    with pytest.raises(ValueError, match="negative"):
        wrap(np.arange(3)) ** -1


@pytest.mark.parametrize("source", [float16, bfloat16, float32, float64], ids=str)
@pytest.mark.parametrize("target", DTYPES, ids=str)
def test_casts_of_what_does_not_fit(source, target):
    x = np.array([0.0, -1.5, 300.7, -300.7, 7e4, 3e9, -3e9, 1e13, 1.2e19, -1e19, np.inf, -np.inf, np.nan]).astype(source)
    short = ew.cast(wrap(x), dtype=target).numpy()
    assert short.dtype == target
    for count in (3, 50):  # NumPy's own vector loops take another road for long arrays
        assert_bits_equal(ew.cast(wrap(np.repeat(x, count)), dtype=target), np.repeat(short, count))
    assert (ew.cast(wrap(x), dtype=bool_).numpy() == (x != 0)).all()


def test_casts_of_complex_numbers():
    z = wrap(np.array([1 + 2j, 0j, 1j]))
    assert_bits_equal(ew.cast(z, dtype=bool_), np.array([True, False, True]))
    assert_bits_equal(ew.cast(z, dtype=int8), np.array([1, 0, 0], np.int8))
    assert_bits_equal(ew.cast(z, dtype=float32), np.array([1, 0, 0], np.float32))


def test_clip_forms():
    x = np.array([-2.0, -1.0, 0.5, 3.0, np.nan])
    t = wrap(x)
    assert_bits_equal(ew.clip(t, -1, 1), np.clip(x, -1, 1))
    assert_bits_equal(ew.clip(t, min=0.0), np.maximum(x, 0))
    assert_bits_equal(ew.clip(t, max=0.25), np.minimum(x, 0.25))
    assert_bits_equal(t.clip(wrap(np.full(5, -1.0)), wrap(np.full(5, 1.0))), np.clip(x, -1, 1))
    assert_bits_equal(t.clamp(2, 1), np.array([1, 1, 1, 1, np.nan]))
    copied = ew.clip(t)
    assert_bits_equal(copied, x)
    assert not np.shares_memory(copied.numpy(), x)
    assert_bits_equal(ew.clip(wrap(np.arange(5, dtype=np.uint8)), max=2), np.array([0, 1, 2, 2, 2], np.uint8))
    assert_bits_equal(ew.clip(wrap(np.arange(3)), 1, wrap(np.array([[1], [2]]))), np.array([[1, 1, 1], [1, 1, 2]]))


def test_round_to_decimals():
    x = np.array([0.125, -2.675, 1234.5678, 0.5, 1.5])
    for decimals in (-2, 0, 1, 2):
        assert_bits_equal(ew.round(wrap(x), decimals=decimals), np.round(x, decimals))
    assert_bits_equal(wrap(np.array([1250, 1350])).round(decimals=-2), np.round(np.array([1250, 1350]), -2))
    assert_bits_equal(ew.round(wrap(np.arange(3))), np.arange(3))


# Operators

BINARY = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.divide, "floordiv": np.floor_divide, "mod": np.remainder,
    "pow": np.power, "eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal,
}  # fmt: skip


@pytest.mark.parametrize("name", BINARY)
def test_binary_operators(name):
    a, b = np.array([1.5, 2.0, 4.0]), np.array([2.0, 2.0, 0.5])
    function = getattr(operator, name)
    assert_bits_equal(function(wrap(a), wrap(b)), BINARY[name](a, b))
    assert_bits_equal(function(wrap(a), 2.0), BINARY[name](a, 2.0))
    assert_bits_equal(function(2.0, wrap(b)), BINARY[name](2.0, b))


def test_unary_operators_and_bits():
    x, i, t = np.array([-1.5, 0.0, 2.0]), np.array([1, -2, 12]), np.array([True, False, True])
    for function, array in [(operator.neg, x), (operator.pos, x), (operator.abs, x), (operator.invert, i), (operator.invert, t)]:
        assert_bits_equal(function(wrap(array)), function(array))
    for name in ("and_", "or_", "xor", "lshift", "rshift"):
        function = getattr(operator, name)
        assert_bits_equal(function(wrap(i), 3), function(i, 3))
        assert_bits_equal(function(3, wrap(np.abs(i))), function(3, np.abs(i)))


# Gradients


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


# Errors


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: wrap(np.ones(2, bool)) - wrap(np.ones(2, bool)), lambda: wrap(np.ones(2)) & 1, lambda: -wrap(np.ones(2, bool)),
        lambda: ew.floor(wrap(np.ones(2, complex))), lambda: wrap(np.ones(2)) << wrap(np.ones(2)), lambda: tr.erf(wrap(np.ones(2, complex))),
        lambda: ew.maximum(wrap(np.ones(2, complex)), 1.0),
    ],
)  # fmt: skip
def test_a_dtype_that_an_op_does_not_take(wrong):
    with pytest.raises(DTypeError, match="It takes"):
        wrong()


def test_wrong_arguments():
    with pytest.raises(ArgumentError, match="tanh"):
        nonlinear.gelu(wrap(np.ones(2)), approximate="sigmoid")
    with pytest.raises(ArgumentError, match="min_val"):
        nonlinear.hardtanh(wrap(np.ones(2)), 1.0, -1.0)
