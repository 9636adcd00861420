"""What one call may cost to trace. Beyond it, the rest of the call is left to eager mode: compile time does not grow with a loop's trips."""

from __future__ import annotations

from math import inf
from typing import Any

from ..errors import user_line

NODE_LIMIT = 20_000  # applications between two observations; and five times as many in a call
BUILD_LIMIT = 2.0  # seconds of building executables, if there are MANY: each piece of the call is unlike the others
MANY = 32
QUESTIONS = 256  # that a call may ask, if it has half as many operations as one segment may have: Python loops over small steps
STEP = 3  # operations between two questions; where there are fewer, nothing can be computed together, and
MOST = 1024  # questions are too many


class _Built:
    """Of this process: how many executables were built, and the seconds that took."""

    count = 0
    seconds = 0.0


built = _Built()


class Limits:
    """Those of one call."""

    nodes = segments = 0
    too_much: tuple[str, Any] | None = None  # what passed them, and at which line

    def __init__(self, bounded: bool) -> None:
        self.bounded = bounded
        self.segment = NODE_LIMIT if bounded else inf  # the most applications in a segment
        self.count, self.seconds = built.count, built.seconds

    def spend(self, nodes: int) -> str | None:
        """Count a segment of so many applications that has run. What is too much, if it is too much now: the next application leaves."""
        self.nodes += nodes
        self.segments += 1
        if not self.bounded or self.too_much is not None:
            return None
        count = built.count - self.count
        if nodes >= NODE_LIMIT or self.nodes >= 5 * NODE_LIMIT:
            what = f"a call has {self.nodes} operations and more"
        elif (self.segments > QUESTIONS and 2 * self.nodes >= NODE_LIMIT) or (self.segments > MOST and self.nodes < STEP * self.segments):
            what = f"a call asks for values {self.segments} times and more, between {self.nodes} operations"
        elif count >= MANY and built.seconds - self.seconds > BUILD_LIMIT:
            what = f"a call has {count} pieces, each unlike the others"
        else:
            return None
        self.segment, self.too_much = 0, (what, user_line())
        return what
