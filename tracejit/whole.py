"""`Whole`: a pure function of tensors that eager mode runs as one native program once it is called often, with the same bits."""

from __future__ import annotations

from typing import Any, Callable, Sequence

from .backend import NotKept, Replay, get_backend
from .tensor import Tensor

# Calls on arrays of one layout that are run op by op before a program is built: of kernels that are known already, which
# takes milliseconds; and of kernels that must be compiled first, a few tenths of a second for a function of a tenth of a
# millisecond: after so many calls, waiting for the compiler no more than doubles the time they have taken.
SOON, LATE = 24, 3000
LIMIT = 64  # layouts that are remembered of one function; the oldest goes first


class Whole:
    """What eager mode knows of one pure function: by key and layouts, how often it was called, and then its program.

    Numerics are strict, so a program of many ops gives the bits that the ops give one by one, for the price of one call.
    """

    __slots__ = ("known",)

    def __init__(self) -> None:
        self.known: dict[Any, int | Replay | None] = {}  # None: a graph cannot stand for it

    def __reduce__(self) -> tuple[Any, ...]:
        return Whole, ()  # copied and pickled without what it learned

    def run(self, function: Callable[[], Any], tensors: Sequence[Tensor], key: Any) -> Any:
        """What `function()` returns and writes, op by op or as one program.

        The function reads and assigns no tensors but `tensors`, and depends on nothing else but `key` (hashable). It returns
        None, a tensor, or a sequence of tensors and Nones; its results are tensors of their own. It records nothing.
        """
        arrays = [t._value for t in tensors]
        layouts = (key, *[(a.shape, a.strides, a.dtype) for a in arrays])
        known = self.known.get(layouts, 0)
        if isinstance(known, int):
            return self._meet(layouts, known + 1, function, tensors)
        if known is None or not known.fits(arrays):
            return function()
        return known.run(function, tensors, arrays)

    def _meet(self, layouts: Any, calls: int, function: Callable[[], Any], tensors: Sequence[Tensor]) -> Any:
        self._remember(layouts, calls)
        ripe = calls > LATE or calls == SOON + 1
        if not ripe or len(set(map(id, tensors))) < len(tensors):  # a tensor given twice would be one input
            return function()
        try:
            result, replay = get_backend("cpu").trace(function, tensors, compile=calls > LATE)
        except NotKept:
            return function()
        self._remember(layouts, replay)
        return result

    def _remember(self, layouts: Any, found: int | Replay | None) -> None:
        if layouts not in self.known and len(self.known) >= LIMIT:
            self.known.pop(next(iter(self.known)), None)
        self.known[layouts] = found
