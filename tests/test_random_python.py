"""Random Python programs: compiled, they do what they do undecorated, over calls with other contents.

Hypothesis draws them; one that fails is made small and printed. `TRACEJIT_PROGRAMS=20` runs twenty times as many, other ones at each run.
"""

from __future__ import annotations

import itertools
import os
import re
from pathlib import Path
from random import Random
from typing import Callable

import pytest
import python_loops
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from python_programs import draw
from python_reduce import reduced
from twins import differences, module_of

from tracejit.frontend.weave import roll

LONGER = int(os.environ.get("TRACEJIT_PROGRAMS", "1"))
NUMBERS = itertools.count()
NONSENSE = ("NameError", "UnboundLocalError", "SyntaxError")  # of a program of which too much was left out

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("programs")


def check(text: str, folder: Path) -> list[str]:
    """What a compiled program does otherwise; empty, if nothing."""
    path = folder / f"program_{next(NUMBERS)}.py"

    def make():
        module = module_of(path, text)
        return module.program, lambda: (module.FACTOR, module.OUTER, module.LOG, module.STATE.last, module.STATE.steps, module.STATE.weight)

    return differences(make, module_of(path, text).arguments, calls=4)[0]


def differing(found: list[str]) -> set[str]:
    """In what two runs differ: results, arguments, exceptions …; a program is made small as long as it fails in no other way."""
    return {re.split("[.:']", line)[0] for line in found[1:]}


def agrees(text: str, folder: Path) -> None:
    found = check(text, folder)
    if found:
        def fails(candidate: str) -> list[str]:
            try:
                again = check(candidate, folder)
            except Exception:  # noqa: BLE001 what is left is no module, or has lost its arguments
                return []
            nonsense = any(word in line for line in again for word in NONSENSE)
            return again if differing(again) <= differing(found) and not nonsense else []

        text = reduced(text, fails)
        pytest.fail("\n".join(["", text, "", *(fails(text) or found)]), pytrace=False)


def programs(count: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Run a test on this many draws."""
    healthy = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example, HealthCheck.function_scoped_fixture]
    budget = settings(max_examples=count * LONGER, deadline=None, derandomize=LONGER == 1, database=None, phases=[Phase.generate], suppress_health_check=healthy)
    return lambda test: budget(given(chance=st.randoms(use_true_random=False))(test))


@programs(75)
def test_programs_of_numpy_code(chance: Random, folder: Path) -> None:
    agrees(draw(chance, "np"), folder)


@pytest.mark.parametrize("nodes", [4, 400], ids=lambda n: f"rolled from {n} nodes")
@programs(25)
def test_programs_of_loops(chance: Random, folder: Path, monkeypatch: pytest.MonkeyPatch, nodes: int) -> None:
    monkeypatch.setattr(roll, "UNROLLED", nodes)  # so that loops of few turns are one op too
    agrees(python_loops.draw(chance), folder)


@programs(25)
def test_programs_of_tensor_code(chance: Random, folder: Path) -> None:
    agrees(draw(chance, "tj"), folder)
