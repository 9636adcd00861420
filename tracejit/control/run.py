"""From functions to the ops `loop` and `branch`: their bodies traced, what they capture made operands."""

from __future__ import annotations

from typing import Any, Callable, Sequence

from ..dispatch import bind, mode
from ..graph.ir import Graph
from ..op import OPS
from ..ops.casts import copy
from ..ops.join import concat
from ..spec import TensorSpec, int64
from ..tensor import Tensor
from .body import Body
from .pull import Pull, pulls_of

Turn = Callable[[Tensor, list[Tensor], list[Tensor]], tuple[list[Tensor], list[Tensor]]]  # number, carries, slices → carries, what is stacked


def run_loop(
    turn: Turn, state: Sequence[Tensor], scanned: Sequence[Tensor], *, start: int = 0, length: int = 0, reverse: bool = False,
    condition: Callable[[Tensor, list[Tensor]], Tensor] | None = None, checkpoint: int | None = None, keep: bool = False,
) -> tuple[Tensor, ...]:  # fmt: skip
    """The carries after the last turn, and what was stacked; with a condition, `start` and how many turns there were come last.

    keep: the carries that turns began with are stacked too, under a condition those of the first `length` turns.
    checkpoint: of a loop that is differentiated, the carries of every so many turns are kept, of one without a condition here, of one with
    it by its gradient. Raises Untraceable where a function does what a graph cannot.
    """
    if checkpoint is not None and condition is None and mode.grad and checkpoint < length:
        return _in_parts(turn, state, scanned, start, length, reverse, checkpoint)

    def trace(body: Body) -> tuple[tuple[Pull, ...] | None, Graph, Graph | None]:
        number = body.input(TensorSpec((), int64))
        carries = [body.input(t.spec) for t in state]
        slices = [body.input(TensorSpec(t.shape[1:], t.dtype)) for t in scanned]
        holds = condition(number, carries) if condition is not None else None
        after, stacked = turn(number, carries, slices)
        outputs = [*after, *stacked]
        pull = wanted_pulls(body, [outputs], (*state, *scanned))
        return pull, body.graph(outputs), None if holds is None else body.graph([holds])

    body, (pull, graph, cond) = _traced(trace, [*state, *scanned])
    attrs: dict[str, Any] = {"start": start, "length": length, "reverse": reverse, "checkpoint": checkpoint, "pull": pull and pull[0]}
    results = bind(
        OPS["loop"], *state, *scanned, *body.captured, cond=cond, body=graph, carries=len(state), scanned=len(scanned),
        keep=keep or pull is not None and cond is None, **attrs,
    )  # fmt: skip
    return results if keep or cond is not None else results[: len(graph.outputs)]


def _in_parts(turn: Turn, state: Sequence[Tensor], scanned: Sequence[Tensor], start: int, length: int, reverse: bool, size: int) -> tuple[Tensor, ...]:
    """A loop over parts of `size` turns, each a loop of its own, whose carries are known to nobody outside; and one over the turns that are left."""
    count, left = divmod(length, size)
    first = left if reverse else 0  # the place where the parts begin: what is left comes last

    def part(number: Tensor, carries: list[Tensor], slices: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        results = run_loop(lambda n, c, s: turn(number * size + n, c, s), carries, slices, start=start + first, length=size, reverse=reverse)
        return list(results[: len(carries)]), list(results[len(carries) :])

    parts = [x[first : first + count * size].reshape((count, size, *x.shape[1:])) for x in scanned]
    results = run_loop(part, state, parts, length=count, reverse=reverse)
    after, stacks = results[: len(state)], [y.reshape((count * size, *y.shape[2:])) for y in results[len(state) :]]
    if not left:
        return (*after, *stacks)
    place = 0 if reverse else count * size
    rest = run_loop(turn, after, [x[place : place + left] for x in scanned], start=start + place, length=left, reverse=reverse)
    ends = zip(rest[len(state) :], stacks) if reverse else zip(stacks, rest[len(state) :])
    return (*rest[: len(state)], *[concat(list(pair)) for pair in ends])


def _traced(trace: Callable[[Body], Any], operands: Sequence[Tensor]) -> tuple[Body, Any]:
    """What a trace gives: one that is recorded for autograd if an operand requires grad, or what is captured turns out to."""
    record = any(t.requires_grad for t in operands)
    while True:
        with Body(record) as body:
            result = trace(body)
        if record or not mode.grad or not any(t._requires_grad for t in body.captured):
            return body, result
        record = True


def wanted_pulls(body: Body, results: Sequence[Sequence[Tensor]], operands: Sequence[Tensor]) -> tuple[Pull, ...] | None:
    """The gradients of what a body was run to, if any are wanted."""
    for t in (t for outputs in results for t in outputs):
        body.inside(t)
    wanted = body.grad and any(t._requires_grad for t in (*operands, *body.captured))
    return pulls_of(body, results) if wanted else None


def run_branch(number: Tensor, functions: Sequence[Callable[[list[Tensor]], list[Tensor]]], operands: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """What the function with this number gives of the operands. Raises Untraceable as `run_loop` does."""

    def trace(body: Body) -> tuple[tuple[Pull, ...] | None, tuple[Graph, ...]]:
        given = [body.input(t.spec) for t in operands]
        results = [function([bind(copy, t) for t in given]) for function in functions]  # each may change its own in place
        pulls = wanted_pulls(body, results, operands)
        return pulls, tuple([body.graph(outputs) for outputs in results])

    body, (pulls, graphs) = _traced(trace, operands)
    return bind(OPS["branch"], number, *operands, *body.captured, branches=graphs, pulls=pulls)
