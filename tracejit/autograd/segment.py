"""`Segment`: applications that a trace recorded, kept without the tensors they saved; and what stands for them in later calls.

A replayed graph records nothing. Where its results carry history, each call gives them a `SegmentApplication`, which saves
the values its segment reads and walks the segment as a whole when a backward pass reaches it: compiled, as any function of
tensors may be. A segment ends at each result that a later result depends on, so that gradients and hooks of results are
where they are in eager mode; within it applications are walked latest first, as the engine does, so the bits are the same.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from ..application import Application, alias_of, fail_freed, set_history
from ..spec import TensorSpec
from ..tensor import Tensor, wrap
from .engine import contributions
from .function import FunctionApplication

Slot = tuple[Any, int]  # (Application, output index), or (leaf, 0)
Kept = tuple[Tensor, int]  # a saved tensor, and the version it had then


class Target(NamedTuple):
    """Where a gradient leaves a segment: to an input of the graph, or to an output of an earlier segment."""

    segment: int | None  # None for an input of the graph
    number: int  # of the input, or of the output


class Unreplayable(Exception):
    """Why the history of results cannot be given again by a replay."""


class _Origin(NamedTuple):
    """Where a gradient goes within a segment: to an output of one of its applications, or to a target."""

    inside: bool
    number: int
    output: int


class Segment:
    """Applications in the order they were recorded.

    outputs: where gradients come in, as (number of the application, output index). targets: where they go out.
    kept: the tensors that the applications save, until `release`; origins: where the history of each of them begins.
    """

    def __init__(self, applications: list[Application], outputs: list[Slot], places: dict[Slot, Target], specs: dict[Slot, TensorSpec]) -> None:
        numbers = {application: number for number, application in enumerate(applications)}
        self.outputs = [(numbers[application], index) for application, index in outputs]
        self.output_specs = [specs[slot] for slot in outputs]
        outside = dict.fromkeys(e for a in applications for e in a.edges if e is not None and e[0] not in numbers)
        targets = {places[slot]: specs[slot] for slot in outside}
        self.targets, self.target_specs = list(targets), list(targets.values())
        self.user_code = any(isinstance(a, FunctionApplication) for a in applications)
        self.name = next((a.name for a in reversed(applications) if a.saves()), applications[-1].name)
        positions = {target: position for position, target in enumerate(targets)}
        self._origins: dict[Slot, _Origin] = {slot: _Origin(False, positions[places[slot]], 0) for slot in outside}
        self._origins.update({(a, i): _Origin(True, number, i) for a, number in numbers.items() for i in range(a.outputs)})
        self.kept: list[Tensor] = []
        self.origins: list[_Origin | None] = []
        self._blanks: dict[int, Tensor] = {}
        self._applications = [
            (a.rebuilt(self._keep, []), [None if edge is None else self._origins[edge] for edge in a.edges]) for a in applications
        ]
        self._positions = {id(blank): position for position, blank in enumerate(self._blanks.values())}

    def _keep(self, tensor: Tensor, version: int) -> Kept:
        """Note a tensor that an application saves; what stands in its place."""
        if tensor._version != version:
            raise Unreplayable("a value that the backward pass needs is changed in the function")
        blank = self._blanks.get(id(tensor))
        if blank is None:
            origin = None if tensor._application is None else self._origins.get((tensor._application, tensor._index))
            if origin is None and tensor._application is not None:
                raise Unreplayable("a Function saves a tensor whose history begins outside")
            blank = self._blanks[id(tensor)] = wrap(None)
            self.kept.append(tensor)
            self.origins.append(origin)
        return blank, 0

    def release(self) -> None:
        """Let go of the tensors and the history of the trace."""
        self.kept, self._origins = [], {}

    def applications(self, kept: Sequence[Kept], edges: Sequence[Slot], histories: bool) -> list[Application]:
        """The applications anew, on other tensors: `edges` for the targets. `histories`: the tensors carry theirs."""
        made: list[Application] = []
        given: dict[int, Kept] = {}

        def slot_of(origin: _Origin) -> Slot:
            return (made[origin.number], origin.output) if origin.inside else edges[origin.number]

        def fill(blank: Tensor, _version: int) -> Kept:
            if id(blank) not in given:
                position = self._positions[id(blank)]
                (tensor, version), origin = kept[position], self.origins[position]
                if histories and origin is not None and tensor._application is None:
                    tensor = alias_of(tensor)
                    set_history(tensor, *slot_of(origin))
                given[id(blank)] = tensor, version
            return given[id(blank)]

        for application, origins in self._applications:
            made.append(application.rebuilt(fill, [None if origin is None else slot_of(origin) for origin in origins]))
        return made

    def pull_back(
        self, kept: Sequence[Tensor], cotangents: Sequence[Tensor | None], sums: Sequence[Tensor | None], wanted: Sequence[bool]
    ) -> list[Tensor | None]:
        """The gradients of the wanted targets, added to their sums so far; a function of tensors, to be compiled."""
        return self.walk([(t, t._version) for t in kept], cotangents, sums, wanted)

    def walk(
        self, kept: Sequence[Kept], cotangents: Sequence[Tensor | None], sums: Sequence[Tensor | None], wanted: Sequence[bool]
    ) -> list[Tensor | None]:
        """As `pull_back`; an error, if a tensor that is needed has another version than it was kept with."""
        ends: list[Slot] = [(wrap(None), 0) for _ in self.targets]
        applications = self.applications(kept, ends, histories=False)
        total: dict[Slot, Tensor] = {end: s for end, s in zip(ends, sums) if s is not None}
        leading: set[Any] = {end[0] for end, w in zip(ends, wanted) if w}
        for application in applications:
            if any(e is not None and e[0] in leading for e in application.edges):
                leading.add(application)
        for (number, index), g in zip(self.outputs, cotangents):
            if g is not None:
                slot = applications[number], index
                total[slot] = g if slot not in total else total[slot] + g
        for application in reversed(applications):
            received = [total.pop((application, i), None) for i in range(application.outputs)]
            if application in leading and any(g is not None for g in received):
                asked = [e is not None and e[0] in leading for e in application.edges]
                for slot, g in contributions(application, received, asked):
                    total[slot] = g if slot not in total else total[slot] + g
        return [total.get(end) if w else None for end, w in zip(ends, wanted)]


class SegmentApplication(Application):
    """Stands for a segment in the history of a replayed call's results."""

    edges: list[Slot]  # type: ignore[assignment]

    __slots__ = ("segment", "backward", "kept", "results", "is_unfolded")

    def __init__(self, segment: Segment, backward: Callable[..., Any], edges: list[Slot], kept: list[Tensor]) -> None:
        Application.__init__(self, segment.name, len(segment.outputs), ())
        self.segment, self.backward = segment, backward
        self.edges, self.inputs = list(edges), list(segment.target_specs)
        self.kept: list[Kept] | None = [(t, t._version) for t in kept]
        self.results: list[weakref.ref[Tensor] | None] = [None] * self.outputs  # the tensors that were handed out
        self.is_unfolded = False

    def give(self, tensor: Tensor, index: int) -> None:
        """Hand out a tensor as an output."""
        tensor._application, tensor._index, tensor._requires_grad = self, index, True
        self.results[index] = weakref.ref(tensor)

    def pull_back(self, cotangents: list[Any], wanted: Sequence[Any]) -> Sequence[Any]:
        """Of one that is unfolded: its inputs are its outputs."""
        return cotangents

    def pull_back_onto(self, sums: Sequence[Any], cotangents: list[Any], wanted: Sequence[Any]) -> Sequence[Any]:
        if self.kept is None:
            fail_freed(self.name)
        asked = [bool(w) for w in wanted]
        if any(t._version != version for t, version in self.kept):
            return self.segment.walk(self.kept, cotangents, sums, asked)
        return self.backward([t for t, _ in self.kept], cotangents, list(sums), asked)

    def unfolded(self, index: int) -> Slot:
        if not self.is_unfolded:
            self._unfold()
        return self.edges[index]

    def _unfold(self) -> None:
        """Put the segment's own applications in this one's place; this one hands on to them what still comes its way."""
        if self.kept is None:
            fail_freed(self.name)
        applications = self.segment.applications(self.kept, self.edges, histories=True)
        for number, application in enumerate(applications):  # between what came before this one and this one
            application.order = self.order - 1 + (number + 1) / (len(applications) + 1)
        self.edges = [(applications[number], index) for number, index in self.segment.outputs]
        self.inputs, self.kept, self.is_unfolded = list(self.segment.output_specs), [], True
        for output, (application, index) in enumerate(self.edges):
            if self.hooks and output in self.hooks:
                application.hooks = {**(application.hooks or {}), index: self.hooks.pop(output)}
            result = self.results[output]
            tensor = None if result is None else result()
            if tensor is not None:
                set_history(tensor, application, index)

    @property
    def adds(self) -> bool:  # type: ignore[override]
        return not self.is_unfolded

    def free(self) -> None:
        if self.kept:
            self.kept = None

    def saves(self) -> bool:
        return bool(self.kept)


