"""Places among sorted numbers, found by halving: all lanes take the same steps, and each goes its own way."""

from __future__ import annotations

from math import prod

import numpy as np

from ..lowering.steps import Call
from ..spec import SHORT_NAMES
from .routine import Routine
from .schedule import grain_of_turns

STEP = 4  # a comparison with a number read from a place that differs from lane to lane, in additions

TEXT = """def kernel(args):
    # place[k] = the last i with x[i] ≤ at[k]; 0 where there is none
    at = {kind}_pointer(args, 2)
    x = {kind}_pointer(args, 3)
    place = i64_pointer(args, 4)
    halves = i64_pointer(args, 5)
    count = args[6]
    for k in lanes(args[0], args[1]):
        value = at[k]
        low = i64(0)
        for turn in range(0, count):
            middle = low + halves[turn]
            low = low if x[middle] > value else middle
        place[k] = low
    return 0
"""


def halves_of(n: int) -> np.ndarray:
    """Half of what is left of n places, until one is left."""
    found = []
    while n > 1:
        found.append(n // 2)
        n -= n // 2
    return np.array(found, np.int64)


def interval(call: Call) -> Routine | None:
    """Where each element of the first operand lies in the second, which is in increasing order."""
    (at, x), (result,) = call.operands, call.results
    keys, halves = prod(result.shape), halves_of(prod(x[1]))
    if not keys or not halves.size:
        return None
    words = [0, keys, at, x, (result, result.shape, result.strides, 0), halves, halves.size]
    return Routine(TEXT.format(kind=SHORT_NAMES[x[0].dtype]), grain_of_turns(keys, STEP * halves.size), keys * STEP * halves.size, words)
