"""`tj.cuda`: the GPUs of this machine, under PyTorch's names. Importing it loads nothing of CUDA's."""

from __future__ import annotations

from typing import Any

from .backends.cuda.devices import device_count, driver_of, number_of

__all__ = ["current_device", "device_count", "is_available", "memory_stats", "synchronize"]


def is_available() -> bool:
    """Whether there is a GPU that can be used, with the packages that takes."""
    return device_count() > 0


def current_device() -> int:
    """The number of the GPU that "cuda" names: the first."""
    return number_of("cuda")


def synchronize(device: Any = None) -> None:
    """Wait until everything issued on a GPU is done. device: a name or a number; the first GPU if it is left out.

    Raises DeviceError where there is no such GPU, and for errors of work that was issued before.
    """
    driver_of(number_of(device)).synchronize()


def memory_stats(device: Any = None) -> dict[str, int]:
    """What is known of a GPU's memory, in bytes: `allocated` by tensors now, and at its `peak`; `reserved` from the device for them, of
    which `kept` is free and sorted by size; the device's `capacity`. `hits` and `misses` count the blocks that were found among those
    kept, and those asked of the driver.
    """
    return driver_of(number_of(device)).memory_stats()
