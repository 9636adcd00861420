"""Random programs: eager and compiled are equal to the bit, gradients too; and both are NumPy's.

Hypothesis draws them; of one that fails, the text is printed with all left out that can be. `TRACEJIT_PROGRAMS=20` runs
twenty times as many, other ones at each run.
"""

from __future__ import annotations

import os
from random import Random
from typing import Callable

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from program_families import draw, draw_backward, draw_observing, draw_plain, draw_smooth
from program_forms import ELEMENTWISE, ELSEWHERE, FORMS
from program_reduce import reduced
from random_programs import Program, check_compiled, check_numpy, check_slopes

from tracejit.op import OPS, Elementwise, Reduction

LONGER = int(os.environ.get("TRACEJIT_PROGRAMS", "1"))

pytestmark = pytest.mark.filterwarnings("ignore")


def programs(drawn: Callable[[Random], Program], count: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Run a test on this many programs."""
    chance = st.randoms(use_true_random=False)
    healthy = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
    budget = settings(max_examples=count * LONGER, deadline=None, derandomize=LONGER == 1, database=None, phases=[Phase.generate], suppress_health_check=healthy)
    return lambda test: budget(given(chance.map(drawn))(test))


def agrees(program: Program, check: Callable[[Program], list[str]]) -> None:
    if check(program):
        program = reduced(program, check)
        pytest.fail("\n".join(["", str(program), *check(program)]), pytrace=False)


@programs(draw, 450)
def test_compiled_is_eager(program: Program) -> None:
    agrees(program, check_compiled)


@programs(draw_observing, 100)
def test_compiled_is_eager_where_python_asks_for_values(program: Program) -> None:
    agrees(program, check_compiled)


@programs(draw_backward, 250)
def test_gradients_compiled_are_eager(program: Program) -> None:
    agrees(program, check_compiled)


@programs(draw_plain, 150)
def test_fixed_arithmetic_is_numpys(program: Program) -> None:
    agrees(program, check_numpy)


@programs(draw_smooth, 60)
def test_gradients_are_those_of_finite_differences(program: Program) -> None:
    check_slopes(program)


def test_every_op_of_the_table_can_be_drawn() -> None:
    drawn = {op.name for op in ELEMENTWISE} | set(FORMS)
    assert {name for name, op in OPS.items() if op.is_view or not isinstance(op, (Elementwise, Reduction))} - drawn == ELSEWHERE
