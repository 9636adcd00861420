"""Watches a thread run: which Python functions it enters and which C functions it calls, the core of tracejit left out.

On Python 3.11 by `sys.setprofile`, on later versions by `sys.monitoring`. A profiler that is already there goes on.
"""

from __future__ import annotations

import os
import sys
import sysconfig
import threading
from types import BuiltinFunctionType, CodeType, FrameType, MethodDescriptorType, ModuleType
from typing import Any, Callable, Protocol

from ..forks import shared_lock
from ..interpreter import EAGER, mode

CORE, LIBRARY, USER = 0, 1, 2

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_TRACKED = tuple(_PACKAGE + room + os.sep for room in ("nn", "optim"))  # they read attributes as the user's code does
_STDLIB = tuple({sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib")})
_files: dict[str, int] = {}
_packages: set[str] = set()  # third-party packages that use tracejit: the user's code, installed


class Observer(Protocol):
    """What is told."""

    def entered(self, frame: FrameType) -> None: ...
    def entered_library(self, frame: FrameType) -> None: ...
    def called(self, frame: FrameType, name: str, owner: Any) -> None: ...


def in_package(filename: str) -> bool:
    """Whether a file is tracejit's own."""
    return filename.startswith(_PACKAGE)


def side_of(frame: FrameType) -> int:
    """CORE (never looked at), LIBRARY (only its effects count), or USER."""
    filename = frame.f_code.co_filename
    side = _files.get(filename)
    if side is not None:
        return side
    return _side_of_text(frame.f_globals) if filename == "<string>" else _judge(filename, frame.f_globals)


def _side_of_text(scope: dict[str, Any]) -> int:
    """Of functions that the standard library writes: a named tuple's belong to no one, a dataclass's to its module."""
    if str(scope.get("__name__")).startswith("namedtuple_"):
        return CORE
    filename = scope.get("__file__")
    return side_of_file(filename) if isinstance(filename, str) else USER


def side_of_file(filename: str) -> int:
    """The side of a module's file, where no function of it was seen yet."""
    side = _files.get(filename)
    return _judge(filename, {}, remember=False) if side is None else side


def _judge(filename: str, scope: dict[str, Any], remember: bool = True) -> int:
    if filename.startswith(_PACKAGE):
        side = USER if filename.startswith(_TRACKED) else CORE
    elif filename.startswith("<tracejit"):
        side = CORE
    elif "site-packages" in filename or "dist-packages" in filename:
        side = USER if _uses_tracejit(filename, scope) else LIBRARY
    elif filename.startswith("<frozen") or filename.startswith(_STDLIB):
        side = LIBRARY
    else:
        side = USER
    if remember:
        _files[filename] = side
    return side


def _uses_tracejit(filename: str, scope: dict[str, Any]) -> bool:
    parts = filename.split("-packages" + os.sep, 1)
    top = parts[-1].split(os.sep)[0]
    if top in _packages:
        return True
    for value in list(scope.values()):
        name = value.__name__ if isinstance(value, ModuleType) else getattr(type(value), "__module__", "")
        if isinstance(name, str) and name.partition(".")[0] == "tracejit":
            _packages.add(top)
            return True
    return False


def treat_as_user(code: CodeType) -> None:
    """The decorated function is the user's, wherever it is installed."""
    if side_of_file(code.co_filename) == LIBRARY:
        _files[code.co_filename] = USER


class Quiet:
    """The tracer's own work, where no function of the user's can run, is not watched: nearly all events are in there.

    get, set: what is in force in this thread; `set(None)` stops watching.
    """

    def __init__(self, get: Callable[[], Any], set: Callable[[Any], Any]) -> None:
        self.interpreter = mode.interpreter
        self.get, self.set = get, set
        self.over = False
        self.wrapped: tuple[str, ...] = ()
        if mode.interpreter is not EAGER and hasattr(self.interpreter, "__dict__"):
            self.wrapped = tuple(n for n in ("apply", "assign", "observe", "value", "truth", "host") if n not in self.interpreter.__dict__)
        for name in self.wrapped:
            self.interpreter.__dict__[name] = self._quietly(getattr(self.interpreter, name))

    def end(self) -> None:
        self.over = True
        for name in self.wrapped:
            del self.interpreter.__dict__[name]

    def _quietly(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any) -> Any:
            before = self.get()
            self.set(None)
            try:
                return method(*args)
            finally:
                if not self.over:  # the tracer may leave, and the watch end, in there
                    self.set(before)

        return run


class ProfileWatch:
    """By `sys.setprofile`: one call of a Python function for each event, so the core is turned away first."""

    def __init__(self, observer: Observer) -> None:
        self.observer = observer
        self.previous: Any = None
        self.quiet: Quiet | None = None

    def start(self) -> str | None:
        """Begin; a reason if it cannot."""
        self.previous = previous = sys.getprofile()
        if previous is not None and not callable(previous):
            if not hasattr(previous, "enable"):
                return "another profiler is at work"
            previous.disable()  # a profiler written in C cannot be called from here: it rests meanwhile
        sys.setprofile(_hook(self.observer, previous if callable(previous) else None))
        if previous is None:
            self.quiet = Quiet(sys.getprofile, sys.setprofile)
        return None

    def stop(self) -> None:
        previous = self.previous
        if self.quiet is not None:
            self.quiet.end()
        if previous is None or callable(previous):
            sys.setprofile(previous)
        elif hasattr(previous, "enable"):
            sys.setprofile(None)
            previous.enable()


def _hook(observer: Observer, previous: Callable[..., Any] | None) -> Callable[[FrameType, str, Any], None]:
    side_in, entered, entered_library, called = _files.get, observer.entered, observer.entered_library, observer.called

    def hook(frame: FrameType, event: str, arg: Any) -> None:
        if event == "call":
            side = side_in(frame.f_code.co_filename)
            if side is None:
                side = side_of(frame)
            if side:
                (entered if side == USER else entered_library)(frame)
        elif event == "c_call":
            side = side_in(frame.f_code.co_filename)
            if side is None:
                side = side_of(frame)
            if side:
                called(frame, arg.__name__, arg.__self__)

    if previous is None:
        return hook

    def chained(frame: FrameType, event: str, arg: Any) -> None:
        hook(frame, event, arg)
        previous(frame, event, arg)

    return chained


class MonitorWatch:
    """By `sys.monitoring`: code of the core is asked about once, and never again."""

    active = threading.local()
    lock = shared_lock()
    running = 0
    tool = -1

    def __init__(self, observer: Observer) -> None:
        self.observer = observer
        self.quiet: Quiet | None = None

    def start(self) -> str | None:
        """Begin; a reason if it cannot."""
        monitoring: Any = sys.monitoring  # type: ignore[attr-defined]
        kind = MonitorWatch
        with kind.lock:
            if kind.tool < 0 and not _take_tool(monitoring):
                return "all tools of sys.monitoring are taken"
            kind.running += 1
            if kind.running == 1:
                events = monitoring.events
                monitoring.set_events(kind.tool, events.PY_START | events.PY_RESUME | events.CALL)
        _watching((*(_watchers() or ()), self.observer))
        self.quiet = Quiet(_watchers, _watching)
        return None

    def stop(self) -> None:
        kind = MonitorWatch
        if self.quiet is not None:
            self.quiet.end()
            _watching(tuple(o for o in _watchers() or () if o is not self.observer))
            with kind.lock:
                kind.running -= 1
                if not kind.running:
                    sys.monitoring.set_events(kind.tool, 0)  # type: ignore[attr-defined]


def _watchers() -> tuple[Observer, ...] | None:
    return MonitorWatch.active.__dict__.get("observers")


def _watching(observers: tuple[Observer, ...] | None) -> None:
    MonitorWatch.active.__dict__["observers"] = observers


def _take_tool(monitoring: Any) -> bool:
    tool = next((i for i in (4, 3, 5, 1, 0, 2) if monitoring.get_tool(i) is None), -1)
    if tool < 0:
        return False
    monitoring.use_tool_id(tool, "tracejit")
    disable = monitoring.DISABLE

    def started(code: CodeType, offset: int) -> Any:
        side = _files.get(code.co_filename)
        if side == CORE:
            return disable
        frame = sys._getframe(1)
        side = side_of(frame) if side is None else side
        if side:
            for observer in _watchers() or ():
                (observer.entered if side == USER else observer.entered_library)(frame)
        return None

    def calling(code: CodeType, offset: int, function: Any, first: Any) -> Any:
        if _files.get(code.co_filename) == CORE:
            return disable
        kind = type(function)
        if kind is BuiltinFunctionType or kind is MethodDescriptorType:
            observers = _watchers()
            if observers:
                frame = sys._getframe(1)
                owner = function.__self__ if kind is BuiltinFunctionType else first
                for observer in observers if side_of(frame) else ():
                    observer.called(frame, function.__name__, owner)
        return None

    events = monitoring.events
    monitoring.register_callback(tool, events.PY_START, started)
    monitoring.register_callback(tool, events.PY_RESUME, started)
    monitoring.register_callback(tool, events.CALL, calling)
    MonitorWatch.tool = tool
    return True


Watch: Any = MonitorWatch if sys.version_info >= (3, 12) else ProfileWatch
