"""`Inputs`: where the arrays of a segment come from at each call."""

from __future__ import annotations

from functools import lru_cache
from types import CodeType
from typing import Any, Callable, Sequence

import numpy as np

from ..entry import Trace, meet
from ..graph.flushed import MADE, Flushed, Source
from ..runtime.executor import OutOfBounds


class Inputs:
    """Where the arrays of a segment come from at each call; and what must hold of them."""

    def __init__(self, flushed: Flushed, trace: Trace) -> None:
        positions = {id(h): i for i, h in enumerate(trace.handles)}
        self.sources = [s if s.kind in ("argument", *MADE) else Source(s.kind, positions.get(id(s.what), s.what)) for s in flushed.sources]
        self.writes = flushed.writes
        self.layouts = [(h._value.shape, h._value.strides, h._value.dtype, h._value.device) for h in flushed.handles]
        self.outside = [n for n, s in enumerate(self.sources) if s.kind != "segment"]
        self.known: list[Any] = [None] * len(self.sources)
        self.requires = [(h, h._requires_grad) for s, h in zip(flushed.sources, flushed.handles) if s.kind == "capture"]
        self.world: dict[str, Any] = {"asarray": np.asarray, "known": self.known, "check": self.check, "OutOfBounds": OutOfBounds}
        arrays = ", ".join(self._expression(n, s, trace.tensors) for n, s in enumerate(self.sources))
        changed = [f"arrays[{n}] is not known[{n}]" for n in self.outside]
        locked = [f"not arrays[{n}].flags.writeable" for n in self.writes if self.sources[n].kind == "argument"]
        self.lines = [f"arrays = [{arrays}]"]
        self.lines += [f"if {' or '.join(changed)}: check(arrays)"] * bool(changed) + [f"if {' or '.join(locked)}: raise OutOfBounds"] * bool(locked)

    def _expression(self, number: int, source: Source, tensors: Sequence[bool]) -> str:
        kind, what = source
        if kind in MADE:
            return f"done[{what[0]}][{what[1]}]"
        tensor = f"leaves[{what}]" if type(what) is int else f"tensor{number}"
        self.world[tensor] = what
        if kind == "grad":
            return f"{tensor}._grad._value"
        return f"{tensor}._value" if kind == "capture" or tensors[what] else f"asarray({tensor})"

    def check(self, arrays: list[np.ndarray]) -> None:
        """Of arrays not met at the last call; raises Misfit or OutOfBounds."""
        meet(arrays, self.known, self.layouts, self.writes, self.outside)

    def function(self, rest: list[str], **world: Any) -> Callable[..., Any]:
        """A function of (leaves, done, log) that gathers `arrays`, then does the rest; done: the outputs of the segments before."""
        scope = {**self.world, **world}
        exec(_code("\n    ".join(["def run(leaves, done, log):", *self.lines, *rest])), scope)
        return scope["run"]


@lru_cache(maxsize=1024)
def _code(text: str) -> CodeType:
    return compile(text, "<tracejit path>", "exec")
