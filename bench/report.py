"""What was found, as lines for the console, as JSON for git, and as a table for the README."""

from __future__ import annotations

import json
import math
import os
import platform
import re
import time
from pathlib import Path
from typing import Any

from . import roofline
from .cpu import Cell, Row
from .roofline import Limits
from .workload import Workload

RESULTS = Path(__file__).parent / "results"
NAME_WIDTH, CELL_WIDTH = 48, 14
LARGE = 24e6  # bytes of arguments and results from which a row's share of the bandwidth is told: they are in no cache


def duration(seconds: float) -> str:
    """`12.3 µs` and the like."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def entry(row: Row, limits: Limits) -> dict[str, Any]:
    """A row of the CPU's with all that follows from its figures, as it is kept in JSON."""
    workload, ours, flops = row.workload, row.timed().get("compiled"), _flops(row.workload)
    return judged_by(row, roofline.share(ours.median, row.bytes, flops, workload.dtype, limits) if ours and (flops or row.bytes >= LARGE) else None)


def judged_by(row: Row, share: float | None) -> dict[str, Any]:
    """The same, where it is known what share of the machine's speed it reaches."""
    workload, target, ours, best = row.workload, row.workload.target, row.timed().get("compiled"), row.best()
    ratio, against = row.times(best), row.times(best if target.than == "best" else target.than)
    met = [
        reached is None or reached >= wanted
        for reached, wanted in ((against, target.times), (share, target.share), (ours and target.seconds and target.seconds / ours.median, 1.0))
        if wanted is not None
    ]  # fmt: skip
    return {
        "row": workload.name, "group": workload.group, "dtype": workload.dtype, "elements": row.elements, "bytes": row.bytes, "flops": _flops(workload),
        "unit": "ns/element" if workload.by_element else "µs", "best": best, "ratio": ratio, "share": share,
        "target": {"times": target.times, "than": target.than, "share": target.share, "seconds": target.seconds, "reached": against},
        "met": all(met) if ours else False, "cells": {name: _cell(cell) for name, cell in row.cells.items()},
    }  # fmt: skip


def _flops(workload: Workload) -> float:
    return workload.flops(*workload.shape) if workload.flops else 0.0


def _cell(cell: Cell) -> dict[str, Any]:
    figures = {"median": cell.median, "spread": cell.spread, "rounds": cell.rounds} if cell.rounds else {}
    return figures | ({"note": cell.note} if cell.note else {}) | ({} if cell.first is None else {"first": cell.first})


# Console


def header(columns: list[str]) -> str:
    cells = "".join(name.rjust(CELL_WIDTH) for name in columns)
    return f"{'':{NAME_WIDTH}}{cells}  {'best peer':>19}  target"


def line(entry: dict[str, Any], columns: list[str]) -> str:
    """One row: medians and their spread, how many times faster than the best peer, whether the target is met, the share."""
    scale = 1e9 / entry["elements"] if entry["unit"] == "ns/element" and entry["elements"] else 1e6
    cells = "".join(_figure(entry["cells"].get(name), scale).rjust(CELL_WIDTH) for name in columns)
    verdict = f"{entry['best']} {entry['ratio']:.2f}×" if entry["ratio"] else ""
    name = f"{entry['row']} [{'ns' if entry['unit'] == 'ns/element' else 'µs'}]"
    return f"{name:{NAME_WIDTH}}{cells}  {verdict:>19}  {judged(entry)}".rstrip()


def judged(entry: dict[str, Any]) -> str:
    """`met (1.5×; roofline 40%)`, or what there is to say of a row that has no target."""
    target = entry["target"]
    return f"{'met' if entry['met'] else 'missed'} {aim(entry)}" if any(target.get(kind) for kind in ("times", "share", "seconds")) else aim(entry)


def aim(entry: dict[str, Any]) -> str:
    """The target and what it is compared with: `(2.31 of 2.5× JAX; 61% of 80%)`."""
    target, parts = entry["target"], []
    if target["times"]:
        reached = f"{target['reached']:.2f} of " if target["reached"] and target["than"] != "best" else ""
        parts.append(f"{reached}{target['times']:.3g}×" + ("" if target["than"] == "best" else f" {target['than']}"))
    if target.get("seconds"):
        parts.append(f"at most {duration(target['seconds'])}")
    if entry["share"]:
        parts.append(f"roofline {entry['share']:.0%}" + (f" of {target['share']:.0%}" if target["share"] else ""))
    return f"({'; '.join(parts)})" if parts else ""


def _figure(cell: dict[str, Any] | None, scale: float) -> str:
    if cell is None:
        return "·"
    if "median" not in cell:
        return {"over": "slow", "WRONG,": "WRONG", "no": "no room"}.get(cell["note"].partition(" ")[0], "failed") if "note" in cell else "failed"
    mark = "*" if "note" in cell else ""
    return f"{mark}{cell['median'] * scale:.3g} ±{cell['spread']:.0%}"


def notes(entries: list[dict[str, Any]]) -> list[str]:
    return [f"{e['row']}, {name}: {cell['note']}" for e in entries for name, cell in e["cells"].items() if "note" in cell]


def summary(entries: list[dict[str, Any]], limits: Limits) -> list[str]:
    ratios = [e["ratio"] for e in entries if e["ratio"]]
    met = sum(e["met"] for e in entries)
    missing = sum(entry["ratio"] is None for entry in entries)
    lines = [
        f"triad {limits['triad'] / 1e9:.1f} GB/s, sgemm {limits['float32'] / 1e9:.0f} and dgemm {limits['float64'] / 1e9:.0f} GFLOP/s",
        f"{met} of {len(entries)} rows meet their target",
    ]
    if ratios:
        lines.append(f"geometric mean of the ratio to the best peer, {len(ratios)} rows: {geometric_mean(ratios):.2f} (target: 2)")
    if missing:
        lines.append(f"rows with no ratio, left out of the mean: {missing}")
    return lines


def geometric_mean(values: list[float]) -> float:
    return math.exp(sum(map(math.log, values)) / len(values))


# Files


def machine() -> dict[str, Any]:
    return {"machine": platform.machine(), "processor": _processor(), "cores": os.cpu_count(), "python": platform.python_version()}


def machine_name() -> str:
    """`amd-epyc-2-cores`: names the files of this machine, so that a new run replaces the old one."""
    return re.sub(r"[^a-z0-9]+", "-", f"{_processor()} {os.cpu_count()} cores".lower()).strip("-")


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for text in info.read_text().splitlines():
            if text.startswith("model name"):
                return text.partition(":")[2].strip()
    return platform.processor()


def save(path: Path, versions: dict[str, str], **found: Any) -> None:
    """Machine, versions, date, how busy the machine was (its load in the last five minutes, the run's own included), and what was found."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {**machine(), "versions": versions, "date": time.strftime("%Y-%m-%d"), "load": os.getloadavg()[1], **found}
    path.write_text(json.dumps(_rounded(content), indent=1, ensure_ascii=False) + "\n")


def _rounded(value: Any) -> Any:
    """Five digits are more than was measured."""
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {key: _rounded(part) for key, part in value.items()}
    return [_rounded(part) for part in value] if isinstance(value, (list, tuple)) else value
