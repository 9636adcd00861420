"""Branches in a turn that is traced: both arms are traced, and one runs."""

from __future__ import annotations

from typing import Any, Callable

from ...control.body import Body, Untraceable
from ...control.run import wanted_pulls
from ...dispatch import assign, bind, mode
from ...op import OPS
from ...ops.view import put
from ...spec import int64
from ...tensor import StandIn, Tensor
from ..numpy_code import bound_of
from .journal import Journal
from .variables import Unsettled, Variables, form_of, is_new, is_scalar, is_traced, like, same_memory, share, tensor_of
from .words import truth


def branch(state: Variables, test: Any, then: Callable[[Variables], Any], other: Callable[[Variables], Any], leaves: bool = False) -> None:
    """`if test: then; else: other`. In a turn that is traced, of which neither is known, both are arms of one op. leaves: it ends the turn."""
    if not isinstance(test, (StandIn, Tensor)) or not isinstance(mode.interpreter, Body):
        (then if test else other)(state)
        return
    _Branch(state, bind(OPS["cast"], truth(test), dtype=int64), (other, then), leaves).apply()


def choice(state: Variables, test: Any, then: Callable[[Variables], Any], other: Callable[[Variables], Any]) -> Any:
    """`then if test else other`."""
    if not isinstance(test, (StandIn, Tensor)) or not isinstance(mode.interpreter, Body):
        return (then if test else other)(state)
    chosen = state.copy()
    branch(chosen, test, lambda s: setattr(s, CHOSEN, then(s)), lambda s: setattr(s, CHOSEN, other(s)))
    found = vars(chosen).pop(CHOSEN)
    if {n: id(v) for n, v in vars(chosen).items()} != {n: id(v) for n, v in vars(state).items()}:
        raise Untraceable("changes a variable in a conditional expression")
    return found


CHOSEN = "chosen·"  # a variable while an expression is chosen


class _Branch:
    """Both arms of a branch, on copies of the variables."""

    def __init__(self, state: Variables, number: Tensor, arms: tuple[Callable, ...], leaves: bool) -> None:
        self.state, self.number, self.arms, self.leaves = state, number, arms, leaves
        self.given = {n: v for n, v in vars(state).items() if is_traced(v)}

    def apply(self) -> None:
        """The variables are as the arm leaves them that the number names."""
        with Body() as body:
            inputs = {n: body.input(tensor_of(v).spec) for n, v in self.given.items()}
            ends = [_Arm(self, body, arm, inputs) for arm in self.arms]
            names = [n for n in dict.fromkeys(n for end in ends for n in vars(end.state)) if any(end.changed(n) for end in ends)]
            merged = [n for n in names if all(n in end.state for end in ends)]
            for n in merged:
                if len({form_of(getattr(end.state, n)) for end in ends}) != 1 or form_of(getattr(ends[0].state, n)) == "object":
                    raise Unsettled(f"leaves {n} as one kind of value or another")
                if all(end.keeps(n) for end in ends) or all(end.renews(n) for end in ends):
                    continue
                if not self.leaves or not all(end.keeps(n) or end.renews(n) for end in ends):
                    raise Untraceable(f"leaves {n} as one array or another")
                self.state.mixed.add(n)
            if any(share([getattr(end.state, n) for n in merged]) for end in ends):
                raise Untraceable("gives one array several names")
            self.state.mixed.update(*[end.state.mixed for end in ends])
            results = [[end.tensor(n) for n in merged] for end in ends]
            for end, outputs in zip(ends, results):
                body.keep(end.raising, outputs)
            pulls = wanted_pulls(body, results, [tensor_of(v) for v in self.given.values()])
            graphs = tuple([body.graph(outputs) for outputs in results])
        found = bind(OPS["branch"], self.number, *[tensor_of(v) for v in self.given.values()], *body.captured, branches=graphs, pulls=pulls)
        for name in names:
            if name not in merged:
                vars(self.state).pop(name, None)
        for name, result in zip(merged, found):
            if any(end.written(name) for end in ends):
                self._write(name, result, ends, body)
            else:
                setattr(self.state, name, like(max((getattr(end.state, name) for end in ends), key=bound_of), result))

    def _write(self, name: str, result: Tensor, ends: list[_Arm], body: Body) -> None:
        target = self.given[name]
        others = [tensor_of(v) for v in self.given.values()] + list(body.captured)
        if any(getattr(end.state, name) is not end.inner[name] for end in ends) or sum(same_memory(tensor_of(target), o) for o in others) != 1:
            raise Untraceable("writes into an array that has several names")
        assign(tensor_of(target), result, put)


class _Arm:
    """One arm, traced."""

    def __init__(self, branch: _Branch, body: Body, arm: Callable[[Variables], Any], inputs: dict[str, Tensor]) -> None:
        self.body, self.before, self.state = body, branch.state, branch.state.copy()
        self.inner = {n: like(v, bind(OPS["copy"], inputs[n])) for n, v in branch.given.items()}
        self.first = {n: body.tracer.read(tensor_of(v)) for n, v in self.inner.items()}
        vars(self.state).update(self.inner)
        with Journal():
            arm(self.state)
        self.raising = body.raising()

    def changed(self, name: str) -> bool:
        """Whether a variable is another after the arm."""
        value = vars(self.state).get(name)
        return (value is not self.inner[name] or self.written(name)) if name in self.inner else value is not vars(self.before).get(name)

    def written(self, name: str) -> bool:
        """Whether the arm writes into the array that a variable was."""
        return name in self.inner and self.body.tracer.read(tensor_of(self.inner[name])) is not self.first[name]

    def keeps(self, name: str) -> bool:
        """Whether a name is still that of the same array."""
        return name in self.inner and getattr(self.state, name) is self.inner[name]

    def renews(self, name: str) -> bool:
        """Whether a name is that of a value which no other name has."""
        value = getattr(self.state, name)
        return is_scalar(value) or (not self.keeps(name) and is_new(value, self.inner, self.body))

    def tensor(self, name: str) -> Tensor:
        value = getattr(self.state, name)
        return tensor_of(value)
