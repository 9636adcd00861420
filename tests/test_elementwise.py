"""Elementwise ops: the law of dtypes, values in every layout, integers and casts at the edges, operators."""

from __future__ import annotations

import itertools
import operator

import numpy as np
import pytest
from support import ATTRS, INTEGERS, LAYOUTS, assert_bits_equal, elementwise_ops, takes, tensors, ulps, values

import tracejit as tj
import tracejit.ops.activation as nonlinear
import tracejit.ops.elementwise as ew
import tracejit.ops.logic as logic
import tracejit.ops.methods  # noqa: F401
import tracejit.ops.transcendental as tr
from tracejit.errors import ArgumentError, DTypeError
from tracejit.spec import DTYPES, TensorSpec, bfloat16, bool_, float16, float32, float64, int8, is_complex, is_floating
from tracejit.tensor import wrap

OPS_LIST = elementwise_ops()
every_op = pytest.mark.parametrize("op", OPS_LIST, ids=lambda op: op.name)
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
    x = np.array([0.0, -0.0, 2.0, -3.0, np.inf, -np.inf, np.nan, 1e200])
    for y, wanted in [(0, x**0), (1, x), (2, x * x), (3, x * x * x), (0.5, np.power(x, np.full_like(x, 0.5))), (-1, 1 / x), (-2, x**-2.0), (2.5, x**2.5)]:
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


def test_a_condition_has_no_part_in_the_dtype():
    condition = tj.asarray(1.0, dtype=tj.bfloat16)
    for function in (lambda c: tj.where(c, True, 0.1), lambda c: tj.where(c, tj.asarray(2.0, dtype=tj.bfloat16), 0.1)):
        eager, compiled = function(condition), tj.compile(function)(condition)
        assert eager.dtype == compiled.dtype and eager.item() == compiled.item()
    assert tj.where(condition, True, 0.1).dtype == tj.float32
