"""Why a trace cannot be replayed in the function's place, and from which event on."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .autograd.segment import Unreplayable
from .entry import Trace
from .errors import place
from .frontend import Reach, Stage
from .graph.flush import bring
from .graph.ir import Node
from .graph.trace import Tracer
from .history import History, is_spent
from .named import name_of, written_at
from .tensor import Tensor

_CONSTANTS = (bool, int, float, complex, str, bytes, type(None), np.dtype)


DROP = "Or leave fullgraph=True out: Python then runs at such calls, with the operations still compiled in pieces."
_WAYS_OUT = {  # by the kind of a reason: those of effects (see `frontend/effects.py`), and our own
    "call": "Do that where the function is called, with what it returns.",
    "state": "Return the new value and keep it outside; or keep it in a tensor that is changed in place.",
    "argument": "Return what is new, and change the argument where the function is called.",
    "random": "Draw with tj.rand, tj.randn and their kin, whose stream a graph goes on with; or draw outside and pass the numbers.",
    "iterator": "Call next() outside, and pass what it gives.",
    "array": "Make the array an argument, or a tensor; or change a copy and return it.",
    "result": "Return tensors, arrays, numbers and strings, in lists, tuples and dicts; make anything else of them outside.",
    "value": "Keep the value in a tensor: tj.where chooses between values, tj.cond between computations; or ask for it outside.",
    "memory": "Pass arrays that do not overlap, or copies; or return a new array instead of changing one.",
    "history": "Call backward() and set hooks outside, or return the loss.",
    "world": "Pass what the function reads as an argument.",
}


class Reason(NamedTuple):
    """Something that only Python can do again, so that Python has to run at each call that comes there."""

    what: str
    after: int  # how many events come before it
    kind: str = "value"

    @property
    def ways_out(self) -> str:
        """What to write instead."""
        return _WAYS_OUT[self.kind]


def reasons_of(tracer: Tracer, reach: Reach | None, stage: Stage, trace: Trace) -> tuple[list[Reason], History | None]:
    """Why the segments cannot be replayed in the function's place: none, if they can; and the history of its results.

    Settles the trace: what outlives it shows then.
    """
    bring(tracer, [*trace.returned, *(g for _, g in trace.grads)])
    reasons, history = _known_before(tracer, reach, stage, trace)
    tracer.settle()
    if history is not None:
        reachable = [*trace.returned, *(g for _, g in trace.grads), *history.tensors()]
        known = {id(t) for r in reachable for t in ((r, r._base, r._aside) if isinstance(r, Tensor) else (r,))}
        if any(id(t) not in known for t in tracer.left.survivors()):
            return [Reason(f"a tensor made in {_function(stage)} is kept beyond the call", len(tracer.segments), "state")], None
    return reasons, history


def _known_before(tracer: Tracer, reach: Reach | None, stage: Stage, trace: Trace) -> tuple[list[Reason], History | None]:
    events = len(tracer.segments)
    reasons = [Reason(f"{what} ({place(line)})", after, kind) for what, line, after, kind in tracer.reasons]
    if reach is not None:
        reasons += _seen_by(reach)
    reasons += [Reason(f"{what} ({_function(stage)})", events, kind) for what, kind in _of_results(tracer, stage, trace)]
    if not reasons:
        returned = set(map(id, trace.returned))
        untold = stage.untold(reach.arrays if reach is not None else [], lambda tensor: id(tensor) in returned or tracer.knows(tensor))
        reasons += [Reason(f"{what} ({place(line)})", 0, "world") for what, line in untold]
    if reasons:
        return reasons, None
    try:
        return [], History(tracer, trace.returned)
    except Unreplayable as reason:
        return [Reason(f"{reason} ({_function(stage)})", events, "history")], None


def _function(stage: Stage) -> str:
    return f"{name_of(stage.function)}, {written_at(stage.function)}"


def _of_results(tracer: Tracer, stage: Stage, trace: Trace) -> list[tuple[str, str]]:
    """(what, kind)."""
    reasons = []
    for value in trace.returned:
        if isinstance(value, Tensor):
            if isinstance(value._value, Node) and value._grad is not None:
                reasons.append(("a result that was made in the function has a .grad", "history"))
            elif not isinstance(value._value, Node) and not tracer.knows(value) and not stage.outer(value):
                reasons.append(("a result is a tensor made of Python data", "result"))
        elif not isinstance(value, _CONSTANTS):
            reasons.append((f"a result is a {type(value).__name__}", "result"))
    if trace.elsewhere:
        reasons.append(("a list or a dict in the result is also held elsewhere", "result"))
    if any(g is not None and g._application is not None and not is_spent(g._application) for _, g in trace.grads):
        reasons.append(("a gradient carries history for autograd", "history"))
    return reasons


def _seen_by(reach: Reach) -> list[Reason]:
    """What the watch over a trace has seen that a replay would leave out."""
    reasons = [Reason(str(effect), reach.marks_before(effect), effect.kind) for effect in reach.effects]
    if reach.incomplete:
        reasons.append(Reason(str(reach.incomplete), 0, "world"))
    changed = reach.changed()
    if changed is not None:
        reasons.append(Reason(f"the function changes what it reads: {changed}", 0, "state"))
    return reasons
