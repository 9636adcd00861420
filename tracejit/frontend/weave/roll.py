"""Loops of woven functions as one op: a turn is traced once, with what it changes as carries.

What a loop's functions do is tried on copies of its variables. If a graph of its own cannot do it, the loop runs turn by turn.
"""

from __future__ import annotations

from typing import Any, Callable

from ...control.body import Body, Untraceable, refusals
from ...control.run import wanted_pulls
from ...dispatch import assign, bind, mode
from ...graph.ir import Graph
from ...op import OPS
from ...ops.casts import copy
from ...ops.view import put
from ...spec import TensorSpec, int64
from ...tensor import StandIn, Tensor
from ..numpy_code import Number, bound_of, is_number, kind_of, number_of, of_kind, world
from .loops import SKIP, STOP
from .variables import FAR, Unsettled, Variables, form_of, is_new, is_scalar, is_traced, like, same_memory, same_storage, share, tensor_of
from .words import Span, neither, truth

UNROLLED = 400  # nodes: loops of fewer are written out turn by turn, so that turns are fused with each other
PEELED = 2  # turns that are run before, where the first leave other kinds of values than they find
REMEMBERED = 4096  # loops that cannot be rolled
_failed: set[Any] = set()  # loops, and kinds of their variables, of which it is known that they cannot be rolled


def rolled(state: Variables | None, test: Callable, body: Callable, names: tuple[str, ...], live: tuple[str, ...]) -> bool:
    """Whether a `while` loop was done here: then the variables are as it leaves them. names: those that turns set; live: those
    among them that are read elsewhere in the function."""
    return state is not None and _apart(state, _Loop(state, body, names, live, test=test).done)


def rolled_for(state: Variables | None, values: Any, target: str, body: Callable, names: tuple[str, ...], live: tuple[str, ...]) -> bool:
    """The same of `for target in values`, where that is a range."""
    return state is not None and isinstance(values, (range, Span)) and _apart(state, _Loop(state, body, names, live, values=values, target=target).done)


def unrolled(state: Variables, *loop: Any) -> None:
    """Run an inner loop with `break` or `continue` turn by turn, given as for `rolled` or `rolled_for`."""
    if len(loop) == 3:
        test, body, names = loop
        made = _Loop(state, body, names, (), test=test)
    else:
        values, target, body, names = loop
        if not isinstance(values, range):
            raise Untraceable("has a loop in it that cannot be one op")
        made = _Loop(state, body, names, (), values=values, target=target)
    _apart(state, made._turn_by_turn)


def _apart(state: Variables, run: Callable[[], bool]) -> bool:
    """Run a loop, whose `break` and `continue` are not those of the loop around it."""
    around = {n: vars(state).pop(n) for n in (STOP, SKIP) if n in state}
    try:
        return run()
    finally:
        for n in (STOP, SKIP):
            vars(state).pop(n, None)
        vars(state).update(around)


