"""What NumPy is to do about floating-point errors in this context (`np.errstate`): compiled code does no more than ignore them."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

import numpy as np
from numpy._core import _ufunc_config

_OTHER: ContextVar[Any] = ContextVar("tracejit.errstate", default=None)
VARIABLE: ContextVar[Any] = getattr(_ufunc_config, "_extobj_contextvar", _OTHER)  # NumPy's own; its value differs where its settings may
_usual = VARIABLE.get()
_QUIET = frozenset(("ignore", "warn"))


def asks_for_errors() -> bool:
    """Whether an error of floating-point arithmetic would raise, call, log or print something here."""
    if VARIABLE is not _OTHER and VARIABLE.get() is _usual:
        return False
    return not _QUIET.issuperset(np.geterr().values())
