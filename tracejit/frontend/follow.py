"""`Follower`: at each function that is entered, walks the chains of reads that its bytecode shows, and has them guarded."""

from __future__ import annotations

import gc
import importlib.util
import os
import sys
import types
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any

import numpy as np

from ..tensor import Tensor
from .bytecode import Chain, Step, Summary, summary
from .explore import Explorer
from .lookup import CLASS, INSTANCE, METHOD, MISSING, find
from .places import Cell, Field, Place
from .values import CONTAINERS, has_attributes, is_immutable, is_imported, is_leaf, is_library_class, is_library_module
from .watch import CORE, in_package, side_of
from .weave import original_of

_ATTRIBUTE_METHODS = ("__setattr__", "__delattr__", "__getattr__", "__getattribute__")
_WHOLE_METHODS = frozenset(("items", "values", "keys", "get", "copy", "pop", "setdefault"))


class Follower:
    """Tells an Explorer what the functions of one trace can read."""

    def __init__(self, explorer: Explorer) -> None:
        self.explorer = explorer
        self.incomplete: str | None = None
        self.stores: dict[Step, tuple[str, int]] = {}  # where something of this name is first stored
        self.reads: dict[str, tuple[str, int]] = {}  # and read
        self._entered: set[tuple[int, ...]] = set()
        self._inner: dict[int, CodeType] = {}  # code of functions that the trace itself defines
        self._searched: dict[int, CodeType] = {}

    def entered(self, frame: FrameType) -> None:
        """A function of the user's is entered. The function must run on as if it were not watched, so nothing is raised."""
        code = original_of(frame.f_code)
        if code.co_name != "<module>":
            try:
                self._enter(frame, code)
            except Exception as error:
                self.incomplete = self.incomplete or f"{code.co_name} could not be followed ({type(error).__name__}: {error})"

    def _enter(self, frame: FrameType, code: CodeType) -> None:
        found, scope, explorer = summary(code), frame.f_locals, self.explorer
        values = [scope.get(name, MISSING) for name in found.inputs]
        if code.co_name == "__init__" and values:
            explorer.made(values[0])
        mark = _mark(code, values)
        if mark is not None:
            if mark in self._entered:
                return
            self._entered.add(mark)
            explorer.keep((code, [v for v in values if not isinstance(v, Tensor)]))
        self._note(code, found)
        for value in values:
            if isinstance(value, CONTAINERS) and explorer.known(value) is None:
                explorer.adopt_elements(value)
        if code.co_name in _ATTRIBUTE_METHODS and len(values) > 1 and isinstance(values[1], str) and explorer.adopt(values[0]):
            explorer.attribute(values[0], values[1])
        self._follow_function(code, scope, values)
        explorer.take_names(found.names)
        explorer.take_keys(found.keys)
        if (found.opaque or not found.names.isdisjoint(_WHOLE_METHODS)) and not in_package(code.co_filename):
            explorer.unseal()
        for chain in found.chains:
            self._follow(chain, scope, frame.f_globals, code)
        if found.dynamic:
            for value in values:
                explorer.everything(value)

    def entered_library(self, frame: FrameType) -> None:
        """A Python function of a library is entered: it may read anything of the objects it is given."""
        code = frame.f_code
        count = code.co_argcount + code.co_kwonlyargcount
        back = frame.f_back
        if not count or back is None or side_of(back) == CORE:
            return
        scope = frame.f_locals
        values = [scope.get(name) for name in code.co_varnames[:count]]
        if code.co_name == "__init__":
            self.explorer.made(values[0])
        mark = (id(code), *map(id, values))
        if mark in self._entered:
            return
        known = [v for v in values if self.explorer.known(v) is not None and not isinstance(v, (FunctionType, type))]
        if known:
            self._entered.add(mark)
            self.explorer.keep((code, values))
        for value in known:
            self.explorer.everything(value)

    def _note(self, code: CodeType, found: Summary) -> None:
        for step, line in found.stores.items():
            self.stores.setdefault(step, (code.co_filename, line))
        for name, line in found.reads.items():
            self.reads.setdefault(name, (code.co_filename, line))
        self._inner.update((id(c), c) for c in found.inner)
        if found.blind:
            self.incomplete = self.incomplete or f"{code.co_name} calls {found.blind}"

    # The function object: closure cells, defaults, and the class that gives it

    def _follow_function(self, code: CodeType, scope: Any, values: list[Any]) -> None:
        explorer = self.explorer
        functions = list(explorer.functions_of(code))
        method = self._method(code, values[0]) if code.co_argcount else None
        if method is not None and method not in functions:
            functions.append(method)
        if not functions and code.co_freevars and id(code) not in self._inner:
            functions = self._search(code)
        if len(functions) > 1 and code.co_freevars:
            functions = [f for f in functions if _closes_over(f, scope)] or functions
        for function in functions:
            for name, cell in zip(code.co_freevars, function.__closure__ or ()):
                if name != "__class__":
                    explorer.at(Cell(None, cell, f"free variable `{name}` of {function.__name__}"), _contents(cell), cell)
            owner = explorer.adopt(function)
            for field in ("__defaults__", "__kwdefaults__"):
                held = getattr(function, field)
                if held is not None and owner is not None and not function.__module__.startswith("tracejit."):
                    explorer.at(Field(owner, field, f"the defaults of {function.__name__}"), held, function)
                    explorer.whole(held)

    def _method(self, code: CodeType, first: Any) -> FunctionType | None:
        """The function, if it was found in the class of its first argument; a guard keeps it found there."""
        if is_immutable(first) or is_leaf(first) or (isinstance(first, CONTAINERS) and not has_attributes(first)):
            return None
        for base in (first if isinstance(first, type) else type(first)).__mro__:
            function = _plain_function(base.__dict__.get(code.co_name), code)
            if function is not None:
                self._guard_method(first, base, code.co_name, function)
                return function
        return None

    def _guard_method(self, first: Any, base: type, name: str, function: FunctionType) -> None:
        explorer = self.explorer
        if (is_library_class(base) and name != "forward") or explorer.adopt(first) is None:
            return
        attribute, how = find(first, name)
        if attribute is function and how in (METHOD, CLASS) and not name.startswith("__"):
            explorer.attribute(first, name)
        elif isinstance(base.__dict__.get(name), FunctionType) and not is_library_class(base):
            explorer.adopt(base)
            explorer.attribute(base, name)

    def _search(self, code: CodeType) -> list[FunctionType]:
        """Functions that no chain led to: asked of the garbage collector, once for each code."""
        if id(code) in self._searched:
            return []
        self._searched[id(code)] = code
        return [f for f in gc.get_referrers(code) if isinstance(f, FunctionType) and f.__code__ is code]

    # Chains

    def _follow(self, chain: Chain, scope: Any, table: dict[str, Any], code: CodeType) -> None:
        """Read a chain as the function would, as far as plain reads go; each step that is known is guarded."""
        explorer = self.explorer
        trusted = in_package(code.co_filename)
        value, place = self._root(chain[0], scope, table, code)
        for position, (kind, what) in enumerate(chain[1:], 2):
            if is_leaf(value) or is_immutable(value):
                return
            if isinstance(value, ModuleType):
                value, place = self._of_module(value, what) if kind == "attr" else (MISSING, None)
            elif kind == "item":
                place = explorer.adopt(value) if place is None else place
                value, place = self._item(value, place, what)
            elif isinstance(value, CONTAINERS) and not (has_attributes(value) and _users_own(value, what)):
                break  # a method of the built-in class reads all
            else:
                place = explorer.adopt(value) if place is None else place
                value, place = (MISSING, None) if place is None else explorer.attribute(value, what, trusted=trusted)
            if value is MISSING:  # only the run knows; what is taken of it is taken of anything
                rest = chain[position:]
                explorer.take_names(frozenset(name for step, name in rest if step == "attr"))
                explorer.take_keys(tuple(key for step, key in rest if step == "item"))
                return
        if value is not MISSING and not isinstance(value, ModuleType) and not (isinstance(value, type) and is_library_class(value)):
            explorer.adopt(value)
            explorer.whole(value, sealed=not trusted)

    def _item(self, value: Any, place: Place | None, key: Any) -> tuple[Any, Place | None]:
        if not isinstance(value, CONTAINERS):
            return MISSING, None
        return self.explorer.item(value, key) if place is not None else (self.explorer.plain_item(value, key), None)

    def _root(self, root: Step, scope: Any, table: dict[str, Any], code: CodeType) -> tuple[Any, Place | None]:
        kind, name = root
        if kind == "local":
            value = scope.get(name, MISSING)
            return value, self.explorer.known(value)
        if kind == "module":
            return _imported(name, table), None
        if name not in table and _is_builtin(name, table):
            return MISSING, None
        if in_package(code.co_filename):  # our own globals are constant
            return table.get(name, MISSING), None
        known = self.explorer.entry_known(table, name)
        if known is not None:
            return known
        if is_imported(name, table.get(name)):
            return table[name], None
        return self.explorer.entry(table, name, f"global `{name}` of {os.path.basename(table.get('__file__') or code.co_filename)}")

    def _of_module(self, module: ModuleType, name: str) -> tuple[Any, Place | None]:
        table = module.__dict__
        if name not in table:
            return sys.modules.get(f"{module.__name__}.{name}", MISSING), None
        value = table[name]
        if is_library_module(module) or is_imported(name, value):
            return (value, None) if isinstance(value, ModuleType) else (MISSING, None)
        return self.explorer.entry(table, name, f"global `{name}` of {module.__name__}")


def _mark(code: CodeType, values: list[Any]) -> tuple[int, ...] | None:
    """What makes entering a function again tell nothing new; None if containers among its arguments may have changed."""
    mark = [id(code)]
    for value in values:
        if isinstance(value, CONTAINERS) and not has_attributes(value):
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


def _users_own(value: Any, name: str) -> bool:
    """Whether an attribute of a container is the user's, not a method of the built-in class."""
    how = find(value, name)[1]
    defined = next((base for base in type(value).__mro__ if name in base.__dict__), None)
    return how == INSTANCE or (defined is not None and defined.__module__ not in ("builtins", "collections"))


def _is_builtin(name: str, table: dict[str, Any]) -> bool:
    found = table.get("__builtins__", __builtins__)
    return name in (found.__dict__ if isinstance(found, ModuleType) else found)


def _imported(what: tuple[str, int, bool], table: dict[str, Any]) -> Any:
    """The module that an import inside a function gives, if it is loaded."""
    name, level, whole = what
    if level:
        try:
            name = importlib.util.resolve_name("." * level + name, table.get("__package__") or "")
        except (ImportError, ValueError):
            return MISSING
    return sys.modules.get(name if whole else name.partition(".")[0], MISSING)
