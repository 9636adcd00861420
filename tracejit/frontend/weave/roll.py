"""Loops of woven functions as one op: a turn is traced once, with what it changes as carries.

What a loop's functions do is tried on copies of its variables. If a graph of its own cannot do it, the loop runs turn by turn.
"""

from __future__ import annotations

from typing import Any, Callable, Iterator

import numpy as np

from ...control.body import Body, Untraceable
from ...dispatch import assign, bind, mode
from ...op import OPS
from ...ops.view import put
from ...spec import TensorSpec, bool_, int64
from ...tensor import StandIn, Tensor
from ..numpy_code import Array, Number, array_of, bound_of, implements, is_number, kind_of, number_of, of_kind, world
from .loops import SKIP, STOP

UNROLLED = 400  # nodes: loops of fewer are written out turn by turn, so that turns are fused with each other
FAR = 1 << 40  # turns that no loop makes
_failed: set[Any] = set()  # loops, and kinds of their variables, of which it is known that they cannot be rolled


class Variables:
    """The variables of a loop; those that are not bound are missing."""

    def copy(self) -> Variables:
        made = Variables()
        made.__dict__.update(self.__dict__)
        return made


def variables(**given: Callable[[], Any]) -> Variables | None:
    """What a loop begins with; None where no trace runs."""
    if world.arrays is None:
        return None
    made = Variables()
    for name, get in given.items():
        try:
            setattr(made, name, get())
        except NameError:
            pass
    return made


class Span:
    """A range whose ends only the run knows."""

    def __init__(self, start: Any, stop: Any, step: int) -> None:
        self.start, self.stop, self.step = start, stop, step

    def __iter__(self) -> Iterator[int]:
        return iter(range(int(self.start), int(self.stop), self.step))


@implements(range)
def span(*ends: Any) -> Any:
    """range() of ints, some of which may be Numbers."""
    if not any(type(e) is Number for e in ends):
        return range(*ends)
    start, stop, step = (0, *ends, 1) if len(ends) == 1 else (*ends, 1) if len(ends) == 2 else ends
    if type(step) is Number or not step or any(kind_of(e) is not int for e in (start, stop)):
        raise Untraceable("has a range of steps that only the run knows")
    return Span(start, stop, step)


# Conditions


def both(first: Any, second: Callable[[], Any]) -> Any:
    """`first and second`."""
    return _joined("logical_and", first, second) if _is_traced_truth(first) else first and second()


def either(first: Any, second: Callable[[], Any]) -> Any:
    """`first or second`."""
    return _joined("logical_or", first, second) if _is_traced_truth(first) else first or second()


def neither(value: Any) -> Any:
    """`not value`."""
    return number_of(bind(OPS["logical_not"], _truth(value)), bool) if _is_traced_truth(value) else not value


def _is_traced_truth(value: Any) -> bool:
    return world.rolling > 0 and isinstance(value, StandIn) and value.tensor.dtype == bool_ and not value.tensor.shape


def _joined(name: str, first: Any, second: Callable[[], Any]) -> Any:
    other = second()
    if not _is_traced_truth(other):
        other = of_kind(bool(other)) if is_number(other) else Untraceable
    if other is Untraceable:
        raise Untraceable("joins conditions that are not bools")
    return number_of(bind(OPS[name], _truth(first), _truth(other)), bool)


def _truth(value: Any) -> Tensor:
    """A condition as one bool."""
    if isinstance(value, Tensor):
        return value
    if isinstance(value, StandIn):
        tensor = value.tensor
        if tensor.size != 1:
            raise Untraceable("has a condition of several values")
        tensor = tensor.reshape(()) if tensor.shape else tensor
        return tensor if tensor.dtype == bool_ else bind(OPS["not_equal"], tensor, 0)
    return of_kind(bool(value))


# Loops


def rolled(state: Variables | None, test: Callable, body: Callable, names: tuple[str, ...], live: tuple[str, ...]) -> bool:
    """Whether a `while` loop was done here: then the variables are as it leaves them. names: those that turns set; live: those
    among them that are read elsewhere in the function."""
    return state is not None and _Loop(state, body, names, live, test=test).done()


