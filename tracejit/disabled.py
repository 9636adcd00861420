"""`disable`: whether compiled functions run eagerly, in this thread."""

from __future__ import annotations

import contextlib
import os
import threading
from typing import Iterator


class Switch(threading.local):
    """Thrown by `disable`, or by TRACEJIT_DISABLE=1."""

    off: bool = os.environ.get("TRACEJIT_DISABLE") == "1"


switch = Switch()


@contextlib.contextmanager
def disable() -> Iterator[None]:
    """Run compiled functions eagerly inside the block, in this thread."""
    before, switch.off = switch.off, True
    try:
        yield
    finally:
        switch.off = before
