"""Loops cut so that nothing is divided in them.

A reshape that joins or splits axes makes quotients and remainders of loop variables. Where a loop is cut at the divisor's place,
they are sums of the new loops' variables.
"""

from __future__ import annotations

from dataclasses import replace

from .index import Index
from .kernel import Axis, Kernel, LetIndex, Stage, rewritten
from .stages import halves

Cut = tuple[Axis, int]  # a loop, and the extent of the inner of the two that it becomes
Parts = tuple[Index, Index]  # quotient and remainder


def without_divisions(kernel: Kernel) -> Kernel:
    """The map, its parallel loops cut where that makes divisions of their variables needless; other kernels as they are."""
    if not kernel.is_map or not any(isinstance(s, LetIndex) and s.form in ("quotient", "remainder") for s in kernel.stages[0].body):
        return kernel
    while True:
        cut, found = _resolved(kernel)
        if cut is None:
            return found
        kernel = cut_loop(kernel, *cut)


def cut_loop(kernel: Kernel, axis: Axis, extent: int) -> Kernel:
    """The kernel with two parallel loops for one, the inner of this extent."""
    outer, inner, whole = halves(axis, extent)
    stages = [rewritten(s, lambda name: name, lambda index: index.at(axis.name, whole)) for s in kernel.stages]
    d = kernel.axes.index(axis)
    return Kernel([*kernel.axes[:d], outer, inner, *kernel.axes[d + 1 :]], stages, kernel.constants)


def _resolved(kernel: Kernel) -> tuple[Cut | None, Kernel]:
    """The first cut that is needed; or None, and the kernel without the divisions that its loops make already."""
    (stage,) = kernel.stages
    loops = {axis.name: axis for axis in kernel.axes}
    known: dict[str, Index] = {}  # what variables that were divisions are

    def index(old: Index) -> Index:
        for name, _ in old.terms:
            if name in known:
                old = old.at(name, known[name])
        return old

    for s in stage.body:
        if isinstance(s, LetIndex) and s.form in ("quotient", "remainder"):
            found = _divided(index(s.index), s.divisor, loops)
            if isinstance(found, tuple) and isinstance(found[0], Axis):
                return found, kernel  # type: ignore[return-value]
            if found is not None:
                known[s.result] = found[s.form == "remainder"]  # type: ignore[assignment]
    body = [s for s in stage.body if not (isinstance(s, LetIndex) and s.result in known)]
    names = {axis.name: f"i{d}" for d, axis in enumerate(kernel.axes)}

    def name(old: str) -> str:
        return names.get(old, old)

    again = rewritten(Stage(stage.axes, body, stage.reductions, stage.title), name, lambda old: index(old).renamed(name))
    return None, Kernel([replace(axis, name=name(axis.name)) for axis in kernel.axes], [again], kernel.constants)


def _divided(index: Index, divisor: int, loops: dict[str, Axis]) -> Cut | Parts | None:
    """Quotient and remainder of an index; or the loop that must be cut before; None if no cut helps."""
    quotient, rest = Index((), index.offset // divisor), Index((), index.offset % divisor)
    last = rest.offset
    for name, step in index.terms:
        axis = loops.get(name)
        if axis is None or step < 0:
            return None
        if step % divisor == 0:
            quotient += Index(((name, step // divisor),))
        elif step * axis.extent <= divisor:
            rest += Index(((name, step),))
            last += step * (axis.extent - 1)
        elif divisor % step == 0 and axis.extent % (divisor // step) == 0:
            return axis, divisor // step
        else:
            return None
    return (quotient, rest) if last < divisor else None
