"""Complex numbers in kernels: NumPy's bits, whatever the layout, the length and the values; and those of eager mode."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from support import COMPLEX, RELAID, assert_bits_equal, elementwise_ops
from test_compile_ops import draw

import tracejit as tj
from tracejit.autograd import grad
from tracejit.backends.text.complex_numbers import FUNCTIONS
from tracejit.ops import numpy_complex
from tracejit.tensor import wrap

OPS_OF_NUMPY = [op for op in elementwise_ops() if op.of_complex is not None and op.name not in ("where", "cast", "copy") and hasattr(np, op.name)]
LENGTHS = (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 40, 100)
every_dtype = pytest.mark.parametrize("dtype", COMPLEX, ids=str)
pytestmark = pytest.mark.filterwarnings("ignore")


def numbers(dtype, *shape, seed=0):
    return draw(dtype, shape, -2.0, 2.0, seed)


def edges(dtype):
    """Every pair of parts that are zero, infinite, NaN, huge or tiny, twice, so that each meets others."""
    info = np.finfo(dtype)
    parts = [0.0, -0.0, 1.0, -1.5, math.inf, -math.inf, math.nan, info.max, info.tiny, info.smallest_subnormal, math.sqrt(info.max)]
    values = np.array([complex(*pair) for pair in itertools.product(parts, parts)], dtype)
    return values, np.roll(values, 17)


@every_dtype
@pytest.mark.parametrize("op", OPS_OF_NUMPY, ids=lambda op: op.name)
def test_an_op_has_numpys_bits_at_every_length_in_every_layout_of_all_values(op, dtype):
    function = getattr(np, op.name)
    compiled = tj.compile(lambda *operands: function(*operands))
    given = [[numbers(dtype, n, seed=n + k) for k in (0, 1)] for n in LENGTHS] + [edges(dtype)]
    rows = [numbers(dtype, 6, 7, seed=k) for k in (0, 1)]
    given += [[first(rows[0]), second(rows[1])] for first, second in itertools.product(RELAID.values(), RELAID.values())]
    given += [[rows[0], rows[1][0]], [rows[0][:, 1:2], rows[1]]]
    for a, b in given:
        operands = (a, b)[: op.arity]
        assert_bits_equal(compiled(*operands), function(*operands), f"{op.name} of {dtype}, {a.shape}, strides {a.strides} and {b.strides}")


@every_dtype
@pytest.mark.parametrize("exponent", [2, 2.0, 3, 3.0, 4, -1])
def test_powers_have_numpys_bits(exponent, dtype):
    power, operator = tj.compile(lambda z: np.power(z, exponent)), tj.compile(lambda z: z**exponent)
    for z in (*edges(dtype), numbers(dtype, 200), numbers(dtype, 7)[::-1], numbers(dtype, 1)):
        assert_bits_equal(power(z), np.power(z, exponent), f"power, strides {z.strides}")
        assert_bits_equal(operator(z), z**exponent, f"**, strides {z.strides}")


@every_dtype
def test_texts_in_plain_python_round_as_numpy_does(dtype):
    a, b = (np.concatenate([x, numbers(dtype, 50, seed=k)]) for k, x in enumerate(edges(dtype)))
    rounding = numpy_complex.PRODUCT.split("_")[0]
    texts = {f"{rounding}_product": np.multiply, "quotient": np.divide, "inverse": np.reciprocal, f"{rounding}_magnitude": np.abs}
    texts |= {"second_power": lambda z: np.power(z, 2), "third_power": lambda z: np.power(z, 3)}
    for name, function in texts.items():
        operands = (a, b)[: 2 if name in (f"{rounding}_product", "quotient") else 1]
        found = [FUNCTIONS[name](*pair) for pair in zip(*operands)]
        assert_bits_equal(np.array(found), function(*operands), name)


def butterflies(x, w):
    even, odd = x[::2], x[1::2]
    turned = w * odd
    return tj.concat([even + turned, even - turned])


PROGRAMS = {
    "butterflies": butterflies,
    "iteration": lambda x, w: tj.where(tj.abs(x) < 1, x * x + x, x) * 0.5,
    "mixed with reals": lambda x, w: (tj.real(x) * w[0] + tj.imag(x) / x) - 2j,
    "rows and columns": lambda x, w: tj.outer(x, w) / (x[:, None] - 3) + tj.conj(w),
    "gathered": lambda x, w: x[tj.asarray([3, 0, 3, 1])] * w[0],
    "sums": lambda x, w: ((x * x).sum(), (x[:4] * tj.conj(w[:4])).mean()),
    "cast": lambda x, w: tj.astype(x, tj.complex64) * 1.5 + tj.astype(tj.real(w[0]), tj.complex64),
}


@every_dtype
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_and_its_gradient_are_those_of_eager_mode(name, dtype):
    def loss(x, w):
        results = PROGRAMS[name](x, w)
        total = sum(tj.real(r * (1 - 2j)).sum() for r in (results if isinstance(results, tuple) else (results,)))
        return results, grad(total, (x, w), materialize_grads=True)

    make = lambda: [wrap(numbers(dtype, n, seed=n)).requires_grad_(True) for n in (64, 32)]
    compiled = tj.compile(loss)
    for _ in range(3):
        for found, wanted in zip(flat(compiled(*make())), flat(loss(*make())), strict=True):
            assert_bits_equal(found, wanted, name)


def flat(value):
    return [leaf for part in value for leaf in flat(part)] if isinstance(value, tuple) else [value]


def test_complex_arithmetic_is_one_kernel():
    z = wrap(numbers(np.dtype(complex), 50))
    source = tj.compile(lambda z, c: tj.abs(tj.where(tj.isnan(z), 1j, z * z / c)) < 2).source(z, z)
    assert source.count("def kernel") == 1 and all(word in source for word in ("_product(", "quotient(", "_magnitude("))


def test_parts_of_numpys_arrays_are_read_in_the_same_kernel_and_written_through():
    def parts(z):
        inside = z.real * z.real + z.imag * z.imag < 1
        z.real[::2] = 3
        z.imag *= 2
        real = z.real
        z += 1
        return inside, real.sum(), real, z[::-1].imag

    z = numbers(np.dtype(complex), 50)
    compiled = tj.compile(parts)
    for _ in range(3):
        ours, theirs = z.copy(), z.copy()
        for found, wanted in zip(compiled(ours), parts(theirs), strict=True):
            assert_bits_equal(found, wanted)
        assert_bits_equal(ours, theirs)
    source = tj.compile(lambda z: z.real * z.real + z.imag * z.imag < 1).source(z)
    assert source.count("def kernel") == 1 and "t0.real" in source


def times_itself(x):
    x = x[:1].copy()
    x *= x
    x *= 1.1 + 0.3j
    return x


def all_of(x):
    total = x[0]
    for k in range(1, len(x)):
        total = total * x[k]
    return total


def products_into_an_operand(x):
    one, two, three = x[:1].copy(), x[1:2].copy(), x[2:3].copy()
    np.multiply(one, x[3:4], out=one)
    np.multiply(x[4:5], two, out=two)
    return one, two, np.square(three, out=three), np.multiply(x[5:6], x[6:7], out=x[7:8].copy()), np.multiply(x, x, out=x.copy())


SCALARS = {
    "product": lambda x: x[0] * x[1],
    "product with Python's": lambda x: ((1.1 + 0.3j) * x[0], x[1] * (1.1 + 0.3j)),
    "product with reals": lambda x: (x[0] * 2.5, x.real[0] * x[1], x[0] * 3),
    "product of sums": lambda x: x.sum() * x.mean(),
    "product of all": all_of,
    "product in place": times_itself,
    "ufuncs": lambda x: (np.multiply(x[0], x[1]), np.abs(x[0]), x[0] / x[1], x[0] + x[1]),
    "squares": lambda x: (np.square(x[0]), np.square(x[:1]), np.square(x)),
    "products into an operand": products_into_an_operand,
    "magnitude": lambda x: (abs(x[0]), abs(x[:1]), abs(x)),
    "powers": lambda x: (x[0] ** 2, x[0] ** 3, x[:1] ** 2, x**3),
    "product with an array": lambda x: (x[0] * x, np.asarray(x[0]) * np.asarray(x[1])),
}


@every_dtype
@pytest.mark.parametrize("name", SCALARS)
def test_numpys_scalars_round_as_they_do_undecorated(name, dtype):
    for seed in range(8):
        compiled = tj.compile(SCALARS[name])
        for x in (numbers(dtype, 9, seed=seed), numbers(dtype, 9, seed=seed + 100)):  # traced, and replayed
            for found, wanted in zip(flat(compiled(x)), flat(SCALARS[name](x)), strict=True):
                assert type(found) is type(wanted)
                assert_bits_equal(found, wanted, name)
