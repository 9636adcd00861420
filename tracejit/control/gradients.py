"""The gradients of `loop` and `branch`, which are a loop and a branch again: so they run, compile and are differentiated as those do.

A loop's gradient goes through the turns from the last to the first. Each computes its turn again, from the carries that it began with, and
adds to the sums of what all turns captured.
"""

from __future__ import annotations

from typing import Any, Sequence

from ..autograd import grad
from ..autograd.modes import GradMode
from ..dispatch import EAGER, bind, mode
from ..errors import GradError, fail
from ..graph.ir import Graph
from ..op import OPS
from ..ops.casts import copy
from ..ops.create import fill
from ..spec import is_inexact
from ..tensor import Tensor
from .body import Body, replay
from .pull import Pull, pulls_of
from .run import run_branch, run_loop
from .unknown import Unknown


def _zeros(spec: Any) -> Tensor:
    return bind(fill, shape=tuple(spec.shape), dtype=spec.dtype, value=0)


def _as_tuple(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def loop_vjp(g: Any, y: Any, *inputs: Tensor, **attrs: Any) -> list[Tensor | None]:
    """A loop under a condition is first run again, now that it is known how many turns there are, with its carries kept."""
    gs, ys = _as_tuple(g), _as_tuple(y)
    attrs = {**attrs, "pull": attrs["pull"] or _pull_of(attrs["body"])}
    if attrs["cond"] is not None and attrs["keep"]:
        fail(
            GradError,
            "a gradient of a gradient goes through a loop under a condition that is inside another loop",
            "Let the inner loop be a fori_loop with int bounds or a scan, or write the outer one in Python.",
        )
    if attrs["cond"] is not None:
        if not (mode.interpreter is EAGER or mode.grad or attrs["checkpoint"]):
            return _Backwards(gs[:-1], ys[:-1], inputs, attrs).of_unknown(ys[-1] - attrs["start"])
        turns = int(mode.interpreter.value(ys[-1])) - attrs["start"]
        attrs, gs = {**attrs, "cond": None, "length": turns}, gs[:-1]
        if (attrs["checkpoint"] or turns) < turns:
            return _through_parts(gs, inputs, attrs)
    if not attrs["keep"]:
        attrs = {**attrs, "keep": True}
        ys, gs = bind(OPS["loop"], *inputs, **attrs), (*gs, *[None] * attrs["carries"])
    return _Backwards(gs, ys, inputs, attrs).run()


def _through_parts(gs: Sequence[Tensor | None], inputs: Sequence[Tensor], attrs: dict[str, Any]) -> list[Tensor | None]:
    """The gradients of a loop that is run again in parts."""
    carries = attrs["carries"]
    with GradMode(True):
        own = [bind(copy, t) if t.requires_grad or not is_inexact(t.dtype) else bind(copy, t).requires_grad_() for t in inputs]
        outputs = run_loop(
            lambda number, state, _: (replay(attrs["body"], [number, *state, *own[carries:]]), []), own[:carries], [],
            start=attrs["start"], length=attrs["length"], checkpoint=attrs["checkpoint"],
        )  # fmt: skip
    roots = [(t, g) for t, g in zip(outputs, gs) if g is not None and t.requires_grad]
    wanted = [t for t in own if t.requires_grad]
    found = iter(grad([t for t, _ in roots], wanted, [g for _, g in roots], create_graph=mode.grad, allow_unused=True))
    return [next(found) if t.requires_grad else None for t in own]


def _pull_of(graph: Graph) -> Pull:
    """The gradients of a graph alone."""
    with GradMode(True), Body() as body:
        return pulls_of(body, [replay(graph, [body.input(node.spec) for node in graph.inputs])])[0]


class _Backwards:
    """A loop of so many turns, whose carries were kept."""

    def __init__(self, gs: Sequence[Tensor | None], ys: Sequence[Tensor], inputs: Sequence[Tensor], attrs: dict[str, Any]) -> None:
        self.attrs = attrs
        self.graph, self.reach = attrs["pull"]
        carries, scanned, outputs = attrs["carries"], attrs["scanned"], attrs["body"].outputs
        self.inputs, self.after = inputs, [node.spec for node in outputs]
        self.state, self.scanned, self.captured = inputs[:carries], inputs[carries : carries + scanned], inputs[carries + scanned :]
        self.inexact = [i for i, t in enumerate(self.state) if is_inexact(t.dtype)]
        self.reach_captured = self.reach[1 + carries + scanned :]
        self.summed = [t for t, reached in zip(self.captured, self.reach_captured) if reached]
        self.kept = ys[len(outputs) :]
        self.g_after, self.g_stacked, self.g_kept = gs[:carries], gs[carries : len(outputs)], gs[len(outputs) :]

    def run(self) -> list[Tensor | None]:
        """A cotangent for each operand, or None."""
        attrs, count = self.attrs, len(self.state)
        stacks = [*self.kept, *self.scanned, *[g for g in (*self.g_stacked, *self.g_kept) if g is not None]]

        def turn(number: Tensor, state: list[Tensor], slices: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
            each = iter(slices)
            kept, scanned = [next(each) for _ in self.kept], [next(each) for _ in self.scanned]
            stacked = [None if g is None else next(each) for g in self.g_stacked]
            of_kept = [None if g is None else next(each) for g in self.g_kept]
            before, of_slices = self.turn(number, kept, scanned, state, stacked)
            for n, i in enumerate(self.inexact):
                if (g := of_kept[i]) is not None:
                    before[n] = before[n] + g
            return before, of_slices

        results = run_loop(turn, self.first(), stacks, start=attrs["start"], length=attrs["length"], reverse=not attrs["reverse"])
        of_scanned = iter(results[len(self.inexact) + len(self.summed) :])
        return self.given(results, [next(of_scanned) if r else None for r in self.reach[1 + count :][: len(self.scanned)]])

    def of_unknown(self, turns: Tensor) -> list[Tensor | None]:
        """The same where nobody knows how many turns there were, and nothing was kept."""
        loop = Unknown(turns, self.state, self.captured, self.attrs)
        return self.given(loop.back(lambda number, carries, state: self.turn(number, carries, [], state, [])[0], self.first()), [])

    def first(self) -> list[Tensor]:
        """What a loop from the last turn to the first begins with: the carries' cotangents, and sums of what all turns captured."""
        return [_zeros(self.state[i]) if (g := self.g_after[i]) is None else g for i in self.inexact] + [_zeros(t) for t in self.summed]

    def turn(
        self, number: Tensor, carries: Sequence[Tensor], slices: Sequence[Tensor], state: list[Tensor], stacked: Sequence[Tensor | None]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Through one turn: what `first` is of before it, and the cotangents of its slices."""
        count = len(self.state)
        cotangents = state[: len(self.inexact)]
        for g, spec in zip(stacked, self.after[count:]):
            if is_inexact(spec.dtype):
                cotangents.append(_zeros(spec) if g is None else g)
        found = iter(replay(self.graph, [number, *carries, *slices, *self.captured, *cotangents]))
        reached = [next(found) if r else None for r in self.reach][1:]
        before = [_zeros(self.state[i]) if (r := reached[i]) is None else r for i in self.inexact]
        sums = [s + r for s, r in zip(state[len(self.inexact) :], [r for r in reached[count + len(slices) :] if r is not None])]
        return [*before, *sums], [r for r in reached[count : count + len(slices)] if r is not None]

    def given(self, results: Sequence[Tensor], of_scanned: list[Tensor | None]) -> list[Tensor | None]:
        """A cotangent for each operand, or None, from what `first` has become."""
        each = iter(results)
        of_state = {i: next(each) for i in self.inexact}
        of_captured = [next(each) if r else None for r in self.reach_captured]
        return [*[of_state.get(i) for i in range(len(self.state))], *of_scanned, *of_captured]


def branch_vjp(g: Any, _y: Any, number: Tensor, *inputs: Tensor, branches: Any, pulls: Any) -> list[Tensor | None]:
    """The same branch of the gradients: zeros of what only another branch reads."""
    outputs = [node.spec for node in branches[0].outputs]
    pulls = pulls or [_pull_of(graph) for graph in branches]
    cotangents = [_zeros(s) if c is None else c for c, s in zip(_as_tuple(g), outputs) if is_inexact(s.dtype)]
    reached = [any(reach[i] for _, reach in pulls) for i in range(len(inputs))]

    def back(pull: Any) -> Any:
        def run(given: list[Tensor]) -> list[Tensor]:
            graph, reach = pull
            found = iter(replay(graph, given))
            each = [next(found) if r else None for r in reach]
            return [_zeros(t) if f is None else f for f, t, r in zip(each, inputs, reached) if r]

        return run

    if not any(reached):
        return [None] * (1 + len(inputs))
    found = iter(run_branch(number, [back(pull) for pull in pulls], [*inputs, *cotangents]))
    return [None, *[next(found) if r else None for r in reached]]
