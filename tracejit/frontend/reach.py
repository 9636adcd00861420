"""`Reach`: watches one trace, and tells what the function reached for (guards) and what it did besides (effects)."""

from __future__ import annotations

import functools
import gc
import importlib.util
import os
import sys
import types
from collections import deque
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any, Callable

import numpy as np

from ..tensor import Tensor
from .bytecode import Chain, Step, Summary, summary
from .effects import Effect, Effects, Streams, digest
from .explore import Explorer
from .guards import Guard, Identical
from .lookup import MISSING, find, instance_dict
from .places import Anchor, Attribute, Cell, Entry, Field, Gone, Place, reference_to
from .values import CONTAINERS, is_immutable, is_imported, is_leaf, is_library_class, is_library_module
from .watch import Watch, treat_as_user

_MUTABLE = (list, dict, set, deque, bytearray)


class Reach:
    """Observes the block, in this thread: `with Reach(function, args, kwargs) as reach: result = function(*args, **kwargs)`.

    After the block, if nothing was raised:
    guards: what must still hold for a replay.
    effects: what a replay would leave out (`Effect`s, each with the user's line); with any, Python must run at each call.
    incomplete: why the guards may not be all, or None; treat it as an effect.
    arrays: the outer NumPy arrays that were reached. They are guarded by identity; what the trace read of their contents
      other than through tracejit is not known here.
    """

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.guards: list[Guard] = []
        self.effects: list[Effect] = []
        self.incomplete: str | None = None
        self.arrays: list[np.ndarray] = []
        self._function = function
        self._arguments = _containers_in((*args, *kwargs.values()))
        self._effects = Effects()
        self._streams = Streams()
        self._explorer = Explorer(self._streams, self._effects.outside)
        self._effects.outside.update(id(container) for container, _ in self._arguments)
        self._entered: dict[tuple[int, ...], None] = {}
        self._inner: dict[int, CodeType] = {}
        self._stores: dict[Step, tuple[str, int]] = {}
        self._digests: dict[int, Any] = {}
        self._searched: dict[int, CodeType] = {}
        self._changed: Guard | None = None
        self._watch = Watch(self)
        self.called = self._effects.called
        self.entered_library = self._effects.entered_library

    def __enter__(self) -> Reach:
        self._begin(self._function)
        self.incomplete = self._watch.start()
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        self._watch.stop()
        if kind is None:
            self._finish()
        self._explorer.release()
        del self._explorer, self._effects, self._streams, self._arguments, self._watch, self._function
        del self.called, self.entered_library
        for held in (self._entered, self._inner, self._digests, self._searched):
            held.clear()  # type: ignore[attr-defined]

    def changed(self) -> Guard | None:
        """The first guard that no longer held when the trace ended: the function changes what it reads."""
        return self._changed

    # Entering functions

    def _begin(self, function: Any) -> None:
        """Know the function itself, and what it is wrapped in."""
        explorer = self._explorer
        if isinstance(function, functools.partial):
            place = Anchor(None, reference_to(function), "the partial")
            explorer.reach(place, function, guarded=False)
        elif isinstance(function, types.MethodType):
            explorer.adopt(function.__func__)
        else:
            explorer.adopt(function)
        plain: Any = function
        while isinstance(plain, (functools.partial, types.MethodType)):
            plain = plain.func if isinstance(plain, functools.partial) else plain.__func__
        if isinstance(plain, FunctionType):
            treat_as_user(plain.__code__)

    def entered(self, frame: FrameType) -> None:
        """A function of the user's is entered: follow what its code can read, from what it can read now."""
        code = frame.f_code
        if code.co_name == "<module>":
            return
        try:
            self._enter(frame, code)
        except Exception as error:  # the function must run on as if it were not watched
            self.incomplete = self.incomplete or f"{code.co_name} could not be followed ({type(error).__name__}: {error})"

    def _enter(self, frame: FrameType, code: CodeType) -> None:
        found = summary(code)
        scope = frame.f_locals
        values = [scope.get(name, MISSING) for name in found.inputs]
        if code.co_name == "__init__" and values:
            self._explorer.made(values[0])
        mark = _mark(code, values)
        if mark is not None:
            if mark in self._entered:
                return
            self._entered[mark] = None
            self._explorer._keep.append([v for v in values if not isinstance(v, Tensor)])
        self._follow_function(frame, code, found, scope, values)
        explorer = self._explorer
        for kind, line in found.stores.items():
            self._stores.setdefault(kind, (code.co_filename, line))
        self._inner.update((id(c), c) for c in found.inner)
        if found.blind:
            self.incomplete = self.incomplete or f"{code.co_name} calls {found.blind}"
        explorer.take_names(found.names)
        explorer.take_keys(found.keys)
        for chain in found.chains:
            self._follow(chain, scope, frame.f_globals, code)
        if found.dynamic:
            for value in values:
                explorer.everything(value)

    def _follow_function(self, frame: FrameType, code: CodeType, found: Summary, scope: Any, values: list[Any]) -> None:
        """Guard what the function object itself holds: closure cells, defaults; and that its class still gives it."""
        explorer = self._explorer
        functions = list(explorer.functions_of(code))
        if code.co_argcount and values:
            method = self._method(code, values[0])
            if method is not None and method not in functions:
                functions.append(method)
        if not functions and code.co_freevars and id(code) not in self._inner:
            functions = self._search(code)
        if len(functions) > 1 and code.co_freevars:
            functions = [f for f in functions if _closes_over(f, scope)] or functions
        for function in functions:
            for name, cell in zip(code.co_freevars, function.__closure__ or ()):
                if name != "__class__":
                    value = _contents(cell)
                    explorer.at(Cell(None, cell, f"free variable `{name}` of {function.__name__}"), value, cell)
            owner = explorer.known(function)
            if owner is None:
                owner = explorer.adopt(function)
            for field in ("__defaults__", "__kwdefaults__"):
                held = getattr(function, field)
                if held is not None and owner is not None:
                    explorer.at(Field(owner, field, f"the defaults of {function.__name__}"), held, function)

    def _method(self, code: CodeType, first: Any) -> FunctionType | None:
        """The function, if it was found in the class of its first argument; a guard keeps it found there."""
        if is_immutable(first) or isinstance(first, CONTAINERS) and type(first).__module__ == "builtins":
            return None
        cls = first if isinstance(first, type) else type(first)
        for base in cls.__mro__:
            raw = base.__dict__.get(code.co_name)
            function = _plain_function(raw, code)
            if function is not None:
                self._guard_method(first, base, code.co_name, function)
                return function
        return None

    def _guard_method(self, first: Any, base: type, name: str, function: FunctionType) -> None:
        explorer = self._explorer
        if explorer.adopt(first) is None:
            return
        attribute, how = find(first, name)
        if attribute is function and not name.startswith("__") and how in ("method", "class"):
            explorer.attribute(first, name)
        elif not is_library_class(base) and explorer.adopt(base) is not None:
            if isinstance(base.__dict__.get(name), FunctionType):
                explorer.attribute(base, name)

    def _search(self, code: CodeType) -> list[FunctionType]:
        """Functions that no chain led to, by asking the garbage collector."""
        if id(code) in self._searched:
            return []
        self._searched[id(code)] = code
        return [f for f in gc.get_referrers(code) if isinstance(f, FunctionType) and f.__code__ is code]

    # Following chains

    def _follow(self, chain: Chain, scope: Any, table: dict[str, Any], code: CodeType) -> None:
        """Read a chain as the function would, as far as plain reads go, and guard each step that is known."""
        value, place = self._root(chain[0], scope, table, code)
        explorer = self._explorer
        for kind, what in chain[1:]:
            if value is MISSING or is_leaf(value) or is_immutable(value):
                return
            if place is None and not isinstance(value, ModuleType):
                place = explorer.adopt(value)
            if kind == "item":
                if not isinstance(value, CONTAINERS):
                    return
                value, place = explorer.item(value, what) if place is not None else (_plain_item(value, what), None)
            elif isinstance(value, ModuleType):
                value, place = self._of_module(value, what)
            elif place is None:
                return
            elif isinstance(value, CONTAINERS) and find(value, what)[1] in ("absent", "descriptor", "method") and not _users(value, what):
                break
            else:
                value, place = explorer.attribute(value, what)
        if place is None and value is not MISSING:
            place = explorer.adopt(value)
        if place is not None and isinstance(value, CONTAINERS):
            explorer.whole(value)

    def _root(self, root: Step, scope: Any, table: dict[str, Any], code: CodeType) -> tuple[Any, Place | None]:
        kind, name = root
        if kind == "local":
            value = scope.get(name, MISSING)
            return value, self._explorer.known(value)
        if kind == "module":
            return _imported(name, table), None
        if name not in table and hasattr(_builtins(table), name):
            return MISSING, None
        guarded = not is_imported(name, table.get(name))
        words = f"global `{name}` of {os.path.basename(table.get('__file__') or code.co_filename)}"
        value, place = self._explorer.entry(table, name, words, guarded)
        return value, place if guarded else None

    def _of_module(self, module: ModuleType, name: str) -> tuple[Any, Place | None]:
        table = module.__dict__
        if name not in table:
            return sys.modules.get(f"{module.__name__}.{name}", MISSING), None
        value = table[name]
        if is_library_module(module) or is_imported(name, value):
            return (value, None) if isinstance(value, ModuleType) else (MISSING, None)
        return self._explorer.entry(table, name, f"global `{name}` of {module.__name__}")

    # The end of the trace

    def _finish(self) -> None:
        explorer, effects = self._explorer, self._effects
        self.incomplete = self.incomplete or explorer.incomplete
        self.arrays = [array for array, _ in explorer.arrays.values()]
        found = explorer.guards
        moved = self._streams.moved()
        before = {number: digest_before for number, digest_before in self._digests.items()}
        for array, words in explorer.arrays.values():
            if id(array) in before and digest(array) != before[id(array)]:
                effects.add("array", f"changes the NumPy array in {words}")
        for container, contents in self._arguments:
            if not _unchanged(container, contents):
                effects.add("argument", f"changes a {type(container).__name__} among its arguments", *self._line_of_item())
        explorer.release()
        self.guards = [guard for guard in found if not _is_orphan(guard.place)]
        for guard in self.guards:
            if not guard.holds():
                self._changed = self._changed or guard
                effects.add("state", _verb(guard), *self._line_of(guard))
        drawn = {e.kind for e in effects.found}
        for kind, what in moved:
            if not (kind == "random" and what == "draws from random" and "random" in drawn):
                effects.add(kind, what)
        self.effects = list(effects.found)

    def _line_of(self, guard: Guard) -> tuple[str, int]:
        place = guard.place
        if isinstance(place, Entry):
            return self._stores.get(("global", place.key[1]), ("", 0))
        if isinstance(place, Cell):
            name = place.words.split("`")[1]
            return self._stores.get(("cell", name), ("", 0))
        if isinstance(place, Attribute):
            return self._stores.get(("attr", place.key[0]), ("", 0))
        return self._stores.get(("item", place.key if isinstance(place.key, (str, int)) else None), self._line_of_item())

    def _line_of_item(self) -> tuple[str, int]:
        return next((where for (kind, _), where in self._stores.items() if kind == "item"), ("", 0))


