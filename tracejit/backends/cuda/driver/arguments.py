"""The arguments of a launch as the driver wants them."""

from __future__ import annotations

import ctypes
from struct import Struct
from typing import Sequence

MOST = 512  # words: what a kernel may take
_ROW = [Struct(f"{count}q") for count in range(MOST + 1)]


class Arguments:
    """Room for 64-bit words, and a table of where each is, which `pointers` is the address of. Made once, filled for each launch."""

    __slots__ = ("pointers", "_words", "_table")

    def __init__(self, count: int = MOST) -> None:
        self._words = (ctypes.c_int64 * count)()
        first = ctypes.addressof(self._words)
        self._table = (ctypes.c_void_p * count)(*range(first, first + 8 * count, 8))
        self.pointers = ctypes.addressof(self._table)

    def put(self, words: Sequence[int]) -> None:
        """Fill in the words of a launch."""
        _ROW[len(words)].pack_into(self._words, 0, *words)
