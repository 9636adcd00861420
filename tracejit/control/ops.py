"""The ops of kind "control": their attributes hold graphs, which they run as often as values say.

`loop` runs a body so many times, or while a condition holds; `branch` runs one of several graphs. All that `scan`, `while_loop`,
`cond` and the others do comes down to these two.
"""

from __future__ import annotations

from typing import Any, Callable, Iterator, Sequence

import numpy as np

from ..errors import DTypeError, ShapeError, fail
from ..graph.evaluate import evaluate
from ..graph.ir import Graph
from ..op import Op
from ..spec import TensorSpec, int64
from .gradients import branch_vjp, loop_vjp


class Control(Op):
    """Runs graphs. Gives several results always, as many as its attributes say."""

    kind = "control"
    outputs = 0  # as many as its attributes say
    raises = True  # or never ends: values decide how often it runs, and what it runs may raise
    takes_none = True

    def __init__(self, name: str, *, eager: Callable, spec: Callable[..., tuple[TensorSpec, ...]], vjp: Callable, parameters: str, doc: str) -> None:
        self._spec = spec
        super().__init__(name, eager=eager, vjp=vjp, parameters=parameters, doc=doc)

    def spec(self, *operands: Any, **attrs: Any) -> tuple[TensorSpec, ...]:
        return self._spec(*operands, **attrs)

    def outputs_of(self, attrs: dict[str, Any]) -> int:
        if "branches" in attrs:
            return len(attrs["branches"][0].outputs)
        kept = attrs["carries"] if attrs["keep"] else 0
        return len(attrs["body"].outputs) + kept + (attrs["cond"] is not None)


def computed(graph: Graph, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """What a graph gives of these arrays, each result in C order."""
    values: dict[Any, Any] = {}
    evaluate(graph.nodes(), dict(zip(graph.inputs, arrays)), values, {})
    return [np.asarray(values[node]._value, order="C") for node in graph.outputs]


def _takes(graph: Graph, operands: Sequence[TensorSpec]) -> None:
    """Whether a graph is one of these operands."""
    for number, (node, spec) in enumerate(zip(graph.inputs, operands, strict=True)):
        if (node.shape, node.dtype) != (spec.shape, spec.dtype):
            kind = DTypeError if node.dtype != spec.dtype else ShapeError
            fail(kind, f"operand {number} of a graph is {spec}, where {node.spec} was traced", "Trace the function again for such operands.")


def _loop_spec(*operands: TensorSpec, cond: Any, body: Graph, carries: int, scanned: int, length: int, keep: bool, **_: Any) -> tuple[TensorSpec, ...]:
    slices = [TensorSpec(spec.shape[1:], spec.dtype) for spec in operands[carries : carries + scanned]]
    _takes(body, [TensorSpec((), int64), *operands[:carries], *slices, *operands[carries + scanned :]])
    given = [node.spec for node in body.outputs]
    stacked = [*given[carries:], *(operands[:carries] if keep else ())]
    found = [*given[:carries], *[TensorSpec((length, *spec.shape), spec.dtype) for spec in stacked]]
    return (*found, TensorSpec((), int64)) if cond is not None else tuple(found)


def _loop(*values: np.ndarray, **attrs: Any) -> tuple[np.ndarray, ...]:
    cond, body, carries, keep = attrs["cond"], attrs["body"], attrs["carries"], attrs["keep"]
    state = [np.array(value, order="C") for value in values[:carries]]
    scanned, captured = values[carries : carries + attrs["scanned"]], values[carries + attrs["scanned"] :]
    specs = _loop_spec(*[TensorSpec(v.shape, v.dtype) for v in values], **attrs)
    stacks = [np.empty(spec.shape, spec.dtype) for spec in (specs[carries:] if cond is None else specs[carries:-1])]
    at = 0
    for at in _turns(attrs):
        given = (np.asarray(attrs["start"] + at, int64), *state, *[np.asarray(x[at]) for x in scanned], *captured)
        if cond is not None and not computed(cond, given)[0]:
            break
        results = computed(body, given)
        for stack, value in zip(stacks, [*results[carries:], *(state if keep else ())]):
            stack[at] = value
        state = results[:carries]
    return (*state, *stacks) if cond is None else (*state, *stacks, np.asarray(attrs["start"] + at, int64))


def _turns(attrs: dict[str, Any]) -> Iterator[int]:
    """The place of each turn, in order."""
    at, step = (attrs["length"] - 1, -1) if attrs["reverse"] else (0, 1)
    while attrs["cond"] is not None or 0 <= at < attrs["length"]:
        yield at
        at += step


loop = Control(
    "loop", eager=_loop, spec=_loop_spec, vjp=loop_vjp,
    parameters="*operands, cond, body, carries, scanned, start, length, reverse, keep, checkpoint, pull",
    doc="""Runs `body` for each turn, or while `cond` holds.

    operands: the first values of the `carries`; `scanned` tensors, of which each turn sees the slice at its place; and what the graphs capture.
    body: of the turn's number (int64: `start` + place), the carries, the slices and the captured, to the carries' next values and what is
      stacked; cond: of the same, to one bool. length: how many turns, if there is no condition, else how many are stacked at most; reverse: the last place comes first.
    Gives the carries' last values, what was stacked, with `keep` also the carries as each turn found them; with a condition, `start` plus how many
    turns there were. pull: the body's gradients as a graph (see `pull.py`), if it is known already; checkpoint: see `loops.py`.
    """,
)  # fmt: skip


def _branch(number: np.ndarray, *values: np.ndarray, branches: tuple[Graph, ...], pulls: Any) -> tuple[np.ndarray, ...]:
    return tuple(computed(branches[int(number)], values))


def _branch_spec(_number: TensorSpec, *operands: TensorSpec, branches: tuple[Graph, ...], pulls: Any) -> tuple[TensorSpec, ...]:
    for graph in branches:
        _takes(graph, operands)
    return tuple([node.spec for node in branches[0].outputs])


branch = Control(
    "branch", eager=_branch, vjp=branch_vjp, parameters="number, /, *operands, branches, pulls",
    spec=_branch_spec,
    doc="""Runs the graph with this number (int64, in bounds) on the operands. pulls: the branches' gradients, if they are known already.""",
)  # fmt: skip
