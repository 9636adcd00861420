"""Exponentials, logarithms, hyperbolic functions and powers: their text, run in plain Python and compiled, against mpmath and NumPy."""

from __future__ import annotations

import math
from typing import Any, Callable, NamedTuple

import numpy as np
import pytest
from support import assert_bits_equal, elementwise_ops, ulps

import tracejit.ops.activation  # noqa: F401
import tracejit.ops.transcendental  # noqa: F401
from tracejit.backends.text.elementary import exponential, hyperbolic, logarithm, power
from tracejit.tensor import wrap

mp = pytest.importorskip("mpmath")
DTYPES = [np.float32, np.float64]
INF, NAN = math.inf, math.nan


class Case(NamedTuple):
    """A function in mpmath; the intervals its operands are drawn from (uniformly, or by magnitude, of both signs if the first
    interval has both); how many ulps it may err."""

    exact: Callable[..., Any]
    uniform: tuple[tuple[float, float], ...]
    magnitudes: tuple[float, float] = (1e-6, 1.0)
    bound: float = 1.0


def within(low: float, high: float, function: Callable[..., Any]) -> Callable[..., Any]:
    """A real function that is NaN outside of a closed interval."""
    return lambda x: function(x) if low <= x <= high else mp.nan


WHOLE = (1e-300, 1e300)
UNARY = {
    "exp": Case(mp.exp, ((-1, 1), (-104, 89), (-746, 710))),
    "exp2": Case(lambda x: mp.power(2, x), ((-1, 1), (-150, 128), (-1075, 1024))),
    "expm1": Case(mp.expm1, ((-1, 1), (-40, 90)), (1e-40, 1.0)),
    "sigmoid": Case(lambda x: 1 / (1 + mp.exp(-x)), ((-2, 2), (-104, 40), (-745, 10))),
    "softplus": Case(lambda x: mp.log1p(mp.exp(x)), ((-2, 2), (-104, 40), (-745, 800)), bound=2.0),
    "log": Case(mp.log, ((0.5, 2), (0.9, 1.1)), WHOLE),
    "log2": Case(lambda x: mp.log(x, 2), ((0.5, 2), (0.9, 1.1)), WHOLE),
    "log10": Case(mp.log10, ((0.5, 2), (0.9, 1.1)), WHOLE),
    "log1p": Case(mp.log1p, ((-0.999, 1), (-0.4, 0.5)), (1e-40, 1e300)),
    "sinh": Case(mp.sinh, ((-1, 1), (-89.4, 89.4), (-710, 710)), (1e-40, 1.0)),
    "cosh": Case(mp.cosh, ((-1, 1), (-89.4, 89.4), (-710, 710))),
    "tanh": Case(mp.tanh, ((-1, 1), (-20, 20)), (1e-40, 1.0)),
    "asinh": Case(mp.asinh, ((-1, 1), (-4, 4)), WHOLE),
    "acosh": Case(within(1, math.inf, mp.acosh), ((1, 1.1), (1, 4)), (1.0, 1e300)),
    "atanh": Case(mp.atanh, ((-1, 1), (-0.2, 0.2)), (1e-40, 1.0)),
    "cbrt": Case(lambda x: mp.sign(x) * mp.cbrt(abs(x)), ((-8, 8),), WHOLE),
}
BINARY = {
    "logaddexp": Case(lambda a, b: mp.log(mp.exp(a) + mp.exp(b)), ((0, 3), (0, 90)), bound=2.0),
    "logaddexp2": Case(lambda a, b: mp.log(mp.power(2, a) + mp.power(2, b), 2), ((0, 3), (0, 90)), bound=2.0),
    "pow": Case(mp.power, ((0, 3), (0.9, 1.1), (0, 60)), (1e-12, 100.0), bound=2.0),
    "power": Case(mp.power, ((0, 3), (0.9, 1.1), (0, 60)), (1e-12, 100.0), bound=2.0),
    "hypot": Case(mp.hypot, ((-3, 3), (-1e10, 1e10)), WHOLE),
}
CASES = UNARY | BINARY
FUNCTIONS = {f.__name__: f for module in (exponential, logarithm, hyperbolic, power) for f in module.FUNCTIONS}

