"""`Whole`: a pure function of tensors that eager mode runs as one native program once it is called often, with the same bits."""

from __future__ import annotations

from time import perf_counter
from typing import Any, Callable, Sequence

from .backend import NotKept, Replay, get_backend
from .device import device_of
from .tensor import Tensor

# Calls on arrays of one layout that are run op by op before a program is built: of kernels that are known already, which
# takes milliseconds; and of kernels that must be compiled first, a few tenths of a second: after so many calls of a tenth of a
# millisecond, or so many seconds of longer ones, waiting for the compiler no more than doubles the time they have taken.
SOON, LATE, LONG = 24, 3000, 0.3
LIMIT = 64  # layouts that are remembered of one function; the oldest goes first


Met = tuple[int, float]  # how often a function was called op by op, and the seconds that took
UNKNOWN: Met = 0, 0.0


class Whole:
    """What eager mode knows of one pure function: by key and layouts, how often it was called, and then its program.

    Numerics are strict, so a program of many ops gives the bits that the ops give one by one, for the price of one call.
    """

    __slots__ = ("known",)

    def __init__(self) -> None:
        self.known: dict[Any, Met | Replay | None] = {}  # None: a graph cannot stand for it

    def __reduce__(self) -> tuple[Any, ...]:
        return Whole, ()  # copied and pickled without what it learned

    def run(self, function: Callable[[], Any], tensors: Sequence[Tensor], key: Any) -> Any:
        """What `function()` returns and writes, op by op or as one program.

        The function reads and assigns no tensors but `tensors`, and depends on nothing else but `key` (hashable). It returns
        None, a tensor, or a sequence of tensors and Nones; its results are tensors of their own. It records nothing.
        """
        arrays = [t._value for t in tensors]
        layouts = (key, *[(a.shape, a.strides, a.dtype, a.device) for a in arrays])
        known = self.known.get(layouts, UNKNOWN)
        if isinstance(known, tuple):
            return self._meet(layouts, known, function, tensors)
        if known is None or not known.fits(arrays):
            return function()
        return known.run(function, tensors, arrays)

    def _meet(self, layouts: Any, met: Met, function: Callable[[], Any], tensors: Sequence[Tensor]) -> Any:
        calls, seconds = met[0] + 1, met[1]
        late = calls > LATE or seconds > LONG
        ripe = late or calls == SOON + 1
        if ripe and len(set(map(id, tensors))) == len(tensors):  # a tensor given twice would be one input
            try:
                arrays = [t._value for t in tensors]
                result, replay = get_backend(device_of(arrays)).trace(function, tensors, compile=late)
                self._remember(layouts, replay)
                return result
            except NotKept:
                pass
        start = perf_counter()
        result = function()
        self._remember(layouts, (calls, seconds + perf_counter() - start))
        return result

    def _remember(self, layouts: Any, found: Met | Replay | None) -> None:
        if layouts not in self.known and len(self.known) >= LIMIT:
            self.known.pop(next(iter(self.known)), None)
        self.known[layouts] = found
