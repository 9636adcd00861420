"""The GPUs of this machine, by number, each with the driver that allocates and launches there."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Any

from ...errors import DeviceError, fail
from ...spec import check_device
from .driver.calls import driver_calls
from .driver.driver import Driver
from .simulated.simulator import Simulator


@lru_cache(maxsize=None)
def driver_of(number: int) -> Any:
    """What allocates and launches on the GPU of this number. Raises DeviceError where there is none."""
    if simulated():
        return Simulator(number)
    calls = driver_calls()
    count = calls.cuDeviceGetCount()
    if not 0 <= number < count:
        fail(DeviceError, f"there is no device 'cuda:{number}' here", f"GPUs are counted from 0, and this machine has {count}.")
    return Driver(number, calls)


def device_count() -> int:
    """How many GPUs can be used; 0 where the packages or the driver are absent."""
    if simulated():
        return 1
    try:
        return driver_calls().cuDeviceGetCount()
    except DeviceError:
        return 0


def number_of(device: Any = None) -> int:
    """The number of a GPU: None and "cuda" name the first, "cuda:1" and 1 the second. Raises DeviceError for what names none."""
    if device is None or isinstance(device, int):
        return device or 0
    name = check_device(device)
    if name == "cpu":
        fail(DeviceError, "a GPU was asked for, and the CPU was named", 'Write "cuda", "cuda:1", or the number.')
    return int(name.partition(":")[2])


def simulated() -> bool:
    """Whether GPUs are simulated: `TRACEJIT_CUDA=simulator`."""
    return "simulator" in _asked()


def blocking() -> bool:
    """Whether the host waits after each launch that checks indices: `TRACEJIT_CUDA=blocking`, or `simulator,blocking`."""
    return "blocking" in _asked()


def _asked() -> list[str]:
    return os.environ.get("TRACEJIT_CUDA", "").split(",")
