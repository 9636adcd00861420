"""Reductions as Python text: each stage combines what its loops compute in an order that NumPy's sums have, slice after slice, pairwise,
or element after element."""

from __future__ import annotations

from itertools import count

from ...lowering.kernel import Axis, Let, Reduce, Stage
from ...op import ROUTINE
from .loops import Loops
from .statements import Parameter, typed

SLICES = 8  # that are added to the result's row while it is at hand


class Reductions(Loops):
    """Stages that reduce, by the roles of their axes."""

    def _reduce(self, stage: Stage, depth: int) -> None:
        """The loops of a stage that reduces, and what they are reduced to."""
        roles = {axis.role for axis in stage.axes}
        if "inner" in roles:
            self._pairwise_stage(stage, depth) if not self.kernel.side_by_side else self._short_stage(stage, depth)
        elif "lane" in roles:
            self._lane_stage(stage, depth)
        else:
            self._sequence_stage(stage, depth)

    def _lane_stage(self, stage: Stage, depth: int) -> None:
        """Slice after slice, a few at each passage: the result's row is the accumulator."""
        stores = [r.store for r in stage.reductions if r.store is not None]
        places = [self._place(store) for store in stores]
        lanes = [axis for axis in stage.axes if axis.role == "lane"]
        *outer, slices = [axis for axis in stage.axes if axis.role != "lane"]

        def start(d: int) -> None:
            for reduction, store, place in zip(stage.reductions, stores, places):
                self._line(d, f"{place} = {self._to_memory(store.slot, identity_of(reduction))}")

        def accumulate(d: int) -> None:
            for reduction, store, place in zip(stage.reductions, stores, places):
                self._line(d, f"{reduction.result} = {self._from_memory(store.slot, place)}")
            self._line(d, f"for {slices.name} in range(first, last):")
            self._body(stage, d + 1)
            for reduction in stage.reductions:
                self._line(d + 1, f"{reduction.result} = {joined(reduction, reduction.result)}")
            for reduction, store, place in zip(stage.reductions, stores, places):
                self._line(d, f"{place} = {self._to_memory(store.slot, reduction.result)}", store.line)

        def passage(d: int) -> None:
            extent = self._extent(slices)
            self._line(d, f"for first in range(0, {extent}, {SLICES}):")
            self._line(d + 1, f"last = first + {SLICES} if first + {SLICES} < {extent} else {extent}")
            self._loops(lanes, d + 1, accumulate, together=True)

        self._loops(lanes, depth, start, together=True)
        self._loops(outer, depth, passage)

    def _sequence_stage(self, stage: Stage, depth: int) -> None:
        """Element after element."""

        def accumulate(d: int) -> None:
            self._body(stage, d)
            for reduction in stage.reductions:
                self._line(d, f"{reduction.result} = {joined(reduction, reduction.result)}")

        for reduction in stage.reductions:
            self._line(depth, f"{reduction.result} = {identity_of(reduction)}")
        self._loops(stage.axes, depth, accumulate)
        self._store_results(stage, depth)

    def _short_stage(self, stage: Stage, depth: int) -> None:
        """NumPy's pairwise order over a leaf's elements at most, in scalars: rows side by side fill the lanes."""
        (inner,) = [axis for axis in stage.axes if axis.role == "inner"]
        outer = [axis for axis in stage.axes if axis.role == "outer"]
        totals = _numbered("part", stage) if outer else [reduction.result for reduction in stage.reductions]

        def leaf(d: int) -> None:
            start = self._strands(stage, inner, totals, d) if inner.extent >= inner.strands else "0"
            for reduction, total in zip(stage.reductions, totals) if start == "0" else ():
                self._line(d, f"{total} = {identity_of(reduction)}")
            self._line(d, f"for {inner.name} in range({start}, {self._extent(inner)}):")
            self._body(stage, d + 1)
            for reduction, total in zip(stage.reductions, totals):
                self._line(d + 1, f"{total} = {joined(reduction, total)}")
            for reduction, total in zip(stage.reductions, totals) if outer else ():
                self._line(d, f"{reduction.result} = {joined(reduction, reduction.result, total)}")

        for reduction in stage.reductions if outer else ():
            self._line(depth, f"{reduction.result} = {identity_of(reduction)}")
        self._loops(outer, depth, leaf)
        self._store_results(stage, depth)

    def _strands(self, stage: Stage, inner: Axis, totals: list[str], d: int) -> str:
        """The whole eights in eight accumulators (of complex numbers fours in four), joined in pairs; where they end."""
        many = inner.strands
        self._line(d, f"whole = {self._extent(inner)} // {many} * {many}")
        sums = [[f"{total}_{j}" for j in range(many)] for total in totals]
        for reduction, own in zip(stage.reductions, sums):
            for name in own:
                self._line(d, f"{name} = {identity_of(reduction)}")
        self._line(d, f"for k in range(0, whole, {many}):")
        for j in range(many):
            self._line(d + 1, f"{inner.name} = k + {j}")
            self._body(stage, d + 1)
            for reduction, own in zip(stage.reductions, sums):
                self._line(d + 1, f"{own[j]} = {joined(reduction, own[j])}")
        for reduction, total, own in zip(stage.reductions, totals, sums):
            while len(own) > 1:
                own = [joined(reduction, a, b) for a, b in zip(own[::2], own[1::2])]
            self._line(d, f"{total} = {own[0]}")
        return "whole"

    def _pairwise_stage(self, stage: Stage, depth: int) -> None:
        """NumPy's pairwise order over the inner axis: leaves of at most 128 elements in eight lanes, joined as a tree (of complex numbers, 64 in four)."""
        (inner,) = [axis for axis in stage.axes if axis.role == "inner"]
        outer = [axis for axis in stage.axes if axis.role == "outer"]
        if outer:
            for reduction in stage.reductions:
                self._line(depth, f"{reduction.result} = {identity_of(reduction)}")
        self._loops(outer, depth, lambda d: self._pairwise_tree(stage, inner, bool(outer), d))
        self._store_results(stage, depth)

    def _pairwise_tree(self, stage: Stage, inner: Axis, slices: bool, d: int) -> None:
        leaves = self._leaves(inner)
        sums = list(zip(stage.reductions, *[self._arrays(stage, name, n) for name, n in (("lane", inner.strands), ("stack", 64))], _numbered("part", stage)))
        self._line(d, "depth = 0")
        bounds = f"{leaves}[{inner.part}], {leaves}[{inner.part} + 1]" if inner.part else f"{leaves}[0], {leaves}[1]"
        self._line(d, f"for leaf in range({bounds}, 3):")
        self._leaf(stage, inner, leaves, [(reduction, lane, part) for reduction, lane, _, part in sums], d + 1)
        self._line(d + 1, f"for _ in range({leaves}[leaf + 2]):")
        self._line(d + 2, "depth -= 1")
        for reduction, _, stack, part in sums:
            self._line(d + 2, f"{part} = {joined(reduction, f'{stack}[depth]', part)}")
        for _, _, stack, part in sums:
            self._line(d + 1, f"{stack}[depth] = {part}")
        self._line(d + 1, "depth += 1")
        for reduction, _, stack, _ in sums:
            total = joined(reduction, reduction.result, f"{stack}[0]") if slices else f"{stack}[0]"
            self._line(d, f"{reduction.result} = {total}")

    def _leaf(self, stage: Stage, inner: Axis, leaves: str, sums: list[tuple[Reduce, str, str]], d: int) -> None:
        """Eight lanes over the leaf's whole eights, or four over its fours, joined in pairs, then what is left."""
        many = inner.strands
        self._line(d, f"first = {leaves}[leaf]")
        self._line(d, f"last = {leaves}[leaf + 1]")
        start, end, held = "first", "last", []
        if any(isinstance(s, Let) and s.cost >= ROUTINE for s in stage.body):
            start, end, held = "0", "last - first", self._held(stage, inner, d)
        self._line(d, f"whole = {'' if held else 'first + '}(last - first) // {many} * {many}")
        for reduction, _, part in sums:
            self._line(d, f"{part} = {identity_of(reduction)}")
        self._line(d, f"if whole > {start}:")
        self._line(d + 1, f"for j in lanes(0, {many}):")
        for reduction, lane, _ in sums:
            self._line(d + 2, f"{lane}[j] = {identity_of(reduction)}")
        self._line(d + 1, f"for k in range({start}, whole, {many}):")
        self._line(d + 2, f"for j in lanes(0, {many}):")
        values = self._values(stage, inner, held, "k + j", d + 3)
        for (reduction, lane, _), value in zip(sums, values):
            self._line(d + 3, f"{lane}[j] = {joined(reduction, f'{lane}[j]', value)}")
        for reduction, lane, part in sums:
            pairs = [f"{lane}[{j}]" for j in range(many)]
            while len(pairs) > 1:
                pairs = [joined(reduction, a, b) for a, b in zip(pairs[::2], pairs[1::2])]
            self._line(d + 1, f"{part} = {pairs[0]}")
        self._line(d, f"for {'k' if held else inner.name} in range(whole, {end}):")
        values = self._values(stage, inner, held, "k" if held else "", d + 1)
        for (reduction, _, part), value in zip(sums, values):
            self._line(d + 1, f"{part} = {joined(reduction, part, value)}")

    def _held(self, stage: Stage, inner: Axis, d: int) -> list[str]:
        """What is costly is computed for the whole leaf first, in as many lanes as there may be: the arrays that hold its values."""
        arrays = self._arrays(stage, "held", inner.leaf)
        self._line(d, f"for {inner.name} in lanes(first, last):")
        self._body(stage, d + 1)
        for reduction, array in zip(stage.reductions, arrays):
            self._line(d + 1, f"{array}[{inner.name} - first] = {typed(reduction.dtype)}({reduction.value})")
        return arrays

    def _values(self, stage: Stage, inner: Axis, held: list[str], place: str, d: int) -> list[str]:
        """The values that a turn adds: read where they are held, or computed."""
        if held:
            return [f"{array}[{place}]" for array in held]
        if place:
            self._line(d, f"{inner.name} = {place}")
        self._body(stage, d)
        return ["" for _ in stage.reductions]

    def _leaves(self, inner: Axis) -> str:
        parts = next((axis.extent for axis in self.kernel.axes if axis.name == inner.part), 1)
        key = ("leaves", inner.extent, parts, inner.leaf)
        if key not in self.index_texts:
            number = sum(p.kind == "table" for p in self.parameters)
            table = Parameter("table", (inner.extent, parts, inner.leaf))
            self.index_texts[key] = self._declare(f"leaves{number or ''}", "i64_pointer(args, {})", table)
        return self.index_texts[key]

    def _arrays(self, stage: Stage, name: str, size: int) -> list[str]:
        """A local array for each reduction of a stage; stages of one kernel use the same ones in turn."""
        found: list[str] = []
        for reduction in stage.reductions:
            kind = typed(reduction.dtype)
            place = next(n for n in count() if self.arrays.get(f"{name}{n or ''}", kind) == kind and f"{name}{n or ''}" not in found)
            found.append(f"{name}{place or ''}")
            if found[-1] not in self.arrays:
                self.arrays[found[-1]] = kind
                self.prologue.append(f"    {found[-1]} = lanes_{kind}({size})")
        return found

    def _store_results(self, stage: Stage, depth: int) -> None:
        for reduction in stage.reductions:
            if reduction.store is not None:
                self._statement(reduction.store, depth)


def identity_of(reduction: Reduce) -> str:
    kind = typed(reduction.dtype)
    return f"{kind}({reduction.identity.format(T=kind)})"


def joined(reduction: Reduce, so_far: str, more: str = "") -> str:
    """What is accumulated so far, joined with another part or with the stage's value."""
    kind = typed(reduction.dtype)
    return f"{kind}({reduction.combine.format(so_far, more or f'{kind}({reduction.value})', T=kind)})"


def _numbered(name: str, stage: Stage) -> list[str]:
    return [f"{name}{n or ''}" for n in range(len(stage.reductions))]
