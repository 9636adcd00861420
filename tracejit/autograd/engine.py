"""The backward pass: from roots to leaves through the recorded Applications, each VJP once."""

from __future__ import annotations

from typing import Any, Iterable, Sequence

import numpy as np

from ..dispatch import Application, anomaly, assign, bind, mode
from ..errors import ArgumentError, GradError, ShapeError, fail
from ..ops.create import ones_like, zeros_like
from ..ops.elementwise import cast, copy, real
from ..ops.reduce import sum_to
from ..ops.view import put
from ..spec import is_complex
from ..tensor import Tensor, method, wrap
from .modes import GradMode

Slot = tuple[Any, int]  # (Application, output index), or (leaf, 0)


def backward(
    tensors: Tensor | Sequence[Tensor],
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Sequence[Tensor] | None = None,
) -> None:
    """Add the gradients of `tensors`, weighted by `grad_tensors`, to the `.grad` of the leaves (only of `inputs`, if given)."""
    roots, cotangents = _roots(tensors, grad_tensors)
    wanted = None if inputs is None else [_slot(t) for t in _as_list(inputs)]
    _Pass(retain_graph, create_graph, wanted, accumulate=True, roots=roots).run(cotangents)


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool | None = None,
    materialize_grads: bool = False,
) -> tuple[Tensor | None, ...]:
    """The gradients of `outputs`, weighted by `grad_outputs`, with respect to `inputs`; `.grad` is left alone."""
    wanted = _as_list(inputs)
    for t in wanted:
        if not t.requires_grad:
            fail(GradError, "an input of grad() does not require grad", "Call .requires_grad_() on it before the forward pass.")
    roots, cotangents = _roots(outputs, grad_outputs)
    found = _Pass(retain_graph, create_graph, [_slot(t) for t in wanted], accumulate=False, roots=roots).run(cotangents)
    results = [found.get(_key(_slot(t))) for t in wanted]
    if materialize_grads:
        return tuple(zeros_like(t) if r is None else r for t, r in zip(wanted, results))
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
    inputs: Sequence[Tensor] | None = None,
) -> None:
    """Add the gradients of this tensor to the `.grad` of the leaves it was computed from."""
    backward(self, gradient, retain_graph, create_graph, inputs)


def _as_list(tensors: Any) -> list[Tensor]:
    return [tensors] if isinstance(tensors, Tensor) else list(tensors)


def _slot(tensor: Tensor) -> Slot:
    return (tensor, 0) if tensor._application is None else (tensor._application, tensor._index)


def _key(slot: Slot) -> tuple[int, int]:
    return id(slot[0]), slot[1]


def _roots(tensors: Any, cotangents: Any) -> tuple[list[Tensor], list[Tensor]]:
    roots = _as_list(tensors)
    given = [None] * len(roots) if cotangents is None else _as_list(cotangents)
    if len(given) != len(roots):
        fail(ArgumentError, f"{len(given)} gradients for {len(roots)} tensors", "Give one gradient for each.")
    result = []
    for root, g in zip(roots, given):
        if not root._requires_grad:
            fail(
                GradError,
                "backward() of a tensor that has no history and does not require grad",
                "Set requires_grad=True on what it is computed from, outside no_grad.",
            )
        if g is None:
            if root._value.size != 1:
                fail(
                    GradError,
                    f"backward() of a tensor of shape {tuple(root.shape)}: only a scalar has an implied gradient of 1",
                    "Reduce it first (.sum(), .mean()), or pass gradient= of the same shape.",
                )
            g = ones_like(root)
        elif tuple(g.shape) != tuple(root.shape):
            fail(ShapeError, f"a gradient of shape {tuple(g.shape)} for a tensor of shape {tuple(root.shape)}", "Give equal shapes.")
        result.append(g)
    return roots, result


