"""`flush`: making the values of a trace real."""

from __future__ import annotations

from collections import deque
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Callable, Iterable, Sequence

import numpy as np

from ..errors import user_line
from ..tensor import Tensor, wrap
from .evaluate import evaluate, run_eagerly
from .flushed import MADE, Flushed, Place, Source, view_of
from .ir import Graph, Node, topological
from .past import Event
from .witness import witness

if TYPE_CHECKING:
    from .trace import Tracer


def flush(tracer: Tracer, kind: str, asked: Sequence[Tensor], function: Callable[..., Any] | None) -> Flushed | None:
    """Compute everything that is held or was written, and put the values in place of the nodes. `kind`: what Python asks of which tensors.

    What was done, if it may be done again: a tracer that shares its nodes with others is one of many that run what is kept already.
    """
    held = tracer.tensors()
    homes = [e for e in tracer.followed() if e.home is not None and e.changed] if tracer.written else []
    outputs: list[Node] = [tracer.make.fit(e.node, e.shape, e.node.dtype) for e in homes]
    numbers: dict[object, int] = {}  # of outputs, by the storage or tensor whose whole they are
    for tensor in held:
        entry = tracer.contents_of(tensor)
        if _owner(tensor) not in numbers and (entry is None or entry.home is None):
            numbers[_owner(tensor)] = len(outputs) - len(homes)
            outputs.append(tracer.read(tensor) if entry is None else entry.node)
    if tracer.may_raise:
        reached = set(Graph(tuple(tracer.inputs), tuple(outputs)).nodes())
        outputs += [node for node in tracer.may_raise if node not in reached]
    graph = Graph(tuple(tracer.inputs), tuple(outputs))
    writes = tuple([e.home for e in homes if e.home is not None])
    results = _compute(tracer, graph, writes, kind)
    if witness.told is not None:
        witness.told.take_made(results)
    found: list[Place] = []  # of the tensors that are held
    for tensor in held:
        entry = tracer.contents_of(tensor)
        chain = tensor._chain[entry.start :] if entry is not None else ()
        if entry is not None and entry.home is not None:
            found.append(("input", entry.home, chain))
            tensor._value = view_of(tracer.arrays[entry.home], chain)
        else:
            number = numbers[_owner(tensor)]
            found.append(("output", number, chain))
            tensor._value = view_of(results[number], chain)
    if not tracer.sourced:
        return None
    places: dict[int, Place] = {id(a): ("input", tracer.numbers[id(a)], ()) for a in tracer.aliases}
    places |= tracer.brought
    places |= zip(map(id, held), found)
    event = None
    if tracer.follows:
        event = Event(kind, tuple([_place_of(tracer, t, places) for t in asked]), user_line(), function) if kind else None
        _leave(tracer, held, places, results)
    # of tensors made in earlier segments, only the arrays are kept: whether they outlive the call must show
    handles = tuple([wrap(h._value) if s.kind in MADE else h for h, s in zip(tracer.handles, tracer.sources)])
    return Flushed(graph, tuple(tracer.sources), handles, writes, places, event)


def _owner(tensor: Tensor) -> object:
    return tensor if tensor._storage is None else tensor._storage


def _leave(tracer: Tracer, held: list[Tensor], places: dict[int, Place], results: list[np.ndarray]) -> None:
    """Note for later segments what this one leaves in tensors."""
    made: dict[int, Tensor] = {}  # the wholes of outputs
    for tensor in held:
        where, number, chain = places[id(tensor)]
        if where == "output" and number not in made:
            made[number] = tracer.left.result(tensor, chain, results[number], Source("segment", (len(tracer.segments), number)))
        tracer.left.leave(tensor, tracer.handles[number] if where == "input" else made[number], chain)
    for handle, source in zip(tracer.handles, tracer.sources):
        if source.kind != "capture":
            tracer.left.leave_whole(handle, source)
    for alias in tracer.aliases:
        tracer.left.leave(alias, tracer.handles[tracer.numbers[id(alias)]], ())


def _place_of(tracer: Tracer, tensor: Tensor, places: dict[int, Place]) -> Place:
    """Where a tensor that was read is found in the segment."""
    if id(tensor) in places:
        return places[id(tensor)]
    if id(tensor) in tracer.numbers:
        return "input", tracer.numbers[id(tensor)], ()
    entry = tracer.contents_of(tensor)
    if entry is not None and entry.home is not None:
        return "input", entry.home, tensor._chain[entry.start :]
    left = tracer.left.of(tensor)
    assert left is not None and left.whole is not None
    return "input", tracer.numbers[id(left.whole)], left.chain


def _compute(tracer: Tracer, graph: Graph, writes: tuple[int, ...], kind: str) -> list[np.ndarray]:
    """The results of a graph: those of the past, as long as it is ahead."""
    if tracer.past is not None and tracer.past.ahead:
        found = tracer.past.outputs(graph, tracer.arrays, writes, kind)
        if found is not None:
            return found
    if witness.told is not None:
        witness.told.take_made(tracer.constants.values())
        witness.told.take_run(graph, tracer.arrays, writes, tracer.handles)
        witness.told.take_leaves(leaf for leaf, _ in tracer.grads.values())
    if not graph.outputs:
        return []
    try:
        if len(tracer.made) >= tracer.limits.segment:
            return run_eagerly(graph, tracer.arrays, writes, tracer.may_raise)
        return tracer.run(graph, tracer.arrays, writes)
    except Exception:
        tracer.failed = True
        if not tracer.again:
            _run_until_it_fails(tracer, graph)
        raise


def _run_until_it_fails(tracer: Tracer, graph: Graph) -> None:
    """Raise the error of the op that failed, at the line that wrote it, with all done that came before it."""
    arrays, held, lines = tracer.arrays, tracer.tensors(), tracer.may_raise
    program = _program(tracer)
    reached = set(Graph(graph.inputs, (*graph.outputs, *(node for node, home in program if home is not None))).nodes())
    order = [node for node in topological((*graph.inputs, *(n for n, _ in program), *graph.outputs), graph.inputs) if node in reached]
    tracer.start()
    values: dict[Node, Tensor] = {}
    try:
        evaluate(order, dict(zip(graph.inputs, arrays)), values, lines)
    finally:
        for tensor in held:
            if tensor._value in values:
                tensor._value = values[tensor._value]._value
        done = takewhile(lambda step: step[0] in values or step[0] not in reached, program)
        contents = {home: np.array(values[node]._value) for node, home in done if home is not None}
        for number, content in contents.items():
            arrays[number][...] = content


def _program(tracer: Tracer) -> list[tuple[Node, int | None]]:
    """What a trace did, in order: nodes that were made, and, each with the number of the input, those that inputs became when they were written."""
    program: list[tuple[Node, int | None]] = []
    writes = deque(tracer.written)
    for place, made in enumerate((*tracer.made, ())):
        while writes and writes[0][2] <= place:
            home, node, _ = writes.popleft()
            program.append((node, home))
        program += [(node, None) for node in (made if type(made) is tuple else (made,))]
    return program


def bring(tracer: Tracer, tensors: Iterable[Any]) -> None:
    """Make what earlier segments left in these tensors inputs of the last one, so that it is found there."""
    for tensor in tensors:
        left = tracer.left.of(tensor) if isinstance(tensor, Tensor) else None
        if left is not None:
            whole = tensor if left.whole is None else left.whole
            tracer.read(whole)
            tracer.brought[id(tensor)] = ("input", tracer.numbers[id(whole)], left.chain)
