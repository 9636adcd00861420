"""The driver of real GPUs, against one of NVIDIA's that is played in the host's memory; and what is said where there is none."""

from __future__ import annotations

import gc
import sys
import threading
from types import SimpleNamespace
from typing import Any, Iterator

import numpy as np
import pytest
from fake_cuda import CAPACITY, CUresult, FakeCuda

import tracejit as tj
from tracejit.backends.cuda import memory, staging
from tracejit.backends.cuda.calls import driver_calls
from tracejit.backends.cuda.devices import driver_of, number_of
from tracejit.backends.cuda.driver import Driver
from tracejit.backends.cuda.streams import LEGACY

WORDS = 64  # of a block of these tests


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


@pytest.fixture
def cu(fresh: pytest.MonkeyPatch) -> FakeCuda:
    """A driver of NVIDIA's with one GPU, which is device "cuda"."""
    return played(fresh, 1)


def played(fresh: pytest.MonkeyPatch, gpus: int) -> FakeCuda:
    cu = FakeCuda(gpus)
    fresh.setitem(sys.modules, "cuda.bindings.driver", cu)  # type: ignore[arg-type]
    return cu


@pytest.fixture
def driver(cu: FakeCuda) -> Driver:
    return driver_of(0)


def block(driver: Driver, value: int | None = None) -> int:
    """A new block, its words set to a value."""
    address = driver.allocate(8 * WORDS)
    if value is not None:
        store(driver, address, value)
    return address


def store(driver: Driver, address: int, value: int) -> None:
    driver.launch(driver.load("store", lambda: "ptx", "store"), 3, 32, (address, WORDS, value))


def value_at(driver: Driver, address: int) -> int:
    """What all words of a block are."""
    found = np.zeros(WORDS, np.int64)
    driver.download(address, found)
    assert (found == found[0]).all()
    return int(found[0])


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


# Values and kernels


def test_a_gpu_says_what_it_is(driver: Driver) -> None:
    assert (driver.name, driver.arch, driver.processors) == ("Played", "sm_90", 132)
    assert tj.cuda.is_available() and tj.cuda.device_count() == 1


@pytest.mark.parametrize("seed", range(4))
def test_a_source_may_change_as_soon_as_it_is_sent(driver: Driver, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    monkeypatch.setattr(staging, "RING", 4096)
    monkeypatch.setattr(staging, "PIECE", 1024)
    generator = np.random.default_rng(seed)
    sent = []
    for size in generator.integers(1, 3000, 20):
        source = generator.integers(0, 256, size).astype(np.uint8)
        address = driver.allocate(int(size))
        driver.upload(address, source)
        sent.append((address, source.copy()))
        source[...] = 0
    for address, values in sent:
        found = np.empty_like(values)
        driver.download(address, found)
        assert np.array_equal(found, values)


def test_the_host_waits_only_for_what_it_fetches(cu: FakeCuda, driver: Driver) -> None:
    a = block(driver, 7)
    driver.copy(b := block(driver), a, 8 * WORDS)
    driver.fill(a, 8 * WORDS, 0xFF)
    driver.upload(block(driver), np.arange(WORDS))
    assert not {name for name in cu.called if "Synchronize" in name}
    assert (value_at(driver, a), value_at(driver, b)) == (-1, 7)


@pytest.mark.parametrize("value", [0, -1, 2**63 - 1, -(2**63)])
def test_words_arrive_as_they_were_given(driver: Driver, value: int) -> None:
    assert value_at(driver, block(driver, value)) == value


def test_a_thread_that_launches_has_a_context(cu: FakeCuda, driver: Driver) -> None:
    address, function, cu.context = block(driver), driver.load("store", lambda: "ptx", "store"), 0
    thread = threading.Thread(target=lambda: driver.launch(function, 1, 32, (address, WORDS, 1)))
    thread.start()
    thread.join()
    assert cu.context == 1 and value_at(driver, address) == 1


@pytest.mark.parametrize("code, loaded", [("ptx", b"ptx\0"), (b"cubin\0\1", b"cubin\0\1")])
def test_a_kernel_is_loaded_once(cu: FakeCuda, driver: Driver, code: Any, loaded: bytes) -> None:
    functions = {driver.load("text", lambda: code, "store") for _ in range(3)}
    assert len(functions) == 1 and cu.libraries == [loaded]
    driver.load("another text", lambda: code, "store")
    assert len(cu.libraries) == 2


def test_each_gpu_has_its_own_context(fresh: pytest.MonkeyPatch) -> None:
    cu = played(fresh, 2)
    first, second = driver_of(0), driver_of(1)
    at = {driver: (block(driver, 0), driver.load("store", lambda: "ptx", "store")) for driver in (first, second)}
    for driver, context in ((first, 1), (second, 2), (first, 1)):
        address, function = at[driver]
        launch = lambda: driver.launch(function, 1, 32, (address, WORDS, 1))
        for act in (launch, lambda: driver.allocate(1), lambda: driver.fill(address, 8), driver.synchronize, driver.memory_stats):
            cu.context = 0
            act()
            assert cu.context == context
    cu.context = 0
    with pytest.raises(tj.DeviceError, match="this machine has 2"):
        driver_of(2)


REPORTS = {
    "cuLaunchKernel": lambda driver: store(driver, 0, 1),
    "cuStreamSynchronize": lambda driver: driver.streams.synchronize(LEGACY),
    "cuStreamQuery": lambda driver: driver.streams.is_done(LEGACY),
    "cuMemAllocFromPoolAsync": lambda driver: driver.allocate(1),
}


@pytest.mark.parametrize("name, act", REPORTS.items())
def test_what_the_driver_reports_is_raised(cu: FakeCuda, driver: Driver, name: str, act: Any) -> None:
    cu.status[name] = CUresult.CUDA_ERROR_ILLEGAL_ADDRESS
    with pytest.raises(tj.DeviceError, match=f"CUDA_ERROR_ILLEGAL_ADDRESS: cuda_error_illegal_address .{name}(.|\\n)*start another"):
        act(driver)


# Memory


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 100_000, memory.KEPT_BLOCK + 1])
def test_memory_that_was_let_go_of_is_taken_again(driver: Driver, size: int) -> None:
    a = driver.allocate(size)
    held = driver.memory_stats()["allocated"]
    assert held >= size
    driver.release(a, size)
    assert driver.memory_stats()["allocated"] == 0
    driver.synchronize()
    b, c = driver.allocate(size), driver.allocate(size)
    kept = size <= memory.KEPT_BLOCK
    assert b != c and (b == a or not kept)
    stats = driver.memory_stats()
    assert stats["allocated"] == stats["peak"] == 2 * held and (stats["hits"], stats["misses"]) == (kept, 3 - kept)