OF_OPS = [name for name in CASES if name != "pow"]  # which is what `power` calls

# (operands, value) of C99 Annex F, and of what it leaves open: the same in both dtypes.
SPECIAL: dict[str, list[tuple[Any, ...]]] = {
    "exp": [(0.0, 1.0), (-0.0, 1.0), (INF, INF), (-INF, 0.0), (NAN, NAN), (1e30, INF), (-1e30, 0.0)],
    "exp2": [(0.0, 1.0), (-0.0, 1.0), (10.0, 1024.0), (-3.0, 0.125), (INF, INF), (-INF, 0.0), (NAN, NAN), (1e30, INF), (-1e30, 0.0)],
    "expm1": [(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -1.0), (NAN, NAN), (1e30, INF), (-1e30, -1.0)],
    "sigmoid": [(0.0, 0.5), (-0.0, 0.5), (INF, 1.0), (-INF, 0.0), (NAN, NAN), (1e30, 1.0), (-1e30, 0.0)],
    "softplus": [(INF, INF), (-INF, 0.0), (NAN, NAN), (2.0**99, 2.0**99), (-1e30, 0.0)],
    "log": [(1.0, 0.0), (0.0, -INF), (-0.0, -INF), (-1.0, NAN), (INF, INF), (-INF, NAN), (NAN, NAN)],
    "log2": [(1.0, 0.0), (8.0, 3.0), (0.125, -3.0), (0.0, -INF), (-0.0, -INF), (-1.0, NAN), (INF, INF), (-INF, NAN), (NAN, NAN)],
    "log10": [(1.0, 0.0), (1000.0, 3.0), (0.0, -INF), (-0.0, -INF), (-1.0, NAN), (INF, INF), (-INF, NAN), (NAN, NAN)],
    "log1p": [(0.0, 0.0), (-0.0, -0.0), (-1.0, -INF), (-2.0, NAN), (INF, INF), (-INF, NAN), (NAN, NAN)],
    "sinh": [(0.0, 0.0), (-0.0, -0.0), (1e30, INF), (-1e30, -INF), (INF, INF), (-INF, -INF), (NAN, NAN)],
    "cosh": [(0.0, 1.0), (-0.0, 1.0), (1e30, INF), (-1e30, INF), (INF, INF), (-INF, INF), (NAN, NAN)],
    "tanh": [(0.0, 0.0), (-0.0, -0.0), (30.0, 1.0), (-30.0, -1.0), (INF, 1.0), (-INF, -1.0), (NAN, NAN)],
    "asinh": [(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -INF), (NAN, NAN)],
    "acosh": [(1.0, 0.0), (0.5, NAN), (-2.0, NAN), (-1e30, NAN), (INF, INF), (-INF, NAN), (NAN, NAN)],
    "atanh": [(0.0, 0.0), (-0.0, -0.0), (1.0, INF), (-1.0, -INF), (2.0, NAN), (-2.0, NAN), (INF, NAN), (NAN, NAN)],
    "cbrt": [(0.0, 0.0), (-0.0, -0.0), (27.0, 3.0), (-8.0, -2.0), (INF, INF), (-INF, -INF), (NAN, NAN)],
    "pow": [
        *((x, y, 1.0) for x in (0.0, -0.0, 2.0, -2.0, INF, -INF, NAN) for y in (0.0, -0.0)),
        *((1.0, y, 1.0) for y in (2.5, -1e30, INF, -INF, NAN)), (-1.0, INF, 1.0), (-1.0, -INF, 1.0), (-1.0, 3.0, -1.0), (-1.0, 1e30, 1.0),
        (0.0, -3.0, INF), (-0.0, -3.0, -INF), (-0.0, -2.0, INF), (-0.0, -2.5, INF), (0.0, -INF, INF), (-0.0, -INF, INF),
        (0.0, 3.0, 0.0), (-0.0, 3.0, -0.0), (-0.0, 2.0, 0.0), (-0.0, 2.5, 0.0), (0.0, INF, 0.0),
        (0.5, INF, 0.0), (-0.5, INF, 0.0), (0.5, -INF, INF), (2.0, INF, INF), (-2.0, INF, INF), (2.0, -INF, 0.0), (-2.0, -INF, 0.0),
        (INF, 2.5, INF), (INF, -2.5, 0.0), (-INF, 3.0, -INF), (-INF, 2.0, INF), (-INF, 2.5, INF), (-INF, -3.0, -0.0), (-INF, -2.0, 0.0),
        (-2.0, 3.0, -8.0), (-2.0, 2.0, 4.0), (-2.0, 0.5, NAN), (-2.0, 1e30, INF), (2.0, -1e30, 0.0), (2.0, 10.0, 1024.0),
        (NAN, 2.0, NAN), (2.0, NAN, NAN), (-2.0, NAN, NAN),
    ],
    "power": [
        (-3.0, 2.0, 9.0), (-3.0, 1.0, -3.0), (-3.0, 3.0, -27.0), (-4.0, -1.0, -0.25), (0.0, -1.0, INF), (-0.0, -1.0, -INF), (-0.0, 0.5, 0.0),
        (9.0, 0.5, 3.0), (-INF, 0.5, INF), (-1.0, 0.5, NAN), (2.0, 10.0, 1024.0), (2.0, -2.0, 0.25), (NAN, 0.0, 1.0), (1.0, NAN, 1.0),
    ],
    "hypot": [
        (3.0, 4.0, 5.0), (-3.0, 4.0, 5.0), (0.0, 0.0, 0.0), (-0.0, -0.0, 0.0), (0.0, -2.0, 2.0), (INF, NAN, INF), (NAN, -INF, INF),
        (INF, 1.0, INF), (NAN, 1.0, NAN), (1.0, NAN, NAN),
    ],
    "logaddexp": [(INF, INF, INF), (-INF, -INF, -INF), (INF, -INF, INF), (-INF, 2.0, 2.0), (NAN, 1.0, NAN), (1.0, NAN, NAN), (NAN, INF, NAN)],
    "logaddexp2": [(INF, INF, INF), (-INF, -INF, -INF), (1.0, 1.0, 2.0), (-INF, 2.0, 2.0), (NAN, 1.0, NAN), (1.0, NAN, NAN)],
}  # fmt: skip


