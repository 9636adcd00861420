"""Kernels on disk, keyed by content: the text, the versions, the CPU. Nothing here ever raises at the user.

A kernel is kept as machine code beside its Python text. Files are written under a temporary name and renamed, so readers
never see half a file; whatever cannot be read is compiled again.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import tempfile
from pathlib import Path
from typing import Any


def directory() -> Path:
    """Where kernels are kept: $TRACEJIT_CACHE_DIR, or the user's cache directory."""
    given = os.environ.get("TRACEJIT_CACHE_DIR")
    if given:
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "tracejit"


def key_of(*parts: str) -> str:
    """The content key of these texts."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:40]


def load(key: str) -> Any | None:
    """What was kept under a key, or None."""
    try:
        return pickle.loads((directory() / key[:2] / f"{key}.bin").read_bytes())
    except Exception:  # absent, truncated, unreadable, of another version: compile again
        return None


def save(key: str, value: Any, text: str) -> None:
    """Keep a value and the text it was made from, if the disk lets us."""
    folder = directory() / key[:2]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / f"{key}.bin", pickle.dumps(value))
        _write(folder / f"{key}.py", text.encode())
    except OSError:  # read-only or full: the kernel is compiled again in the next process
        return


def _write(path: Path, data: bytes) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.replace(temporary, path)
    except OSError:
        os.unlink(temporary)
        raise
