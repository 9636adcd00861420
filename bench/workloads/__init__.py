"""All rows, in the order of the report."""

from __future__ import annotations

from ..workload import Workload
from . import calls, elementwise

WORKLOADS: list[Workload] = [*elementwise.ROWS, *calls.ROWS]
