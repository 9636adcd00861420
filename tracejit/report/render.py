"""A report as text for a terminal, and as HTML for a notebook."""

from __future__ import annotations

import textwrap
from html import escape
from typing import NamedTuple, Sequence

WIDTH = 100
ROWS = 30  # of one table in a terminal; a notebook shows all

_STYLE = "border-collapse:collapse;font-size:90%"
_CELL = "text-align:left;padding:1px 12px 1px 0;border:none;vertical-align:top;background:none"


class Section(NamedTuple):
    """Rows of cells under a title, with the columns' names where they need any; or a text that is shown as it is."""

    title: str
    rows: Sequence[Sequence[str]] = ()
    header: Sequence[str] = ()
    text: str = ""


def text_of(title: str, verdict: str, sections: Sequence[Section]) -> str:
    """Plain text, some 100 columns wide: tables' last columns are wrapped; kernels are as they are."""
    lines = [title, *textwrap.wrap(verdict, WIDTH - 2, initial_indent="  ", subsequent_indent="  ")]
    for section in sections:
        if section.rows or section.text:
            lines += ["", section.title, *(_table(section) if section.rows else textwrap.indent(section.text.rstrip(), "  ").split("\n"))]
    return "\n".join(lines)


def _table(section: Section) -> list[str]:
    rows = [list(section.header), *section.rows] if section.header else list(section.rows)
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    indent = " " * (2 + sum(width + 2 for width in widths))
    lines = []
    for row in rows[: ROWS + 1]:
        start = "  " + "".join(f"{cell:<{width}}  " for cell, width in zip(row, widths))
        wrapped = textwrap.wrap(row[-1], max(WIDTH - len(indent), 40), drop_whitespace=False) or [""]
        lines += [(start + wrapped[0]).rstrip(), *[(indent + line.lstrip()).rstrip() for line in wrapped[1:]]]
    hidden = len(rows) - len(rows[: ROWS + 1])
    return [*lines, f"  … and {hidden} more"] if hidden else lines


def html_of(title: str, verdict: str, sections: Sequence[Section]) -> str:
    """One element that needs nothing else; parts that are long are folded."""
    parts = [f"<div><b>{escape(title)}</b><p>{escape(verdict)}</p>"]
    for section in sections:
        if section.rows or section.text:
            inside = _html_table(section) if section.rows else f"<pre>{escape(section.text)}</pre>"
            opened = ' open="open"' if section.rows and len(section.rows) <= 12 else ""
            parts.append(f"<details{opened}><summary>{escape(section.title)}</summary>{inside}</details>")
    return "".join([*parts, "</div>"])


def _html_table(section: Section) -> str:
    head = "".join(f'<th style="{_CELL}">{escape(cell)}</th>' for cell in section.header)
    rows = ["".join(f'<td style="{_CELL};white-space:pre-wrap">{escape(cell)}</td>' for cell in row) for row in section.rows]
    lines = ([f"<tr>{head}</tr>"] if head else []) + [f"<tr>{row}</tr>" for row in rows]
    return f'<table style="{_STYLE}">{"".join(lines)}</table>'
