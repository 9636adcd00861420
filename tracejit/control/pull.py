"""The gradients of a body as a graph: of the body's inputs, what it captured, and the cotangents of its inexact outputs."""

from __future__ import annotations

from typing import Sequence

from ..autograd import grad
from ..graph.ir import Graph
from ..spec import is_inexact
from ..tensor import Tensor, wrap
from .body import Body

Pull = tuple[Graph, tuple[bool, ...]]  # and which of the inputs, the captured included, it gives a cotangent of


def pulls_of(body: Body, results: Sequence[Sequence[Tensor]]) -> tuple[Pull, ...]:
    """The gradients of each of several results that a body was just run to, within its context."""
    body.records = False
    found = [_pulled(body, outputs) for outputs in results]
    leaves = [*body.leaves, *body.captured]  # all: a later result may have captured more
    pulls = []
    for by_leaf, cotangents in found:
        gradients = [by_leaf.get(id(leaf)) for leaf in leaves]
        graph = body.graph([g for g in gradients if g is not None], cotangents)
        pulls.append((graph, tuple([g is not None for g in gradients])))
    return tuple(pulls)


def _pulled(body: Body, outputs: Sequence[Tensor]) -> tuple[dict[int, Tensor | None], list[Tensor]]:
    wanted = [leaf for leaf in (*body.leaves, *body.captured) if leaf._requires_grad]
    inexact = [t for t in outputs if is_inexact(t.dtype)]
    cotangents = [wrap(body.make.input(t.spec)) for t in inexact]
    roots = [(t, g) for t, g in zip(inexact, cotangents) if t._requires_grad]
    if not roots or not wanted:
        return {}, cotangents
    found = grad([t for t, _ in roots], wanted, [g for _, g in roots], retain_graph=True, allow_unused=True)
    return {id(leaf): g for leaf, g in zip(wanted, found)}, cotangents
