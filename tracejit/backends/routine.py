"""What a whole-array call becomes, where a native routine computes it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..lowering.steps import Operand


class Routine(NamedTuple):
    """A kernel's text, its grain, its work in additions, and its arguments: numbers, operands (of which it gets the address), tables of
    64-bit integers."""

    text: str
    grain: int
    work: int
    arguments: list[int | Operand | np.ndarray]
