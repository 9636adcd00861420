"""`History`: what the results of a trace carry for autograd, where a replay can give it again."""

from __future__ import annotations

from itertools import compress
from typing import Any

from .autograd.segment import Segment, Slot, Target, Unreplayable, segments
from .graph.flushed import MADE, history_of
from .graph.trace import Tracer
from .tensor import Tensor


class History:
    """What the results of a trace carry for autograd. Made before the trace is settled; raises Unreplayable."""

    def __init__(self, tracer: Tracer, returned: list[Any]) -> None:
        inputs: dict[Slot, int] = {}
        outside = [source.kind not in MADE for source in tracer.sources]
        for number, (handle, before) in compress(enumerate(zip(tracer.handles, tracer.histories)), outside):
            if history_of(handle) != before:
                raise Unreplayable("a tensor from outside is given a history")
            application, index, requires_grad = before
            if requires_grad and inputs.setdefault((application or handle, index), number) != number:
                raise Unreplayable("two tensors from outside have one history")
        own = {id(h) for h in compress(tracer.handles, outside)}
        roots = [v for v in returned if isinstance(v, Tensor) and id(v) not in own and v._application is not None]
        roots = [v for v in roots if not is_spent(v._application) and not _shows_input(v, own)]
        if roots and tracer.segments:
            raise Unreplayable("a result carries history for autograd, and values were asked for before it was returned")
        _refuse_shared(returned, roots)
        self.segments: list[Segment] = []
        self.places: dict[Slot, Target] = {}
        if roots:
            self.segments, self.places = segments(roots, inputs)

    def tensors(self) -> list[Tensor]:
        """The tensors that history keeps."""
        return [t for s in self.segments for t in s.kept]


def is_spent(application: Any) -> bool:
    """Whether a backward pass inside the function has freed all of a history: what is left of it is the same at each call."""
    stack, seen, freed = [application], set(), False
    while stack:
        node = stack.pop()
        if isinstance(node, Tensor) or id(node) in seen:
            continue
        seen.add(id(node))
        if node.saves():
            return False
        freed = freed or node.freed()
        stack.extend(edge[0] for edge in node.edges if edge is not None)
    return freed


def _shows_input(value: Tensor, own: set[int]) -> bool:
    """Whether a result is a differentiable view of an input, so that its history is that of the view."""
    return value._base is not None and any(id(t) in own for t in (value._base, value._base._base))


def _refuse_shared(returned: list[Any], roots: list[Tensor]) -> None:
    for root in roots:
        if root._base is not None and any(isinstance(v, Tensor) and v is not root and v._storage is root._storage for v in returned):
            raise Unreplayable("two results with history share memory")
