"""Which nodes get a buffer, and which of those are computed in one loop; everything else is read on the fly.

A node gets a buffer if it must (it is an output, a reduction, a put, or a whole-array operand of a library op), or if
computing it at every reader would cost more than storing it once.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..graph.ir import CONSTANT, INPUT, OUTPUT, Graph, Node
from ..graph.rewrite import strides_of
from ..spec import complex64, contiguous_strides, is_complex
from .index import ZERO, through
from .pad import padded_region

CHEAP = 3  # ops that may be computed again at a second reader rather than stored
STORED = 6  # ops that storing a value costs, and reading it back at other places
STORED_NEAR = 4  # the same, where a second cache keeps the value in between
NEAR = 2**19  # bytes of the largest such value
DEPTH_LIMIT = 200  # statements in a row before a chain is cut: compile time grows faster than linearly with length
DIVISIONS_LIMIT = 1  # divisions in a row by which a value finds what it is computed from: one more, and it is stored
PLACES_LIMIT = 4  # places at which a value is computed again, each of which is text of a kernel
WIDTH_LIMIT = 8  # temporaries one value may be computed from: all of them must be kept until it is
GROUP_LIMIT = 24  # buffers one loop may write
LENGTH_LIMIT = 2 * DEPTH_LIMIT  # statements of one loop, counted along the longest path to each of its buffers


@dataclass
class Group:
    """One step of the program: the buffered nodes it computes, and how."""

    kind: str  # "map", "reduction", "put", "library"
    nodes: list[Node] = field(default_factory=list)
    length: int = 0


def fuse(graph: Graph, layouts: Sequence[tuple[int, ...] | None]) -> list[Group]:
    """The groups of a graph, in an order in which they can run. `layouts`: the inputs' strides in elements, None contiguous."""
    given = set(graph.inputs)
    order = [n for n in graph.nodes() if n not in given]
    plan = _Fusion(graph, order, layouts)
    plan.must()
    plan.replicated()
    plan.too_often()
    plan.too_far()
    plan.too_deep()
    plan.too_wide()
    groups = plan.groups()
    return plan.groups() if plan.shared(groups) else groups


def lowers(node: Node) -> bool:
    """Whether kernels can compute this node; the others are computed by their NumPy function, whole arrays at a time."""
    if node.kind == "elementwise":
        specs = [n.dtype for n in node.inputs]
        return node.op.text(specs[-1]) is not None
    if node.kind == "reduction":
        return node.op.lowers(node.inputs[0].dtype)
    if node.kind == "create":
        return not is_complex(node.dtype) or node.op.scalar == "{value}"
    if node.kind == "put":  # through views that kernels know
        return all(op.kind == "view" for op, _ in dict(node.attrs).get("chain") or ())
    return node.kind in ("view", "gather")


