"""Loops that their values end."""

from __future__ import annotations


def settle(x, target):
    f = x.dtype.type
    x, gap = x.copy(), target - x
    while True:
        apart = f(0)
        for i in range(gap.size):
            apart += gap[i] * gap[i]
        if not apart > 1e-8:
            return x
        for i in range(x.size):
            x[i] += f(0.2) * gap[i]
            gap[i] = target[i] - x[i]
