"""`way_of`: a settled trace as a path of a tree."""

from __future__ import annotations

from typing import Any, Callable

from ..entry import Trace
from ..frontend import Reach, compile_guards, nothing_to_check
from ..graph.trace import Tracer
from ..history import History
from ..reasons import Reason
from .tree import Junction, Leaf, Node


def way_of(
    tracer: Tracer, reach: Reach | None, trace: Trace, reasons: list[Reason], history: History | None, begun: int, compile_backward: Callable[[Any], Callable]
) -> Node | None:
    """From the event of number `begun` on, the segments of a trace, each with the guards found before its event, to a leaf.

    None: with no event there is no path; and what only Python can do again comes before one.
    """
    segments, last = tracer.segments[begun:], tracer.flushed
    assert last is not None
    if reasons:  # Python goes on from the first of them, or where it is told a value before: it is told others at other calls
        told = next((n for n, s in enumerate(segments) if s.event is not None and s.event.kind != "truth"), len(segments))
        segments = segments[: max(0, min(told, min(reason.after for reason in reasons) - begun))]
    if not (begun or segments):
        return None
    groups = reach.groups[begun:] if reach is not None else [[]] * (len(segments) + 1)
    leaf = Leaf(nothing_to_check if reasons else compile_guards(groups[-1], last.captures()), [reason.what for reason in reasons])
    if history is not None:
        leaf.fill(tracer.segments, last, trace, history, compile_backward)
    node: Node = leaf
    for flushed, answer, found in reversed(list(zip(segments, tracer.answers[begun:], groups))):
        junction = Junction(flushed, compile_guards(found, flushed.captures()), trace)
        junction.add(answer, node)
        node = junction
    return node
