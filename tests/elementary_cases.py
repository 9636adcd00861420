"""The elementary functions, one after the other: what they are in mpmath, their special values, and where they are checked."""

from __future__ import annotations

import math
from typing import Any, Callable

from elementary import INF, NAN, Case, mp

PI = math.pi
WHOLE, SMALL = (10, -300, 300), (10, -40, 0)  # by magnitude
ODD = [(0.0, 0.0), (-0.0, -0.0), (NAN, NAN)]

# Angles: near multiples of π/2, and large; the last is nearer to a multiple of π/2 than any other float64.
CIRCLES = ((-8.0, 8.0), (-1000.0, 1000.0), SMALL, (10, -310, -290), (10, 2, 6), (10, 2, 38), (10, 38, 308))
QUARTERS = tuple(k * PI / 2 for k in (1, 2, 3, 4, 5, 37, 622, 100003, 600001))
FAR = (1000.0, 1e6, 1e22, 2.0**127, 6381956970095103 * 2.0**797)
UNIT = ((-1.0, 1.0), (0.45, 0.55), (-0.55, -0.45), (10, -310, 0))
BASES = ((0.0, 3.0), (0.9, 1.1), (0.0, 60.0), (10, -12, 2))  # of powers, and their exponents


def within(low: float, high: float, function: Callable[..., Any]) -> Callable[..., Any]:
    """A real function that is NaN outside of a closed interval."""
    return lambda x: function(x) if low <= x <= high else mp.nan


def lgamma(x: Any) -> Any:
    return mp.log(abs(mp.gamma(x))) if abs(x) < 1e5 else mp.loggamma(x)


