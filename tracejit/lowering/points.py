"""Maps of one loop, one after another, that walk the same points become one map, if they touch the same memory: it is read once.

Such are the parts of a `np.stack`, each put into its place, and what is computed of them row by row. What one point writes, no other
point may touch.
"""

from __future__ import annotations

from typing import Sequence

from .kernel import Axis, Kernel, Load, Stage, Store, rewritten
from .rows import S
from .settle import own_slots, settled

STATEMENTS = 120  # of one map: it is compiled anew for each program, where its parts might be known


def share_points(steps: Sequence[S | Kernel]) -> list[S | Kernel]:
    """The steps, neighbours that walk the same points as one kernel."""
    found: list[S | Kernel] = []
    joined: list[int] = []
    for step in steps:
        before = found[-1] if found else None
        both = _together(before, step) if isinstance(before, Kernel) and isinstance(step, Kernel) else None
        if both is None:
            found.append(step)
        else:
            found[-1] = both
            joined.append(len(found) - 1)
    own = own_slots(found) if joined else set()
    for place in dict.fromkeys(joined):
        kernel = found[place]
        assert isinstance(kernel, Kernel)
        found[place] = settled(kernel, own)
    return found


def _together(first: Kernel, second: Kernel) -> Kernel | None:
    """One map of both; None if they must, or should, stay apart."""
    if not (_is_simple(first) and _is_simple(second)) or first.axes[0].extent != second.axes[0].extent:
        return None
    (one,), (other,) = first.stages, second.stages
    shared = {access.slot for access in one.accesses()} & {access.slot for access in other.accesses()}
    if len(one.body) + len(other.body) > STATEMENTS or not shared:
        return None
    axis, mine = first.axes[0], second.axes[0].name

    def name(old: str) -> str:
        return axis.name if old == mine else f"{old}:{len(one.body)}"

    other = rewritten(other, name, lambda index: index.renamed(name))
    if any(_meet(a, b, axis) for a in one.accesses() for b in other.accesses()):
        return None
    title = one.title if one.title.endswith(other.title) else f"{one.title}, {other.title}"
    constants = [*first.constants, *((name(old), dtype, value) for old, dtype, value in second.constants)]
    return Kernel(first.axes, [Stage([], [*one.body, *other.body], [], title)], constants)


def _is_simple(kernel: Kernel) -> bool:
    """Whether it is a map of one loop that stops for no index."""
    return kernel.is_map and len(kernel.axes) == 1 and kernel.axes[0].role == "space" and not kernel.axes[0].block and not kernel.stops


def _meet(a: Load | Store, b: Load | Store, axis: Axis) -> bool:
    """Whether one of two accesses may write what the other touches at another point."""
    if a.slot is not b.slot or isinstance(a, Load) and isinstance(b, Load):
        return False
    step, apart = a.index.coefficient(axis.name), a.index.offset - b.index.offset
    if not step or a.index.terms != ((axis.name, step),) or a.index.terms != b.index.terms:
        return True
    return apart != 0 and apart % step == 0 and abs(apart // step) < axis.extent
