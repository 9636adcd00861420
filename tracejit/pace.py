"""`Pace`: whether calls run in their own way (replayed, or with their ops compiled in segments) or in Python as they are: what is faster."""

from __future__ import annotations

from math import inf
from time import perf_counter
from typing import Any, Callable

from .graph.limits import built

TRIES = 4  # calls that are measured of each way, in turns; fewer if they take long
ENOUGH = 0.05  # seconds after which one measurement tells as much as several
REST = 64  # calls until it is measured again; then twice as many
FEW = 16  # calls that Python had better see itself than tell the gate of
ALL = 2**62
LEAD = 2e-5  # seconds by which Python must be ahead of a replay, whose later calls cost less than those that are measured


class Pace:
    """How the calls of one signature, or of one trace, are run: by the clock, for either way gives what the function gives.

    `way`: theirs, else "python"; `lead`: the seconds by which Python must be ahead. Safe from several threads, as far as it matters:
    what is lost between them is a measurement.
    """

    def __init__(self, way: str = "lazy", lead: float = 0.0) -> None:
        self.mode = self.way = way
        self.lead = lead
        self.why = ""  # of mode "python"
        self.pinned = False  # nothing is measured any more
        self.calls = 0
        self.busy = 0  # the call before which nobody asks whether a trace holds
        self._foreseen = 0  # the call from which on it may be told again what comes
        self._measure(at=0)

    def _measure(self, at: int) -> None:
        self.begin, self.best, self.tries = at, {self.way: inf, "python": inf}, {self.way: 0, "python": 0}

    def pin(self, why: str) -> None:
        """Leave all further calls to Python."""
        self.mode, self.why, self.pinned = "python", why, True

    def rests(self) -> bool:
        """Whether a call that comes now is run without asking whether a trace holds."""
        self.calls += 1
        return self.calls < self.busy

    def rest(self) -> None:
        """Traces were looked into, and none can be replayed: look again after as many calls as there were until now."""
        self.busy = 1 << self.calls.bit_length() if self.mode == self.way else max(REST, 2 * self.calls)

    def foreseen(self) -> int:
        """How many of the next calls are sure to be left to Python; told now and then, and 0 if they are few."""
        if self.mode != "python" or self._foreseen > self.calls:
            return 0
        calls = ALL if self.pinned else min(self.begin, self.busy - 1) - self.calls
        if calls < FEW:
            return 0
        self._foreseen = 2 * self.calls if self.pinned else self.busy
        return calls

    def skip(self, calls: int) -> None:
        """So many calls are made without being counted."""
        self.calls += calls

    def run(self, own: Callable[..., Any], plainly: Callable[..., Any], *call: Any) -> Any:
        """One call, in the way that is faster so far; or measured, if it is time."""
        if self.pinned or self.calls <= self.begin:
            return (plainly if self.mode == "python" else own)(*call)
        way = "python" if self.tries["python"] < self.tries[self.way] else self.way
        start, building = perf_counter(), built.seconds
        result = (plainly if way == "python" else own)(*call)
        self._note(way, perf_counter() - start - (built.seconds - building))  # what is built is built once
        return result

    def _note(self, way: str, seconds: float) -> None:
        self.best[way] = min(self.best[way], seconds)
        self.tries[way] += 1 if seconds < ENOUGH else TRIES
        if min(self.tries.values()) >= TRIES:
            own, python = self.best[self.way], self.best["python"]
            self.mode = "python" if python + self.lead < own else self.way
            self.why = f"eager is faster here: {_shown(python)} against {_shown(own)}"
            self._measure(at=max(REST, 2 * self.calls))


def _shown(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"
