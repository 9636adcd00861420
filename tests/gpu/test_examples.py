"""The examples that take a device run on a GPU, and say there what they say on the CPU."""

from __future__ import annotations

import pytest
from test_examples import QUICK, SAYS, run

ON_DEVICES = ["quickstart", "transformer", "black_scholes"]


@pytest.mark.parametrize("name", ON_DEVICES)
def test_example(name):
    printed = run(name, *["--quick"] * (name in QUICK), "--device", "cuda")
    for phrase in SAYS[name]:
        assert phrase in printed, printed