def in_python(name: str, *operands: np.ndarray) -> np.ndarray:
    """A function's text, run element by element."""
    with np.errstate(all="ignore"):
        results = [FUNCTIONS[name](*element) for element in zip(*operands)]
    assert all(type(y) is operands[0].dtype.type for y in results), f"{name} gives a literal, which has no dtype"
    return np.array(results)


def op_of(name: str) -> Any:
    """The op that a function is the text of."""
    (op,) = [op for op in elementwise_ops() if (op.text(np.dtype(np.float32)) or "").startswith(f"{name}(")]
    return op


def points(case: Case, dtype: Any, each: int, arity: int = 1) -> list[np.ndarray]:
    """Operands from a case's intervals, those that the dtype has."""
    draw = np.random.default_rng(7)
    low, high = np.log(case.magnitudes)
    found = []
    for _ in range(arity):
        x = [draw.uniform(a, b, each) for a, b in case.uniform]
        x.append(np.exp(draw.uniform(low, high, each)))
        if case.uniform[0][0] < 0:
            x.append(-np.exp(draw.uniform(low, min(high, 0), each)))
        with np.errstate(all="ignore"):
            found.append(np.concatenate(x).astype(dtype))
    kept = np.all([np.isfinite(x) & (x != 0) for x in found], axis=0)
    return [x[kept] for x in found]


