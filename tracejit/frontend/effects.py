"""What a function does that a replay of its graph would not: it prints, reads the clock, draws random numbers, appends
to a list that was there before. Each effect names the user's file and line."""

from __future__ import annotations

import os
import pickle
import random
import sys
import zlib
from collections import deque
from datetime import date
from types import FrameType, GeneratorType, ModuleType
from typing import Any, NamedTuple

import numpy as np

from ..control.body import refuse
from .watch import CORE, LIBRARY, in_package, side_of


GLOBAL_GENERATORS = ("draws from random", "draws from np.random")  # effects on generators that everybody knows, and can put back


class Effect(NamedTuple):
    """Something that has to happen at every call, so that Python has to run at every call."""

    kind: str  # "call", "state", "argument", "random", "iterator", "array"
    what: str  # "calls print"
    file: str
    line: int

    @property
    def description(self) -> str:
        """Such as: line 12 of train.py calls print."""
        where = f"line {self.line} of {os.path.basename(self.file)}" if self.file else "the function"
        return f"{where} {self.what}"

    def __str__(self) -> str:
        return self.description


_SEQUENCE = ("append", "extend", "insert", "pop", "remove", "clear", "sort", "reverse", "__setitem__", "__delitem__")
_MUTATORS: dict[type, frozenset[str]] = {
    list: frozenset((*_SEQUENCE, "__iadd__", "__imul__")),
    deque: frozenset((*_SEQUENCE, "appendleft", "popleft", "extendleft", "rotate")),
    dict: frozenset(("update", "pop", "setdefault", "clear", "popitem", "__setitem__", "__delitem__", "move_to_end")),
    set: frozenset((
        "add", "discard", "remove", "pop", "clear", "update", "difference_update", "intersection_update", "symmetric_difference_update",
    )),
    bytearray: frozenset((*_SEQUENCE,)),
    np.ndarray: frozenset(("fill", "sort", "partition", "put", "resize", "itemset", "setfield", "setflags", "byteswap", "__setitem__")),
}  # fmt: skip
_ANY_MUTATOR = frozenset().union(*_MUTATORS.values())
_BUILTINS = frozenset(("print", "input", "breakpoint"))
_ASKED_MODULES = {  # modules written in C all of whose functions ask or change the world, under the names users know
    "posix": "os", "nt": "os", "time": "time", "_socket": "socket", "select": "select", "signal": "signal", "_signal": "signal",
    "_posixsubprocess": "subprocess", "fcntl": "fcntl", "mmap": "mmap", "_sqlite3": "sqlite3", "termios": "termios",
}  # fmt: skip
_ASKED_FUNCTIONS = {
    ("_io", "open"): "open", ("io", "open"): "open", ("_warnings", "warn"): "warnings.warn",
    ("sys", "setprofile"): "sys.setprofile", ("sys", "settrace"): "sys.settrace",
    ("_warnings", "warn_explicit"): "warnings.warn", ("_pickle", "dump"): "pickle.dump", ("_thread", "start_new_thread"): "threading",
}  # fmt: skip
_ASKED_TYPES = {
    "_io": "a file", "_socket": "a socket", "_csv": "a csv writer", "sqlite3": "a database", "_queue": "a queue", "mmap": "a mapped file",
    "_contextvars": "a context variable", "select": "select",
}  # fmt: skip
_HARMLESS = frozenset(("fspath", "text_encoding", "getpid", "fsencode", "fsdecode"))
_CLOCK = frozenset(("now", "utcnow", "today"))
_RANDOM = frozenset(("random", "getrandbits", "seed", "setstate"))
_LIBRARY_FILES = {  # of the standard library: written in Python, with state a replay would not touch
    "logging" + os.sep + "__init__.py": "logs", "queue.py": "uses a queue", "subprocess.py": "starts a process",
    "socket.py": "uses a socket", "concurrent" + os.sep + "futures" + os.sep + "thread.py": "uses a thread pool",
    "concurrent" + os.sep + "futures" + os.sep + "process.py": "uses a process pool",
    "asyncio" + os.sep + "events.py": "uses an event loop", "warnings.py": "warns", "os.py": "reads os.environ",
    "threading.py": "starts a thread", "uuid.py": "makes a uuid",
}  # fmt: skip
_ONLY = {  # of these files, only these functions
    "os.py": frozenset(("__getitem__", "__setitem__", "__delitem__", "getenv", "putenv")),
    "threading.py": frozenset(("start",)),
    "warnings.py": frozenset(("warn", "warn_explicit")),
    "uuid.py": frozenset(("uuid1", "uuid4")),
}
_QUIET_CODE = frozenset(("getLogger", "<module>"))
_library_effects: dict[str, tuple[str, frozenset[str] | None] | None] = {}


