"""All rows, in the order of the report."""

from __future__ import annotations

from ..workload import Workload
from . import calls, elementwise, networks, reductions, rows, stencils, training

WORKLOADS: list[Workload] = [*elementwise.ROWS, *rows.ROWS, *reductions.ROWS, *stencils.ROWS, *networks.ROWS, *training.ROWS, *calls.ROWS]
