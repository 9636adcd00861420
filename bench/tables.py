"""A machine's figures as Markdown (`python -m bench table`) and as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Sequence

from .report import geometric_mean, judged

Entry = dict[str, Any]


def markdown(rows: Sequence[Entry]) -> str:
    """One line a row: compiled, eager, the best peer, how many times faster compiled is, and whether the target is met."""
    lines = ["| | compiled | eager | best of the others | times as fast | target |", "|---|---|---|---|---|---|"]
    group = None
    for entry in rows:
        if entry["group"] != group:
            group = entry["group"]
            lines.append(f"| **{group}** | | | | | |")
        ratio = f"{entry['ratio']:.2f}" if entry["ratio"] else ""
        if entry["ratio"] and entry["ratio"] >= 1.005:
            ratio = f"**{ratio}**"
        best = f"{entry['best']} {told(entry, entry['best'])}" if entry["best"] else ""
        lines.append(f"| {entry['row']} | {told(entry, 'compiled')} | {told(entry, 'eager')} | {best} | {ratio} | {judged(entry)} |")
    ratios = [entry["ratio"] for entry in rows if entry["ratio"]]
    if ratios:
        lines.append(f"| **geometric mean** | | | | **{geometric_mean(ratios):.2f}** | {sum(e['met'] for e in rows)} of {len(rows)} met |")
    return "\n".join(lines)


def told(entry: Entry, name: str) -> str:
    """`0.83 ns` an element, or `12.3 µs` a call; what a cell says that has no figure."""
    cell = entry["cells"].get(name)
    if cell is None:
        return ""
    if "median" not in cell:
        return "failed"
    by_element = entry["unit"] == "ns/element"
    value = cell["median"] * (1e9 / entry["elements"] if by_element else 1e6)
    return f"{value:.3g} {'ns' if by_element else 'µs'}"


def plot(rows: Sequence[Entry], path: Path) -> None:
    """How many times faster than the best peer, row by row, on a logarithmic axis; a small line marks what a row aims at."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    rows = [entry for entry in rows if entry["ratio"]]
    groups = list(dict.fromkeys(entry["group"] for entry in rows))
    figure, axes = plt.subplots(figsize=(10, 1.5 + 0.21 * len(rows)), layout="constrained")
    for place, entry in enumerate(rows):
        axes.barh(place, entry["ratio"] - 1, left=1, height=0.7, color=f"C{groups.index(entry['group'])}", alpha=1.0 if entry["met"] else 0.45)
        ahead, target = entry["ratio"] >= 1, entry["target"]
        aim = target["times"] if target["times"] and target["than"] == "best" else 1.0
        axes.vlines(aim, place - 0.4, place + 0.4, color="black", linewidth=1)
        axes.annotate(
            f"{entry['ratio']:.2f} {entry['best']}", (max(entry["ratio"], aim) if ahead else entry["ratio"], place), (4 if ahead else -4, 0),
            textcoords="offset points", va="center", ha="left" if ahead else "right", fontsize=7,
        )  # fmt: skip
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xscale("log")
    least, most = (function(entry["ratio"] for entry in rows) for function in (min, max))
    axes.set_xlim(min(0.5, 0.5 * least), max(2.5, 2.0 * most))  # room for the labels
    ticks = [t for t in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100) if axes.get_xlim()[0] <= t <= axes.get_xlim()[1]]
    axes.set_xticks(ticks, [f"{t:g}×" for t in ticks])
    axes.minorticks_off()
    axes.set_yticks(range(len(rows)), [entry["row"] for entry in rows], fontsize=8)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.grid(axis="x", linewidth=0.3)
    axes.set_title("tracejit compiled, times as fast as the best other library (named; black: what is aimed at; pale: missed)", fontsize=9, loc="right")
    figure.savefig(path, dpi=110)
    plt.close(figure)
