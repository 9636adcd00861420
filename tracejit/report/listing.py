"""Plans as text: their kernels."""

from __future__ import annotations

from typing import Iterable

from ..backend import get_backend
from ..lowering.kernel import Kernel
from ..lowering.plan import Plan


def kernels_of(plans: Iterable[Plan]) -> str:
    """The kernels: Python text, each statement with the user's file and line."""
    steps = [(get_backend(plan.device), step) for plan in plans for step in plan.steps]
    return "\n".join(backend.source(step, f"kernel_{i}") for i, (backend, step) in enumerate(steps) if isinstance(step, Kernel))
