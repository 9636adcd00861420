"""`Report`: what `explain()` found of one call of a compiled function, as data; prints as text, and as HTML in a notebook."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil

from ..misses import Miss
from .render import Section, html_of, text_of
from .units import size, time

NEAR = 1.05  # times that differ by less are the same


@dataclass(frozen=True)
class Held:
    """One trace that the cache holds."""

    arguments: list[tuple[str, str]]  # (parameter, what the key says of it)
    mode: str
    here: bool  # whether it is the one of this call


@dataclass(frozen=True)
class Step:
    """One kernel, or one call of a routine."""

    title: str
    native: bool  # a kernel of ours, not a routine
    bytes: int
    operations: int | None  # in additions
    seconds: float | None
    share: float | None  # of what memory's bandwidth allows; None where caches may hold the bytes
    source: str


@dataclass(frozen=True)
class Report:
    """What happened in a compiled function, and whether it paid, for one call's arguments.

    Times are seconds, None where they were not measured; `unmeasured` says why.
    """

    name: str
    place: str  # file and line of the function
    mode: str  # "graph", "tree", "lazy", "python"
    reasons: list[str]  # why it is no graph, with the line
    entries: list[Held]
    misses: list[Miss]
    guards: list[str]
    paths: list[str]  # the tree of what Python is told, one place a line
    effects: list[str]
    kernels: list[Step]
    compile_seconds: dict[str, float] = field(default_factory=dict)  # "trace", "rules", "lower", "kernels"
    eager_seconds: float | None = None
    compiled_seconds: float | None = None
    dispatch_seconds: float | None = None  # of the compiled call, outside kernels
    unmeasured: str = ""
    transfers: list[str] = field(default_factory=list)  # what a call moves between the host and a device

    @property
    def speedup(self) -> float | None:
        """How many times as fast as eager the compiled call is."""
        if self.eager_seconds is None or not self.compiled_seconds:
            return None
        return self.eager_seconds / self.compiled_seconds

    @property
    def break_even(self) -> int | None:
        """After how many calls compiling has paid; None if it never does, or nothing was measured."""
        if self.eager_seconds is None or self.compiled_seconds is None or self.compiled_seconds >= self.eager_seconds:
            return None
        return ceil(sum(self.compile_seconds.values()) / (self.eager_seconds - self.compiled_seconds))

    @property
    def verdict(self) -> str:
        """All of it in a sentence."""
        why = f"{self.mode} because {self.reasons[0]}; " if self.reasons else ""
        if self.speedup is None or self.eager_seconds is None or self.compiled_seconds is None:
            return why + (f"not measured: {self.unmeasured}" if self.unmeasured else "not measured")
        times = f"{time(self.compiled_seconds)} against {time(self.eager_seconds)}"
        if self.speedup >= NEAR:
            return f"{why}compiled is {self.speedup:.3g}× eager ({times}); pays after {self.break_even} calls"
        if self.speedup > 1 / NEAR:
            return f"{why}compiled and eager take the same time ({times})"
        return f"{why}eager is faster here: {time(self.eager_seconds)} against {time(self.compiled_seconds)}"

    def sections(self) -> list[Section]:
        """What is printed, part by part."""
        entries = [["here" if e.here else "", e.mode, ", ".join(f"{n}: {words}" for n, words in e.arguments)] for e in self.entries]
        misses = [[str(m.number), str(m)] for m in self.misses]
        kernels = [
            [str(n), size(s.bytes), "" if s.operations is None else f"{s.operations:,}", "" if s.seconds is None else time(s.seconds),
             "" if s.share is None else f"{s.share:.0%}", s.title]
            for n, s in enumerate(self.kernels)
        ]  # fmt: skip
        stages = [[stage, time(seconds)] for stage, seconds in self.compile_seconds.items()]
        return [
            Section("reasons", [[r] for r in self.reasons]),
            Section("effects", [[e] for e in self.effects]),
            Section("times", self._times()),
            Section("between the host and the device, at each call", [[t] for t in self.transfers]),
            Section("kernels", kernels, ["", "bytes", "operations", "time", "of memory's speed", ""]),
            Section("time to compile", stages),
            Section("traces kept", entries, ["", "mode", "arguments"]),
            Section("calls that were traced", misses, ["call", "why"]),
            Section("guards: it is traced again if one of these changes", [[g] for g in self.guards]),
            Section("paths: what Python is told, and where a call goes on", [[p] for p in self.paths]),
            *[Section(title, text=source) for title, source in self._sources()],
        ]

    def _sources(self) -> list[tuple[str, str]]:
        """Each kernel's text once, under the numbers of the steps that run it."""
        found: dict[str, list[str]] = {}
        for number, step in enumerate(self.kernels):
            if step.source:
                found.setdefault(step.source, []).append(str(number))
        return [(f"kernel {', '.join(n[:8])}" + f" and {len(n) - 8} more" * (len(n) > 8), source) for source, n in found.items()]

    def _times(self) -> list[list[str]]:
        if self.compiled_seconds is None or self.eager_seconds is None:
            return [["not measured", self.unmeasured]] if self.unmeasured else []
        rows = [["eager", time(self.eager_seconds)], ["compiled", time(self.compiled_seconds)]]
        one_by_one = sum(step.seconds or 0.0 for step in self.kernels)
        if one_by_one > self.compiled_seconds:  # loops of small steps run as one function
            rows.append(["its kernels, one by one", time(one_by_one)])
        elif self.dispatch_seconds is not None:
            rows.append(["of it outside kernels", time(self.dispatch_seconds)])
        return rows + [["calls until compiling has paid", "never" if self.break_even is None else str(self.break_even)]]

    def __str__(self) -> str:
        return text_of(f"{self.name} ({self.place}): {self.mode}", self.verdict, self.sections())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return html_of(f"{self.name} ({self.place}): {self.mode}", self.verdict, self.sections())
