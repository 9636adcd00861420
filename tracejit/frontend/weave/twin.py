"""Twins: a function's woven copy. It has the function's file and lines, globals, closure cells, defaults, and hooks."""

from __future__ import annotations

import ast
import weakref
from types import CellType, CodeType, FunctionType
from typing import Any, Callable

from .source import Unwoven, find
from .weaver import HOOKS, weave

_FUTURE = 0xFFF0000  # of co_flags: what was imported from __future__
_woven: dict[int, tuple[weakref.ref[CodeType], CodeType | Unwoven]] = {}  # by id of a code: codes of different files may be equal
_originals: dict[int, tuple[weakref.ref[CodeType], CodeType]] = {}  # by id of a twin's code
HOOKED: dict[str, Callable] = {}  # what the hooks do, by their names: filled by `hooks.py`


def twin_of(function: FunctionType) -> FunctionType:
    """The twin of a function; itself, if it was defined in a twin. Raises Unwoven if it cannot have one."""
    code = function.__code__
    if original_of(code) is not code:
        return function
    woven = _known(function)
    if isinstance(woven, Unwoven):
        raise Unwoven(*woven.args)
    cells = dict(zip(code.co_freevars, function.__closure__ or ()))
    closure = tuple([cells[n] if n in cells else CellType(HOOKED[n]) for n in woven.co_freevars])
    twin = FunctionType(woven, function.__globals__, function.__name__, function.__defaults__, closure)
    twin.__kwdefaults__ = function.__kwdefaults__
    twin.__qualname__, twin.__module__, twin.__doc__ = function.__qualname__, function.__module__, function.__doc__
    twin.__dict__.update(function.__dict__)
    return twin


def has_twin(function: FunctionType) -> bool:
    """Whether a function can have a twin."""
    return original_of(function.__code__) is not function.__code__ or not isinstance(_known(function), Unwoven)


def _known(function: FunctionType) -> CodeType | Unwoven:
    """The code of a function's twin, or why it cannot have one."""
    code = function.__code__
    known = _woven.get(id(code))
    if known is None or known[0]() is not code:
        known = _woven[id(code)] = weakref.ref(code), _weave(function)
    return known[1]


def original_of(code: CodeType) -> CodeType:
    """The code that a twin's code was woven from; any other code itself."""
    found = _originals.get(id(code))
    return found[1] if found is not None and found[0]() is code else code


def _weave(function: FunctionType) -> CodeType | Unwoven:
    code = function.__code__
    try:
        node, within = find(function)
        body: Any = weave(node, function.__globals__)
    except Unwoven as reason:
        return reason.with_traceback(None)  # which would keep the values of all that is being called
    # the function stands in another one, whose parameters are its free variables and the hooks, under a name that no code of its own has
    module = ast.parse(f"class {within or 'Around'}:\n def factory({', '.join((*code.co_freevars, *HOOKS))}): ...")
    if isinstance(body, ast.FunctionDef):
        body.name += "·"
    module.body[0].body[0].body = [ast.copy_location(ast.Expr(body), body) if isinstance(body, ast.Lambda) else body]  # type: ignore[attr-defined]
    made = compile(module, code.co_filename, "exec", flags=code.co_flags & _FUTURE, dont_inherit=True)
    for _ in ("class", "factory", "function"):
        made = next(c for c in made.co_consts if isinstance(c, CodeType))
    return _named(made, code)


def _named(code: CodeType, original: CodeType) -> CodeType:
    """The code, and all codes inside, under the original's names; told to `original_of`. Functions made for loops count as the original."""
    inner = {_identity(c): c for c in original.co_consts if isinstance(c, CodeType)}
    constants = [_named(c, inner.get(_identity(c), original)) if isinstance(c, CodeType) else c for c in code.co_consts]
    made = code.replace(co_consts=tuple(constants), co_name=original.co_name, co_qualname=original.co_qualname)
    _originals[id(made)] = (weakref.ref(made), original)
    return made


def _identity(code: CodeType) -> tuple[Any, ...]:
    """What tells functions inside another apart: their names, and where those stand that have none."""
    name, first = code.co_name, code.co_firstlineno
    if not name.startswith("<"):
        return name, first
    return name, first, min(((p[0] or 0, p[2]) for p in code.co_positions() if p[2] is not None and p[2] != p[3]), default=None)