def rolled_for(state: Variables | None, values: Any, target: str, body: Callable, names: tuple[str, ...], live: tuple[str, ...]) -> bool:
    """The same of `for target in values`, where that is a range."""
    return state is not None and isinstance(values, (range, Span)) and _Loop(state, body, names, live, values=values, target=target).done()


class _Loop:
    """One loop, tried."""

    def __init__(
        self, state: Variables, body: Callable, names: tuple[str, ...], live: tuple[str, ...], test: Callable | None = None, values: Any = None,
        target: str = "",
    ) -> None:  # fmt: skip
        self.state, self.body, self.names, self.test, self.values, self.target = state, body, names, test, values, target
        self.turns = len(values) if isinstance(values, range) else None  # where that is known
        self.live = live
        self.promoted: set[str] = set()  # Python numbers that turns change
        self.carried: set[str] = set()
        self.whole = False  # every array is carried: turns write into arrays that they do not set

    def done(self) -> bool:
        """Whether the loop was done as one op."""
        key = (self.body.__code__, tuple(sorted((n, _form(v)) for n, v in vars(self.state).items())))
        if key in _failed or self.turns == 0:
            return False
        world.rolling += 1
        try:
            return self._tried()
        except (Untraceable, Exception):
            _failed.add(key)
            return False
        finally:
            world.rolling -= 1

    def _tried(self) -> bool:
        state = self.state
        vars(state).pop(STOP, None)
        self.carried = {n for n in self.names if n != self.target and isinstance(getattr(state, n, None), StandIn)}
        for _ in range(6):
            trial = _Trial(self)
            try:
                settled = trial.run()
            except _Writes:
                self.carried |= {n for n, v in vars(state).items() if isinstance(v, StandIn)}
                continue
            if settled:
                if self.turns is not None and STOP not in self.promoted and trial.nodes() * self.turns <= UNROLLED:
                    return False
                trial.finish()
                return True
        raise Untraceable("has variables that change their kind")


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
        loop = self.loop
        self.counted = loop.values is not None and (loop.turns is None or STOP in loop.promoted)
        tensors = {n: of_kind(v) if is_number(v) else v.tensor for n, v in self.given.items()}
        self.tensors = [tensors[n] for n in self.names] + ([of_kind(loop.values.start)] if self.counted else [])
        self.trace = Body()
        try:
            with self.trace as body:
                self.number = body.input(TensorSpec((), int64))
                carries = [body.input(t.spec) for t in self.tensors]
                self.first = [body.tracer.read(t) for t in carries]
                self.condition = self._condition(carries)
                after = self._turn(carries)
                if after is None:
                    return False
                self.graph = body.graph(after)
                self.cond = None if self.condition is None else body.graph([self.condition])
        except Untraceable as reason:
            if "from outside" in str(reason) and not {n for n, v in vars(self.state).items() if isinstance(v, StandIn)} <= loop.carried:
                raise _Writes from None
            raise
        return True

    def nodes(self) -> int:
        """The size of a turn."""
        return len(self.graph.nodes())

    def _variables(self, carries: list[Tensor]) -> Variables:
        made = self.state.copy()
        for name, tensor in zip(self.names, carries):
            self.inner[name] = _like(self.given[name], tensor)
            setattr(made, name, self.inner[name])
        return made

    def _condition(self, carries: list[Tensor]) -> Tensor | None:
        loop, made = self.loop, self._variables(carries)
        parts: list[Any] = []
        if loop.test is not None:
            parts.append(loop.test(made))
        elif self.counted:
            counter, stop = number_of(carries[-1], int), loop.values.stop
            parts.append(counter < stop if loop.values.step > 0 else counter > stop)
        else:
            return None
        if STOP in loop.promoted:
            parts.append(neither(getattr(made, STOP)))
        found = _truth(parts[0])
        for part in parts[1:]:
            found = bind(OPS["logical_and"], found, _truth(part))
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
        after = [of_kind(v) if is_number(v) else v.tensor for v in (getattr(inner, n) for n in self.names)]
        if self.counted:
            after.append((number_of(carries[-1], int) + values.step).tensor)
        return after

    def _settled(self, inner: Variables) -> bool:
        """Look at what a turn has changed: whether all of it was carried, in its form."""
        loop, fine = self.loop, True
        for name, value in vars(inner).items():
            if name in (loop.target, SKIP):
                continue
            before = self.inner[name] if name in self.inner else getattr(self.state, name, False if name == STOP else None)
            if value is before:
                continue
            if name in self.inner:
                if _form(value) != _form(self.inner[name]):
                    raise Untraceable(f"changes what kind of value {name} is")
                if kind_of(value) is int and is_number(value) and not self._steps(value, name):
                    raise Untraceable(f"changes the int {name} by more than a constant")
            elif not hasattr(self.state, name) and name != STOP:
                if name in loop.live:
                    raise Untraceable(f"gives {name} its first value")
                continue  # a turn sets it before it reads it, and nobody reads it later
            elif is_number(before) and is_number(value) and kind_of(before) is kind_of(value):
                if type(value) is Number or value != before:
                    loop.promoted.add(name)
                    fine = False
            else:
                raise Untraceable(f"changes what kind of value {name} is")
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
        results = bind(
            OPS["loop"], *self.tensors, *body.captured, cond=self.cond, body=self.graph, carries=len(self.tensors), scanned=0, keep=False,
            start=0, length=0 if self.cond is not None else loop.turns, reverse=False, checkpoint=None, pull=None,
        )  # fmt: skip
        for n, (name, result) in enumerate(zip(self.names, results)):
            if name == STOP:
                continue
            given = self.given[name]
            if self.written(n):
                assign(given.tensor, result, put)
            elif self.graph.outputs[n] is not self.first[n]:
                setattr(self.state, name, _like(given, result))
        if loop.target:
            last: Any = loop.values[-1] if loop.turns is not None and not self.counted else None
            setattr(self.state, loop.target, last if last is not None else number_of(results[len(self.names)], int, FAR) - loop.values.step)

    def written(self, n: int) -> bool:
        """Whether a turn writes into a carried array."""
        value = self.inner[self.names[n]]
        return isinstance(value, Array) and not value.is_scalar and self.trace.tracer.read(value.tensor) is not self.first[n]

    def _check_aliases(self, after: Variables) -> None:
        """What is written must be reached by one name only, before, in and after a turn."""
        written = [n for n, _ in enumerate(self.names) if self.written(n)]
        others = [v.tensor for v in vars(self.state).values() if isinstance(v, StandIn)] + list(self.trace.captured)
        for n in written:
            name = self.names[n]
            outside, inside = self.given[name].tensor, self.inner[name]
            if sum(_same_memory(outside, other) for other in others) != 1:
                raise Untraceable("writes into an array that has several names")
            left = [v for v in vars(after).values() if isinstance(v, StandIn) and _same_storage(v.tensor, inside.tensor)]
            if getattr(after, name) is not inside or len(left) != 1:
                raise Untraceable("writes into an array that changes its name")


