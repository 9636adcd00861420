"""The laws of a GPU's driver: held against one that is played in the host's memory, and, in tests/gpu, against a real one."""

from __future__ import annotations

import gc
import threading
from typing import Any

import numpy as np
import pytest

import tracejit as tj
from tracejit.backends.cuda.driver import memory, staging
from tracejit.backends.cuda.driver.driver import Driver
from tracejit.backends.cuda.driver.streams import LEGACY

WORDS = 64  # of a block of these tests
BLOCK = 8 * WORDS
STORE = """
def kernel(args):
    target, count, value = i64_pointer(args, 0), i64_value(args, 1), i64_value(args, 2)
    for i in range(block() * threads() + thread(), count, blocks() * threads()):
        target[i] = value
"""


class Blocks:
    """A driver whose blocks hold words that are all alike. `store`: the function of the kernel STORE."""

    def __init__(self, driver: Driver, code: Any) -> None:
        self.driver = driver
        self.store = driver.load(STORE, code, "kernel")

    def new(self, value: int | None = None) -> int:
        """A new block, its words set to a value by a kernel."""
        address = self.driver.allocate(BLOCK)
        if value is not None:
            self.set(address, value)
        return address

    def set(self, address: int, value: int) -> None:
        self.driver.launch(self.store, 3, 32, (address, WORDS, value))

    def copy(self, target: int, source: int) -> None:
        self.driver.copy(target, source, BLOCK)

    def let_go(self, address: int) -> None:
        self.driver.release(address, BLOCK)

    def values(self, *addresses: int) -> tuple[int, ...]:
        """What the words of blocks are."""
        found = np.zeros((len(addresses), WORDS), np.int64)
        for row, address in zip(found, addresses):
            self.driver.download(address, row)
        assert (found == found[:, :1]).all()
        return tuple(found[:, 0].tolist())


