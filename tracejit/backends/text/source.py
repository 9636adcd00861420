"""A `Kernel` as Python text: what is compiled, and what a person can read, run and step through.

The function takes one argument, `args`: the range of the outermost parallel loop, then addresses, scalar constants,
integers and tables. It returns 0, or 1 where an index is out of bounds. The text holds no shape and no value, so kernels of
equal structure have equal text; extents, strides and constants are arguments.
"""

from __future__ import annotations

from functools import partial
from math import prod

from ...lowering.kernel import Kernel, Let, LetIndex, Stage, Store
from .reductions import Reductions
from .statements import Parameter, typed

ROWS = 32, 16  # that go through a kernel's stages together: whole vectors of what is computed of a row
APART = 8  # additions: what is computed of a row as a whole and costs more has a loop over rows of its own
NEAR = 2**12  # elements of these rows, at most


def print_kernel(kernel: Kernel, name: str = "kernel", lines: bool = True) -> tuple[str, list[Parameter]]:
    """The text, and the arguments it must be called with. `lines` adds the user's file and line to each statement."""
    return _Printer(kernel, lines).run(name)


class _Printer(Reductions):
    def run(self, name: str) -> tuple[str, list[Parameter]]:
        kernel = self.kernel
        self._parameter(Parameter("begin", None))
        self._parameter(Parameter("end", None))
        self._name_slots()
        for constant, dtype, value in kernel.constants:
            self._scalar(constant, value, dtype)
        self.rows = rows_at_once(kernel)
        if self.rows > 1:
            self._loops(kernel.axes[:-1], 1, self._few_rows)
        else:
            self._loops(kernel.axes, 1, self._stages, together=kernel.is_map or kernel.side_by_side)
        title = [f"    # {kernel.title}"] if self.lines and kernel.title and len(kernel.stages) == 1 else []
        text = [f"def {name}(args):", *title, *self.prologue, *self.text, "    return 0", ""]
        return "\n".join(text), self.parameters

    def _stages(self, depth: int) -> None:
        if any(axis.role == "wave" for stage in self.kernel.stages for axis in stage.axes):
            self._wave(depth)
            return
        for stage in self.kernel.stages:
            self._title(stage, depth)
            self._stage(stage, depth)

    def _title(self, stage: Stage, depth: int) -> None:
        if self.lines and stage.title and len(self.kernel.stages) > 1:
            self._line(depth, f"# {stage.title}")

    def _wave(self, depth: int) -> None:
        """At each turn some rows of every stage, as far behind as it is; those that a block needs."""
        waves = [stage.axes[0] for stage in self.kernel.stages]
        first, last = min(wave.lag + wave.low for wave in waves), max(wave.lag + wave.high for wave in waves)
        rows = self._integer("n", waves[0].at_once)
        self._line(depth, f"for turn in range(begin + {self._integer('o', first)}, end + {self._integer('o', last)}, {rows}):")
        for stage, wave in zip(self.kernel.stages, waves):
            self._title(stage, depth + 1)
            lag, low, high = (self._integer("o", n) for n in (wave.lag, wave.low, wave.high))
            self._line(depth + 1, f"first = turn - {lag} if turn - {lag} > begin + {low} else begin + {low}")
            self._line(depth + 1, f"last = turn - {lag} + {rows} if turn - {lag} + {rows} < end + {high} else end + {high}")
            self._line(depth + 1, f"for {wave.name} in range(first, last):")
            for s in stage.body:
                if isinstance(s, LetIndex) and s.form == "around":
                    self._statement(s, depth + 2)
            self._loops(stage.axes[1:], depth + 2, partial(self._body, stage), together=True)

    def _few_rows(self, depth: int) -> None:
        """A few rows, stage after stage: a row's sum waits for itself alone, not for what another row does with its own. What is of a
        row as a whole is held in local arrays between the stages, and computed side by side."""
        row = self.kernel.axes[-1]
        begin, end = self._bounds(row)
        rows = self._integer("b", self.rows)
        self._line(depth, f"for first_row in range({begin}, {end}, {rows}):")
        self._line(depth + 1, f"last_row = first_row + {rows} if first_row + {rows} < {end} else {end}")
        held: dict[str, str] = {}
        passes = _passes(self.kernel.stages)
        for n, own in enumerate(passes):
            side_by_side = any(map(_is_costly, own))
            self._line(depth + 1, f"for {row.name} in {'few' if side_by_side else 'range'}(first_row, last_row):")
            place, read = f"{row.name} - first_row", _names_read(own)
            for name in sorted(held.keys() & read):
                self._line(depth + 2, f"{name} = {held[name]}[{place}]")
            for stage in own:
                self._title(stage, depth + 2)
                self._stage(stage, depth + 2)
            later = _names_read([stage for more in passes[n + 1 :] for stage in more])
            for name, kind in [found for stage in own for found in _of_row(stage).items()]:
                if name in later:
                    held[name] = f"{name}_rows"
                    self.prologue.append(f"    {held[name]} = lanes_{kind}({ROWS[0]})")
                    self._line(depth + 2, f"{held[name]}[{place}] = {name}")

    def _stage(self, stage: Stage, depth: int) -> None:
        if stage.reductions:
            self._reduce(stage, depth)
        else:
            together = bool(stage.axes) and stage.axes[-1].role == "space" and not self.kernel.side_by_side
            self._loops(stage.axes, depth, lambda d: self._body(stage, d), together)


def rows_at_once(kernel: Kernel) -> int:
    """How many rows go through a kernel's stages together: short ones, which then are in the nearest cache all the time."""
    if len(_passes(kernel.stages)) == 1 or kernel.side_by_side or not kernel.axes or kernel.axes[-1].role != "space":
        return 1
    longest = max(prod(axis.extent for axis in stage.axes) for stage in kernel.stages)
    return next((rows for rows in ROWS if rows * longest <= NEAR), 1)


def _passes(stages: list[Stage]) -> list[list[Stage]]:
    """The stages by the loops over a few rows that they stand in: each one with loops of its own, or costly, has one, and what is
    quickly computed of a row stands beside another."""
    found: list[list[Stage]] = [[]]
    for stage in stages:
        if (stage.axes or _is_costly(stage)) and any(before.axes or _is_costly(before) for before in found[-1]):
            found.append([])
        found[-1].append(stage)
    return found


def _is_costly(stage: Stage) -> bool:
    """Whether what a stage computes of a row as a whole is worth doing for several rows side by side."""
    return not stage.axes and sum(s.cost for s in stage.body if isinstance(s, Let)) > APART


def _names_read(stages: list[Stage]) -> set[str]:
    return set[str]().union(*[stage.names_read() for stage in stages])


def _of_row(stage: Stage) -> dict[str, str]:
    """The values that a stage computes of a row as a whole, and their kinds."""
    found: dict[str, str] = {}
    for s in stage.body if not stage.axes else ():
        if isinstance(s, LetIndex):
            found[s.result] = "boolean" if s.form == "within" else "i64"
        elif not isinstance(s, Store):
            found[s.result] = typed(s.dtype if isinstance(s, Let) else s.slot.dtype)
    found.update((r.result, typed(r.dtype)) for r in stage.reductions)
    return found
