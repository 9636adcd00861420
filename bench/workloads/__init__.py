"""All rows, in the order of the report."""

from __future__ import annotations

from ..workload import Workload
from . import calls, control, elementwise, networks, reductions, rows, stencils, sweeps, training

WORKLOADS: list[Workload] = [
    *elementwise.ROWS, *rows.ROWS, *reductions.ROWS, *stencils.ROWS, *networks.ROWS, *training.ROWS, *calls.ROWS, *control.ROWS,
]  # fmt: skip
SWEEPS: list[Workload] = sweeps.ROWS
ROWS_BY_NAME = {workload.name: workload for workload in [*WORKLOADS, *SWEEPS]}