class DriverLaws:
    """A module that holds them has a fixture `blocks`."""

    # Values and kernels

    @pytest.mark.parametrize("seed", range(4))
    def test_a_source_may_change_as_soon_as_it_is_sent(self, blocks: Blocks, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
        monkeypatch.setattr(staging, "RING", 4096)
        monkeypatch.setattr(staging, "PIECE", 1024)
        generator = np.random.default_rng(seed)
        sent = []
        for size in generator.integers(1, 3000, 20):
            source = generator.integers(0, 256, size).astype(np.uint8)
            address = blocks.driver.allocate(int(size))
            blocks.driver.upload(address, source)
            sent.append((address, source.copy()))
            source[...] = 0
        for address, values in sent:
            found = np.empty_like(values)
            blocks.driver.download(address, found)
            assert np.array_equal(found, values)

    @pytest.mark.parametrize("value", [0, -1, 2**63 - 1, -(2**63)])
    def test_words_arrive_as_they_were_given(self, blocks: Blocks, value: int) -> None:
        assert blocks.values(blocks.new(value)) == (value,)

    def test_bytes_are_copied_and_set(self, blocks: Blocks) -> None:
        a, b = blocks.new(7), blocks.new()
        blocks.copy(b, a)
        blocks.driver.fill(a, BLOCK, 0xFF)
        assert blocks.values(a, b) == (-1, 7)

    def test_a_thread_that_has_done_nothing_yet_launches(self, blocks: Blocks) -> None:
        a = blocks.new(1)
        thread = threading.Thread(target=lambda: blocks.set(a, 2))
        thread.start()
        thread.join()
        assert blocks.values(a) == (2,)

    # Memory

    @pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 100_000, memory.KEPT_BLOCK + 1])
    def test_memory_that_was_let_go_of_is_taken_again(self, blocks: Blocks, size: int) -> None:
        driver = blocks.driver
        a = driver.allocate(size)
        held = driver.memory_stats()["allocated"]
        assert held >= size and a % 256 == 0
        driver.release(a, size)
        assert driver.memory_stats()["allocated"] == 0
        driver.synchronize()
        b, c = driver.allocate(size), driver.allocate(size)
        kept = size <= memory.KEPT_BLOCK
        assert b != c and (b == a or not kept)
        stats = driver.memory_stats()
        assert stats["allocated"] == stats["peak"] == 2 * held and (stats["hits"], stats["misses"]) == (kept, 3 - kept)

    def test_what_does_not_fit_is_refused_and_nothing_is_lost(self, blocks: Blocks) -> None:
        a, capacity = blocks.new(5), blocks.driver.memory_stats()["capacity"]
        for _ in range(2):
            with pytest.raises(tj.OutOfMemoryError, match="do not fit into the memory of cuda:0: of .*; tensors hold 512 bytes"):
                blocks.driver.allocate(2 * capacity)
        assert blocks.values(a, blocks.new(6)) == (5, 6)

    def test_what_only_a_cycle_holds_goes_back_before_that(self, blocks: Blocks) -> None:
        driver, size = blocks.driver, int(0.6 * blocks.driver.memory_stats()["capacity"])

        class Holder:
            def __init__(self) -> None:
                self.address, self.itself = driver.allocate(size), self

            def __del__(self) -> None:
                driver.release(self.address, size)

        gc.disable()
        try:
            Holder()
            driver.release(driver.allocate(size), size)
        finally:
            gc.enable()

    # Streams

    def test_memory_is_not_used_again_while_another_stream_may_use_it(self, blocks: Blocks) -> None:
        side, driver = tj.cuda.Stream(), blocks.driver
        a, target = blocks.new(1), blocks.new()
        large = driver.allocate(8 << 20)
        driver.synchronize()
        with tj.cuda.stream(side):
            for _ in range(30):
                driver.copy(large, large + (4 << 20), 4 << 20)
            blocks.copy(target, a)
        blocks.let_go(a)
        b = blocks.new(2)
        assert blocks.values(b) == (2,)
        side.synchronize()
        assert blocks.values(target) == (1,)
        blocks.let_go(b)
        assert a in {blocks.new() for _ in range(3)}

    def test_what_waits_for_a_stream_finds_what_that_has_computed(self, blocks: Blocks) -> None:
        side, main = tj.cuda.Stream("cuda:0"), tj.cuda.default_stream()
        a = blocks.new(1)
        side.wait_stream(main)
        with tj.cuda.stream(side):
            assert tj.cuda.current_stream() is side and blocks.driver.stream_handle == side.cuda_stream
            blocks.set(a, 2)
        assert tj.cuda.current_stream() is main
        main.wait_stream(side)
        blocks.copy(b := blocks.new(), a)
        assert blocks.values(b) == (2,) and side.query()

    def test_a_thread_has_its_own_current_stream(self, blocks: Blocks) -> None:
        seen = []
        with tj.cuda.stream(tj.cuda.Stream()):
            thread = threading.Thread(target=lambda: seen.append(blocks.driver.stream_handle))
            thread.start()
            thread.join()
        assert seen == [LEGACY]

    def test_streams_that_are_let_go_of_serve_again(self, blocks: Blocks) -> None:
        first = tj.cuda.Stream().cuda_stream
        assert tj.cuda.Stream().cuda_stream == first != LEGACY
        with tj.cuda.stream(None):
            assert tj.cuda.current_stream() is tj.cuda.default_stream()

    def test_events(self, blocks: Blocks) -> None:
        start, end, never = tj.cuda.Event(enable_timing=True), tj.cuda.Event(enable_timing=True), tj.cuda.Event()
        assert never.query()
        never.synchronize()
        never.wait()
        side = tj.cuda.Stream()
        with tj.cuda.stream(side):
            start.record()
            blocks.new(1)
            end.record(side)
        end.synchronize()
        side.synchronize()
        assert side.query() and end.query() and start.elapsed_time(end) > 0
        assert not side.record_event(never).enable_timing
        side.wait_event(never)
        for wrong in (never, tj.cuda.Event(enable_timing=True)):
            with pytest.raises(tj.ArgumentError, match="enable_timing"):
                start.elapsed_time(wrong)

    # Graphs

    def test_a_graph_runs_when_it_is_replayed_with_the_words_of_then(self, blocks: Blocks) -> None:
        a, b, driver = blocks.new(1), blocks.new(1), blocks.driver
        driver.begin_capture()
        blocks.set(a, 2)
        blocks.copy(b, a)  # as a library would
        blocks.set(a, 3)
        graph = driver.end_capture()
        assert len(graph.nodes) == 2 and blocks.values(a, b) == (1, 1)
        graph.replay()
        assert blocks.values(a, b) == (3, 2)
        c = blocks.new(0)
        driver.replay(graph)
        graph.set_words(0, (a, WORDS, 5))
        graph.set_words(1, [c, WORDS, -6])
        assert blocks.values(a, b, c) == (3, 2, 0)
        graph.replay()
        assert blocks.values(a, b, c) == (5, 5, -6)

    def test_a_graph_is_replayed_on_the_current_stream(self, blocks: Blocks) -> None:
        a, side = blocks.new(1), tj.cuda.Stream()
        blocks.driver.begin_capture()
        blocks.set(a, 2)
        graph = blocks.driver.end_capture()
        with tj.cuda.stream(side):
            side.wait_stream(tj.cuda.default_stream())
            graph.replay()
            assert blocks.values(a) == (2,)

    def test_a_graph_keeps_the_memory_it_works_in(self, blocks: Blocks) -> None:
        result, driver = blocks.new(), blocks.driver
        driver.begin_capture()
        inner = blocks.new(4)
        blocks.copy(result, inner)
        blocks.let_go(inner)
        assert (again := blocks.new(5)) == inner
        blocks.let_go(again)
        graph = driver.end_capture()
        others = [blocks.new(9) for _ in range(4)]
        assert inner not in others
        graph.replay()
        assert blocks.values(result, *others) == (4, 9, 9, 9, 9)
        held = driver.memory_stats()["allocated"]
        del graph
        assert driver.memory_stats()["allocated"] == held - BLOCK and blocks.new() == inner

    def test_values_of_the_host_are_sent_once_before_the_replays(self, blocks: Blocks) -> None:
        a, b, driver = blocks.new(), blocks.new(), blocks.driver
        driver.begin_capture()
        driver.upload(a, np.full(WORDS, 8))
        blocks.copy(b, a)
        graph = driver.end_capture()
        assert blocks.values(a) == (8,)
        graph.replay()
        assert blocks.values(b) == (8,)

    def test_what_a_graph_cannot_hold_is_refused(self, blocks: Blocks) -> None:
        a, side, driver = blocks.new(1), tj.cuda.Stream(), blocks.driver
        driver.begin_capture()
        try:
            for act in (lambda: blocks.values(a), driver.begin_capture, lambda: driver.streams.use(side.cuda_stream)):
                with pytest.raises(tj.DeviceError, match="captur"):
                    act()
            blocks.set(a, 2)
        finally:
            graph = driver.end_capture()
        graph.replay()
        assert blocks.values(a) == (2,)
