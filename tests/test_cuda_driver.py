"""The driver of real GPUs, against one of NVIDIA's that is played in the host's memory; and what is said where there is none."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any, Iterator

import numpy as np
import pytest
from driver_laws import BLOCK, STORE, WORDS, Blocks, DriverLaws
from fake_cuda import CAPACITY, CUresult, FakeCuda
from support import forget_gpus

import tracejit as tj
from tracejit.backends.cuda.driver import memory
from tracejit.backends.cuda.devices import driver_of, number_of
from tracejit.backends.cuda.driver.streams import LEGACY



def raising(error: Exception) -> Any:
    def call(*_: Any) -> Any:
        raise error

    return call


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """What was found out about this machine is forgotten, before and after."""
    monkeypatch.delenv("TRACEJIT_CUDA", raising=False)
    forget_gpus()
    yield monkeypatch
    forget_gpus()


@pytest.fixture
def cu(fresh: pytest.MonkeyPatch) -> FakeCuda:
    """A driver of NVIDIA's with one GPU, which is device "cuda"."""
    return played(fresh, 1)


def played(fresh: pytest.MonkeyPatch, gpus: int) -> FakeCuda:
    cu = FakeCuda(gpus)
    fresh.setitem(sys.modules, "cuda.bindings.driver", cu)  # type: ignore[arg-type]
    return cu


@pytest.fixture
def blocks(cu: FakeCuda) -> Blocks:
    return Blocks(driver_of(0), lambda: "ptx")


class TestPlayed(DriverLaws):
    """The laws, against a driver that is as slow as it may be."""


# Where there is none


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


# What a driver is asked for


def test_a_gpu_says_what_it_is(cu: FakeCuda) -> None:
    driver = driver_of(0)
    assert (driver.name, driver.arch, driver.processors) == ("Played", "sm_90", 132)
    assert tj.cuda.is_available() and tj.cuda.device_count() == 1


def test_the_host_waits_only_for_what_it_fetches(cu: FakeCuda, blocks: Blocks) -> None:
    a, b = blocks.new(7), blocks.new()
    blocks.copy(b, a)
    blocks.driver.fill(a, BLOCK, 0xFF)
    blocks.driver.upload(b, np.arange(WORDS))
    assert not {name for name in cu.called if "Synchronize" in name}
    assert blocks.values(a) == (-1,)


@pytest.mark.parametrize("code, loaded", [("ptx", b"ptx\0"), (b"cubin\0\1", b"cubin\0\1")])
def test_a_kernel_is_loaded_once(cu: FakeCuda, code: Any, loaded: bytes) -> None:
    driver = driver_of(0)
    functions = {driver.load(STORE, lambda: code, "kernel") for _ in range(3)}
    assert len(functions) == 1 and cu.libraries == [loaded]
    driver.load("another text", lambda: code, "kernel")
    assert len(cu.libraries) == 2


def test_each_gpu_has_its_own_context(fresh: pytest.MonkeyPatch) -> None:
    cu = played(fresh, 2)
    gpus = [Blocks(driver_of(number), lambda: "ptx") for number in (0, 1)]
    at = [gpu.new(0) for gpu in gpus]
    for number in (0, 1, 0):
        blocks, address = gpus[number], at[number]
        driver = blocks.driver
        launch = lambda: blocks.set(address, 1)
        for act in (launch, lambda: driver.allocate(1), lambda: driver.fill(address, 8), driver.synchronize, driver.memory_stats):
            cu.context = None
            act()
            assert cu.context == number + 1
    with pytest.raises(tj.DeviceError, match="this machine has 2"):
        driver_of(2)


REPORTS = {
    "cuLaunchKernel": lambda blocks: blocks.set(0, 1),
    "cuStreamSynchronize": lambda blocks: blocks.driver.streams.synchronize(LEGACY),
    "cuStreamQuery": lambda blocks: blocks.driver.streams.is_done(LEGACY),
    "cuMemAllocFromPoolAsync": lambda blocks: blocks.new(),
}


@pytest.mark.parametrize("name, act", REPORTS.items())
def test_what_the_driver_reports_is_raised(cu: FakeCuda, blocks: Blocks, name: str, act: Any) -> None:
    cu.status[name] = CUresult.CUDA_ERROR_ILLEGAL_ADDRESS
    with pytest.raises(tj.DeviceError, match=f"CUDA_ERROR_ILLEGAL_ADDRESS: cuda_error_illegal_address .{name}(.|\\n)*start another"):
        act(blocks)


def test_no_more_than_so_much_is_kept_by_size(cu: FakeCuda, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "KEPT", 2048)
    driver = driver_of(0)
    for address in [driver.allocate(1024) for _ in range(5)]:
        driver.release(address, 1024)
    driver.synchronize()
    assert driver.memory_stats()["kept"] == cu.used == 2048


def test_what_is_free_goes_back_before_memory_is_said_to_be_full(cu: FakeCuda) -> None:
    driver, part = driver_of(0), CAPACITY // 16
    kept = [driver.allocate(part) for _ in range(15)]
    for address in kept[1:]:
        driver.release(address, part)
    assert driver.allocate(CAPACITY - 2 * part) and driver.memory_stats()["kept"] == 0
    with pytest.raises(MemoryError, match="8.0 MiB do not fit into the memory of cuda:0: of 64.0 MiB, 4.0 MiB are free; tensors hold 60.0 MiB"):
        driver.allocate(2 * part)


def test_streams_are_in_no_order_unless_they_wait(blocks: Blocks) -> None:
    side = tj.cuda.Stream()
    with tj.cuda.stream(side):
        blocks.set(blocks.new(), 1)
        assert not side.query() and not side.record_event().query()
    tj.cuda.current_stream().synchronize()
    assert not side.query()


def test_a_capture_that_fails_gives_its_memory_back(cu: FakeCuda, blocks: Blocks) -> None:
    driver, a = blocks.driver, blocks.new(1)
    held = driver.memory_stats()["allocated"]
    driver.begin_capture()
    blocks.let_go(blocks.new(2))
    cu.status["cuStreamEndCapture"] = CUresult.CUDA_ERROR_STREAM_CAPTURE_INVALIDATED
    with pytest.raises(tj.DeviceError, match="CAPTURE_INVALIDATED"):
        driver.end_capture()
    assert driver.stream_handle == LEGACY and driver.memory_stats()["allocated"] == held and blocks.values(a) == (1,)


def test_streams_and_events_of_a_simulated_gpu(simulated_gpu: None) -> None:
    start, end, side = tj.cuda.Event(enable_timing=True), tj.cuda.Event(enable_timing=True), tj.cuda.Stream()
    with tj.cuda.stream(side):
        assert tj.cuda.current_stream() is side
        start.record()
        x = tj.ones(3, device="cuda") + 1
        end.record()
    side.wait_event(end)
    tj.cuda.synchronize()
    assert side.query() and end.query() and start.elapsed_time(end) > 0 and x.tolist() == [2, 2, 2]


def test_a_simulated_gpu_tells_the_same_of_its_memory(cu: FakeCuda, monkeypatch: pytest.MonkeyPatch) -> None:
    played = tj.cuda.memory_stats()
    monkeypatch.setenv("TRACEJIT_CUDA", "simulator")
    driver_of.cache_clear()
    address = driver_of(0).allocate(100)
    found = tj.cuda.memory_stats()
    assert set(found) == set(played) and (found["allocated"], found["misses"]) == (100, 1)
    driver_of(0).release(address, 100)
    assert tj.cuda.memory_stats()["allocated"] == 0
