"""NumPy programs with `device="cuda"`, unmodified: they give what NumPy gives, and do to their arguments what they do undecorated."""

from __future__ import annotations

import warnings

import pytest
from programs import PROGRAMS
from test_programs import observed, same

import tracejit as tj

SUMS = 1e3  # units of the largest magnitude: sums have another order on a GPU, and exponentials may differ by 2 units
SMALL = {"seawater_density", "ocean_expansion", "tracer_mixing", "heat", "haversine", "kmeans", "group_by", "pagerank"}  # enough for a simulated GPU


@pytest.fixture(autouse=True)
def quiet():
    """NumPy warns of divisions by zero and the like; compiled code does not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


@pytest.mark.parametrize("program", [pytest.param(p, id=f"{'small-' if name in SMALL else ''}{name}") for name, p in PROGRAMS.items()])
def test_a_program_gives_what_numpy_gives(program):
    compiled = tj.compile(program.function, device="cuda")
    for call, seed in enumerate((0, 1, 0)):
        expected, found = (observed(function, program.arguments(seed=seed), seed) for function in (program.function, compiled))
        same(found, expected, max(program.rounding, SUMS), f"call {call}")
