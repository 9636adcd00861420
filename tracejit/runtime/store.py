"""Kernels on disk, keyed by content: the text, the versions, the CPU. Nothing here ever raises at the user.

A kernel is kept as machine code beside its Python text. Files are written under a temporary name and renamed, so readers
never see half a file; whatever cannot be read is compiled again. What was used longest ago goes when the store outgrows its limit.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import shutil
import tempfile
from pathlib import Path
from typing import Any, Iterator, NamedTuple

LIMIT = 512 << 20  # bytes, unless $TRACEJIT_CACHE_LIMIT says another number: some 50,000 kernels
TRIM_EVERY = 256  # kernels that a process saves from one look at the store's size to the next
_saved = 0


class Info(NamedTuple):
    """What the store holds."""

    directory: Path
    kernels: int
    size: int  # bytes
    limit: int  # bytes


def directory() -> Path:
    """Where kernels are kept: $TRACEJIT_CACHE_DIR, or the user's cache directory."""
    given = os.environ.get("TRACEJIT_CACHE_DIR")
    if given:
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "tracejit"


def limit() -> int:
    """The size that the store may have, in bytes."""
    given = os.environ.get("TRACEJIT_CACHE_LIMIT", "")
    return int(given) if given.isdecimal() else LIMIT


def key_of(*parts: str) -> str:
    """The content key of these texts."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:40]


def load(key: str) -> Any | None:
    """What was kept under a key, or None."""
    path = directory() / key[:2] / f"{key}.bin"
    try:
        found = pickle.loads(path.read_bytes())
    except Exception:  # absent, truncated, unreadable, of another version: compile again
        return None
    try:
        os.utime(path)  # it was used now
    except OSError:
        pass
    return found


def save(key: str, value: Any, text: str) -> None:
    """Keep a value and the text it was made from, if the disk lets us."""
    global _saved
    folder = directory() / key[:2]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / f"{key}.bin", pickle.dumps(value))
        _write(folder / f"{key}.py", text.encode())
    except OSError:  # read-only or full: the kernel is compiled again in the next process
        return
    _saved += 1
    if _saved % TRIM_EVERY == 1:
        trim()


def _write(path: Path, data: bytes) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.replace(temporary, path)
    except OSError:
        os.unlink(temporary)
        raise


def _files() -> Iterator[tuple[Path, os.stat_result]]:
    """The store's files, as they are now; other processes may take some away meanwhile."""
    for path in directory().glob("[0-9a-f][0-9a-f]/*"):
        try:
            yield path, path.stat()
        except OSError:
            continue


def info() -> Info:
    """How much the store holds."""
    files = list(_files())
    return Info(directory(), sum(path.suffix == ".bin" for path, _ in files), sum(stat.st_size for _, stat in files), limit())


def trim() -> None:
    """If the store is larger than its limit, take away what was used longest ago until a fifth of the limit is free."""
    files = list(_files())
    size = sum(stat.st_size for _, stat in files)
    if size <= limit():
        return
    sizes = {path: stat.st_size for path, stat in files}
    for path, _ in sorted((f for f in files if f[0].suffix != ".py"), key=lambda f: f[1].st_mtime):
        for file in (path, path.with_suffix(".py")):
            size -= sizes.get(file, 0)
            file.unlink(missing_ok=True)
        if size <= 0.8 * limit():
            return


def clear() -> int:
    """Take all kernels away; how many there were. Processes that run keep what they have loaded."""
    count = info().kernels
    for folder in directory().glob("[0-9a-f][0-9a-f]"):
        shutil.rmtree(folder, ignore_errors=True)
    return count
