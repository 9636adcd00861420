"""What plans depend on of the machine that they are for."""

from __future__ import annotations

from dataclasses import dataclass

from .kernel import FEW, SHORT


@dataclass(frozen=True)
class Hardware:
    """A machine as lowering sees it.

    in_turns: one thread walks a row, through caches: loops are ordered, cut and blocked for them, and a reduction combines in the order of
      NumPy's sums. If not, many threads share a row's elements: all axes that a reduction combines over are walked as one, in row-major
      order, and how its elements are joined is the backend's, a function of how many there are.
    few: fewer rows than this keep few processors busy.
    long: elements of a row that is cut in parts where rows are few; part, parts: the fewest elements of a part, and the most parts.
    columns: neighbouring columns that are walked side by side.
    held: bytes of a row that are kept at hand from stage to stage.
    places: elements of the largest array to which values are added by sums, one for each element.
    """

    in_turns: bool
    few: int
    long: int
    part: int
    parts: int
    columns: int = 1
    held: int = 0
    places: int = 0

    def parts_of(self, rows: int, count: int) -> int:
        """In how many parts a row of so many elements is cut: a power of two, by the shape alone, for bits depend on it."""
        parts = 1
        while rows < self.few and count >= max(self.long, 2 * parts * self.part) and parts < self.parts:
            parts *= 2
        return parts


CPU = Hardware(in_turns=True, few=FEW, long=SHORT, part=2**13, parts=64)
