"""`Misses`: why calls of one function found no trace in its cache. They are remembered for `explain()`, and one warning tells of too many."""

from __future__ import annotations

from collections import Counter, deque
from time import perf_counter
from typing import Any, NamedTuple, Sequence

from . import logs

from .entry import Entry
from .errors import RetraceWarning, place, warn
from .frontend import Signature
from .graph.limits import built
from .named import name_of
from .paths import Tree, Unseen

REMEMBERED = 64
TRACES, CALLS = 5, 10  # so many traces within so many calls are told of


class CacheInfo(NamedTuple):
    """What a compiled function's cache did so far."""

    hits: int
    misses: int
    entries: int
    traces: int
    modes: tuple[str, ...]  # of each entry: "graph" (replayed natively), "lazy" (Python runs, its ops compiled) or "python" (as undecorated)
    reasons: tuple[str, ...]  # why entries are lazy or left to Python


class Miss(NamedTuple):
    """One call that was traced."""

    number: int  # of the call
    kind: str  # "first", "argument", "guard", "mode", "layout", "forgotten", "path"
    what: str  # the argument's path, or the place that a guard is on; "" where there is none
    change: str  # "was f32[3] and is f32[4]"
    costs: bool = True  # more than a replay would: not where Python runs at each call anyway

    def __str__(self) -> str:
        return f"{self.what} {self.change}".strip()


class Clock:
    """How long Python has run under a tracer, what was built meanwhile left out."""

    def __init__(self) -> None:
        self.begun, self.built = perf_counter(), built.seconds

    def seconds(self) -> float:
        return max(0.0, perf_counter() - self.begun - (built.seconds - self.built))


class Misses:
    """What one function's cache did not have."""

    def __init__(self, signature: Signature) -> None:
        self._signature, self._name = signature, name_of(signature.function)
        self.found: deque[Miss] = deque(maxlen=REMEMBERED)
        self._last: Any = None  # the key of the last miss
        self._told = str(getattr(signature.function, "__module__", "")).startswith("tracejit.")  # a backward pass is not the user's

    def note(self, key: Any, entries: Sequence[Entry | Tree], number: int) -> Miss:
        """Remember a call, by its number, that none of its key's entries holds for."""
        miss = Miss(number, *self._cause(key, entries), costs=not entries or any(e.mode in ("graph", "tree") for e in entries))
        self.found.append(miss)
        self._last = key
        if miss.kind == "guard":
            logs.guards.info("%s: %s", self._name, miss)
        if not self._told:
            self._tell()
        return miss

    def traced(self, kept: Entry | Tree, seconds: float) -> None:
        """Remember of what the last miss led to how long Python ran under the tracer."""
        kept.seconds += seconds
        miss = self.found[-1]
        if kept.mode == "tree":
            logs.paths.info("%s: %d segments or ends after %s", self._name, len(list(kept.nodes())), miss)  # type: ignore[union-attr]
        for guard in getattr(kept.guard, "guards", ()):
            logs.guards.info("%s: guarded: %s", self._name, guard.description)
        why = f" because {kept.reasons[0]}" if kept.reasons else ""
        logs.traces.info("%s: traced in %.2f ms, call %d (%s): %s%s", self._name, 1e3 * seconds, miss.number, miss, kept.mode, why)

    def note_path(self, unseen: Unseen, number: int) -> None:
        """Remember a call that has left the paths of its tree."""
        junction, *_, told = unseen.log[-1]
        self.found.append(Miss(number, "path", f"what {place(junction.line)} is told", f"is {junction.words(junction.answer(told).key)}, which is new", False))
        logs.paths.info("%s: %s", self._name, self.found[-1])

    def _cause(self, key: Any, entries: Sequence[Entry | Tree]) -> tuple[str, str, str]:
        if entries:
            guard = next((g for e in reversed(entries) if (g := e.guard()) is not None), None)
            if guard is None:
                return "layout", "a captured tensor", "has another layout, dtype or history"
            return "guard", guard.place.words, guard.change.removeprefix(guard.place.words).strip()
        if self._last is None:
            return "first", "", "the first call"
        if self._last[0] == key[0]:
            if self._last == key:
                return "forgotten", "", "its trace was dropped"
            return ("mode", "gradients", "are recorded now, or no more") if self._last[1] != key[1] else ("mode", "autocast", "is in force in another way")
        changes = self._signature.difference(self._last[0], key[0])
        return ("argument", *changes[0]) if changes else ("argument", "arguments", "differ")

    def _tell(self) -> None:
        """Warn of five traces within ten calls, once: of what changed most often."""
        recent = [miss for miss in self.found if miss.costs][-TRACES:]
        if len(recent) < TRACES or recent[-1].number - recent[0].number >= CALLS:
            return
        changed = [m for m in recent if m.what]
        if not changed:  # calls that raised, and left no trace
            return
        self._told = True
        often = Counter(m.what for m in changed).most_common(1)[0][0]
        last = next(m for m in reversed(changed) if m.what == often)
        met = f"{self._name} was traced {TRACES} times within {CALLS} calls, because of {often}: it {last.change}"
        warn(RetraceWarning, met, "Pass what changes as an array or a tensor, or keep it the same: each trace costs what many calls cost.")