class Effects:
    """Collects the effects of one run. `outside` holds the ids of what was there before it: containers, arrays, generators."""

    def __init__(self) -> None:
        self.found: dict[Effect, None] = {}
        self.changed: dict[Effect, set[int]] = {}  # the ids of containers that an effect changes
        self.outside: set[int] = set()

    def add(self, kind: str, what: str, file: str = "", line: int = 0) -> Effect:
        effect = Effect(kind, what, file, line)
        self.found[effect] = None
        return effect

    def called(self, frame: FrameType, name: str, owner: Any) -> None:
        """A C function is called from outside the core."""
        what = self._effect_of_call(name, owner, frame)
        if what is not None:
            effect = self._add_at(frame, *what)
            if effect is not None and what[0] == "state":
                self.changed.setdefault(effect, set()).add(id(owner))

    def entered_library(self, frame: FrameType) -> None:
        """A Python function of a library is entered."""
        code = frame.f_code
        filename = code.co_filename
        if filename not in _library_effects:
            path = filename.replace("<frozen ", os.sep).replace(">", ".py")
            found = next((f for f in _LIBRARY_FILES if path.endswith(os.sep + f)), None)
            if found is not None and "-packages" + os.sep in filename:
                found = None
            _library_effects[filename] = None if found is None else (_LIBRARY_FILES[found], _ONLY.get(found))
        effect = _library_effects[filename]
        if effect is not None and code.co_name not in _QUIET_CODE and (effect[1] is None or code.co_name in effect[1]):
            self._add_at(frame, "call", effect[0])

    def _effect_of_call(self, name: str, owner: Any, frame: FrameType) -> tuple[str, str] | None:
        kind = type(owner)
        if kind is ModuleType:
            return _effect_of_function(owner.__name__, name)
        if name in _ANY_MUTATOR and id(owner) in self.outside:
            for base, names in _MUTATORS.items():
                if isinstance(owner, base) and name in names:
                    return "state", f"changes a {kind.__name__} from outside (.{name})"
        if name in _RANDOM and isinstance(owner, random.Random) and id(owner) in self.outside:
            return "random", "draws from random"
        if name in _CLOCK and isinstance(owner, type) and issubclass(owner, date):
            return "call", "reads the clock"
        if name in ("tofile", "dump") and isinstance(owner, np.ndarray):
            return "call", "writes a file"
        module = kind.__module__
        if module == "_contextvars" and side_of(frame) == LIBRARY:  # how libraries keep their own switches
            return None
        if module in _ASKED_TYPES:
            return "call", f"uses {_ASKED_TYPES[module]} (.{name})"
        return None

    def _add_at(self, frame: FrameType, kind: str, what: str) -> Effect | None:
        place = user_place(frame)
        if place is None:
            return None
        effect = self.add(kind, what, *place)
        refuse(effect)
        return effect


def _effect_of_function(module: str, name: str) -> tuple[str, str] | None:
    if module == "builtins":
        return ("call", f"calls {name}") if name in _BUILTINS else None
    known = _ASKED_FUNCTIONS.get((module, name))
    if known:
        return "call", f"calls {known}"
    if module in _ASKED_MODULES and name not in _HARMLESS:
        return "call", f"calls {_ASKED_MODULES[module]}.{name}"
    return None


def user_place(frame: FrameType | None) -> tuple[str, int] | None:
    """(file, line) of the user's code that a frame works for; None if the core called it, or an import runs."""
    judged = False
    while frame is not None:
        filename = frame.f_code.co_filename
        if filename.startswith("<frozen importlib"):
            return None
        side = side_of(frame)
        if not judged and side == CORE:
            return None
        if side != LIBRARY:
            judged = True
            if side != CORE and not in_package(filename):
                return filename, frame.f_lineno
        frame = frame.f_back
    return None


# States that are compared before and after


class Streams:
    """The generators of random numbers, and iterators, that are outside: where they stand."""

    def __init__(self) -> None:
        self.kept: dict[int, tuple[Any, str, str, Any]] = {}
        if "random" in sys.modules:
            self.keep(random._inst, "random", "draws from random")
        mtrand: Any = sys.modules.get("numpy.random.mtrand")
        if mtrand is not None:
            self.keep(mtrand._rand, "random", "draws from np.random")

    def keep(self, value: Any, kind: str, what: str) -> None:
        """Note where a generator or iterator stands, once."""
        if id(value) not in self.kept:
            self.kept[id(value)] = (value, kind, what, state_of(value))

    def renew(self) -> None:
        """Note where all of them stand now."""
        self.kept = {key: (value, kind, what, state_of(value)) for key, (value, kind, what, _) in self.kept.items()}

    def moved(self) -> list[tuple[str, str]]:
        """(kind, what) of each that has moved on."""
        return [(kind, what) for value, kind, what, state in self.kept.values() if state_of(value) != state]


def is_stream(value: Any) -> str | None:
    """"random" or "iterator" if reading the value changes it."""
    kind = type(value)
    if kind.__module__.startswith("numpy.random") and (hasattr(value, "bit_generator") or hasattr(value, "_bit_generator")):
        return "random"
    if isinstance(value, random.Random):
        return "random"
    if hasattr(kind, "__next__") and kind.__module__ in ("builtins", "itertools", "collections", "_collections"):
        return "iterator"
    return None


def state_of(value: Any) -> Any:
    """Something that differs when a generator or iterator has moved on."""
    if isinstance(value, random.Random):
        return value.getstate()
    if isinstance(value, GeneratorType):
        frame = value.gi_frame
        return None if frame is None else frame.f_lasti
    generator = getattr(value, "bit_generator", None) or getattr(value, "_bit_generator", None)
    if generator is not None:
        return pickle.dumps(generator.state)
    hint = getattr(value, "__length_hint__", None)
    if hint is not None:
        return hint()
    return repr(value) if type(value).__name__ in ("count", "repeat") else object()


def digest(array: np.ndarray, full: bool = True) -> Any:
    """The contents of an array, in short; of an array that is not taken in `full`, those of some of its elements."""
    if array.dtype.hasobject:
        return [id(v) for v in array.flat]
    if not full and array.size > 1 << 16:
        array = array.reshape(-1)[:: array.size >> 12] if array.flags.c_contiguous else array[:1]
    if array.nbytes <= 4096:
        return array.tobytes()
    return zlib.crc32(np.ascontiguousarray(array).view(np.uint8).data if array.ndim else array.tobytes())
