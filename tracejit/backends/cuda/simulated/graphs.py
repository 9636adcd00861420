"""Graphs of a simulated GPU: what is issued between `begin` and `end` is kept, and run by each replay."""

from __future__ import annotations

from threading import local
from typing import Any, Callable, Sequence


class SimulatedGraph:
    """What `capture.Graph` is of a real one. `nodes`: the launches, in order."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver
        self.nodes: list[list[Any]] = []
        self.work: list[Callable[[], None]] = []
        self.blocks: list[tuple[int, int]] = []  # that were let go of while it was captured

    def launched(self, *launch: Any) -> None:
        """Keep a launch."""
        node = list(launch)
        self.nodes.append(node)
        self.work.append(lambda: self.driver.launch(*node))

    def set_words(self, n: int, words: Sequence[int]) -> None:
        """Give the nth launch other arguments, from the next replay on."""
        self.nodes[n][-1] = tuple(map(int, words))

    def replay(self) -> None:
        """Do all of it."""
        for work in self.work:
            work()

    def __del__(self) -> None:
        for address, size in self.blocks:
            self.driver.release(address, size)


class Capturing(local):
    """The graph that a thread captures now."""

    graph: SimulatedGraph | None = None
