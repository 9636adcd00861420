"""One turn of a loop, traced with what it changes as carries, and the op that it makes."""

from __future__ import annotations

from math import lcm
from typing import Any

from ...control.body import Body, Untraceable, refusals, replay
from ...control.run import wanted_pulls
from ...dispatch import assign, bind, mode
from ...graph.ir import OUTPUT, Graph, Node, subgraphs
from ...graph.trace import Tracer
from ...op import OPS
from ...ops.casts import copy
from ...ops.gather import as_index
from ...ops.index import scattered
from ...ops.view import put
from ...spec import TensorSpec, int64
from ...tensor import StandIn, Tensor
from ..numpy_code import Array, Number, bound_of, is_number, kind_of, number_of, of_kind
from .checks import may_raise, turns_may_raise
from .journal import Journal
from .loops import SKIP, STOP
from .rows import View
from .variables import FAR, Variables, form_of, is_new, is_scalar, is_traced, like, memory_of, same_memory, same_storage, share, tensor_of
from .words import Span, neither, truth

UNROLLED = 400  # nodes: loops of fewer are written out turn by turn, so that turns are fused with each other


class FirstTurnDiffers(Exception):
    """A turn leaves another kind of value than it found, as a first turn may."""


class Writes(Exception):
    """A turn writes into an array that is not carried."""


class Raises(Exception):
    """A turn raises, for the values that a call was given: turn by turn, all is done that comes before."""


