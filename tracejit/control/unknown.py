"""The gradient of a loop under a condition where nobody can be asked how many turns there were: in a graph.

The carries of K turns at most can be kept, for a graph's arrays have shapes. So the turns are cut into K pieces at most, the carries that each
begins with are kept, and then, piece by piece from the last on, those of its own pieces, which are of one turn each unless there are
more than K² turns. Gradients are pulled through turn after turn in the order in which they are where the number is known: the bits are the same.
"""

from __future__ import annotations

from typing import Any, Callable, Sequence

from ..ops.elementwise import maximum, minimum
from ..tensor import Tensor
from .body import replay
from .run import run_loop

BYTES, FEWEST, MOST = 1 << 26, 16, 4096  # of what is kept at most, if that leaves room for so many turns' carries; and the most turns

Back = Callable[[Tensor, Sequence[Tensor], list[Tensor]], list[Tensor]]  # number, carries, cotangents and sums → those before the turn


class Unknown:
    """The turns of a loop, which can be gone through from any kept carries on. turns: how many there were."""

    def __init__(self, turns: Tensor, state: Sequence[Tensor], captured: Sequence[Tensor], attrs: dict[str, Any]) -> None:
        self.turns, self.state, self.captured, self.body = turns, list(state), captured, attrs["body"]
        self.start = attrs["start"]
        self.rows = min(max(BYTES // max(sum(t.nbytes for t in state), 1), FEWEST), MOST)

    def back(self, turn: Back, state: list[Tensor]) -> list[Tensor]:
        """Go from the last turn to the first."""
        size = self._size(self.turns)
        kept = self._kept(self.state, 0, self.turns, size)
        pieces = (self.turns + (size - 1)) // size

        def piece(number: Tensor, state: list[Tensor], _: Any) -> tuple[list[Tensor], list[Tensor]]:
            place = pieces - 1 - number
            first = place * size
            return self._back_through(turn, state, [k[place] for k in kept], first, minimum(self.turns - first, size)), []

        return list(run_loop(piece, state, [], condition=lambda number, _: number < pieces)[:-1])

    def _back_through(self, turn: Back, state: list[Tensor], carries: list[Tensor], first: Tensor, count: Tensor) -> list[Tensor]:
        """The same through one piece, which begins with these carries."""
        size = self._size(count)
        kept = self._kept(carries, first, count, size)

        def one(number: Tensor, state: list[Tensor], _: Any) -> tuple[list[Tensor], list[Tensor]]:
            place = count - 1 - number
            near = place // size
            begun = self._after([k[near] for k in kept], first + near * size, place % size)
            return turn(first + place + self.start, begun, state), []

        return list(run_loop(one, state, [], condition=lambda number, _: number < count)[:-1])

    def _size(self, count: Tensor) -> Tensor:
        """The turns of a piece, if there are to be no more pieces than can be kept."""
        return maximum((count + (self.rows - 1)) // self.rows, 1)

    def _kept(self, carries: Sequence[Tensor], first: Any, count: Tensor, size: Tensor) -> Sequence[Tensor]:
        """The carries that pieces of `size` turns begin with, stacked."""

        def piece(number: Tensor, state: list[Tensor], _: Any) -> tuple[list[Tensor], list[Tensor]]:
            at = number * size
            return self._after(state, at + first, minimum(count - at, size)), []

        return run_loop(piece, carries, [], condition=lambda number, _: number * size < count, length=self.rows, keep=True)[len(carries) : -1]

    def _after(self, carries: Sequence[Tensor], first: Tensor, count: Tensor) -> list[Tensor]:
        """The carries after `count` turns from `first` on."""

        def turn(number: Tensor, state: list[Tensor], _: Any) -> tuple[list[Tensor], list[Tensor]]:
            return replay(self.body, [number + first + self.start, *state, *self.captured]), []

        return list(run_loop(turn, carries, [], condition=lambda number, _: number < count)[:-1])
