"""Some chains at every size, from a few elements to more than any cache holds."""

from __future__ import annotations

from ..workload import Target, Workload, everywhere, loops, numexpr, uniform
from .calls import ONE, multiply_add
from .elementwise import BLACK_SCHOLES_TEXT, GELU_TEXT, black_scholes, gelu

SIZES = (16, 256, 4096, 65_536, 1_048_576, 16_777_216, 100_000_000)
CHAINS = {
    "a·b + c": ({**everywhere(multiply_add), **numexpr("a * b + c", "a", "b", "c"), **loops("multiply_add")}, uniform(ONE, ONE, ONE)),
    "GELU": ({**everywhere(gelu), **numexpr(GELU_TEXT, "x"), **loops("gelu")}, uniform(ONE)),
    "Black–Scholes": (
        {**everywhere(black_scholes), **numexpr(BLACK_SCHOLES_TEXT, "spot", "strike", "years"), **loops("black_scholes")},
        uniform((10, 50), (10, 50), (0.1, 2)),
    ),
}

ROWS = [
    Workload(f"sweep: {name}, {n:,} elements", "sweep", programs, data, (n,), (37,), Target())
    for name, (programs, data) in CHAINS.items()
    for n in SIZES
]