class _Loop:
    """One loop, tried."""

    def __init__(
        self, state: Variables, body: Callable, names: tuple[str, ...], live: tuple[str, ...], test: Callable | None = None, values: Any = None,
        target: str = "",
    ) -> None:  # fmt: skip
        self.state, self.body, self.names, self.test, self.values, self.target = state, body, names, test, values, target
        self.turns = len(values) if isinstance(values, range) else None  # where that is known
        self.live, self.differentiated, self.peeled = live, False, 0
        self.promoted: set[str] = set()  # Python numbers that turns change
        self.carried: set[str] = set()
        self.begins = False  # there is a turn, as Python numbers tell

    def done(self) -> bool:
        """Whether the loop was done: as one op, or turn by turn where the first turns had to be."""
        key = (self.body.__code__, tuple(sorted((n, form_of(v)) for n, v in vars(self.state).items())))
        if key in _failed or self.turns == 0 or any(hasattr(type(v), "__next__") for v in vars(self.state).values()):
            return False
        for turn in range(PEELED + 1):
            self.peeled = turn
            try:
                if not self._tried():
                    return turn > 0 and self._turn_by_turn()
                return True
            except (_FirstTurnDiffers, Unsettled) as reason:
                refusals.made -= isinstance(reason, Unsettled)
                if turn == PEELED or isinstance(self.values, Span):
                    self._give_up(key)
                    return turn > 0 and self._turn_by_turn()
                if not self._one_turn():
                    return True
            except (Untraceable, Exception) as reason:
                if isinstance(mode.interpreter, Body) and "from outside" in str(reason):
                    raise  # the loop around this one has to carry it
                refusals.made -= isinstance(reason, Untraceable)
                self._give_up(key)
                return turn > 0 and self._turn_by_turn()
        return True

    def may_end_at_once(self) -> bool:
        """Whether there may be no turn at all."""
        return not self.peeled and not self.begins and (self.test is not None or isinstance(self.values, Span))

    def _give_up(self, key: Any) -> None:
        """Do not try such a loop again."""
        if len(_failed) >= REMEMBERED:
            _failed.clear()
        _failed.add(key)

    def _turn_by_turn(self) -> bool:
        """Run the turns that are left."""
        while self._one_turn():
            pass
        return True

    def _one_turn(self) -> bool:
        """One turn as Python runs it; whether there may be another."""
        state = self.state
        if self.test is not None and not self.test(state):
            return False
        if self.values is not None:
            if not self.values:
                return False
            setattr(state, self.target, self.values[0])
            self.values, self.turns = self.values[1:], len(self.values) - 1
        setattr(state, STOP, False)
        setattr(state, SKIP, False)
        self.body(state)
        return not getattr(state, STOP) and self.turns != 0

    def _tried(self) -> bool:
        """Do the loop as one op; False if its turns are better written out."""
        world.rolling += 1
        try:
            return self._rolled()
        finally:
            world.rolling -= 1

    def _rolled(self) -> bool:
        state = self.state
        vars(state).pop(STOP, None)
        vars(state).pop(SKIP, None)
        state.mixed.clear()
        self.promoted.clear()
        self.carried = {n for n in self.names if n != self.target and is_traced(vars(state).get(n))}
        for _ in range(6):
            trial = _Trial(self)
            try:
                settled = trial.run()
            except _Writes:
                self.carried |= {n for n, v in vars(state).items() if is_traced(v)}
                continue
            if settled:
                if self.turns is not None and STOP not in self.promoted and trial.nodes() * self.turns <= UNROLLED:
                    return False
                trial.finish()
                return True
        raise Untraceable("has variables that change their kind")


class _FirstTurnDiffers(Exception):
    """A turn leaves another kind of value than it found, as a first turn may."""


class _Writes(Exception):
    """A turn writes into an array that is not carried."""