def error(got: Any, exact: Any) -> float:
    """The distance in units in the last place; what overflows rightly, or is NaN rightly, is at 0."""
    limits = np.finfo(got.dtype)
    if mp.isnan(exact):
        return 0.0 if got != got else INF
    if abs(exact) >= float(limits.max) * (1 + mp.mpf(2) ** -(limits.nmant + 2)):
        return 0.0 if math.isinf(got) and (got > 0) == (exact > 0) else INF
    if not np.isfinite(got):
        return INF
    exponent = max(mp.frexp(exact)[1] - 1, int(limits.minexp)) if exact else int(limits.minexp)
    return float(abs(mp.mpf(float(got)) - exact) * mp.mpf(2) ** (limits.nmant - exponent))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CASES)
def test_a_text_errs_by_less_than_its_bound(name, dtype):
    case = CASES[name]
    operands = points(case, dtype, 60, arity=2 if name in BINARY else 1)
    got = in_python(name, *operands)
    with mp.workprec(200):
        errors = [error(y, case.exact(*(mp.mpf(float(v)) for v in x))) for y, *x in zip(got, *operands)]
    worst = int(np.argmax(errors))
    assert errors[worst] <= case.bound, f"{name}{tuple(x[worst] for x in operands)} gives {got[worst]!r}: {errors[worst]:.2f} ulp"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CASES)
def test_special_values(name, dtype):
    for *operands, wanted in SPECIAL[name]:
        got = in_python(name, *(np.array([x], dtype) for x in operands))[0]
        same = got != got if wanted != wanted else got == dtype(wanted) and np.signbit(got) == np.signbit(wanted)
        assert same, f"{name}{tuple(operands)} gives {got!r}, not {wanted}"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", OF_OPS)
def test_compiled_a_text_gives_the_bits_that_it_gives_in_python(name, dtype):
    """Whatever stands beside an element in a vector: special values are strewn among the others."""
    arity = 2 if name in BINARY else 1
    special = np.array([list(row[:arity]) for row in SPECIAL[name]], dtype).T
    operands = [np.concatenate([x, s]) for x, s in zip(points(CASES[name], dtype, 60, arity), special)]
    order = np.random.default_rng(3).permutation(operands[0].size)
    operands = [x[order] for x in operands]
    assert_bits_equal(op_of(name)(*map(wrap, operands)), in_python(name, *operands), name)


@pytest.mark.parametrize("name", OF_OPS)
def test_compiled_a_text_errs_by_less_than_its_bound_at_many_points(name):
    """Against NumPy in float64, of which a wrong last place is nothing to float32."""
    operands = points(CASES[name], np.float32, 20000, arity=2 if name in BINARY else 1)
    op = op_of(name)
    with np.errstate(all="ignore"):
        exact = op.numpy(*(x.astype(np.float64) for x in operands))
        errors = np.where(np.isinf(exact.astype(np.float32)), 0, ulps(op(*map(wrap, operands)).numpy(), exact))
    worst = int(np.argmax(errors))
    assert errors[worst] <= CASES[name].bound, f"{name}{tuple(x[worst] for x in operands)}: {errors[worst]:.2f} ulp"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["expm1", "log1p", "sinh", "tanh", "asinh", "atanh"])
def test_denormal_numbers_come_back_where_a_function_is_near_the_identity(name, dtype):
    tiny = np.finfo(dtype).smallest_subnormal
    x = np.array([tiny, -tiny, 5 * tiny, np.finfo(dtype).smallest_normal], dtype)
    assert np.array_equal(in_python(name, x), x)


def test_every_function_has_its_case_and_special_values():
    assert FUNCTIONS.keys() == CASES.keys() == SPECIAL.keys()
