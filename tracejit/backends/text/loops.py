"""The loops of a kernel as Python text, and the statements inside them."""

from __future__ import annotations

from typing import Callable

from ...lowering.kernel import Axis, LetIndex, Stage
from .statements import Writer


class Loops(Writer):
    """Loops over a kernel's axes and over those of its stages."""

    def _loops(self, axes: list[Axis], depth: int, inside: Callable[[int], None], together: bool = False) -> None:
        """Loops over axes around a body; the iterations of the innermost one are independent if `together`."""
        for axis in axes:
            word = "lanes" if together and axis is axes[-1] else "range"
            self.side_by_side |= {axis.name} if word == "lanes" else set()
            if axis.role == "block":
                self._block(axis, depth)
            else:
                self._line(depth, f"for {axis.name} in {word}({', '.join(self._bounds(axis))}):")
            depth += 1
        inside(depth)

    def _bounds(self, axis: Axis) -> tuple[str, str]:
        """From where to where a loop runs."""
        if self.kernel.axes and axis is self.kernel.axes[0]:
            return "args[0]", "args[1]"
        return ("begin", "end") if axis.block else ("0", self._extent(axis))

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

    def _body(self, stage: Stage, depth: int) -> None:
        for statement in stage.body:
            if not (isinstance(statement, LetIndex) and statement.form == "around"):  # of the row, not of an element
                self._statement(statement, depth)