class Trial:
    """One trace of a turn, with some variables as carries."""

    def __init__(self, loop: Any) -> None:
        self.loop, self.state = loop, loop.state
        self.names = sorted(loop.carried | loop.promoted)
        self.given = {n: getattr(self.state, n) for n in self.names if n != STOP}
        self.given |= {STOP: False} if STOP in loop.promoted else {}
        self.inner: dict[str, Any] = {}
        self.rows_back: list[tuple[View, Any]] = []  # those that were written into, and the arrays' nodes before
        self.views: list[View] = []  # the rows that a turn begins with
        self.exchanged: dict[str, str] = {}  # names of arrays that swap them in a turn, and whose each has after it

    def run(self) -> bool:
        """Trace; whether what is carried is what has to be."""
        loop, recording, refused = self.loop, mode.grad, refusals.made
        self.counted = loop.values is not None and (loop.turns is None or STOP in loop.promoted)
        self.tensors = [tensor_of(self.given[n]) for n in self.names] + ([of_kind(loop.values.start)] if self.counted else [])
        mode.grad = recording and (loop.differentiated or any(t.requires_grad for t in self.tensors))
        try:
            fine = self._trace()
        except Untraceable as reason:
            if "from outside" in str(reason) and not {n for n, v in vars(self.state).items() if n != loop.target and is_traced(v)} <= loop.carried:
                refusals.made -= 1
                raise Writes from None
            raise
        finally:
            untold, mode.grad = recording and not mode.grad, recording
        if refusals.made != refused:
            raise Untraceable("meets an exception that is no error")  # a handler of every exception, in a function that it calls
        if fine and untold and any(t.requires_grad for t in self.trace.captured):
            loop.differentiated, fine = True, False
        return fine

    def _trace(self) -> bool:
        self.trace = Body()
        with self.trace as body:
            self.number = body.input(TensorSpec((), int64))
            carries = [body.input(t.spec) for t in self.tensors]
            self.first = [body.tracer.read(t) for t in carries]
            self.condition = self._condition(carries)
            after = self._turn(carries)
            if after is None:
                return False
            body.keep(body.raising(), [*after, *([] if self.condition is None else [self.condition])])
            self.pull = None if self.exchanged else wanted_pulls(body, [after], self.tensors)
            self.graph = body.graph(after)
            self.cond = None if self.condition is None else body.graph([self.condition])
            if not all(self._only_reads(view.node, node) for view, node in self.rows_back):
                raise Untraceable("writes into a row of an array that it reads")
        self.whole, self.round, self.together = body, self.graph, lcm(*[len(self._turned(name)) for name in self.names])
        if self.together > 1:
            self._join()
        return True

    def _join(self) -> None:
        """Make as many turns one as it takes until each name has its own array again: what turns exchange need not be copied then."""
        with Body() as body:
            number = body.input(TensorSpec((), int64))
            after = [body.input(t.spec) for t in self.tensors]
            for n in range(self.together):
                after = replay(self.graph, [number * self.together + n, *after, *self.trace.captured])
            body.keep(body.raising(), after)
            self.pull = wanted_pulls(body, [after], self.tensors)
            self.whole, self.round = body, body.graph(after)

    def nodes(self) -> int:
        """The size of a turn."""
        return _size(self.graph)

    def _variables(self, carries: list[Tensor]) -> Variables:
        made = self.state.copy()
        for name, tensor in zip(self.names, carries):
            self.inner[name] = like(self.given[name], tensor)
            setattr(made, name, self.inner[name])
        return made

    def _condition(self, carries: list[Tensor]) -> Tensor | None:
        loop, made = self.loop, self._variables(carries)
        parts: list[Any] = []
        if loop.test is not None:
            parts.append(loop.test(made))
            loop.begins = loop.begins or (not isinstance(parts[0], (StandIn, Tensor)) and bool(parts[0]))
        elif self.counted:
            counter, stop = number_of(carries[-1], int), loop.values.stop
            parts.append(counter < stop if loop.values.step > 0 else counter > stop)
        else:
            return None
        if STOP in loop.promoted:
            parts.append(neither(getattr(made, STOP)))
        found = truth(parts[0])
        for part in parts[1:]:
            found = bind(OPS["logical_and"], found, truth(part))
        return found

    def _turn(self, carries: list[Tensor]) -> list[Tensor] | None:
        """The carries after a turn; None if others have to be carried."""
        loop, inner = self.loop, self._variables(carries)
        values = loop.values
        if loop.target:
            number = self.number if not self.counted else carries[-1]
            bound = max(bound_of(values.start), bound_of(values.stop)) if not isinstance(values, Span) else FAR
            place = number_of(number, int, bound)
            if not self.counted:
                place = number_of((place * values.step + values.start).tensor, int, bound)
            rows = None if loop.rows is None else loop.rows.known_as(self.state)
            self.item = place if rows is None else rows.at(place, inner)
            if self.counted and loop.target in loop.live and not is_scalar(self.item):
                raise Untraceable("leaves a view whose place depends on values")
            self.views = [] if rows is None else list(rows.views(self.item, place, inner, self.trace))
            setattr(inner, loop.target, self.item)
        setattr(inner, STOP, self.inner.get(STOP, False) if STOP in loop.promoted else False)
        setattr(inner, SKIP, False)
        with Journal():
            loop.body(inner)
            if loop.turns is not None and not self.counted:
                self.exchanged = self._exchanged(inner)
            fine = self._settled(inner)
            for name in [n for n, v in vars(inner).items() if n not in self.state and n not in self.inner and not is_traced(v)]:
                delattr(inner, name)  # of this turn alone
        if not fine:
            return None
        if not self._rows_written(inner):
            return None
        self.after = inner
        after = [tensor_of(v) for v in (getattr(inner, n) for n in self.names)]
        if self.counted:
            after.append((number_of(carries[-1], int) + values.step).tensor)
        return after

    def _settled(self, inner: Variables) -> bool:
        """Look at what a turn has changed: whether all of it was carried, in its form."""
        loop, fine = self.loop, True
        if loop.target in loop.live and getattr(inner, loop.target) is not self.item:
            raise Untraceable(f"changes {loop.target}, which its turns begin with, and which is read behind it")
        for name, value in vars(inner).items():
            if name in (loop.target, SKIP):
                continue
            before = self.inner[name] if name in self.inner else vars(self.state).get(name, False if name == STOP else None)
            if value is before:
                continue
            if name in loop.live and name not in self.exchanged and not is_scalar(value) and is_traced(value):
                if not is_new(value, self.inner, self.trace):
                    raise Untraceable(f"gives an array a further name, {name}")
                if loop.may_end_at_once() or (name in inner.mixed and not loop.peeled):  # then the name stays that of an array which others may know
                    raise FirstTurnDiffers(name)
            if name in self.inner:
                if is_traced(value) and (self.trace.shows(tensor_of(value)) or (type(value) is Array and value.readonly)):
                    raise Untraceable(f"keeps a view, {name}, for the next turn")
                if form_of(value) != form_of(self.inner[name]):
                    raise FirstTurnDiffers(name)
                if kind_of(value) is int and is_number(value) and not self._steps(value, name):
                    raise Untraceable(f"changes the int {name} by more than a constant")
            elif name not in self.state and name != STOP:
                if name in loop.live:
                    raise FirstTurnDiffers(name)
                continue  # a turn sets it before it reads it, and nobody reads it later
            elif is_number(before) and is_number(value) and kind_of(before) is kind_of(value):
                if type(value) is Number or value != before:
                    loop.promoted.add(name)
                    fine = False
            else:
                raise FirstTurnDiffers(name)
        if share([v for n, v in vars(inner).items() if n in loop.live]):
            raise Untraceable("gives one array several names")
        return fine

    def _exchanged(self, inner: Variables) -> dict[str, str]:
        """The names whose arrays change places in a turn: whose each has after it, each by one name."""
        given = {id(v): n for n, v in self.inner.items() if not is_scalar(v)}
        found = {n: given[id(v)] for n, v in vars(inner).items() if n in self.inner and given.get(id(v), n) != n}
        while not set(found) == set(found.values()):
            found = {n: m for n, m in found.items() if m in found and n in found.values()}
        return found

    def _rows_written(self, inner: Variables) -> bool:
        """Write what a turn wrote into its rows into their arrays; False if these have to be carried. Nobody else may have read an array then."""
        fine, tracer = True, self.trace.tracer
        if any(v.name in self.inner and vars(inner).get(v.name) is not self.inner[v.name] for v in self.views):
            raise Untraceable("goes through an array by a name that it changes")
        for view in self.views:
            if tracer.read(tensor_of(view.row)) is view.node:
                continue
            if view.name not in self.inner:
                if not view.name:
                    raise Untraceable("writes into a row of an array that no variable holds")
                self.loop.carried.add(view.name)
                fine = False
                continue
            array = tensor_of(self.inner[view.name])
            shown = [s for s in self.trace.shown if same_storage(s.of, array)]
            if len(shown) != 1 or sum(v.name == view.name for v in self.views) != 1:
                raise Untraceable("writes into a row of an array that it reads")
            self.trace.shown.remove(shown[0])
            self.rows_back.append((view, tracer.read(array)))
            scattered(array, (as_index(view.place.tensor),), tensor_of(view.row))
        return fine

    def _only_reads(self, row: Node, array: Node) -> bool:
        """Whether nothing but a row is read of an array, and it is written at the end."""
        after = {self.graph.outputs[n] for n, name in enumerate(self.names) if name in {v.name for v, _ in self.rows_back}}
        graphs = [self.graph, *([self.cond] if self.cond else [])]
        return all(array not in node.inputs or node is row or node in after for graph in graphs for node in graph.nodes())

    def _steps(self, value: Any, name: str) -> bool:
        """Whether an int is within the bounds that turns begin with, or what it was, a constant more or less."""
        if bound_of(value) <= bound_of(self.inner[name]):
            return True
        node, first = value.tensor._value if type(value) is Number else None, self.inner[name].tensor._value
        if node is None:
            return False
        return node is first or (node.op in (OPS["add"], OPS["subtract"]) and first in node.inputs and any(n.op.name == "constant" for n in node.inputs))

    # The op

    def finish(self) -> None:
        """Apply the op, and give the variables what it gives."""
        loop, body = self.loop, self.whole
        rounds = 0 if self.cond is not None else loop.turns // self.together
        self._check_aliases(self.after)
        kept = list(self.tensors)
        if self.pull is not None:
            kept[: len(self.names)] = [bind(copy, t) if self.written(n) else t for n, t in enumerate(kept[: len(self.names)])]  # what is written is needed
        results = bind(
            OPS["loop"], *kept, *body.captured, cond=self.cond, body=self.round, carries=len(self.tensors), scanned=0,
            keep=self.pull is not None and self.cond is None, start=0, length=rounds, reverse=False,
            checkpoint=None, pull=self.pull and self.pull[0],
        )  # fmt: skip
        op = results[0]._value
        for number in range(rounds * self.together, loop.turns if self.together > 1 else 0):
            results = replay(self.graph, [of_kind(number), *results, *self.trace.captured])
        self._check(op)
        for n, (name, result) in enumerate(zip(self.names, results)):
            if name == STOP:
                continue
            turned = self._turned(name)
            value = self.given[turned[loop.turns % len(turned)] if name in self.exchanged else name]
            if self.written(n):
                assign(tensor_of(value), result, put)
            elif name not in self.exchanged and self.graph.outputs[n] is not self.first[n]:
                value = like(value, result)
            setattr(self.state, name, value)
        if loop.target and (loop.rows is None or loop.target in loop.live):
            last: Any = loop.values[-1] if loop.turns is not None and not self.counted else None
            place = last if last is not None else number_of(results[len(self.names)], int, FAR) - loop.values.step
            setattr(self.state, loop.target, loop.item(place, self.state))

    def _check(self, output: Any) -> None:
        """Where turns write into arrays that the caller knows, have what may raise raise before they are written: what is written by then stays."""
        tracer = mode.interpreter
        left = [n for n, name in enumerate(self.names) if name != STOP and self.written(n) and memory_of(tensor_of(self.given[name])) is not None]
        if not left or not isinstance(tracer, Tracer):
            return
        if may_raise(output.inputs[0] if output.op is OUTPUT else output, {}) or (self.together > 1 and turns_may_raise(self.graph, self.loop.turns)):
            try:
                tracer.check()
            except Exception as error:
                raise Raises from error

    def written(self, n: int) -> bool:
        """Whether turns write into a carried array."""
        return any(self._writes(self.names.index(name)) for name in self._turned(self.names[n]))

    def _writes(self, n: int) -> bool:
        value = self.inner[self.names[n]]
        return not is_scalar(value) and self.trace.tracer.read(tensor_of(value)) is not self.first[n]

    def _turned(self, name: str) -> list[str]:
        """Whose array of the beginning a name has after no turn, after one, and so on, until it has its own again."""
        names = [name]
        while self.exchanged.get(names[-1], name) != name:
            names.append(self.exchanged[names[-1]])
        return names

    def _check_aliases(self, after: Variables) -> None:
        """What is written must be reached by one name only, before, in and after a turn."""
        written = [n for n, _ in enumerate(self.names) if self.written(n)]
        others = [tensor_of(v) for v in vars(self.state).values() if is_traced(v)] + list(self.trace.captured)
        kept = [v for n, v in vars(after).items() if n in self.state or n in self.loop.live]  # a turn sets others before it reads them
        taken = {m: n for n, m in self.exchanged.items()}
        for n in written:
            name = self.names[n]
            outside, inside = tensor_of(self.given[name]), self.inner[name]
            if sum(same_memory(outside, other) for other in others) != 1:
                raise Untraceable("writes into an array that has several names")
            left = [v for v in kept if is_traced(v) and same_storage(tensor_of(v), tensor_of(inside))]
            if getattr(after, taken.get(name, name)) is not inside or len(left) != 1:
                raise Untraceable("writes into an array that changes its name")


def _size(graph: Graph) -> int:
    """The nodes of a graph, those of branches in it among them, and those of loops as often as a loop is worth rolling for."""
    nodes = graph.nodes()
    inner = [UNROLLED if node.op is OPS["loop"] else sum(map(_size, subgraphs(node))) for node in nodes if node.kind == "control"]
    return len(nodes) + sum(inner)
