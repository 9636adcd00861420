"""How elementary functions are checked: their text, run element by element in plain Python, against mpmath; compiled, against that."""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any, Callable, NamedTuple

import numpy as np
import pytest
from support import assert_bits_equal, ulps

import tracejit as tj
from tracejit.op import OPS

mp = pytest.importorskip("mpmath")
DTYPES = [np.float32, np.float64]
INF, NAN = math.inf, math.nan


class Case(NamedTuple):
    """A function in mpmath; intervals, and single numbers whose neighbours are of interest; how many ulps it may err.

    Operands are drawn uniformly from each interval, or by magnitude where it is one of powers of ten, as in `(10, -40, 0)`.
    floor: the magnitude below which an ulp no longer shrinks, for functions with roots.
    """

    exact: Callable[..., Any]
    intervals: tuple[tuple[float, ...], ...]
    near: tuple[float, ...] = ()
    bound: float = 1.0
    floor: float = 0.0


def functions_of(*modules: ModuleType) -> dict[str, Callable[..., Any]]:
    return {f.__name__: f for module in modules for f in module.FUNCTIONS}


def in_python(function: Callable[..., Any], *operands: np.ndarray) -> np.ndarray:
    """A function's text, run element by element."""
    with np.errstate(all="ignore"):
        results = [function(*element) for element in zip(*operands)]
    assert all(type(y) is operands[0].dtype.type for y in results), f"{function.__name__} gives a literal, which has no dtype"
    return np.array(results)


def points(case: Case, dtype: Any, each: int, arity: int = 1) -> list[np.ndarray]:
    """Operands from a case's intervals of both signs where they are powers of ten, those that the dtype has."""
    draw = np.random.default_rng(7)
    found = []
    for _ in range(arity):
        x = [np.array([v * (1 + k * float(np.finfo(dtype).eps)) for v in case.near for k in range(-4, 5)])]
        for *base, low, high in case.intervals:
            drawn = draw.uniform(low, high, each)
            x.append(base[0] ** drawn * draw.choice([-1, 1], each) if base else drawn)
        with np.errstate(all="ignore"):
            found.append(np.concatenate(x).astype(dtype))
    for x in found[1:]:
        draw.shuffle(x)
    kept = np.all([np.isfinite(x) & (x != 0) for x in found], axis=0)
    return [x[kept] for x in found]


def error(got: Any, exact: Any, floor: float = 0.0) -> float:
    """The distance in units in the last place; what overflows rightly, or is NaN rightly, is at 0."""
    limits = np.finfo(got.dtype)
    if mp.isnan(exact) or mp.im(exact) != 0:
        return 0.0 if got != got else INF
    if abs(exact) >= float(limits.max) * (1 + mp.mpf(2) ** -(limits.nmant + 2)):
        return 0.0 if math.isinf(got) and (got > 0) == (exact > 0) else INF
    if not np.isfinite(got):
        return INF
    size = max(abs(exact), floor, mp.mpf(2) ** int(limits.minexp))
    return float(abs(mp.mpf(float(got)) - exact) * mp.mpf(2) ** (limits.nmant - mp.frexp(size)[1] + 1))


def check_accuracy(function: Callable[..., Any], case: Case, dtype: Any, each: int, arity: int = 1) -> None:
    """A function errs by no more than its bound."""
    operands = points(case, dtype, each, arity)
    got = in_python(function, *operands)
    with mp.workprec(200):
        errors = [error(y, case.exact(*(mp.mpf(float(v)) for v in x)), case.floor) for y, *x in zip(got, *operands)]
    worst = int(np.argmax(errors))
    shown = ", ".join(repr(x[worst]) for x in operands)
    assert errors[worst] <= case.bound, f"{function.__name__}({shown}) gives {got[worst]!r}: {errors[worst]:.2f} ulp"


def compiled(name: str, *operands: np.ndarray) -> np.ndarray:
    """A function's text as machine code, by way of its op."""
    return np.asarray(OPS[name](*(tj.asarray(x) for x in operands)))


def check_compiled(function: Callable[..., Any], case: Case, dtype: Any, arity: int = 1) -> None:
    """Machine code gives the bits that the text gives in Python."""
    specials = np.array([0.0, -0.0, INF, -INF, NAN, 1.0, -1.0, 0.5, -2.0, 3.0], dtype)
    operands = [np.concatenate([x, specials]) for x in points(case, dtype, 30, arity)]
    assert_bits_equal(compiled(function.__name__, *operands), in_python(function, *operands), function.__name__)


def check_float32(name: str, reference: Callable[[np.ndarray], np.ndarray], low: float, high: float, bound: float = 1.0) -> None:
    """Of all float32 from `low` to `high` by size, and their negatives where `low` is 0, some 10⁵ give what float64 gives, nearly."""
    first, last = np.array([low, high], np.float32).view(np.int32)
    x = np.linspace(int(first), int(last), 100_003).astype(np.int32).view(np.float32)
    x = np.concatenate([x, -x]) if low == 0 else x
    with np.errstate(all="ignore"):
        exact = reference(x.astype(np.float64))
        distance = ulps(compiled(name, x), exact)
    worst = int(np.nanargmax(distance))
    assert distance[worst] <= bound, f"{name}({x[worst]!r}) errs by {distance[worst]:.2f} ulp"


def check_special(function: Callable[..., Any], table: list[tuple[Any, ...]], dtype: Any) -> None:
    """A function has the values of a table of (operands, value), with their sign where they are zero; others are rounded."""
    for *operands, wanted in table:
        got = in_python(function, *(np.array([x], dtype) for x in operands))[0]
        same = got != got if wanted != wanted else got == dtype(wanted) and np.signbit(got) == np.signbit(wanted)
        assert same, f"{function.__name__}{tuple(operands)} gives {got!r}, not {wanted}"
