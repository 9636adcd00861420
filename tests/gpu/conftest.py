"""Tests of real GPUs: `pytest tests/gpu`. Each is skipped where there is none, with what was said of it.

Kernels that read what nobody wrote, or race, are found by NVIDIA's tool: test_sanitizer.py runs a program under it, where it is installed;
any other runs as `compute-sanitizer --tool memcheck python program.py`.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import pytest

from tracejit.backends.cuda.devices import driver_of, simulated
from tracejit.errors import DeviceError

HERE = Path(__file__).parent


@lru_cache(maxsize=1)
def absent() -> str:
    """Why no test here can run; nothing if they can."""
    if simulated():
        return "GPUs are simulated: TRACEJIT_CUDA"
    try:
        driver_of(0)
    except DeviceError as error:
        return str(error).split("\n")[0]
    return ""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents and absent():
            item.add_marker(pytest.mark.skip(reason=absent()))
