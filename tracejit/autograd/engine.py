"""The backward pass: from roots to leaves through the recorded Applications, each VJP once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import heapify, heappop, heappush
from sys import getrefcount
from typing import Any

import numpy as np

from ..application import Application, OpApplication, anomaly, set_history
from ..device import is_array
from ..dispatch import assign, bind, mode, refresh_view
from ..errors import ArgumentError, DTypeError, GradError, ShapeError, fail
from ..forks import shared_lock
from ..ops.casts import cast, copy, real
from ..ops.create import fill, zeros_like
from ..ops.reduce import sum_to
from ..ops.transfer import on_device
from ..ops.view import put
from ..precision import without_autocast
from ..spec import TensorSpec, is_complex
from ..tensor import Tensor, method
from .modes import GradMode

Slot = tuple[Any, int]  # (Application, output index), or (leaf, 0)

_accumulating = shared_lock()  # two threads may reach one leaf


def backward(
    tensors: Tensor | Sequence[Tensor],
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Tensor | Sequence[Tensor] | None = None,
) -> None:
    """Add the gradients of `tensors`, weighted by `grad_tensors`, to the `.grad` of the leaves (only of `inputs`, if given).

    tensors: the roots; a root that is not a real scalar needs a gradient of its shape in `grad_tensors`.
    retain_graph: keep the saved values for a second pass (by default as `create_graph`).
    create_graph: record the backward pass too, so that the gradients can be differentiated.
    inputs: the only tensors whose `.grad` is touched; they need not be leaves.
    Raises GradError: a root without history, values freed by an earlier pass or changed since they were saved.
    """
    wanted = None
    if create_graph:
        _unfold(_as_list(tensors))
    if inputs is not None:
        wanted = [_slot_of_input(t, i) for i, t in enumerate(_as_list(inputs))]
        if not wanted:
            fail(ArgumentError, "backward(inputs=[]) names no tensor", "Leave inputs out to reach all leaves.")
        for t in _as_list(inputs):
            t.retain_grad()
    roots, cotangents = _roots(tensors, grad_tensors)
    _Pass(retain_graph, create_graph, wanted, accumulate=True).run(roots, cotangents)


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool | None = None,
    materialize_grads: bool = False,
) -> tuple[Tensor | None, ...]:
    """The gradients of `outputs`, weighted by `grad_outputs`, with respect to `inputs`; `.grad` is left alone.

    Parameters are those of `backward`. An input that the outputs do not depend on is an error, unless `allow_unused=True`
    (its gradient is None) or `materialize_grads=True` (zeros).
    """
    if materialize_grads and allow_unused is False:
        fail(ArgumentError, "grad(allow_unused=False, materialize_grads=True)", "Leave allow_unused out: unused inputs get zeros.")
    if create_graph:
        _unfold(_as_list(outputs))
    sources = _as_list(inputs)
    wanted = [_slot_of_input(t, i) for i, t in enumerate(sources)]
    roots, cotangents = _roots(outputs, grad_outputs)
    found = _Pass(retain_graph, create_graph, wanted, accumulate=False).run(roots, cotangents)
    results = [found.get(slot) for slot in wanted]
    if materialize_grads:
        return tuple(zeros_like(t) if r is None else r for t, r in zip(sources, results))
    if not allow_unused and any(r is None for r in results):
        fail(
            GradError,
            f"input {next(i for i, r in enumerate(results) if r is None)} of grad() was not used to compute the outputs",
            "Pass allow_unused=True to get None for it, or materialize_grads=True to get zeros.",
        )
    return tuple(results)


@method("backward")
def _backward(
    self: Tensor,
    gradient: Tensor | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Tensor | Sequence[Tensor] | None = None,
) -> None:
    """Add the gradients of this tensor, weighted by `gradient`, to the `.grad` of the leaves it was computed from."""
    backward(self, gradient, retain_graph, create_graph, inputs)


def _as_list(tensors: Any) -> list[Any]:
    return list(tensors) if isinstance(tensors, (list, tuple)) else [tensors]


def _slot(tensor: Tensor) -> Slot:
    refresh_view(tensor)
    return (tensor, 0) if tensor._application is None else (tensor._application, tensor._index)


def _slot_of_input(tensor: Any, position: int) -> Slot:
    if not isinstance(tensor, Tensor):
        fail(ArgumentError, f"input {position} is a {type(tensor).__name__}", "Give tensors.")
    slot = _slot(tensor)
    if not tensor._requires_grad:
        fail(GradError, f"input {position} does not require grad", "Call .requires_grad_() on it before the forward pass.")
    return slot


def _roots(tensors: Any, cotangents: Any) -> tuple[list[Slot], list[Tensor]]:
    roots = _as_list(tensors)
    given = [None] * len(roots) if cotangents is None else _as_list(cotangents)
    if len(given) != len(roots):
        fail(ArgumentError, f"{len(given)} gradients for {len(roots)} tensors", "Give one gradient for each.")
    slots = [_slot(root) for root in roots]
    return slots, [_root_gradient(root, g) for root, g in zip(roots, given)]


def _unfold(roots: list[Any]) -> None:
    """Before a pass that is itself recorded: have Applications that stand for several put those in their place."""
    roots = [root for root in roots if isinstance(root, Tensor) and root._application is not None]
    stack, found = [root._application for root in roots], set()
    while stack:
        node = stack.pop()
        if not isinstance(node, Tensor) and node not in found:
            found.add(node)
            stack += [edge[0] for edge in node.edges if edge is not None]
    for node in sorted(found, key=lambda n: n.order):  # each after all that it leads to
        node.edges = [edge if edge is None or isinstance(edge[0], Tensor) else edge[0].unfolded(edge[1]) for edge in node.edges]
    for root in roots:
        set_history(root, *root._application.unfolded(root._index))


def _root_gradient(root: Tensor, g: Any) -> Tensor:
    if not root._requires_grad:
        fail(
            GradError,
            "backward() of a tensor that has no history and does not require grad",
            "Set requires_grad=True on what it is computed from, outside no_grad.",
        )
    shape, dtype = root._value.shape, root._value.dtype
    if g is None:
        if root._value.size != 1 or is_complex(dtype):
            fail(
                GradError,
                f"backward() of a tensor {TensorSpec(shape, dtype)}: only a real scalar has an implied gradient of 1",
                "Reduce it first (.sum(), .mean(); .real or abs() of a complex one), or pass gradient= of the same shape.",
            )
        return on_device(bind(fill, shape=shape, dtype=dtype, value=1), root.device)
    if not isinstance(g, Tensor):
        g = mode.interpreter.constant(np.asarray(g))
    if g.shape != shape:
        fail(ShapeError, f"a gradient of shape {g.shape} for a tensor of shape {shape}", "Give equal shapes.")
    if is_complex(g.dtype) and not is_complex(dtype):
        fail(DTypeError, f"a gradient of {g.dtype.name} for a tensor of {dtype.name}", "Give a real gradient.")
    return g if g.dtype == dtype else cast(g, dtype=dtype)


class _Pass:
    """One walk from the roots back. Gradients of one slot are added up before anything behind it runs.

    Applications run latest first, as in PyTorch, and a leaf as soon as its gradient is whole: so the order of additions
    and of hooks is fixed.
    """

    def __init__(self, retain_graph: bool | None, create_graph: bool, wanted: list[Slot] | None, accumulate: bool) -> None:
        self.retain = create_graph if retain_graph is None else retain_graph
        self.create_graph, self.accumulate = create_graph, accumulate
        self.wanted = None if wanted is None else frozenset(wanted)
        self.pending: dict[Any, int] = {}  # of each node the walk will visit, the edges into it not yet walked
        self.sums: dict[Any, list[Any]] = {}  # of each node reached, the gradients of its outputs so far
        self.found: dict[Slot, Tensor] = {}

    @without_autocast
    def run(self, roots: list[Slot], cotangents: list[Tensor]) -> dict[Slot, Tensor]:
        """Walk; the gradients of the wanted slots."""
        starts = list(dict.fromkeys(node for node, _ in roots))
        self._plan(starts)
        pending = self.pending
        with GradMode(self.create_graph):
            for (node, index), g in zip(roots, cotangents):
                if node in pending:
                    self._add(node, index, g)
            ready = []
            for node in starts:
                if not pending.get(node, 1):
                    if isinstance(node, Tensor):
                        self._reach_leaf(node)
                    else:
                        ready.append((-node.order, node))
            heapify(ready)
            while ready:
                node = heappop(ready)[1]
                if node in self.sums:
                    self._visit(node)
                for edge in node.edges:
                    if edge is not None and edge[0] in pending:
                        target = edge[0]
                        pending[target] -= 1
                        if not pending[target]:
                            if isinstance(target, Tensor):
                                self._reach_leaf(target)
                            else:
                                heappush(ready, (-target.order, target))
        return self.found

    def _plan(self, starts: list[Any]) -> None:
        """Count the edges into each node to visit: all that the roots lead to, or those of them that lead to a wanted slot."""
        pending = self.pending
        pending.update(dict.fromkeys(starts, 0))
        stack = list(starts)
        while stack:
            node = stack.pop()
            if not isinstance(node, Tensor):
                for edge in node.edges:
                    if edge is not None:
                        target = edge[0]
                        if target in pending:
                            pending[target] += 1
                        else:
                            pending[target] = 1
                            stack.append(target)
        if self.wanted is not None:
            self._narrow(starts)

    def _narrow(self, starts: list[Any]) -> None:
        applications = sorted((n for n in self.pending if not isinstance(n, Tensor)), key=lambda n: n.order)
        leading = dict.fromkeys((node for node, _ in self.wanted or () if node in self.pending), 0)
        for node in applications:  # each after all that it leads to
            if any(edge is not None and edge[0] in leading for edge in node.edges):
                leading[node] = 0
        for node in leading:
            if not isinstance(node, Tensor):
                for edge in node.edges:
                    if edge is not None and edge[0] in leading:
                        leading[edge[0]] += 1
        self.pending.clear()
        self.pending.update(leading)

    def _add(self, node: Any, index: int, g: Tensor) -> None:
        slots = self.sums.get(node)
        if slots is None:
            slots = self.sums[node] = [None] * (1 if isinstance(node, Tensor) else node.outputs)
        before = slots[index]
        slots[index] = g if before is None else before + g

    def _visit(self, node: Application) -> None:
        """Take an Application's whole gradients, and hand on those of its inputs."""
        cotangents = self.sums.pop(node)
        if node.hooks or node.retained or self.wanted is not None:
            self._show(node, cotangents)
        pending = self.pending
        wanted: Sequence[Any] = node.edges
        if self.wanted is not None:
            wanted = [edge is not None and edge[0] in pending for edge in node.edges]
            if True not in wanted:
                return
        if node.adds:
            self._add_by(node, cotangents, wanted)
        else:
            for (target, index), g in contributions(node, cotangents, wanted):
                self._add(target, index, g)
        if not self.retain:
            node.free()

    def _add_by(self, node: Application, cotangents: list[Any], wanted: Sequence[Any]) -> None:
        """Let an Application add to the sums so far of its inputs' gradients; of two inputs with one slot, to the first's."""
        slots = [edge if w else None for edge, w in zip(node.edges, wanted)]
        first = {slot: i for i, slot in reversed(list(enumerate(slots)))}
        sums = [self._take(slot) if slot is not None and first[slot] == i else None for i, slot in enumerate(slots)]
        for slot, g in zip(slots, node.pull_back_onto(sums, cotangents, wanted)):
            if slot is not None and g is not None:
                self._add(*slot, g)

    def _take(self, slot: Slot) -> Tensor | None:
        """The sum so far of a slot's gradients, which then begins anew."""
        found = self.sums.get(slot[0])
        if found is None:
            return None
        before, found[slot[1]] = found[slot[1]], None
        return before

    def _show(self, node: Application, cotangents: list[Any]) -> None:
        """Run the hooks of an Application's outputs, and keep the gradients that are asked for."""
        for index, g in enumerate(cotangents):
            if g is None:
                continue
            if node.hooks and index in node.hooks:
                g = cotangents[index] = run_hooks(node.hooks[index], g)
            asked = self.wanted is None or (node, index) in self.wanted
            if asked and self.wanted is not None:
                self.found[node, index] = g
            tensor = node.retained[index]() if asked and self.accumulate and node.retained and index in node.retained else None
            if tensor is not None:
                before = mode.interpreter.read_grad(tensor)
                mode.interpreter.write_grad(tensor, g if before is None else before + g)

    def _reach_leaf(self, leaf: Tensor) -> None:
        slots = self.sums.pop(leaf, None)
        if slots is None:
            return
        if is_array(leaf._value) and slots[0].device != leaf.device:
            slots[0] = on_device(slots[0], leaf.device)
        if leaf._hooks:
            slots[0] = run_hooks(leaf._hooks, slots[0])
        if not self.accumulate:
            if (leaf, 0) in (self.wanted or ()):
                self.found[leaf, 0] = slots[0]
            return
        with _accumulating:
            before = mode.interpreter.read_grad(leaf)
            if before is None:
                mode.interpreter.write_grad(leaf, self._owned(slots))
            elif self.create_graph:
                mode.interpreter.write_grad(leaf, before + slots[0])
            else:
                assign(before, before + slots[0], put)
        if leaf._post_hooks:
            for hook in list(leaf._post_hooks.values()):
                hook(leaf)

    def _owned(self, slots: list[Tensor]) -> Tensor:
        """The gradient, in memory that nothing else refers to; taken over if that is so already."""
        if not is_array(slots[0]._value):  # a node never changes
            return copy(slots[0]) if self.create_graph else mode.interpreter.handle(slots[0])
        alone = getrefcount(slots[0]) == 2 and getrefcount(slots[0]._value) == 2 and slots[0]._storage is None
        return slots[0] if alone and (self.create_graph or not slots[0]._requires_grad) else copy(slots[0])


