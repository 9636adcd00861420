"""`Unreplayed`: calls of one function that no graph stands for. Python runs, with what it computes compiled in segments or as it is."""

from __future__ import annotations

from functools import partial
from typing import Any, Callable, Sequence

from .backends.choice import executable_of
from .dispatch import EAGER, mode
from .entry import Entry
from .errors import LazyWarning, place, standing_at, warn
from .graph.segments import Segments
from .named import name_of
from .options import Options
from .pace import Pace
from .paths import Tree
from .tensor import Tensor

SEVERAL = 3  # lazy traces of one signature, after which others are looked into at the 4th, 8th, 16th … call only
INSTEAD = "Write the loop as tj.fori_loop, tj.while_loop or tj.scan, or compute whole arrays at a time; or compile what the loop calls. tracejit.graph.limits says how much is too much."
Key = Any


class Unreplayed:
    """How such calls are run, signature by signature. `trace`: runs a call under a tracer, with stand-ins for its arrays."""

    def __init__(self, function: Callable[..., Any], trace: Callable[..., Any], options: Options) -> None:
        self.function, self.trace, self.elsewhere = function, trace, options.elsewhere
        self.segments = Segments(partial(executable_of, device=options.device), options.elsewhere)
        self.paces: dict[Key, Pace] = {}
        self._told = False

    def met(self, key: Key, kept: Sequence[Entry | Tree]) -> Pace:
        """How to run a call, where a trace holds that cannot be replayed."""
        pace = self.pace(key)
        if pace.mode == "python" and no_graph(kept):
            pace.rest()
        return pace

    def keep(self, key: Key, kept: Sequence[Entry | Tree]) -> None:
        """The last of these traces is new."""
        entry = kept[-1]
        if entry.mode in ("lazy", "python"):
            pace = self.pace(key)
            if entry.mode == "python":
                pace.pin(entry.reasons[0])
            if len(kept) >= SEVERAL and no_graph(kept):
                pace.rest()  # as a function that changes what it reads (a list that grows): no trace holds at the next call

    def forget(self, key: Key) -> None:
        """A signature is not kept any more."""
        self.paces.pop(key, None)

    def pace_of(self, key: Key, entry: Entry | Tree) -> tuple[str, list[str]]:
        """The mode of a trace, and why: what it is, or what is faster."""
        if entry.mode not in ("lazy", "python") and entry.pace is not None and entry.pace.mode == "python":
            return "python", [entry.pace.why]
        pace = self.paces.get(key) if entry.mode == "lazy" else None
        if pace is None or pace.mode == "lazy":
            return entry.mode, entry.reasons[:1]
        return pace.mode, [pace.why if pace.pinned else f"{entry.reasons[0]}; {pace.why}"]

    def pace(self, key: Key) -> Pace:
        """That of a signature."""
        return self.paces.get(key) or self.paces.setdefault(key, Pace())

    def left(self, key: Key, kept: Sequence[Entry | Tree]) -> bool:
        """Whether all of these traces leave their calls to Python now."""
        paces = [self.paces.get(key) if entry.mode in ("lazy", "python") else entry.pace for entry in kept]
        return all([pace is not None and pace.mode == "python" for pace in paces])

    def run(self, pace: Pace, args: tuple[Any, ...], kwargs: dict[str, Any], key: Key, leaves: list[Any]) -> Any:
        """One call. Where graphs run on another device than the host's, so do segments: Python alone would compute elsewhere."""
        if self.elsewhere is not None and not pace.pinned:
            return self._lazily(args, kwargs, key, leaves)
        return pace.run(self._lazily, self._plainly, args, kwargs, key, leaves)

    def _plainly(self, args: tuple[Any, ...], kwargs: dict[str, Any], _key: Key, _leaves: list[Any]) -> Any:
        return self.function(*args, **kwargs)

    def _lazily(self, args: tuple[Any, ...], kwargs: dict[str, Any], key: Key, leaves: list[Any]) -> Any:
        if not all([isinstance(leaf, Tensor) for leaf in leaves]):
            return self.trace(args, kwargs, key, leaves)
        tracer = self.segments.tracer()  # arguments need no stand-ins
        tracer.arguments(leaves)
        mode.interpreter = tracer
        try:
            return self.function(*args, **kwargs)
        finally:
            mode.interpreter = EAGER
            tracer.settle()
            self.give_up(key, tracer.limits.too_much)

    def give_up(self, key: Key, too_much: tuple[str, Any] | None) -> None:
        """Leave a signature to Python, if a call of it was too long to be traced; and say so once."""
        if too_much is None:
            return
        what, line = too_much
        self.pace(key).pin(f"{what} ({place(line)})")
        if not self._told:
            self._told = True
            with standing_at(line):
                warn(LazyWarning, f"{name_of(self.function)} is left to Python: {what}", INSTEAD)


def no_graph(kept: Sequence[Entry | Tree]) -> bool:
    """Whether none of these traces is replayed."""
    return all([entry.mode in ("lazy", "python") for entry in kept])