def _verb(guard: Guard) -> str:
    if isinstance(guard.place, Attribute) or isinstance(guard.place, (Entry, Cell)):
        return f"sets the {guard.place.words}"
    return f"changes {guard.place.words}"


def _mark(code: CodeType, values: list[Any]) -> tuple[int, ...] | None:
    """What makes entering a function again tell nothing new; None if containers among its arguments may have changed."""
    mark = [id(code)]
    for value in values:
        if isinstance(value, CONTAINERS):
            return None
        mark.append(0 if isinstance(value, (Tensor, np.ndarray)) or is_immutable(value) else id(value))
    return tuple(mark)


def _plain_function(raw: Any, code: CodeType) -> FunctionType | None:
    """The function of a method, class method, static method or property that runs this code."""
    if isinstance(raw, (staticmethod, classmethod)):
        raw = raw.__func__
    if isinstance(raw, property):
        raw = next((f for f in (raw.fget, raw.fset, raw.fdel) if getattr(f, "__code__", None) is code), None)
    return raw if isinstance(raw, FunctionType) and raw.__code__ is code else None


def _contents(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return MISSING


def _closes_over(function: FunctionType, scope: Any) -> bool:
    cells = zip(function.__code__.co_freevars, function.__closure__ or ())
    return all(_contents(cell) is scope.get(name, MISSING) for name, cell in cells)


def _plain_item(container: Any, key: Any) -> Any:
    from_base = dict.get(container, key, MISSING) if isinstance(container, dict) else MISSING
    if isinstance(container, (list, tuple)) and isinstance(key, int) and -len(container) <= key < len(container):
        return container[key]
    return from_base


def _users(value: Any, name: str) -> bool:
    """Whether a container's attribute is one of a class of the user's."""
    held = instance_dict(value)
    return (held is not None and name in held) or any(
        name in base.__dict__ for base in type(value).__mro__ if base.__module__ not in ("builtins", "collections", "typing")
    ) and not hasattr(tuple, name) and not hasattr(value, "_fields")


def _builtins(table: dict[str, Any]) -> Any:
    found = table.get("__builtins__", __builtins__)
    return found if isinstance(found, ModuleType) else types.SimpleNamespace(**found)


def _imported(what: tuple[str, int, bool], table: dict[str, Any]) -> Any:
    """The module that an import inside a function gives, if it is loaded."""
    name, level, whole = what
    if level:
        try:
            name = importlib.util.resolve_name("." * level + name, table.get("__package__") or "")
        except (ImportError, ValueError):
            return MISSING
    return sys.modules.get(name if whole else name.partition(".")[0], MISSING)


def _is_orphan(place: Place) -> bool:
    """Whether a place stood on an object that the trace made, and that is gone."""
    while place.parent is not None:
        place = place.parent
    if isinstance(place, Anchor):
        try:
            place.get()
        except Gone:
            return True
    return False


def _containers_in(values: Any) -> list[tuple[Any, list[Any]]]:
    """The mutable containers among arguments, each with what it holds."""
    found: dict[int, tuple[Any, list[Any]]] = {}
    pending = list(values)
    while pending:
        value = pending.pop()
        if not isinstance(value, CONTAINERS) or id(value) in found:
            continue
        contents = _listed(value)
        if isinstance(value, _MUTABLE):
            found[id(value)] = (value, contents)
        pending += contents
    return list(found.values())


def _listed(value: Any) -> list[Any]:
    return [*dict.keys(value), *dict.values(value)] if isinstance(value, dict) else list(value)


def _unchanged(container: Any, contents: list[Any]) -> bool:
    now = _listed(container)
    return len(now) == len(contents) and all(a is b for a, b in zip(now, contents))


__all__ = ["Reach", "Identical"]