class _Pass:
    """One walk from the roots back. Gradients of one slot are added up before anything behind it runs."""

    def __init__(
        self, retain_graph: bool | None, create_graph: bool, wanted: list[Slot] | None, accumulate: bool, roots: list[Tensor]
    ) -> None:
        self.retain = create_graph if retain_graph is None else retain_graph
        self.create_graph = create_graph
        self.roots = [_slot(r) for r in roots]
        self.accumulate = accumulate
        self.wanted = None if wanted is None else {_key(s): s for s in wanted}
        self.pending: dict[int, int] = {}
        self.reaching: set[int] = set()
        self.sums: dict[tuple[int, int], Tensor] = {}
        self.handed: set[int] = set()

    def run(self, cotangents: list[Tensor]) -> dict[tuple[int, int], Tensor]:
        """Walk; the gradients of the wanted slots, by key."""
        self._count_dependents()
        found: dict[tuple[int, int], Tensor] = {}
        with GradMode(self.create_graph):
            for slot, g in zip(self.roots, cotangents):
                self.handed.add(id(g._value))
                self._add(slot, g)
            ready = []
            for node in dict.fromkeys(s[0] for s in self.roots):
                if not self.pending.get(id(node), 0):
                    ready.append(node)
            while ready:
                self._visit(ready.pop(), ready, found)
        return found

    def _count_dependents(self) -> None:
        """How many edges lead to each Application and leaf; and, if only some are wanted, which of them lead there."""
        seen: dict[int, Any] = {}
        stack = [s[0] for s in self.roots]
        order = []
        while stack:
            node = stack.pop()
            if id(node) in seen:
                continue
            seen[id(node)] = node
            order.append(node)
            for target in _targets(node):
                self.pending[id(target)] = self.pending.get(id(target), 0) + 1
                stack.append(target)
        if self.wanted is None:
            self.reaching = set(seen)
            return
        self.reaching = {key[0] for key in self.wanted}
        for node in _post_order([s[0] for s in self.roots]):
            if any(id(t) in self.reaching for t in _targets(node)):
                self.reaching.add(id(node))

    def _add(self, slot: Slot, g: Tensor) -> None:
        key = _key(slot)
        before = self.sums.get(key)
        self.sums[key] = g if before is None else before + g

    def _visit(self, node: Any, ready: list[Any], found: dict[tuple[int, int], Tensor]) -> None:
        if isinstance(node, Tensor):
            self._reach_leaf(node, found)
            return
        cotangents = self._take(node, found)
        if id(node) in self.reaching and cotangents is not None and self._leads_on(node):
            self._propagate(node, cotangents)
            if not self.retain:
                node.free()
        for target in _targets(node):
            self.pending[id(target)] -= 1
            if not self.pending[id(target)]:
                ready.append(target)

    def _leads_on(self, node: Application) -> bool:
        return self.wanted is None or any(id(t) in self.reaching for t in _targets(node))

    def _reach_leaf(self, leaf: Tensor, found: dict[tuple[int, int], Tensor]) -> None:
        g = self.sums.pop((id(leaf), 0), None)
        if g is None or id(leaf) not in self.reaching:
            return
        g = _run_hooks(leaf._hooks, g)
        if self.wanted is not None:
            found[id(leaf), 0] = g
        if self.accumulate:
            self._accumulate(leaf, g)

    def _accumulate(self, leaf: Tensor, g: Tensor) -> None:
        before = mode.interpreter.read_grad(leaf)
        if before is None:
            mode.interpreter.write_grad(leaf, g if self.create_graph else self._own(g))
        elif self.create_graph:
            mode.interpreter.write_grad(leaf, before + g)
        else:
            assign(before, before + g, put)
        for hook in list((leaf._post_hooks or {}).values()):
            hook(leaf)

    def _own(self, g: Tensor) -> Tensor:
        """A gradient in memory of its own: copied if somebody else may hold it."""
        fresh = g._storage is None and id(g._value) not in self.handed
        self.handed.add(id(g._value))
        return wrap(g._value) if fresh else copy(g)

    def _take(self, node: Application, found: dict[tuple[int, int], Tensor]) -> list[Tensor | None] | None:
        """The finished gradients of an Application's outputs, hooks applied; None if there are none."""
        cotangents: list[Tensor | None] = []
        for index in range(node.op.outputs):
            key = (id(node), index)
            g = self.sums.pop(key, None)
            if g is not None:
                if node.hooks:
                    g = _run_hooks(node.hooks.get(index), g)
                if self.accumulate and node.retained and index in node.retained:
                    self._retain(node.retained[index](), g)
                if self.wanted is not None and key in self.wanted:
                    found[key] = g
                    if self.accumulate:
                        self._retain_wanted(node, index, g)
            cotangents.append(g)
        return cotangents if any(g is not None for g in cotangents) else None

    def _retain(self, tensor: Tensor | None, g: Tensor) -> None:
        if tensor is not None:
            tensor._grad = g if tensor._grad is None else tensor._grad + g

    def _retain_wanted(self, node: Application, index: int, g: Tensor) -> None:
        fail(GradError, "backward(inputs=…) names a tensor that is not a leaf", "Use grad(outputs, inputs) for its gradient.")

    def _propagate(self, node: Application, cotangents: list[Tensor | None]) -> None:
        inputs, outputs = node.saved()
        if node.op.outputs == 1:
            g, y = cotangents[0], outputs[0]
        else:
            g = tuple(zeros_like(o) if c is None else c for c, o in zip(cotangents, outputs))  # type: ignore[assignment]
            y = outputs
        results = list(node.op.vjp(g, y, *inputs, **node.attrs))
        for i, (edge, spec, result) in enumerate(zip(node.edges, node.specs, results)):
            if edge is None or result is None:
                continue
            if self.wanted is not None and id(edge[0]) not in self.reaching:
                continue
            if not isinstance(result, Tensor):
                result = results[i] = result()
            self._add(edge, _fit(result, spec))
        if anomaly.enabled:
            _check_nan(node, results)


def _targets(node: Any) -> Iterable[Any]:
    if isinstance(node, Tensor):
        return ()
    return (edge[0] for edge in node.edges if edge is not None)


def _post_order(roots: list[Any]) -> list[Any]:
    """Applications and leaves, each after all that it leads to."""
    order, done, stack = [], set(), [(r, False) for r in roots]
    while stack:
        node, expanded = stack.pop()
        if expanded:
            order.append(node)
        elif id(node) not in done:
            done.add(id(node))
            stack.append((node, True))
            stack.extend((t, False) for t in _targets(node))
    return order


def _fit(g: Tensor, spec: Any) -> Tensor:
    """Undo what `bind` did silently to the input: broadcasting, promotion, real into complex."""
    if is_complex(g.dtype) and not is_complex(spec.dtype):
        g = real(g)
    if g.shape != spec.shape:
        g = sum_to(g, spec.shape)
    return g if g.dtype == spec.dtype else cast(g, dtype=spec.dtype)


def _run_hooks(hooks: Any, g: Tensor) -> Tensor:
    for hook in list((hooks or {}).values()):
        replaced = hook(g)
        if replaced is not None:
            g = replaced
    return g


def _check_nan(node: Application, results: Sequence[Any]) -> None:
    for result in results:
        if isinstance(result, Tensor) and np.isnan(mode.interpreter.observe(result)).any():
            where = f" at {node.line[0]}:{node.line[1]}" if node.line else ""
            fail(GradError, f"the backward of {node.op.name} returned NaN; its forward ran{where}", "Look at the values there.")