class _Trial:
    """One trace of a turn, with some variables as carries."""

    def __init__(self, loop: _Loop) -> None:
        self.loop, self.state = loop, loop.state
        self.names = sorted(loop.carried | loop.promoted)
        self.given = {n: getattr(self.state, n) for n in self.names if n != STOP}
        self.given |= {STOP: False} if STOP in loop.promoted else {}
        self.inner: dict[str, Any] = {}

    def run(self) -> bool:
        """Trace; whether what is carried is what has to be."""
        loop, recording, refused = self.loop, mode.grad, refusals.made
        self.counted = loop.values is not None and (loop.turns is None or STOP in loop.promoted)
        self.tensors = [tensor_of(self.given[n]) for n in self.names] + ([of_kind(loop.values.start)] if self.counted else [])
        mode.grad = recording and (loop.differentiated or any(t.requires_grad for t in self.tensors))
        try:
            fine = self._trace()
        except Untraceable as reason:
            if "from outside" in str(reason) and not {n for n, v in vars(self.state).items() if is_traced(v)} <= loop.carried:
                refusals.made -= 1
                raise _Writes from None
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
            self.pull = wanted_pulls(body, [after], self.tensors)
            self.graph = body.graph(after)
            self.cond = None if self.condition is None else body.graph([self.condition])
        return True

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
            setattr(inner, loop.target, place)
        setattr(inner, STOP, self.inner.get(STOP, False) if STOP in loop.promoted else False)
        setattr(inner, SKIP, False)
        loop.body(inner)
        if not self._settled(inner):
            return None
        self.after = inner
        after = [tensor_of(v) for v in (getattr(inner, n) for n in self.names)]
        if self.counted:
            after.append((number_of(carries[-1], int) + values.step).tensor)
        return after

    def _settled(self, inner: Variables) -> bool:
        """Look at what a turn has changed: whether all of it was carried, in its form."""
        loop, fine = self.loop, True
        for name, value in vars(inner).items():
            if name in (loop.target, SKIP):
                continue
            before = self.inner[name] if name in self.inner else vars(self.state).get(name, False if name == STOP else None)
            if value is before:
                continue
            if name in loop.live and not is_scalar(value) and is_traced(value):
                if not is_new(value, self.inner, self.trace):
                    raise Untraceable(f"gives an array a further name, {name}")
                if loop.may_end_at_once() or (name in inner.mixed and not loop.peeled):  # then the name stays that of an array which others may know
                    raise _FirstTurnDiffers(name)
            if name in self.inner:
                if form_of(value) != form_of(self.inner[name]):
                    raise _FirstTurnDiffers(name)
                if kind_of(value) is int and is_number(value) and not self._steps(value, name):
                    raise Untraceable(f"changes the int {name} by more than a constant")
            elif name not in self.state and name != STOP:
                if name in loop.live:
                    raise _FirstTurnDiffers(name)
                continue  # a turn sets it before it reads it, and nobody reads it later
            elif is_number(before) and is_number(value) and kind_of(before) is kind_of(value):
                if type(value) is Number or value != before:
                    loop.promoted.add(name)
                    fine = False
            else:
                raise _FirstTurnDiffers(name)
        if share([v for n, v in vars(inner).items() if n in loop.live]):
            raise Untraceable("gives one array several names")
        return fine

    def _steps(self, value: Any, name: str) -> bool:
        """Whether an int is what it was, a constant more or less."""
        node, first = value.tensor._value if type(value) is Number else None, self.inner[name].tensor._value
        if node is None:
            return False
        return node is first or (node.op in (OPS["add"], OPS["subtract"]) and first in node.inputs and any(n.op.name == "constant" for n in node.inputs))

    # The op

    def finish(self) -> None:
        """Apply the op, and give the variables what it gives."""
        loop, body = self.loop, self.trace
        self._check_aliases(self.after)
        kept = [bind(copy, t) if self.pull is not None and self.written(n) else t for n, t in enumerate(self.tensors)]  # what is written is needed
        results = bind(
            OPS["loop"], *kept, *body.captured, cond=self.cond, body=self.graph, carries=len(self.tensors), scanned=0,
            keep=self.pull is not None and self.cond is None, start=0, length=0 if self.cond is not None else loop.turns, reverse=False,
            checkpoint=None, pull=self.pull and self.pull[0],
        )  # fmt: skip
        for n, (name, result) in enumerate(zip(self.names, results)):
            if name == STOP:
                continue
            given = self.given[name]
            if self.written(n):
                assign(tensor_of(given), result, put)
            elif self.graph.outputs[n] is not self.first[n]:
                setattr(self.state, name, like(given, result))
        if loop.target:
            last: Any = loop.values[-1] if loop.turns is not None and not self.counted else None
            setattr(self.state, loop.target, last if last is not None else number_of(results[len(self.names)], int, FAR) - loop.values.step)

    def written(self, n: int) -> bool:
        """Whether a turn writes into a carried array."""
        value = self.inner[self.names[n]]
        return not is_scalar(value) and self.trace.tracer.read(tensor_of(value)) is not self.first[n]

    def _check_aliases(self, after: Variables) -> None:
        """What is written must be reached by one name only, before, in and after a turn."""
        written = [n for n, _ in enumerate(self.names) if self.written(n)]
        others = [tensor_of(v) for v in vars(self.state).values() if is_traced(v)] + list(self.trace.captured)
        for n in written:
            name = self.names[n]
            outside, inside = tensor_of(self.given[name]), self.inner[name]
            if sum(same_memory(outside, other) for other in others) != 1:
                raise Untraceable("writes into an array that has several names")
            left = [v for v in vars(after).values() if is_traced(v) and same_storage(tensor_of(v), tensor_of(inside))]
            if getattr(after, name) is not inside or len(left) != 1:
                raise Untraceable("writes into an array that changes its name")


def _size(graph: Graph) -> int:
    """The nodes of a graph, those of loops in it as often as a loop is worth rolling for."""
    inner = [value for node in graph.nodes() for _, value in node.attrs if isinstance(value, Graph)]
    return len(graph.nodes()) + UNROLLED * len(inner)