def contributions(node: Application, cotangents: list[Any], wanted: Sequence[Any]) -> Iterator[tuple[Slot, Tensor]]:
    """What an Application hands on to its inputs, given the gradients of its outputs: (where to, gradient)."""
    if node.outputs > 1 and isinstance(node, OpApplication) and not node.op.takes_none:
        cotangents = [zeros_like(r) if c is None else c for c, r in zip(cotangents, node.results or cotangents)]
    results = node.pull_back(cotangents, wanted) if not anomaly.enabled else _watched(node, cotangents, wanted)
    for edge, spec, result in zip(node.edges, node.inputs, results):
        if result is not None and edge is not None:
            value = result._value
            if value.shape != spec.shape or value.dtype != spec.dtype:
                result = _fit(result, spec)
            yield edge, result


def _fit(g: Tensor, spec: Any) -> Tensor:
    """Undo what `bind` did silently to the input: broadcasting, promotion, real into complex."""
    if is_complex(g.dtype) and not is_complex(spec.dtype):
        g = real(g)
    if g.shape != spec.shape:
        g = sum_to(g, spec.shape)
    return g if g.dtype == spec.dtype else cast(g, dtype=spec.dtype)


def run_hooks(hooks: dict[int, Any], g: Tensor) -> Tensor:
    """The gradient, after each hook that was registered, in turn, has seen it and perhaps replaced it."""
    for hook in list(hooks.values()):
        replaced = hook(g)
        if replaced is None:
            continue
        if not isinstance(replaced, Tensor):
            fail(GradError, f"a gradient hook returned a {type(replaced).__name__}", "Return a Tensor, or None to leave the gradient.")
        if replaced.shape != g.shape:
            fail(GradError, f"a gradient hook returned shape {replaced.shape} for a gradient of shape {g.shape}", "Return that shape.")
        g = replaced if replaced.dtype == g.dtype else cast(replaced, dtype=g.dtype)
    return g


def _watched(node: Application, cotangents: list[Any], wanted: Sequence[Any]) -> Sequence[Any]:
    """The gradients behind an Application, in anomaly mode: checked, and every error tells where the forward ran."""
    where = f" at {node.line[0]}:{node.line[1]}" if node.line else " before set_detect_anomaly(True)"
    try:
        results = node.pull_back(cotangents, wanted)
    except Exception as error:
        error.add_note(f"The forward of {node.name} ran{where}.")
        raise
    for position, result in enumerate(results):
        if result is not None and np.isnan(mode.interpreter.value(result)).any():
            fail(
                GradError,
                f"the backward of {node.name} returned NaN as the gradient of input {position}; its forward ran{where}",
                "Look at the values of its inputs there.",
            )
    return results
