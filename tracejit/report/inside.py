"""`Inside`: the methods of a compiled function that show what is inside."""

from __future__ import annotations

import abc
from typing import Any

from ..dispatch import mode
from ..entry import Entry
from ..errors import CompileError, fail
from ..frontend import Signature
from ..graph.text import print_graph
from ..misses import CacheInfo, Misses
from ..paths import Tree
from ..unreplayed import Unreplayed
from ..verify import Snapshot, Verifier
from .explain import explained
from .listing import kernels_of
from .report import Report


class Inside(abc.ABC):
    """What looks inside a compiled function, whose cache and counts these are."""

    __wrapped__: Any
    trace_count: int
    _signature: Signature
    _entries: dict[Any, list[Entry | Tree]]
    _unreplayed: Unreplayed
    _causes: Misses
    _verifier: Verifier | None
    _hits: int
    _misses: int
    _gate: Any
    _options: Any

    @abc.abstractmethod
    def find(self, key: Any, leaves: list[Any]) -> Entry | Tree | None:
        """The trace that holds now, if there is one."""

    @abc.abstractmethod
    def newest(self, key: Any) -> Entry | Tree | None:
        """The trace made last for a key."""

    @abc.abstractmethod
    def retrace(self, args: tuple[Any, ...], kwargs: dict[str, Any], key: Any, leaves: list[Any]) -> Any:
        """The result of a call by Python under a tracer, and nothing kept."""

    def graph(self, *args: Any, **kwargs: Any) -> str:
        """The graph of a call, as text. The function is called, if it was not yet called with such arguments."""
        return "\n".join(print_graph(e.plan.graph) for e in self._entry(args, kwargs).executables())

    def source(self, *args: Any, **kwargs: Any) -> str:
        """The kernels of a call: Python text, each statement with the user's file and line. Calls the function as `graph` does."""
        return kernels_of(e.plan for e in self._entry(args, kwargs).executables())

    def plan(self, *args: Any, **kwargs: Any) -> str:
        """The steps of a call, one a line. Calls the function as `graph` does."""
        return "\n".join(e.plan.text() for e in self._entry(args, kwargs).executables())

    def explain(self, *args: Any, **kwargs: Any) -> Report:
        """What happened with such a call and whether compiling it pays, as an object that prints well, in a notebook too.

        Later calls do as they would have done. If the function was not yet called with such arguments it is called now; what that
        changes in arrays, gradients and generators of random numbers is put back, and so is what is changed by the calls that are
        timed. A function with other effects (it prints, it appends to a list) is not timed.
        """
        key, leaves = self._keyed(args, kwargs)
        if not self._entries.get(key) and (self._verifier is None or key not in self._verifier.pinned):
            with Snapshot(leaves) as snapshot:
                self(*args, **kwargs)  # type: ignore[operator]
            snapshot.put_back()
        return explained(self, args, kwargs, key, leaves)

    def cache_info(self) -> CacheInfo:
        """Hits, misses, entries, and the mode of each entry."""
        found = [self._unreplayed.pace_of(key, entry) for key, kept in self._entries.items() for entry in kept]
        modes, reasons = tuple([mode for mode, _ in found]), tuple([reason for _, reasons in found for reason in reasons])
        return CacheInfo(self._hits + self._gate.hits, self._misses, len(found), self.trace_count, modes, reasons)

    def _keyed(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, list[Any]]:
        token, leaves = self._signature.flatten(args, kwargs)
        return (token, mode.grad, mode.autocast), leaves

    def _entry(self, args: tuple[Any, ...], kwargs: dict[str, Any], call: bool = True) -> Entry | Tree:
        """The trace of a call that is replayed."""
        entry = self.find(*self._keyed(args, kwargs))
        if entry is not None and entry.mode in ("graph", "tree"):
            return entry
        if entry is not None:
            fail(CompileError, f"this call runs in {entry.mode} mode: {entry.reasons[0]}", "Only replayed graphs can be shown; explain() says more.")
        if not call:
            fail(CompileError, "the call that was made to look inside left no trace that still holds", "Call the function first.")
        self(*args, **kwargs)  # type: ignore[operator]
        return self._entry(args, kwargs, call=False)
