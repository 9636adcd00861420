"""How far the elementary functions are from the exact value, at worst: `python tests/accuracy.py [exp log …] [--float64 N] [--pairs N]`.

float32: a function of one operand is compared with the same function of float64 for every one of the 2³² float32; a function of two for
pairs drawn from its intervals. float64: compared with mpmath, for operands drawn from its intervals and for the neighbours of numbers of
interest; where the C library has the function of extended precision (64 bits), that sifts many more for the worst. Prints rows of the
table in docs/accuracy.md as they are found.
"""

from __future__ import annotations

import argparse
import time
from typing import Callable, NamedTuple

import numpy as np
from elementary import Case, compiled, distances, error, errors, mp, points
from elementary_cases import BELOW_ZERO, CASES

BLOCK = 1 << 16
SIFTED, KEPT = 50, 200  # times as many operands where they are sifted; of them mpmath sees those
EXTENDED: dict[str, Callable[..., np.ndarray]] = {
    **{name: getattr(np, name) for name in (
        "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sin", "cos", "tan", "sinh", "cosh", "tanh", "cbrt", "hypot", "power")},
    **{name: getattr(np, f"arc{name[1:]}") for name in ("asin", "acos", "atan", "atan2", "asinh", "acosh", "atanh")},
    "pow": np.power, "sigmoid": lambda x: 1 / (1 + np.exp(-x)), "softplus": lambda x: np.maximum(x, 0) + np.log1p(np.exp(-abs(x))),
    "logaddexp": lambda a, b: np.maximum(a, b) + np.log1p(np.exp(-abs(a - b))),
}  # fmt: skip


class Worst(NamedTuple):
    """The largest distance in units in the last place, and the operands there."""

    distance: float
    operands: tuple[float, ...]

    def __str__(self) -> str:
        return f"{self.distance:.3f} | {', '.join(f'{x:.9g}' if isinstance(x, np.float32) else repr(float(x)) for x in self.operands)}"


def all_float32(name: str) -> Worst:
    """Of all float32, by their bits."""
    worst, found = Worst(-1.0, ()), np.empty(BLOCK)
    for first in range(-(2**31), 2**31, BLOCK):
        distances(name, first, found)
        at = int(found.argmax())
        if not found[at] <= worst.distance:
            worst = Worst(float(found[at]), (np.array(first + at).astype(np.int32).view(np.float32)[()],))
    return worst


def pairs_float32(name: str, case: Case, count: int) -> Worst:
    """Of pairs of float32: against float64; the worst against mpmath."""
    operands = points(case, np.float32, count // len(case.intervals))
    got, exact = compiled(name, *operands), compiled(name, *(x.astype(np.float64) for x in operands))
    with np.errstate(all="ignore"):
        size = np.maximum(np.abs(exact), max(case.floor, 1.1754943508222875e-38))
        distance = np.abs(got - exact) / np.exp2(np.floor(np.log2(size)) - 23)
    at = int(np.nanargmax(np.where(np.isfinite(got), distance, -1.0)))
    x = tuple(operand[at] for operand in operands)
    with mp.workprec(200):
        return Worst(error(got[at], case.exact(*(mp.mpf(float(v)) for v in x)), case.floor), x)


def float64(name: str, case: Case, count: int) -> Worst:
    """Of operands drawn from the case's intervals, against mpmath."""
    operands = points(case, np.float64, count // len(case.intervals), seed=11)
    got = compiled(name, *operands)
    if sifts(name):
        with np.errstate(all="ignore"):
            exact = EXTENDED[name](*(x.astype(np.longdouble) for x in operands))
            size = np.maximum(np.maximum(abs(exact), case.floor), np.finfo(np.float64).smallest_normal)
            distance = np.where(np.isfinite(got), abs(got - exact) / np.exp2(np.floor(np.log2(size)) - 52), 0)
        kept = np.argsort(np.nan_to_num(distance))[-KEPT:]
        operands, got = [x[kept] for x in operands], got[kept]
    found = errors(case, got, *operands)
    at = int(np.argmax(found))
    return Worst(found[at], tuple(x[at] for x in operands))


def sifts(name: str) -> bool:
    return name in EXTENDED and np.finfo(np.longdouble).nmant >= 63


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=list(CASES), metavar="FUNCTION")
    parser.add_argument("--float64", type=int, default=20_000, metavar="N", help="operands of float64 for each function")
    parser.add_argument("--pairs", type=int, default=10_000_000, metavar="N", help="pairs of float32 for each function of two")
    options = parser.parse_args()
    print("| function | float32, worst ulp | at | of | float64, worst ulp | at | of | seconds |\n|---|---|---|---|---|---|---|---|")
    for name in options.names:
        case, start = CASES[name], time.perf_counter()
        single = all_float32(name) if case.arity == 1 else pairs_float32(name, case, options.pairs)
        checked = "all 2³²" if case.arity == 1 else f"{options.pairs:,} pairs"
        drawn = options.float64 * (SIFTED if sifts(name) else 1)
        rows = [(name, single, checked, float64(name, case, drawn))]
        if name in BELOW_ZERO:
            rows.append((f"{name}, x < 0", "", "", float64(name, BELOW_ZERO[name], drawn)))
        for title, worst, of, double in rows:
            print(f"| {title} | {worst or ' | '} | {of} | {double} | {drawn:,} | {time.perf_counter() - start:.0f} |", flush=True)


if __name__ == "__main__":
    main()
