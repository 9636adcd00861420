"""`Pace`: whether calls run in their own way (replayed, or with their ops compiled in segments) or in Python as they are: what is faster."""

from __future__ import annotations

from contextlib import contextmanager
from math import inf
from time import perf_counter
from typing import Any, Callable, Iterator

from .graph.limits import built

TRIES = 4  # calls that are measured of each way, in turns; n of each are enough where one takes more than 1 + 2 / n times as long
ENOUGH = 0.05  # seconds after which one measurement tells as much as several
REST = 64  # calls until it is measured again; then twice as many
SHARE = 0.02  # of the time that calls take, the most that is lost in measuring a way known to be behind
PATHS = 4  # of a tree, which are followed as they come; each further one once calls have taken as long as it took to follow the last
FEW = 16  # calls that Python had better see itself than tell the gate of
ALL = 2**62
LEAD = 2e-5  # seconds by which Python must be ahead of a graph's replay, whose later calls pass the gate: they cost less than those that are measured


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
        self.busy = 0 if way == "lazy" else ALL  # the call before which nobody asks whether a trace holds, or is asked anyway
        self.paths = 1  # that were followed, of a tree
        self.python = inf  # the least seconds of a call by Python
        self._behind = ""  # the way that was slower when it was measured last
        self._foreseen = 0  # the call from which on it may be told again what comes
        self._measure(at=0)

    def _measure(self, at: int) -> None:
        self.begin = at
        self.seen: dict[str, list[float]] = {self.way: [], "python": []}  # seconds of the calls that were measured since

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
        self._foreseen = 2 * self.calls if self.pinned else self.calls + calls + 1
        return calls

    def skip(self, calls: int) -> None:
        """So many calls are made without being counted."""
        self.calls += calls

    def run(self, own: Callable[..., Any], plainly: Callable[..., Any], *call: Any) -> Any:
        """One call, in the way that is faster so far; or measured, if it is time."""
        if self.pinned or self.calls <= self.begin:
            return (plainly if self.mode == "python" else own)(*call)
        way = self.way if self._tries(self.way) < self._tries("python") else "python"  # Python's first: it is what the other is held against
        start, building = perf_counter(), built.seconds
        result = (plainly if way == "python" else own)(*call)
        self._note(way, perf_counter() - start - (built.seconds - building))  # what is built is built once
        return result

    @contextmanager
    def following(self, new: bool) -> Iterator[None]:
        """A call that has left the paths of its tree goes on within; `new`: and the tree grows by its path."""
        start, building = perf_counter(), built.seconds
        yield
        seconds = perf_counter() - start
        if new:
            self._followed(seconds)
        elif self.calls > self.begin and not self.pinned:
            self._note(self.way, seconds - (built.seconds - building))

    def _followed(self, seconds: float) -> None:
        """Let Python have the next calls, if there were several paths, or if it was faster on those that are known."""
        self.paths += 1
        if self.python < inf and not self.pinned and (self.paths >= PATHS or self._behind == self.way):
            self.mode, self.why = "python", f"calls take ever new paths: to follow one takes {_shown(seconds)}, a call of Python's {_shown(self.python)}"
            self._measure(at=self.calls + _calls(seconds, self.python, SHARE if self._behind == self.way else 1.0))

    def _tries(self, way: str) -> int:
        seen = self.seen[way]
        return TRIES if max(seen, default=0.0) >= ENOUGH else len(seen)

    def _note(self, way: str, seconds: float) -> None:
        self.seen[way].append(seconds)
        if way == "python":
            self.python = min(self.python, seconds)
        tries = min(map(self._tries, self.seen))
        if tries < (1 if self._behind else 2):  # at first caches are cold
            return
        own, python = min(self.seen[self.way]), min(self.seen["python"])
        if tries < TRIES and max(own, python) <= (1 + 2 / tries) * min(own, python):
            return
        self.mode, self._behind = ("python", self.way) if python + self.lead < own else (self.way, "python")
        self.why = f"eager is faster here: {_shown(python)} against {_shown(own)}"
        lost = sum(self.seen[self._behind]) - len(self.seen[self._behind]) * min(own, python)
        self._measure(at=max(REST, 2 * self.calls, self.calls + _calls(lost, min(own, python), SHARE)))


def _calls(seconds: float, each: float, share: float) -> int:
    """How many calls take so long that these seconds are that share of it."""
    return int(min(seconds / (share * max(each, 1e-9)), ALL))


def _shown(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"
