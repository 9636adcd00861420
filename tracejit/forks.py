"""Forks: a child has one thread, so a lock that another thread held would stay locked in it for ever.

A lock of the whole process is waited for: a fork comes when nobody holds it, so that what it guards is whole in the child. A lock of one
object is made anew: whoever held it may be at work for long, and in the child will not go on.
"""

from __future__ import annotations

import os
import threading
from typing import Any, Callable
from weakref import WeakSet

_owners: WeakSet[Any] = WeakSet()


def after_fork(function: Callable[[], Any]) -> None:
    """Have the child of every fork to come call a function, where there are forks."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=function)


def shared_lock() -> Any:
    """A lock of the process, free in the child of a fork: a fork waits until nobody holds it. Who holds two took the later one made first."""
    lock = threading.RLock()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release)
    return lock


def lock_of(owner: Any) -> Any:
    """A lock for an object to keep as `_lock`; in the child of a fork it is another."""
    _owners.add(owner)
    return threading.RLock()


def _renew() -> None:
    for owner in list(_owners):
        owner._lock = threading.RLock()


after_fork(_renew)
