"""The text of any kernel: of a map, of rows, of columns."""

from __future__ import annotations

from ....lowering.kernel import Kernel, Slot
from .columns import Columns
from .rows import Rows
from .source import Printed, print_map


def print_kernel(kernel: Kernel, lines: bool = True, by_value: frozenset[Slot] = frozenset(), packed: bool = True) -> Printed:
    """The text of a kernel, and how it is launched. packed: memory that is walked element by element is read in packs, of which the first
    must lie at a multiple of their size; the bits are the same without."""
    if not kernel.reduces:
        return print_map(kernel, lines, by_value, packed)
    roles = {axis.role for stage in kernel.stages if stage.reductions for axis in stage.axes}
    return (Columns if "outer" in roles else Rows)(kernel, lines, by_value, packed).run()