def _same_storage(a: Tensor, b: Tensor) -> bool:
    return a is b or (a._storage is not None and a._storage is b._storage)


def _same_memory(a: Tensor, b: Tensor) -> bool:
    if _same_storage(a, b):
        return True
    first, second = _memory(a), _memory(b)
    return first is not None and second is not None and np.may_share_memory(first, second)


def _memory(tensor: Tensor) -> np.ndarray | None:
    """The outside memory that a tensor shows; None if it was born in the trace."""
    if isinstance(tensor._value, np.ndarray):
        return tensor._value
    tracer: Any = mode.interpreter
    while isinstance(tracer, Body):
        tracer = tracer.outer
    return tracer.memory_of(tensor)


def _like(value: Any, tensor: Tensor) -> Any:
    """A tensor as what a value is."""
    if type(value) is Array:
        return array_of(tensor, value.is_scalar)
    return number_of(tensor, kind_of(value), FAR) if is_number(value) else tensor


def _form(value: Any) -> Any:
    """What kind of value a variable is."""
    if type(value) is Array:
        return "array", value.dtype, value.shape, value.is_scalar
    if is_number(value):
        return "number", kind_of(value)
    return ("tensor", value.dtype, tuple(value.shape)) if isinstance(value, Tensor) else "object"


# Branches