EXPONENTIALS = {
    "exp": Case(mp.exp, [(0.0, 1.0), (-0.0, 1.0), (INF, INF), (-INF, 0.0), (NAN, NAN), (1e30, INF), (-1e30, 0.0)],
                ((-1, 1), (-104, 89), (-746, 710))),
    "exp2": Case(lambda x: mp.power(2, x),
                 [(0.0, 1.0), (-0.0, 1.0), (10.0, 1024.0), (-3.0, 0.125), (INF, INF), (-INF, 0.0), (NAN, NAN), (1e30, INF), (-1e30, 0.0)],
                 ((-1, 1), (-150, 128), (-1075, 1024))),
    "expm1": Case(mp.expm1, [*ODD, (INF, INF), (-INF, -1.0), (1e30, INF), (-1e30, -1.0)], ((-1, 1), (-40, 90), SMALL)),
    "sigmoid": Case(lambda x: 1 / (1 + mp.exp(-x)),
                    [(0.0, 0.5), (-0.0, 0.5), (INF, 1.0), (-INF, 0.0), (NAN, NAN), (1e30, 1.0), (-1e30, 0.0)],
                    ((-2, 2), (-104, 40), (-745, 10))),
    "softplus": Case(lambda x: mp.log1p(mp.exp(x)), [(INF, INF), (-INF, 0.0), (NAN, NAN), (2.0**99, 2.0**99), (-1e30, 0.0)],
                     ((-2, 2), (-104, 40), (-745, 800))),
    "logaddexp": Case(lambda a, b: mp.log(mp.exp(a) + mp.exp(b)),
                      [(INF, INF, INF), (-INF, -INF, -INF), (INF, -INF, INF), (-INF, 2.0, 2.0), (NAN, 1.0, NAN), (1.0, NAN, NAN), (NAN, INF, NAN)],
                      ((0, 3), (0, 90), (-3, 3), (-90, 90)), floor=0.5),
    "logaddexp2": Case(lambda a, b: mp.log(mp.power(2, a) + mp.power(2, b), 2),
                       [(INF, INF, INF), (-INF, -INF, -INF), (1.0, 1.0, 2.0), (-INF, 2.0, 2.0), (NAN, 1.0, NAN), (1.0, NAN, NAN)],
                       ((0, 3), (0, 90), (-3, 3), (-90, 90)), floor=0.5),
}  # fmt: skip
LOGARITHMS = {
    "log": Case(mp.log, [(1.0, 0.0), (0.0, -INF), (-0.0, -INF), (-1.0, NAN), (INF, INF), (-INF, NAN), (NAN, NAN)],
                ((0.5, 2), (0.9, 1.1), WHOLE, (10, -323, -300))),
    "log2": Case(lambda x: mp.log(x, 2),
                 [(1.0, 0.0), (8.0, 3.0), (0.125, -3.0), (0.0, -INF), (-0.0, -INF), (-1.0, NAN), (INF, INF), (-INF, NAN), (NAN, NAN)],
                 ((0.5, 2), (0.9, 1.1), WHOLE, (10, -323, -300))),
    "log10": Case(mp.log10, [(1.0, 0.0), (1000.0, 3.0), (0.0, -INF), (-0.0, -INF), (-1.0, NAN), (INF, INF), (-INF, NAN), (NAN, NAN)],
                  ((0.5, 2), (0.9, 1.1), WHOLE, (10, -323, -300))),
    "log1p": Case(mp.log1p, [*ODD, (-1.0, -INF), (-2.0, NAN), (INF, INF), (-INF, NAN)], ((-0.999, 1), (-0.4, 0.5), (10, -40, 300))),
}  # fmt: skip
POWERS = {
    "pow": Case(mp.power, [
        *((x, y, 1.0) for x in (0.0, -0.0, 2.0, -2.0, INF, -INF, NAN) for y in (0.0, -0.0)),
        *((1.0, y, 1.0) for y in (2.5, -1e30, INF, -INF, NAN)), (-1.0, INF, 1.0), (-1.0, -INF, 1.0), (-1.0, 3.0, -1.0), (-1.0, 1e30, 1.0),
        (0.0, -3.0, INF), (-0.0, -3.0, -INF), (-0.0, -2.0, INF), (-0.0, -2.5, INF), (0.0, -INF, INF), (-0.0, -INF, INF),
        (0.0, 3.0, 0.0), (-0.0, 3.0, -0.0), (-0.0, 2.0, 0.0), (-0.0, 2.5, 0.0), (0.0, INF, 0.0),
        (0.5, INF, 0.0), (-0.5, INF, 0.0), (0.5, -INF, INF), (2.0, INF, INF), (-2.0, INF, INF), (2.0, -INF, 0.0), (-2.0, -INF, 0.0),
        (INF, 2.5, INF), (INF, -2.5, 0.0), (-INF, 3.0, -INF), (-INF, 2.0, INF), (-INF, 2.5, INF), (-INF, -3.0, -0.0), (-INF, -2.0, 0.0),
        (-2.0, 3.0, -8.0), (-2.0, 2.0, 4.0), (-2.0, 0.5, NAN), (-2.0, 1e30, INF), (2.0, -1e30, 0.0), (2.0, 10.0, 1024.0),
        (NAN, 2.0, NAN), (2.0, NAN, NAN), (-2.0, NAN, NAN),
    ], BASES, bound=2.0),
    "power": Case(mp.power, [
        (-3.0, 2.0, 9.0), (-3.0, 1.0, -3.0), (-3.0, 3.0, -27.0), (-4.0, -1.0, -0.25), (0.0, -1.0, INF), (-0.0, -1.0, -INF), (-0.0, 0.5, 0.0),
        (9.0, 0.5, 3.0), (-INF, 0.5, INF), (-1.0, 0.5, NAN), (2.0, 10.0, 1024.0), (2.0, -2.0, 0.25), (NAN, 0.0, 1.0), (1.0, NAN, 1.0),
        (-3.0, 4.0, 81.0), (-INF, 4.0, INF), (-0.0, 4.0, 0.0), (-3.0, 5.0, -243.0), (-INF, 5.0, -INF), (-0.0, 5.0, -0.0), (NAN, 5.0, NAN),
    ], BASES, bound=2.0),
    "cbrt": Case(lambda x: mp.sign(x) * mp.cbrt(abs(x)), [*ODD, (27.0, 3.0), (-8.0, -2.0), (INF, INF), (-INF, -INF)], ((-8, 8), WHOLE)),
    "hypot": Case(mp.hypot, [
        (3.0, 4.0, 5.0), (-3.0, 4.0, 5.0), (0.0, 0.0, 0.0), (-0.0, -0.0, 0.0), (0.0, -2.0, 2.0), (INF, NAN, INF), (NAN, -INF, INF),
        (INF, 1.0, INF), (NAN, 1.0, NAN), (1.0, NAN, NAN),
    ], ((-3, 3), (-1e10, 1e10), WHOLE)),
}  # fmt: skip
HYPERBOLIC = {
    "sinh": Case(mp.sinh, [*ODD, (1e30, INF), (-1e30, -INF), (INF, INF), (-INF, -INF)], ((-1, 1), (-89.4, 89.4), (-710, 710), SMALL)),
    "cosh": Case(mp.cosh, [(0.0, 1.0), (-0.0, 1.0), (1e30, INF), (-1e30, INF), (INF, INF), (-INF, INF), (NAN, NAN)],
                 ((-1, 1), (-89.4, 89.4), (-710, 710))),
    "tanh": Case(mp.tanh, [*ODD, (30.0, 1.0), (-30.0, -1.0), (INF, 1.0), (-INF, -1.0)], ((-1, 1), (-20, 20), SMALL)),
    "asinh": Case(mp.asinh, [*ODD, (INF, INF), (-INF, -INF)], ((-1, 1), (-4, 4), WHOLE)),
    "acosh": Case(within(1, math.inf, mp.acosh), [(1.0, 0.0), (0.5, NAN), (-2.0, NAN), (-1e30, NAN), (INF, INF), (-INF, NAN), (NAN, NAN)],
                  ((1, 1.1), (1, 4), (10, 0, 300))),
    "atanh": Case(within(-1, 1, mp.atanh), [*ODD, (1.0, INF), (-1.0, -INF), (2.0, NAN), (-2.0, NAN), (INF, NAN)], ((-1, 1), (-0.2, 0.2), SMALL)),
}  # fmt: skip
CIRCULAR = {
    "sin": Case(mp.sin, [*ODD, (INF, NAN), (-INF, NAN)], CIRCLES, (*QUARTERS, *FAR)),
    "cos": Case(mp.cos, [(0.0, 1.0), (-0.0, 1.0), (INF, NAN), (-INF, NAN), (NAN, NAN)], CIRCLES, (*QUARTERS, *FAR)),
    "tan": Case(mp.tan, [*ODD, (INF, NAN), (-INF, NAN)], CIRCLES, (*QUARTERS, *FAR, PI / 4, 3 * PI / 4)),
    "asin": Case(mp.asin, [*ODD, (1.0, PI / 2), (-1.0, -PI / 2), (1.5, NAN), (-1.5, NAN), (INF, NAN), (-INF, NAN)],
                 UNIT, (0.5, -0.5, 1.0, -1.0)),
    "acos": Case(mp.acos, [(1.0, 0.0), (-1.0, PI), (0.0, PI / 2), (-0.0, PI / 2), (1.5, NAN), (-1.5, NAN), (INF, NAN), (-INF, NAN), (NAN, NAN)],
                 UNIT, (0.5, -0.5, 1.0, -1.0)),
    "atan": Case(mp.atan, [*ODD, (INF, PI / 2), (-INF, -PI / 2)], ((-3.0, 3.0), (0.8, 1.2), (10, -310, 308)), (1.0, -1.0)),
    "atan2": Case(mp.atan2, [
        (0.0, 0.0, 0.0), (0.0, -0.0, PI), (-0.0, 0.0, -0.0), (-0.0, -0.0, -PI),
        (0.0, 2.0, 0.0), (-0.0, 2.0, -0.0), (0.0, -2.0, PI), (-0.0, -2.0, -PI), (0.0, INF, 0.0), (-0.0, -INF, -PI),
        (2.0, 0.0, PI / 2), (2.0, -0.0, PI / 2), (-2.0, 0.0, -PI / 2), (-2.0, -0.0, -PI / 2),
        (2.0, -INF, PI), (-2.0, -INF, -PI), (2.0, INF, 0.0), (-2.0, INF, -0.0),
        (INF, 2.0, PI / 2), (-INF, -2.0, -PI / 2), (INF, 0.0, PI / 2), (-INF, -0.0, -PI / 2),
        (INF, INF, PI / 4), (-INF, INF, -PI / 4), (INF, -INF, 3 * PI / 4), (-INF, -INF, -3 * PI / 4),
        (NAN, 1.0, NAN), (1.0, NAN, NAN), (NAN, NAN, NAN), (NAN, INF, NAN), (INF, NAN, NAN), (NAN, 0.0, NAN), (0.0, NAN, NAN),
    ], ((-3.0, 3.0), (0.9, 1.1), (10, -38, 38), (10, -310, -280), (10, 280, 308)), (1.0, -1.0)),
}  # fmt: skip
SPECIAL = {
    "erf": Case(mp.erf, [*ODD, (7.0, 1.0), (-7.0, -1.0), (INF, 1.0), (-INF, -1.0)],
                ((-2.0, 2.0), (0.9, 1.2), (-6.5, 6.5), (10, -310, 2)), (1.0, -1.0, 4.0, 6.0)),
    "erfc": Case(mp.erfc, [(0.0, 1.0), (-0.0, 1.0), (7e10, 0.0), (-7e10, 2.0), (INF, 0.0), (-INF, 2.0), (NAN, NAN)],
                 ((-2.0, 2.0), (0.7, 1.0), (-6.5, 11.0), (11.0, 27.3), (10, -310, 1)), (0.75, -0.75, 10.0, 26.5)),
    "lgamma": Case(lgamma, [(1.0, 0.0), (2.0, 0.0), (0.0, INF), (-0.0, INF), (-1.0, INF), (-7.0, INF), (-1e30, INF), (INF, INF), (-INF, INF), (NAN, NAN)],
                   ((0.0, 3.0), (0.9, 1.1), (1.9, 2.1), (2.5, 9.0), (9.0, 1e3), (1e3, 1e30), (10, -300, -1)), (1.0, 2.0, 1.5, 2.5, 8.0), bound=2.0),
    "digamma": Case(mp.digamma, [(0.0, -INF), (-0.0, INF), (-1.0, NAN), (-1e30, NAN), (INF, INF), (-INF, NAN), (NAN, NAN)],
                    ((0.0, 8.0), (1.4, 1.5), (8.0, 40.0), (10, -300, 0), (40.0, 1e6)), (1.0, 1.4616321449683622, 2.0, 8.0)),
    "trigamma": Case(lambda x: mp.polygamma(1, x), [(0.0, INF), (-0.0, INF), (-1.0, INF), (-1e30, INF), (INF, 0.0), (-INF, INF), (NAN, NAN)],
                     ((0.0, 8.0), (8.0, 40.0), (-9.0, 0.0), (10, -3, 0)), (1.5, 2.5, 8.0)),
}  # fmt: skip
CASES: dict[str, Case] = EXPONENTIALS | LOGARITHMS | POWERS | HYPERBOLIC | CIRCULAR | SPECIAL
# Between the poles below zero there are roots near which the error is that of what cancels.
BELOW_ZERO = {
    "lgamma": CASES["lgamma"]._replace(
        intervals=((-0.5, 0.0), (-5.0, 0.0), (-60.0, -5.0)), near=(-0.5, -1.5, -2.457024738220801, -2.5), bound=2.0, floor=1.0
    ),
    "digamma": CASES["digamma"]._replace(intervals=((-0.5, 0.0), (-5.0, 0.0), (-60.0, -5.0)), near=(-0.5, -0.504083008264455, -1.5), floor=1.0),
}
