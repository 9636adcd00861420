"""A dictionary that forgets what was not asked for lately."""

from __future__ import annotations

from typing import Any


class Recent(dict[Any, Any]):
    """At most twice `limit` entries: what was asked for while the last `limit` were added is there. A key it does not have is None.

    Entries are in two generations, of which the older is dropped as a whole; so a hit costs what it costs in a dictionary.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.older: dict[Any, Any] = {}

    def __missing__(self, key: Any) -> Any:
        found = self.older.pop(key, None)
        if found is not None:
            self[key] = found
        return found

    def __setitem__(self, key: Any, value: Any) -> None:
        if len(self) >= self.limit:
            self.older = dict(self)
            self.clear()
        super().__setitem__(key, value)
