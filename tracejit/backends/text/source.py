"""A `Kernel` as Python text: what is compiled, and what a person can read, run and step through.

The function takes one argument, `args`: the range of the outermost parallel loop, then addresses, scalar constants,
integers and tables. It returns 0, or 1 where an index is out of bounds. The text holds no shape and no value, so kernels of
equal structure have equal text; extents, strides and constants are arguments.
"""

from __future__ import annotations

from functools import partial
from itertools import count
from math import prod
from typing import Callable

from ...lowering.kernel import Axis, Kernel, Let, LetIndex, Reduce, Stage
from .statements import Parameter, Writer, rounded, typed

SLICES = 4  # that are added to the result's row while it is at hand
STREAMED = 2**18  # of more elements the slices are walked one by one: memory is quicker in one piece


def print_kernel(kernel: Kernel, name: str = "kernel", lines: bool = True) -> tuple[str, list[Parameter]]:
    """The text, and the arguments it must be called with. `lines` adds the user's file and line to each statement."""
    return _Printer(kernel, lines).run(name)


class _Printer(Writer):
    def run(self, name: str) -> tuple[str, list[Parameter]]:
        kernel = self.kernel
        self._parameter(Parameter("begin", None))
        self._parameter(Parameter("end", None))
        self._name_slots()
        for constant, dtype, value in kernel.constants:
            self._declare(constant, f"{typed(dtype)}_value(args, {{}})", Parameter("scalar", rounded(value, dtype)))
        self._loops(kernel.axes, 1, self._stages, together=kernel.is_map or kernel.side_by_side)
        title = [f"    # {kernel.title}"] if self.lines and kernel.title and len(kernel.stages) == 1 else []
        text = [f"def {name}(args):", *title, *self.prologue, *self.text, "    return 0", ""]
        return "\n".join(text), self.parameters

    # Loops

    def _loops(self, axes: list[Axis], depth: int, inside: Callable[[int], None], together: bool = False) -> None:
        """Loops over axes around a body; the iterations of the innermost one are independent if `together`."""
        for axis in axes:
            word = "lanes" if together and axis is axes[-1] else "range"
            self.side_by_side |= {axis.name} if word == "lanes" else set()
            if axis.role == "block":
                self._block(axis, depth)
            elif self.kernel.axes and axis is self.kernel.axes[0]:
                self._line(depth, f"for {axis.name} in {word}(args[0], args[1]):")
            else:
                self._line(depth, f"for {axis.name} in {word}({'begin, end' if axis.block else f'0, {self._extent(axis)}'}):")
            depth += 1
        inside(depth)

    def _block(self, axis: Axis, depth: int) -> None:
        """The loop over blocks of an axis: from `begin` to `end`."""
        block, extent = self._integer("b", axis.block), self._extent(axis)
        turns = "args[0], args[1]" if axis is self.kernel.axes[0] else f"0, {self._integer('n', axis.turns)}"
        self._line(depth, f"for block in range({turns}):")
        self._line(depth + 1, f"begin = block * {block}")
        self._line(depth + 1, f"end = begin + {block} if begin + {block} < {extent} else {extent}")

    def _extent(self, axis: Axis) -> str:
        key = ("extent", axis.name, axis.extent)
        if key not in self.index_texts:
            self.index_texts[key] = self._integer("n", axis.extent)
        return self.index_texts[key]

    def _stages(self, depth: int) -> None:
        if any(axis.role == "wave" for stage in self.kernel.stages for axis in stage.axes):
            self._wave(depth)
            return
        for stage in self.kernel.stages:
            if self.lines and stage.title and len(self.kernel.stages) > 1:
                self._line(depth, f"# {stage.title}")
            self._stage(stage, depth)

    def _wave(self, depth: int) -> None:
        """At each turn some rows of every stage, as far behind as it is; those that a block needs."""
        waves = [stage.axes[0] for stage in self.kernel.stages]
        first, last = min(wave.lag + wave.low for wave in waves), max(wave.lag + wave.high for wave in waves)
        rows = self._integer("n", waves[0].at_once)
        self._line(depth, f"for turn in range(begin + {self._integer('o', first)}, end + {self._integer('o', last)}, {rows}):")
        for stage, wave in zip(self.kernel.stages, waves):
            if self.lines and stage.title:
                self._line(depth + 1, f"# {stage.title}")
            lag, low, high = (self._integer("o", n) for n in (wave.lag, wave.low, wave.high))
            self._line(depth + 1, f"first = turn - {lag} if turn - {lag} > begin + {low} else begin + {low}")
            self._line(depth + 1, f"last = turn - {lag} + {rows} if turn - {lag} + {rows} < end + {high} else end + {high}")
            self._line(depth + 1, f"for {wave.name} in range(first, last):")
            for s in stage.body:
                if isinstance(s, LetIndex) and s.form == "around":
                    self._statement(s, depth + 2)
            self._loops(stage.axes[1:], depth + 2, partial(self._body, stage), together=True)

    def _stage(self, stage: Stage, depth: int) -> None:
        roles = {axis.role for axis in stage.axes}
        if not stage.reductions:
            together = bool(stage.axes) and stage.axes[-1].role == "space" and not self.kernel.side_by_side
            self._loops(stage.axes, depth, lambda d: self._body(stage, d), together)
        elif "inner" in roles:
            self._pairwise_stage(stage, depth) if not self.kernel.side_by_side else self._short_stage(stage, depth)
        elif "lane" in roles:
            self._lane_stage(stage, depth)
        else:
            self._sequence_stage(stage, depth)

    def _body(self, stage: Stage, depth: int) -> None:
        for statement in stage.body:
            if not (isinstance(statement, LetIndex) and statement.form == "around"):  # of the row, not of an element
                self._statement(statement, depth)

    def _lane_stage(self, stage: Stage, depth: int) -> None:
        """Slice after slice, a few at each passage: the result's row is the accumulator."""
        stores = [r.store for r in stage.reductions if r.store is not None]
        places = [self._place(store) for store in stores]
        lanes = [axis for axis in stage.axes if axis.role == "lane"]
        *outer, slices = [axis for axis in stage.axes if axis.role != "lane"]
        at_once = SLICES if prod(min(axis.extent, axis.block or axis.extent) for axis in stage.axes) <= STREAMED else 1

        def start(d: int) -> None:
            for reduction, store, place in zip(stage.reductions, stores, places):
                self._line(d, f"{place} = {self._to_memory(store.slot, _identity(reduction))}")

        def accumulate(d: int) -> None:
            for reduction, store, place in zip(stage.reductions, stores, places):
                self._line(d, f"{reduction.result} = {self._from_memory(store.slot, place)}")
            self._line(d, f"for {slices.name} in range(first, last):")
            self._body(stage, d + 1)
            for reduction in stage.reductions:
                self._line(d + 1, f"{reduction.result} = {_joined(reduction, reduction.result)}")
            for reduction, store, place in zip(stage.reductions, stores, places):
                self._line(d, f"{place} = {self._to_memory(store.slot, reduction.result)}", store.line)

        def passage(d: int) -> None:
            extent = self._extent(slices)
            self._line(d, f"for first in range(0, {extent}, {at_once}):")
            self._line(d + 1, f"last = first + {at_once} if first + {at_once} < {extent} else {extent}")
            self._loops(lanes, d + 1, accumulate, together=True)

        self._loops(lanes, depth, start, together=True)
        self._loops(outer, depth, passage)

    def _sequence_stage(self, stage: Stage, depth: int) -> None:
        """Element after element."""

        def accumulate(d: int) -> None:
            self._body(stage, d)
            for reduction in stage.reductions:
                self._line(d, f"{reduction.result} = {_joined(reduction, reduction.result)}")

        for reduction in stage.reductions:
            self._line(depth, f"{reduction.result} = {_identity(reduction)}")
        self._loops(stage.axes, depth, accumulate)
        self._store_results(stage, depth)

    def _short_stage(self, stage: Stage, depth: int) -> None:
        """NumPy's pairwise order over a leaf's elements at most, in scalars: rows side by side fill the lanes."""
        (inner,) = [axis for axis in stage.axes if axis.role == "inner"]
        outer = [axis for axis in stage.axes if axis.role == "outer"]
        totals = _numbered("part", stage) if outer else [reduction.result for reduction in stage.reductions]

        def leaf(d: int) -> None:
            start = self._eights(stage, inner, totals, d) if inner.extent >= 8 else "0"
            for reduction, total in zip(stage.reductions, totals) if start == "0" else ():
                self._line(d, f"{total} = {_identity(reduction)}")
            self._line(d, f"for {inner.name} in range({start}, {self._extent(inner)}):")
            self._body(stage, d + 1)
            for reduction, total in zip(stage.reductions, totals):
                self._line(d + 1, f"{total} = {_joined(reduction, total)}")
            for reduction, total in zip(stage.reductions, totals) if outer else ():
                self._line(d, f"{reduction.result} = {_joined(reduction, reduction.result, total)}")

        for reduction in stage.reductions if outer else ():
            self._line(depth, f"{reduction.result} = {_identity(reduction)}")
        self._loops(outer, depth, leaf)
        self._store_results(stage, depth)

    def _eights(self, stage: Stage, inner: Axis, totals: list[str], d: int) -> str:
        """The whole eights in eight accumulators, joined in pairs; where they end."""
        self._line(d, f"whole = {self._extent(inner)} // 8 * 8")
        sums = [[f"{total}_{j}" for j in range(8)] for total in totals]
        for reduction, own in zip(stage.reductions, sums):
            for name in own:
                self._line(d, f"{name} = {_identity(reduction)}")
        self._line(d, "for k in range(0, whole, 8):")
        for j in range(8):
            self._line(d + 1, f"{inner.name} = k + {j}")
            self._body(stage, d + 1)
            for reduction, own in zip(stage.reductions, sums):
                self._line(d + 1, f"{own[j]} = {_joined(reduction, own[j])}")
        for reduction, total, own in zip(stage.reductions, totals, sums):
            while len(own) > 1:
                own = [_joined(reduction, a, b) for a, b in zip(own[::2], own[1::2])]
            self._line(d, f"{total} = {own[0]}")
        return "whole"

    def _pairwise_stage(self, stage: Stage, depth: int) -> None:
        """NumPy's pairwise order over the inner axis: leaves of at most 128 elements in eight lanes, joined as a tree."""
        (inner,) = [axis for axis in stage.axes if axis.role == "inner"]
        outer = [axis for axis in stage.axes if axis.role == "outer"]
        if outer:
            for reduction in stage.reductions:
                self._line(depth, f"{reduction.result} = {_identity(reduction)}")
        self._loops(outer, depth, lambda d: self._pairwise_tree(stage, inner, bool(outer), d))
        self._store_results(stage, depth)

    def _pairwise_tree(self, stage: Stage, inner: Axis, slices: bool, d: int) -> None:
        leaves = self._leaves(inner)
        sums = list(zip(stage.reductions, *[self._arrays(stage, name, n) for name, n in (("lane", 8), ("stack", 64))], _numbered("part", stage)))
        self._line(d, "depth = 0")
        bounds = f"{leaves}[{inner.part}], {leaves}[{inner.part} + 1]" if inner.part else f"{leaves}[0], {leaves}[1]"
        self._line(d, f"for leaf in range({bounds}, 3):")
        self._leaf(stage, inner, leaves, [(reduction, lane, part) for reduction, lane, _, part in sums], d + 1)
        self._line(d + 1, f"for _ in range({leaves}[leaf + 2]):")
        self._line(d + 2, "depth -= 1")
        for reduction, _, stack, part in sums:
            self._line(d + 2, f"{part} = {_joined(reduction, f'{stack}[depth]', part)}")
        for _, _, stack, part in sums:
            self._line(d + 1, f"{stack}[depth] = {part}")
        self._line(d + 1, "depth += 1")
        for reduction, _, stack, _ in sums:
            total = _joined(reduction, reduction.result, f"{stack}[0]") if slices else f"{stack}[0]"
            self._line(d, f"{reduction.result} = {total}")

    def _leaf(self, stage: Stage, inner: Axis, leaves: str, sums: list[tuple[Reduce, str, str]], d: int) -> None:
        """Eight lanes over the leaf's whole eights, joined in pairs, then what is left."""
        self._line(d, f"first = {leaves}[leaf]")
        self._line(d, f"last = {leaves}[leaf + 1]")
        start, end, held = "first", "last", []
        if any(isinstance(s, Let) and s.cost > 1 for s in stage.body):
            start, end, held = "0", "last - first", self._held(stage, inner, d)
        self._line(d, f"whole = {'' if held else 'first + '}(last - first) // 8 * 8")
        for reduction, _, part in sums:
            self._line(d, f"{part} = {_identity(reduction)}")
        self._line(d, f"if whole > {start}:")
        self._line(d + 1, "for j in lanes(0, 8):")
        for reduction, lane, _ in sums:
            self._line(d + 2, f"{lane}[j] = {_identity(reduction)}")
        self._line(d + 1, f"for k in range({start}, whole, 8):")
        self._line(d + 2, "for j in lanes(0, 8):")
        values = self._values(stage, inner, held, "k + j", d + 3)
        for (reduction, lane, _), value in zip(sums, values):
            self._line(d + 3, f"{lane}[j] = {_joined(reduction, f'{lane}[j]', value)}")
        for reduction, lane, part in sums:
            pairs = [f"{lane}[{j}]" for j in range(8)]
            while len(pairs) > 1:
                pairs = [_joined(reduction, a, b) for a, b in zip(pairs[::2], pairs[1::2])]
            self._line(d + 1, f"{part} = {pairs[0]}")
        self._line(d, f"for {'k' if held else inner.name} in range(whole, {end}):")
        values = self._values(stage, inner, held, "k" if held else "", d + 1)
        for (reduction, _, part), value in zip(sums, values):
            self._line(d + 1, f"{part} = {_joined(reduction, part, value)}")

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


def _identity(reduction: Reduce) -> str:
    kind = typed(reduction.dtype)
    return f"{kind}({reduction.identity.format(T=kind)})"


def _joined(reduction: Reduce, so_far: str, more: str = "") -> str:
    """What is accumulated so far, joined with another part or with the stage's value."""
    kind = typed(reduction.dtype)
    return f"{kind}({reduction.combine.format(so_far, more or f'{kind}({reduction.value})', T=kind)})"


def _numbered(name: str, stage: Stage) -> list[str]:
    return [f"{name}{n or ''}" for n in range(len(stage.reductions))]
