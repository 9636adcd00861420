"""How elementary functions are checked: their text, run element by element in plain Python or compiled, against mpmath and in float64."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, Callable, NamedTuple

import numpy as np
import pytest
from support import run_native

from tracejit.backends.text import elementary

mp = pytest.importorskip("mpmath")
DTYPES = [np.float32, np.float64]
KINDS = {np.float32: "f32", np.float64: "f64"}
FUNCTIONS = elementary.FUNCTIONS
INF, NAN = math.inf, math.nan


class Case(NamedTuple):
    """A function in mpmath; its values at special operands; intervals, and single numbers whose neighbours are of interest; how many ulps it may err.

    special: rows of (operands, value), of C99's Annex F and of what it leaves open: the same in both dtypes.
    intervals: operands are drawn uniformly from each, or by magnitude and of both signs where it is one of powers of ten, as in
    `(10, -40, 0)`. floor: the magnitude below which an ulp no longer shrinks, for functions with roots that are no floats.
    """

    exact: Callable[..., Any]
    special: list[tuple[float, ...]]
    intervals: tuple[tuple[float, ...], ...]
    near: tuple[float, ...] = ()
    bound: float = 1.0
    floor: float = 0.0

    @property
    def arity(self) -> int:
        return len(self.special[0]) - 1


def points(case: Case, dtype: Any, each: int, seed: int = 7) -> list[np.ndarray]:
    """Operands from a case's intervals, those that the dtype has."""
    draw = np.random.default_rng(seed)
    found = []
    for _ in range(case.arity):
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


def in_python(name: str, *operands: np.ndarray) -> np.ndarray:
    """A function's text, run element by element."""
    with np.errstate(all="ignore"):
        results = [FUNCTIONS[name](*element) for element in zip(*operands)]
    assert all(type(y) is operands[0].dtype.type for y in results), f"{name} gives a literal, which has no dtype"
    return np.array(results)


def compiled(name: str, *operands: np.ndarray) -> np.ndarray:
    """A function's text as machine code."""
    result, kind = np.empty_like(operands[0]), KINDS[operands[0].dtype.type]
    names = [f"x{k}" for k in range(len(operands))]
    text = [
        "def kernel(args):",
        f"    y = {kind}_pointer(args, 1)",
        *(f"    {x} = {kind}_pointer(args, {k + 2})" for k, x in enumerate(names)),
        "    for i in lanes(0, args[0]):",
        f"        y[i] = {kind}({name}({', '.join(f'{x}[i]' for x in names)}))",
        "    return 0",
    ]
    assert run_native("\n".join(text), result.size, result, *operands) == 0
    return result


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


def errors(case: Case, got: np.ndarray, *operands: np.ndarray) -> list[float]:
    """Element by element, against mpmath."""
    with mp.workprec(200):
        return [error(y, case.exact(*(mp.mpf(float(v)) for v in x)), case.floor) for y, *x in zip(got, *operands)]


@lru_cache(maxsize=None)
def _distances_text(name: str) -> str:
    return f"""def kernel(args):
    y = f64_pointer(args, 2)
    first, step = args[0], args[3]
    for i in lanes(0, args[1]):
        x = from_bits(i32(first + i * step))
        got, exact = f64({name}(x)), {name}(f64(x))
        size = abs(exact)
        size = f64(1.1754943508222875e-38) if size < 1.1754943508222875e-38 else size
        unit = from_bits(bits(size) & 0x7FF0000000000000) * 1.1920928955078125e-07
        wanted = f64(f32(exact))
        same = wanted == got or (got != got and wanted != wanted)
        y[i] = abs(got - exact) / unit if abs(got) < inf and abs(wanted) < inf else f64(0.0) if same else f64(inf)
    return 0
"""


def distances(name: str, first: int, out: np.ndarray, step: int = 1) -> np.ndarray:
    """How many units in the last place a function of float32 is from the same function of float64, for the float32 of the bits
    `first`, `first + step` and so on, compiled. Infinite where one is NaN or infinite and the other not."""
    assert run_native(_distances_text(name), first, out.size, out, step) == 0
    return out
