"""The driver of real GPUs, and what is said where there is none."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any, Iterator

import pytest

import tracejit as tj
from tracejit.backends.cuda.calls import driver_calls
from tracejit.backends.cuda.devices import driver_of, number_of


def raising(error: Exception) -> Any:
    def call(*_: Any) -> Any:
        raise error

    return call


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """What was found out about this machine is forgotten, before and after."""
    monkeypatch.delenv("TRACEJIT_CUDA", raising=False)
    for found in (driver_calls, driver_of):
        found.cache_clear()
    yield monkeypatch
    for found in (driver_calls, driver_of):
        found.cache_clear()


class Status(int):
    name = "CUDA_ERROR_NO_DEVICE"


ABSENT = [
    (None, 'pip install "tracejit[cuda]"'),
    (SimpleNamespace(cuInit=raising(RuntimeError("libcuda.so.1 cannot be opened"))), "no CUDA device was found: libcuda.so.1 cannot be opened"),
    (SimpleNamespace(cuInit=lambda _: (100,), CUresult=Status, cuGetErrorString=lambda _: (0, b"nothing there\0")), "no CUDA device was found: nothing there"),
]


@pytest.mark.parametrize("module, said", ABSENT)
def test_what_is_absent_is_said(fresh: pytest.MonkeyPatch, module: Any, said: str) -> None:
    fresh.setitem(sys.modules, "cuda.bindings.driver", module)
    with pytest.raises(tj.DeviceError) as caught:
        tj.cuda.synchronize()
    assert said in str(caught.value)
    assert not tj.cuda.is_available() and tj.cuda.device_count() == 0


@pytest.mark.parametrize("device, number", [(None, 0), ("cuda", 0), ("cuda:0", 0), ("cuda:3", 3), (2, 2)])
def test_a_gpu_is_named(device: Any, number: int) -> None:
    assert number_of(device) == number


@pytest.mark.parametrize("device", ["cpu", "gpu", "cuda:x"])
def test_what_names_no_gpu_is_refused(device: str) -> None:
    with pytest.raises(tj.DeviceError):
        tj.cuda.memory_stats(device)
