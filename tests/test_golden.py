"""The graph, the plan and the kernels of a few functions, against text kept in `golden/`: a change of it is read before it stays.

Write the text anew with `TRACEJIT_GOLDEN=write python -m pytest tests/test_golden.py`, and read the difference.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Callable

import pytest
from golden_functions import FUNCTIONS, layer_norm_backward, softmax_rows, values

import tracejit as tj

GOLDEN = Path(__file__).parent / "golden"
ON_A_GPU = (softmax_rows, layer_norm_backward)


def printed(function: Callable[..., Any], device: str = "cpu") -> str:
    """All that can be seen of a function compiled for two tensors of shape (4, 5)."""
    compiled = tj.compile(function)
    arguments = values(4, 5).to(device), (values(4, 5) + 0.5).to(device)
    for _ in range(2):
        compiled(*arguments)
    return "\n".join([compiled.graph(*arguments), compiled.plan(*arguments), compiled.source(*arguments)])


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_text_is_golden(function: Callable[..., Any]) -> None:
    assert_golden(f"{function.__name__}.txt", printed(function))


@pytest.mark.parametrize("function", ON_A_GPU, ids=lambda f: f.__name__)
def test_text_on_a_gpu_is_golden(function: Callable[..., Any], simulated_gpu: None) -> None:
    assert_golden(f"{function.__name__}_on_a_gpu.txt", printed(function, "cuda"))


def assert_golden(name: str, text: str) -> None:
    path = GOLDEN / name
    if os.environ.get("TRACEJIT_GOLDEN") == "write":
        path.write_text(text)
    assert text == path.read_text(), f"{path.name} differs; see the first lines of test_golden.py"


def test_no_text_is_kept_of_what_is_gone() -> None:
    assert {path.stem for path in GOLDEN.glob("*.txt")} == {f.__name__ for f in FUNCTIONS} | {f"{f.__name__}_on_a_gpu" for f in ON_A_GPU}
