"""Streams and events of a simulated GPU: everything is done when it is issued, so they only have names and times."""

from __future__ import annotations

from threading import local
from time import perf_counter

from ..driver.streams import LEGACY


class _Standing(local):
    handle = LEGACY


class SimulatedStreams:
    """What `streams.Streams` is to a real one."""

    def __init__(self) -> None:
        self._standing, self._last = _Standing(), LEGACY

    @property
    def handle(self) -> int:
        return self._standing.handle

    def make(self) -> int:
        self._last += 1
        return self._last

    def let_go(self, handle: int) -> None:
        """Nothing belongs to it."""

    def use(self, handle: int) -> int:
        before, self._standing.handle = self._standing.handle, handle
        return before

    def synchronize(self, handle: int) -> None:
        """Everything is done."""

    def is_done(self, handle: int) -> bool:
        return True

    def hand_over(self, handle: int | None) -> None:
        """Everything is done."""

    def take_over(self, handle: int | None) -> None:
        """Everything is done."""

    def event(self, timed: bool = False) -> list[float]:
        return [0.0]

    def drop(self, event: list[float], timed: bool = False) -> None:
        """Nothing belongs to it."""

    def record(self, event: list[float], handle: int) -> None:
        event[0] = perf_counter()

    def wait(self, handle: int, event: list[float]) -> None:
        """Everything is done."""

    def wait_for_event(self, event: list[float]) -> None:
        """Everything is done."""

    def is_reached(self, event: list[float]) -> bool:
        return True

    def milliseconds(self, start: list[float], end: list[float]) -> float:
        return 1000 * (end[0] - start[0])
