"""Plans as text: their kernels."""

from __future__ import annotations

from typing import Iterable

from ..backends.text.source import print_kernel
from ..lowering.kernel import Kernel
from ..lowering.plan import Plan


def kernels_of(plans: Iterable[Plan]) -> str:
    """The kernels: Python text, each statement with the user's file and line."""
    steps = [step for plan in plans for step in plan.steps]
    return "\n".join(print_kernel(s, f"kernel_{i}")[0] for i, s in enumerate(steps) if isinstance(s, Kernel))
