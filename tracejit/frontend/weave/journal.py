"""Containers that a turn, or an arm of a branch, changes while it is traced: put back if anybody else knows them.

A turn is traced once for all turns, so what it does to a list that was there before cannot stand; a list of its own is gone when it ends.
"""

from __future__ import annotations

import sys
from collections import deque
from copy import copy
from types import TracebackType
from typing import Any

from ...control.body import Untraceable
from ...tensor import StandIn, Tensor
from ..numpy_code import world

CONTAINERS = (list, dict, set, deque)
_UNCHANGING = frozenset((int, float, complex, bool, str, bytes, tuple, frozenset, range, type(None)))


class Journal:
    """Within `with`, containers may be changed. Where it ends, those that are known elsewhere are put back, and Untraceable is raised."""

    def __enter__(self) -> Journal:
        self.changed: dict[int, tuple[Any, Any]] = {}  # containers by their ids, and copies of them as they were
        self.around, world.journal = world.journal, self
        return self

    def note(self, container: Any) -> None:
        """A container is about to be changed."""
        if id(container) not in self.changed:
            self.changed[id(container)] = (container, copy(container))

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        world.journal = self.around
        if kind is None:
            self._let_go()
        for container, before in self.changed.values():
            container.clear()
            (container.update if isinstance(container, (dict, set)) else container.extend)(before)
        if kind is None and self.changed:
            raise Untraceable(f"stores in a {type(container).__name__}")

    def _let_go(self) -> None:
        """Forget the containers that nobody else holds, and so what only those hold."""
        count = -1
        while count != len(self.changed):
            count = len(self.changed)
            for number in [n for n in self.changed if _references(self.changed, n) == _HELD]:
                del self.changed[number]


def _references(changed: dict[int, tuple[Any, Any]], number: int) -> int:
    return sys.getrefcount(changed[number][0])


_HELD = _references({0: ([], [])}, 0)  # of a container that nothing but a journal holds


def changes(owner: Any) -> None:
    """Something is about to be stored in an object that is no array."""
    if isinstance(owner, (StandIn, Tensor)) or world.arrays is None:
        return
    if not world.rolling:
        world.touched[id(owner)] = owner
    elif world.journal is None or type(owner) not in CONTAINERS:
        raise Untraceable(f"stores in a {type(owner).__name__}")
    else:
        world.journal.note(owner)


def augmented(owner: Any) -> None:
    """A variable is about to be assigned to by an operator such as +=, which may change what it was."""
    if type(owner) not in _UNCHANGING:
        changes(owner)
