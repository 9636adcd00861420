"""The order of NumPy's sums over trailing axes, as tables that kernels walk."""

from __future__ import annotations


def pairwise_table(count: int, parts: int = 1, leaf: int = 128) -> list[int]:
    """How a sum of `count` elements is cut into leaves of at most `leaf`, and how these are joined.

    First, for each of the parts (a power of two), where its leaves begin in the table, and where the last part's end; then first,
    last and joins after it, for each leaf. A longer run is cut at half its length rounded down to a multiple of leaf / 16, recursively;
    parts are what so many cuts from the top leave. With `leaf=1` the elements are such parts, and are joined as they would have been.
    """
    starts: list[int] = []
    table: list[int] = []

    def cut(first: int, last: int, joins: int, within: int) -> None:
        if within == 1:
            starts.append(parts + 1 + len(table))
            joins = 0
        n = last - first
        if n <= leaf and within <= 1:
            table.extend((first, last, joins))
            return
        half = n // 2 - (n // 2 % (leaf // 16) if leaf > 1 else 0)
        cut(first, first + half, 0, within // 2)
        cut(first + half, last, joins + 1, within // 2)

    cut(0, count, 0, parts)
    return [*starts, parts + 1 + len(table), *table]
