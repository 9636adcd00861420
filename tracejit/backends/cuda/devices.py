"""The driver of each GPU."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Any

from ...errors import DeviceError, fail
from .simulator import Simulator


@lru_cache(maxsize=None)
def driver_of(number: int) -> Any:
    """What allocates and launches on the GPU of this number. Raises DeviceError where there is none."""
    if simulated():
        return Simulator(number)
    fail(DeviceError, f'there is no device "cuda:{number}" here', 'Compute on the CPU: device="cpu".')


def simulated() -> bool:
    """Whether GPUs are simulated: `TRACEJIT_CUDA=simulator`."""
    return os.environ.get("TRACEJIT_CUDA") == "simulator"
