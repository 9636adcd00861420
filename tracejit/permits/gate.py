"""`Gate`: what is called when a compiled function is."""

from __future__ import annotations

from typing import Any, Callable, Sequence


from ..backends.native.jit import gate_of
from ..entry import Entry
from ..frontend import Spelling
from .table import Own, Table, Untold

LIMIT = 8  # permits of one function; the oldest goes first


class Gate:
    """How the calls of one function reach their traces: natively where a permit lets them through, else by `ask`, a Python function."""

    def __init__(self, ask: Callable[..., Any]) -> None:
        self._owner: list[Any] = [ask]
        self.function = ask  # what is to be called
        self._before = 0  # the calls that permits let through which are no more
        self._seen: dict[int, int] = {}  # by the ids of what permits are for: the calls let through when it was last asked

    @property
    def hits(self) -> int:
        """The calls that were let through."""
        return self._before + sum([_count(permit) for permit in self._owner[1:]])

    @hits.setter
    def hits(self, count: int) -> None:
        self._before += count - self.hits

    def used(self, whats: Sequence[Any]) -> bool:
        """Whether a call was let through for one of these since this was asked last."""
        known = set(map(id, whats))
        counts = {id(p[1][0]): _count(p) for p in self._owner[1:] if id(p[1][0]) in known}
        used = any([count > self._seen.get(what, 0) for what, count in counts.items()])
        self._seen.update(counts)
        return used

    def clear(self) -> None:
        """Let nothing through."""
        self._owner[1:] = []
        self._before = 0
        self._seen.clear()

    def admit(self, entry: Entry, spelling: Spelling, tokens: Sequence[Any], own: Sequence[Own]) -> None:
        """Let calls like this one, which an entry has just replayed, through, if a permit can tell them.

        tokens: the canonical arguments' part of the key. own: what must hold in the thread that calls.
        """
        self._add(entry, spelling, lambda table: table.replays(entry, tokens, own))

    def leave(self, what: Any, function: Callable, times: int, spelling: Spelling, tokens: Sequence[Any] | None, own: Sequence[Own]) -> bool:
        """Let so many calls like this one (`tokens` None: or with other arguments) through to a function of Python's. Whether a permit can
        tell them. `what` it is for: see `Table`."""
        return self._add(what, spelling, lambda table: table.calls(function, times, tokens, own))

    def _add(self, what: Any, spelling: Spelling, fill: Callable[[Table], Table]) -> bool:
        try:
            table = fill(Table(what, spelling))
            self.function = gate_of(self._owner)
        except (Untold, RuntimeError, OSError):  # RuntimeError: this system lacks what the gate is linked to
            return False
        before = self._owner[1:]
        others = [p for p in before if p[1][0] is not what or p[1][1] != (spelling.positional, spelling.keywords)]
        self._owner[1:] = after = [table.finished(), *others][:LIMIT]
        kept = set(map(id, after))
        self._before += sum([_count(p) for p in before if id(p) not in kept])
        self._seen.pop(id(what), None)
        return True


def _count(permit: tuple[Any, list[Any]]) -> int:
    return int(permit[1][2][0])
