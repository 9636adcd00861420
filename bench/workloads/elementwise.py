"""Chains of elementwise operations, in cache and out of it, in float32 and float64."""

from __future__ import annotations

from typing import Any

from ..workload import Target, Workload, amount, everywhere, loops, numexpr, uniform

COEFFICIENTS = [1.0 / (k + 1) for k in range(100)]


def gelu(xp: Any, x: Any) -> Any:
    return 0.5 * x * (1.0 + xp.tanh(0.7978845608 * (x + 0.044715 * x * x * x)))


def normal_cdf(xp: Any, x: Any) -> Any:
    """Abramowitz and Stegun, 26.2.17."""
    t = 1.0 / (1.0 + 0.2316419 * xp.abs(x))
    poly = t * (0.319381530 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
    tail = xp.exp(-0.5 * x * x) * 0.3989422804 * poly
    return xp.where(x > 0, 1.0 - tail, tail)


def black_scholes(xp: Any, spot: Any, strike: Any, years: Any) -> Any:
    spread = 0.3 * xp.sqrt(years)
    d1 = (xp.log(spot / strike) + 0.075 * years) / spread
    return spot * normal_cdf(xp, d1) - strike * xp.exp(-0.03 * years) * normal_cdf(xp, d1 - spread)


def polynomial(xp: Any, x: Any) -> Any:
    """100 terms, by Horner's rule."""
    total = x * COEFFICIENTS[-1] + COEFFICIENTS[-2]
    for c in COEFFICIENTS[-3::-1]:
        total = total * x + c
    return total


def _polynomial_text() -> str:
    text = f"x * {COEFFICIENTS[-1]:.17f} + {COEFFICIENTS[-2]:.17f}"
    for c in COEFFICIENTS[-3::-1]:
        text = f"({text}) * x + {c:.17f}"
    return text


def _cdf_text(x: str) -> str:
    t = f"(1.0 / (1.0 + 0.2316419 * abs({x})))"
    poly = f"{t} * (0.319381530 + {t} * (0.0 - 0.356563782 + {t} * (1.781477937 + {t} * (0.0 - 1.821255978 + {t} * 1.330274429))))"
    tail = f"(exp(-0.5 * {x} * {x}) * 0.3989422804 * {poly})"
    return f"where({x} > 0, 1.0 - {tail}, {tail})"


_D1 = "((log(spot / strike) + 0.075 * years) / (0.3 * sqrt(years)))"
BLACK_SCHOLES_TEXT = f"spot * {_cdf_text(_D1)} - strike * exp(-0.03 * years) * {_cdf_text(f'({_D1} - 0.3 * sqrt(years))')}"
GELU_TEXT = "0.5 * x * (1.0 + tanh(0.7978845608 * (x + 0.044715 * x * x * x)))"

CHAINS = {
    "GELU": ({**everywhere(gelu), **numexpr(GELU_TEXT, "x"), **loops("gelu")}, uniform((-3, 3))),
    "Black–Scholes": (
        {**everywhere(black_scholes), **numexpr(BLACK_SCHOLES_TEXT, "spot", "strike", "years"), **loops("black_scholes")},
        uniform((10, 50), (10, 50), (0.1, 2)),
    ),
    "polynomial of 100 terms": ({**everywhere(polynomial), **numexpr(_polynomial_text(), "x"), **loops("polynomial")}, uniform((-1, 1))),
}

ROWS = [
    Workload(f"{name}, {amount(n)}, {short}", "elementwise", programs, data, (n,), (37,), Target(1.5), dtype)
    for name, (programs, data) in CHAINS.items()
    for n in (4 << 10, 4 << 20)
    for short, dtype in (("f32", "float32"), ("f64", "float64"))
]