class _Fusion:
    def __init__(self, graph: Graph, order: list[Node], layouts: Sequence[tuple[int, ...] | None]) -> None:
        self.graph, self.order = graph, order
        self.strides = dict(zip(graph.inputs, layouts))
        self.given = set(graph.inputs)
        self.lowers = {node: lowers(node) and not self._is_backwards(node) for node in order}
        self.buffered: set[Node] = set()
        self.readers: dict[Node, list[Node]] = {}
        for node in order:
            for source in node.inputs:
                self.readers.setdefault(source, []).append(node)
        self._groups_of: dict[Node, int] = {}

    def _is_backwards(self, node: Node) -> bool:
        """Whether NumPy computes it by other instructions than kernels do, because an operand lies backwards."""
        if node.kind != "elementwise" or not node.op.directed or node.inputs[0].dtype != complex64:
            return False
        return any(stride < 0 for source in node.inputs for stride in strides_of(source, self.strides))

    def has_memory(self, node: Node) -> bool:
        return node in self.buffered or node in self.given or node.op is CONSTANT

    # Who gets a buffer

    def must(self) -> None:
        """Outputs, ends of groups, and what library ops read."""
        for node in self.order:
            if node.op is CONSTANT:
                continue
            if node.kind == "reduction" or node.kind == "put" and padded_region(node) is None or not self.lowers[node]:
                self.buffered.add(node)
                if node.kind == "put" and node.inputs[0].kind == "put":
                    self.buffered.add(node.inputs[0])  # it is written into what was put before
            if node.kind == "library" or (not self.lowers[node] and node.op is not OUTPUT):
                for source in node.inputs:
                    self._whole(source)
        for node in self.graph.outputs:
            if node not in self.given:
                self.buffered.add(node)

    def _whole(self, node: Node) -> None:
        """A library op takes a buffer, or a view of one (then the buffer beneath)."""
        if node in self.given or node.op is INPUT:
            return
        source = self._strided_over(node)
        if source is None or source is node:
            self.buffered.add(node)
        else:
            self._whole(source)

    def _strided_over(self, view: Node) -> Node | None:
        """What a chain of views shows by strides alone; None where a step would need a copy (a reshape may)."""
        steps, source = [], view
        while source.kind == "view" and source not in self.given:
            steps.append(source)
            (source,) = source.inputs
        shape, strides = source.shape, self.strides.get(source) or contiguous_strides(source.shape)
        for step in reversed(steps):
            try:
                shape, strides, _ = step.op.layout(shape, strides, **dict(step.attrs))
            except ValueError:
                return None
        return source

    def replicated(self) -> None:
        """What several elements of a reader, or several readers at different places, would compute again."""
        costs: dict[Node, int] = {}
        places = self._places()
        for node in self.order:
            for source in node.inputs:
                if costs.get(source, 0) > 0:
                    grows = node.kind in ("view", "elementwise") and node.size > source.size
                    chooses = node.kind == "gather" and source is node.inputs[0] and node.size >= source.size
                    if grows or chooses:
                        self._store(source, costs)
            costs[node] = 0 if self.has_memory(node) else self._cost(node, costs)
            again = costs[node] * (places[node] - 1)
            if node.kind != "view" and again > STORED_NEAR and (again > STORED or _is_near(node)):
                self._store(node, costs)

    def _places(self) -> dict[Node, float]:
        """At how many places each element of a node is read, on average: by views of it, and where its other readers stand."""
        places: dict[Node, float] = {}
        for node in reversed(self.order):
            readers = self.readers.get(node, ())
            through = [max(places[r], 1) * r.size / max(node.size, 1) for r in readers if r.kind == "view"]
            places[node] = sum(through) + any(r.kind != "view" for r in readers)
        return places

    def too_often(self) -> None:
        """Cut what is read at very many places, of which an element needs but one: that of a roll is at one of two, of rolls of rolls at one of four …"""
        places: dict[Node, int] = {}
        for node in reversed(self.order):
            readers = self.readers.get(node, ())
            moved = [r.kind == "view" or (r.kind == "put" and node is r.inputs[1]) for r in readers]
            elsewhere = sum(places[r] for r, moves in zip(readers, moved) if moves)
            places[node] = max(elsewhere + max((places[r] for r, moves in zip(readers, moved) if not moves), default=0), 1)
            if places[node] > PLACES_LIMIT and node.kind in ("elementwise", "gather", "put"):
                self.buffered.add(node)
            if self.has_memory(node):
                places[node] = 1

    def _store(self, node: Node, costs: dict[Node, int]) -> None:
        """Give a node a buffer; a view is as well read through, so what it shows gets it."""
        while node.kind == "view" and node.inputs[0].size <= node.size:
            (node,) = node.inputs
        if not self.has_memory(node):
            self.buffered.add(node)
            costs[node] = 0

    def _cost(self, node: Node, costs: dict[Node, int]) -> int:
        if node.kind == "elementwise" or node.kind == "create" and node.inputs:  # without inputs, a constant or an index
            own = node.op.cost
        else:
            own = {"gather": 4, "put": 2}.get(node.kind, 0)
        return min(own + sum([costs.get(n, 0) for n in node.inputs]), 1000)

    def too_deep(self) -> None:
        """Cut very long chains."""
        depth: dict[Node, int] = {}
        for node in self.order:
            d = 1 + max([depth.get(n, 0) for n in node.inputs], default=0)
            if d > DEPTH_LIMIT and node.kind in ("elementwise", "gather", "put"):
                self.buffered.add(node)
            depth[node] = 0 if self.has_memory(node) else d

    def too_far(self) -> None:
        """Cut what is found by divisions in a row, as in a transpose that is flattened, reshaped and transposed again. One is left to the loops."""
        axes: dict[Node, int] = {}  # how many until memory, from a position that is known axis by axis
        flat: dict[Node, int] = {}  # and from one that is known as a place in row-major order
        for node in self.order:
            if node.op is CONSTANT or self.has_memory(node):
                continue
            divided = sum(n > 1 for n in node.shape) > 1
            if node.kind == "view":
                (source,) = node.inputs
                below = self._strided_over(node)
                kept, walked = _order_of(node)
                known = axes if walked else flat
                axes[node] = 0 if below is not None and self.has_memory(below) else known.get(source, 0)
                flat[node] = flat.get(source, 0) if kept else axes[node] + divided
                continue
            axes[node] = max([axes.get(n, 0) for n in node.inputs], default=0)
            flat[node] = max([flat.get(n, 0) if n.shape == node.shape else axes.get(n, 0) + (divided and n.size > 1) for n in node.inputs], default=0)
            if axes[node] > DIVISIONS_LIMIT and node.kind in ("elementwise", "gather", "put"):
                self.buffered.add(node)
                del axes[node], flat[node]

    def too_wide(self) -> None:
        """Cut what is computed from very many temporaries, such as the sum of a parameter's gradients over all time steps."""
        sources: dict[Node, set[Node]] = {}
        for node in self.order:
            found = set().union(*[sources[n] for n in node.inputs if n in sources])
            if len(found) > WIDTH_LIMIT and node.kind == "elementwise":
                self.buffered.add(node)
            sources[node] = {node} if node in self.buffered else found

    def shared(self, groups: list[Group]) -> bool:
        """What readers in different loops need, if it costs more than reading it back; whether there is such a thing."""
        before = len(self.buffered)
        of = {node: number for number, group in enumerate(groups) for node in group.nodes}
        users: dict[Node, set[int]] = {}
        costs: dict[Node, int] = {}
        for node in self.order:
            costs[node] = 0 if self.has_memory(node) else self._cost(node, costs)
        for node in reversed(self.order):
            if node in of:
                users[node] = {of[node]}
                continue
            found: set[int] = set()
            for reader in self.readers.get(node, ()):
                found |= users.get(reader, set())
            users[node] = found
            if len(found) > 1 and costs[node] > CHEAP and node.kind != "view" and not self.has_memory(node):
                self.buffered.add(node)
                users[node] = {-1 - len(self.buffered)}
        return len(self.buffered) > before

    # Who shares a loop

    def groups(self) -> list[Group]:
        """Buffered nodes in groups: maps of one shape join the first group that they may."""
        groups: list[Group] = []
        of: dict[Node, int] = {}
        reads: dict[Node, dict[Node, bool]] = {}
        depth: dict[Node, int] = {}
        by_shape: dict[tuple[int, ...], list[int]] = {}  # the groups of maps that have room, in order
        for node in self.order:
            if node.op is CONSTANT:
                continue
            found = self._reads(node, reads)
            depth[node] = 1 + max([depth.get(n, 0) for n in node.inputs], default=0)
            if node not in self.buffered:
                reads[node] = found
                continue
            reads[node] = {node: True}
            after = max((of[n] for n in found if n in of), default=-1)
            joint = self._joinable(node, found, after, of, by_shape)
            if joint is None:
                joint = len(groups)
                groups.append(Group(self._kind(node)))
                if groups[joint].kind == "map":
                    by_shape.setdefault(node.shape, []).append(joint)
            group, of[node] = groups[joint], joint
            group.nodes.append(node)
            group.length += depth.pop(node)
            if group.kind == "map" and (len(group.nodes) == GROUP_LIMIT or group.length > LENGTH_LIMIT):
                by_shape[node.shape].remove(joint)
        return groups

    def _reads(self, node: Node, reads: dict[Node, dict[Node, bool]]) -> dict[Node, bool]:
        """The buffers a node reads through what is computed on the fly; whether always at its own position."""
        found: dict[Node, bool] = {}
        same = node.kind == "elementwise" and self.lowers[node]
        for source in node.inputs:
            for buffer, aligned in (reads.get(source) or {}).items():
                aligned = aligned and same and source.shape == node.shape
                found[buffer] = found.get(buffer, True) and aligned
        return found

    def _joinable(self, node: Node, found: dict[Node, bool], after: int, of: dict[Node, int], by_shape: dict[tuple[int, ...], list[int]]) -> int | None:
        if self._kind(node) != "map":
            return None
        open_groups = by_shape.get(node.shape, [])
        first = bisect_left(open_groups, after)
        for number in open_groups[first : first + 2]:  # it reads nothing of groups after `after`, so the second always fits
            if all(aligned for n, aligned in found.items() if of.get(n) == number):
                return number
        return None

    def _kind(self, node: Node) -> str:
        if node.op is OUTPUT or not self.lowers[node]:
            return "library"
        return node.kind if node.kind in ("reduction", "put") else "map"


def _order_of(view: Node) -> tuple[bool, bool]:
    """Whether a view has the elements of its source in their order; and whether each axis of it walks one of the source's."""
    (source,) = view.inputs
    if not view.size:
        return True, False
    _, strides, offset = view.op.layout(source.shape, contiguous_strides(source.shape), **dict(view.attrs))
    kept = strides == contiguous_strides(view.shape) and not offset and view.size == source.size
    return kept, not kept and through((ZERO,) * view.ndim, view.shape, strides, offset, source.shape) is not None


def _is_near(node: Node) -> bool:
    """Whether a node is stored by one small loop: what is put into another array, or gathered, takes more than that."""
    return node.kind == "elementwise" and node.size * node.dtype.itemsize <= NEAR