def test_no_more_than_so_much_is_kept_by_size(cu: FakeCuda, driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "KEPT", 2048)
    for address in [driver.allocate(1024) for _ in range(5)]:
        driver.release(address, 1024)
    driver.synchronize()
    assert driver.memory_stats()["kept"] == cu.used == 2048


def test_what_is_free_goes_back_before_memory_is_said_to_be_full(cu: FakeCuda, driver: Driver) -> None:
    part = CAPACITY // 16
    kept = [driver.allocate(part) for _ in range(15)]
    for address in kept[1:]:
        driver.release(address, part)
    held = driver.allocate(CAPACITY - 2 * part)
    assert held and driver.memory_stats()["kept"] == 0
    with pytest.raises(tj.OutOfMemoryError, match="8.0 MiB do not fit into the memory of cuda:0: of 64.0 MiB, 4.0 MiB are free; tensors hold 60.0 MiB"):
        driver.allocate(2 * part)
    with pytest.raises(MemoryError):
        driver.allocate(2 * part)


def test_what_only_a_cycle_holds_goes_back_too(driver: Driver) -> None:
    class Holder:
        def __init__(self) -> None:
            self.address, self.itself = driver.allocate(CAPACITY), self

        def __del__(self) -> None:
            driver.release(self.address, CAPACITY)

    gc.disable()
    try:
        Holder()
        assert driver.allocate(CAPACITY // 2)
    finally:
        gc.enable()


# Streams


def test_memory_is_not_used_again_while_another_stream_may_use_it(cu: FakeCuda, driver: Driver) -> None:
    side = tj.cuda.Stream()
    a = block(driver, 1)
    target = block(driver)
    tj.cuda.current_stream().synchronize()
    with tj.cuda.stream(side):
        driver.copy(target, a, 8 * WORDS)
    driver.release(a, 8 * WORDS)
    b = block(driver, 2)
    assert value_at(driver, b) == 2
    side.synchronize()
    assert value_at(driver, target) == 1
    driver.release(b, 8 * WORDS)
    assert a in {driver.allocate(8 * WORDS) for _ in range(3)}


def test_streams_are_in_order_only_where_they_wait(cu: FakeCuda, driver: Driver) -> None:
    side, main = tj.cuda.Stream("cuda:0"), tj.cuda.default_stream()
    a = block(driver, 1)
    with tj.cuda.stream(side):
        assert tj.cuda.current_stream() is side and driver.stream_handle == side.cuda_stream
        store(driver, a, 2)
        assert not side.query() and not side.record_event().query()
    assert tj.cuda.current_stream() is main
    main.synchronize()
    assert not side.query()
    main.wait_stream(side)
    store(driver, b := block(driver), 0)
    driver.copy(b, a, 8 * WORDS)
    assert value_at(driver, b) == 2 and side.query()


def test_a_thread_has_its_own_current_stream(driver: Driver) -> None:
    seen = []
    with tj.cuda.stream(tj.cuda.Stream()):
        thread = threading.Thread(target=lambda: seen.append(driver.stream_handle))
        thread.start()
        thread.join()
    assert seen == [LEGACY]


def test_streams_that_are_let_go_of_serve_again(driver: Driver) -> None:
    first = tj.cuda.Stream().cuda_stream
    assert tj.cuda.Stream().cuda_stream == first
    with tj.cuda.stream(None):
        assert tj.cuda.current_stream() is tj.cuda.default_stream()
    del driver
    assert tj.cuda.Stream().cuda_stream != LEGACY


def events_and_streams() -> None:
    start, end, never = tj.cuda.Event(enable_timing=True), tj.cuda.Event(enable_timing=True), tj.cuda.Event()
    assert never.query()
    never.synchronize()
    never.wait()
    side = tj.cuda.Stream()
    with tj.cuda.stream(side):
        start.record()
        end.record(side)
    side.synchronize()
    end.synchronize()
    assert side.query() and end.query() and start.elapsed_time(end) >= 0
    assert not side.record_event(never).enable_timing
    side.wait_event(never)
    for wrong in (never, tj.cuda.Event(enable_timing=True)):
        with pytest.raises(tj.ArgumentError, match="enable_timing"):
            start.elapsed_time(wrong)


def test_events_of_a_played_gpu(driver: Driver) -> None:
    events_and_streams()


def test_events_of_a_simulated_gpu(simulated_gpu: None, fresh: pytest.MonkeyPatch) -> None:
    fresh.setenv("TRACEJIT_CUDA", "simulator")
    events_and_streams()


# Graphs


def test_a_graph_runs_when_it_is_replayed_with_the_words_of_then(driver: Driver) -> None:
    a, b = block(driver, 1), block(driver, 1)
    driver.begin_capture()
    store(driver, a, 2)
    driver.copy(b, a, 8 * WORDS)  # as a library would
    store(driver, a, 3)
    graph = driver.end_capture()
    assert len(graph.nodes) == 2 and (value_at(driver, a), value_at(driver, b)) == (1, 1)
    graph.replay()
    assert (value_at(driver, a), value_at(driver, b)) == (3, 2)
    c = block(driver, 0)
    driver.replay(graph)
    graph.set_words(0, (a, WORDS, 5))
    graph.set_words(1, [c, WORDS, -6])
    assert (value_at(driver, a), value_at(driver, b), value_at(driver, c)) == (3, 2, 0)
    graph.replay()
    assert (value_at(driver, a), value_at(driver, b), value_at(driver, c)) == (5, 5, -6)


def test_a_graph_keeps_the_memory_it_works_in(driver: Driver) -> None:
    result = block(driver)
    driver.begin_capture()
    inner = block(driver, 4)
    driver.copy(result, inner, 8 * WORDS)
    driver.release(inner, 8 * WORDS)
    assert (again := block(driver, 5)) == inner
    driver.release(again, 8 * WORDS)
    graph = driver.end_capture()
    assert inner not in (others := {block(driver, 9) for _ in range(4)})
    graph.replay()
    assert value_at(driver, result) == 4 and {value_at(driver, other) for other in others} == {9}
    held = driver.memory_stats()["allocated"]
    del graph
    assert driver.memory_stats()["allocated"] == held - 8 * WORDS and block(driver) == inner


def test_values_of_the_host_are_sent_once_before_the_replays(driver: Driver) -> None:
    a, b = block(driver), block(driver)
    driver.begin_capture()
    driver.upload(a, np.full(WORDS, 8))
    driver.copy(b, a, 8 * WORDS)
    graph = driver.end_capture()
    assert value_at(driver, a) == 8
    graph.replay()
    assert value_at(driver, b) == 8


def test_what_a_graph_cannot_hold_is_refused(cu: FakeCuda, driver: Driver) -> None:
    a, side = block(driver, 1), tj.cuda.Stream()
    driver.begin_capture()
    for act in (lambda: value_at(driver, a), driver.begin_capture, lambda: driver.streams.use(side.cuda_stream)):
        with pytest.raises(tj.DeviceError, match="captur"):
            act()
    inner = block(driver, 2)
    driver.release(inner, 8 * WORDS)
    held = driver.memory_stats()["allocated"]
    cu.status["cuStreamEndCapture"] = CUresult.CUDA_ERROR_STREAM_CAPTURE_INVALIDATED
    with pytest.raises(tj.DeviceError, match="CAPTURE_INVALIDATED"):
        driver.end_capture()
    assert driver.stream_handle == LEGACY and driver.memory_stats()["allocated"] == held and value_at(driver, a) == 1