def segments(roots: Sequence[Tensor], inputs: dict[Slot, int]) -> tuple[list[Segment], dict[Slot, Target]]:
    """The history of `roots`, in segments, and where each slot that gradients come in by is among them.

    inputs: numbers the slots of the graph's inputs, where history begins. Raises Unreplayable.
    """
    wanted = {(root._application, root._index): TensorSpec(root.shape, root.dtype) for root in roots}
    applications = _recorded(wanted, inputs)
    specs = dict(wanted)
    last_reader: dict[Slot, float] = {}
    for application in applications:
        for edge, value in zip(application.edges, application.inputs):
            if edge is not None:
                specs[edge], last_reader[edge] = TensorSpec(value.shape, value.dtype), application.order
    ends = [a.order for a in applications if any((a, i) in wanted and (a, i) in last_reader for i in range(a.outputs))]
    found: list[Segment] = []
    places = {slot: Target(None, number) for slot, number in inputs.items()}
    start = -1.0
    for end in dict.fromkeys([*ends, applications[-1].order]):
        inside = [a for a in applications if start < a.order <= end]
        slots = [(a, i) for a in reversed(inside) for i in range(a.outputs)]  # as the engine visits them, for hooks
        outputs = [s for s in slots if s in wanted or last_reader.get(s, start) > end]
        found.append(Segment(inside, outputs, places, specs))
        places.update({slot: Target(len(found) - 1, number) for number, slot in enumerate(outputs)})
        start = end
    return found, places


def _recorded(roots: Iterable[Slot], inputs: dict[Slot, int]) -> list[Application]:
    """The applications that lead to the roots, earliest first."""
    found: set[Application] = set()
    stack: list[Any] = [application for application, _ in roots]
    while stack:
        application = stack.pop()
        if application in found:
            continue
        if isinstance(application, Tensor):
            raise Unreplayable("a result depends on a leaf that is made in the function")
        if type(application).rebuilt is Application.rebuilt:
            raise Unreplayable("a result has a history that only Python can repeat")
        if application.hooks or application.retained:
            raise Unreplayable("a tensor made in the function has a gradient hook")
        found.add(application)
        stack.extend(edge[0] for edge in application.edges if edge is not None and edge not in inputs)
    return sorted(found, key=lambda a: a.order)