def branch(state: Variables, test: Any, then: Callable[[Variables], Any], other: Callable[[Variables], Any]) -> None:
    """`if test: then; else: other`. In a turn that is traced, of which neither is known, both are arms of one op."""
    if not isinstance(test, (StandIn, Tensor)) or not isinstance(mode.interpreter, Body):
        (then if test else other)(state)
        return
    _Branch(state, bind(OPS["cast"], _truth(test), dtype=int64), (other, then)).apply()


class _Branch:
    """Both arms of a branch, on copies of the variables."""

    def __init__(self, state: Variables, number: Tensor, arms: tuple[Callable, ...]) -> None:
        self.state, self.number, self.arms = state, number, arms
        self.given = {n: v for n, v in vars(state).items() if isinstance(v, StandIn)}

    def apply(self) -> None:
        """The variables are as the arm leaves them that the number names."""
        with Body() as body:
            inputs = {n: body.input(v.tensor.spec) for n, v in self.given.items()}
            ends = [_Arm(self, body, arm, inputs) for arm in self.arms]
            names = [n for n in dict.fromkeys(n for end in ends for n in vars(end.state)) if any(end.changed(n) for end in ends)]
            merged = [n for n in names if all(hasattr(end.state, n) for end in ends)]
            for n in merged:
                if len({_form(getattr(end.state, n)) for end in ends}) != 1 or _form(getattr(ends[0].state, n)) == "object":
                    raise Untraceable(f"leaves {n} as one kind of value or another")
            graphs = tuple([body.graph([end.tensor(n) for n in merged]) for end in ends])
        results = bind(OPS["branch"], self.number, *[v.tensor for v in self.given.values()], *body.captured, branches=graphs, pulls=None)
        for name in names:
            if name not in merged:
                vars(self.state).pop(name, None)
        for name, result in zip(merged, results):
            if any(end.written(name) for end in ends):
                self._write(name, result, ends, body)
            else:
                setattr(self.state, name, _like(getattr(ends[0].state, name), result))

    def _write(self, name: str, result: Tensor, ends: list[_Arm], body: Body) -> None:
        target = self.given[name]
        others = [v.tensor for v in self.given.values()] + list(body.captured)
        if any(getattr(end.state, name) is not end.inner[name] for end in ends) or sum(_same_memory(target.tensor, o) for o in others) != 1:
            raise Untraceable("writes into an array that has several names")
        assign(target.tensor, result, put)


class _Arm:
    """One arm, traced."""

    def __init__(self, branch: _Branch, body: Body, arm: Callable[[Variables], Any], inputs: dict[str, Tensor]) -> None:
        self.body, self.before, self.state = body, branch.state, branch.state.copy()
        self.inner = {n: _like(v, bind(OPS["copy"], inputs[n])) for n, v in branch.given.items()}
        self.first = {n: body.tracer.read(v.tensor) for n, v in self.inner.items()}
        vars(self.state).update(self.inner)
        arm(self.state)

    def changed(self, name: str) -> bool:
        """Whether a variable is another after the arm."""
        value = getattr(self.state, name, None)
        return (value is not self.inner[name] or self.written(name)) if name in self.inner else value is not getattr(self.before, name, None)

    def written(self, name: str) -> bool:
        """Whether the arm writes into the array that a variable was."""
        return name in self.inner and self.body.tracer.read(self.inner[name].tensor) is not self.first[name]

    def tensor(self, name: str) -> Tensor:
        value = getattr(self.state, name)
        return of_kind(value) if is_number(value) else value.tensor
