"""`weave`: hooks put into the syntax tree of a function. What they do is `hooks.py`'s; where they stand is told here.

    seen(x)     around what may be an array from outside: globals, free variables, attributes, items, results of calls
    each(xs)    around what is iterated or unpacked, whose elements may be such arrays
    callee(f)   around what is called
    into(o)     around what an attribute or item is stored in
    trying(…)   around the body of a `with` whose contexts may hold back an exception: what raises has to raise at once
"""

from __future__ import annotations

import ast
import itertools
from collections import Counter
from types import ModuleType
from typing import Any, Callable

from .loops import LOOP_HOOKS, STATE, beside, copied, plain_loop, read_later, reads, rebound
from .masks import AT, CHOSEN, by_mask
from .source import Definition, Unwoven

SEEN, EACH, CALLEE, INTO, AUGMENTED, TRYING = "seen·", "each·", "callee·", "into·", "augmented·", "trying·"  # no name of the user's has a middle dot at its end
SINGLE = "single·"  # around what `is` compares
SETS = "sets·"  # stands behind `global`
HOOKS = (SEEN, EACH, CALLEE, INTO, AUGMENTED, CHOSEN, TRYING, SETS, SINGLE, *LOOP_HOOKS)
_BLIND = ("errstate", "no_grad", "enable_grad", "set_grad_enabled", "inference_mode", "autocast")  # contexts that hold back no exception, as others may
_SEES_FRAMES = frozenset(("locals", "eval", "exec", "vars", "globals", "dir", "__import__"))
_FRAME_ATTRIBUTES = frozenset(("_getframe", "currentframe", "f_locals", "settrace", "setprofile"))
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def weave(node: Definition, scope: dict[str, Any]) -> Definition:
    """A copy of a definition with hooks in it, without decorators, defaults and annotations. `scope`: its globals."""
    woven = _Weaver(scope, node, reads(node)).body_of(copied(node))  # the tree of a file is kept for its other functions
    ast.fix_missing_locations(woven)
    return woven


def bound(function: ast.AST) -> frozenset[str]:
    """The names that are local to a function, those of comprehensions in it included."""
    names: set[str] = set()
    declared: set[str] = set()
    pending: list[ast.AST] = list(ast.iter_child_nodes(function))
    while pending:
        node = pending.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
            pending += [*node.decorator_list, *(n for n in ast.iter_child_nodes(node) if isinstance(n, ast.arguments))]
            continue
        if isinstance(node, ast.Lambda):
            continue
        if isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            names.add(node.id)
        elif isinstance(node, (ast.Global, ast.Nonlocal)):
            declared.update(node.names)
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            names.add(node.name)
        elif isinstance(node, ast.alias):
            names.add((node.asname or node.name).partition(".")[0])
        pending += ast.iter_child_nodes(node)
    return frozenset(names - declared)


class _Weaver(ast.NodeTransformer):
    """Weaves a function. scope: its globals; read: how often each name is read in it, and in those around it; local: the names local to any of them."""

    def __init__(self, scope: dict[str, Any], function: ast.AST, read: Counter[str], around: frozenset[str] = frozenset()) -> None:
        self.scope, self.read, self.own, self.later = scope, read, bound(function), read_later(function)
        self.rebound = rebound(function)
        self.local = self.own | around
        self.rolling = False  # whether loops are not tried as one op here
        self.numbers = itertools.count()  # of contexts
        self.around = 0  # how many loops are around what is visited

    def body_of(self, node: Any) -> Any:
        """A function's own definition, its body woven."""
        node.args.defaults, node.args.kw_defaults = [], [None] * len(node.args.kwonlyargs)
        for argument in ast.walk(node.args):
            if isinstance(argument, ast.arg):
                argument.annotation = None
        if isinstance(node, ast.Lambda):
            node.body = self.visit(node.body)
            return node
        node.decorator_list, node.returns = [], None
        node.body = [*map(self._entering, _parameters(node.args)), *_flat([self.visit(s) for s in node.body])]
        return node

    def _entering(self, parameter: tuple[ast.arg, str]) -> ast.stmt:
        """An argument may be an array from outside: a default, or where a library calls."""
        argument, hook = parameter
        name = ast.Name(argument.arg, ast.Load())
        made = ast.Assign([ast.Name(argument.arg, ast.Store())], _hook(hook, name, argument))
        return ast.copy_location(made, argument)

    # Functions inside

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        inner = _Weaver(self.scope, node, self.read, self.local)
        if node.name.endswith("·"):  # made for a loop
            inner.rolling = True
            node.body = _flat([inner.visit(s) for s in node.body])
            return node
        node.args.defaults = [self.visit(d) for d in node.args.defaults]
        node.args.kw_defaults = [d and self.visit(d) for d in node.args.kw_defaults]
        node.decorator_list = [self.visit(d) for d in node.decorator_list]
        node.body = [*map(self._entering, _parameters(node.args)), *_flat([inner.visit(s) for s in node.body])]
        return node

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> Any:
        raise Unwoven(f"{node.name} is a coroutine function")

    def visit_Lambda(self, node: ast.Lambda) -> Any:
        node.args.defaults = [self.visit(d) for d in node.args.defaults]
        node.args.kw_defaults = [d and self.visit(d) for d in node.args.kw_defaults]
        node.body = _Weaver(self.scope, node, self.read, self.local).visit(node.body)
        return node

    def visit_match_case(self, node: ast.match_case) -> Any:
        node.guard, node.body = node.guard and self.visit(node.guard), [self.visit(s) for s in node.body]  # a pattern calls nothing
        return node

    def visit_Global(self, node: ast.Global | ast.Nonlocal) -> Any:
        """A function that sets what is not its own has an effect."""
        return [node, ast.copy_location(ast.Expr(ast.copy_location(ast.Call(ast.copy_location(ast.Name(SETS, ast.Load()), node), [], []), node)), node)]

    visit_Nonlocal = visit_Global

    def visit_ClassDef(self, node: ast.ClassDef) -> Any:
        return node  # its methods are woven when they are called

    # Reads

    def visit_Name(self, node: ast.Name) -> Any:
        if not isinstance(node.ctx, ast.Load) or node.id in self.local or node.id.endswith("·") or isinstance(self.scope.get(node.id), ModuleType):
            return node
        return _hook(SEEN, node, node)

    def visit_Attribute(self, node: ast.Attribute) -> Any:
        if node.attr in _FRAME_ATTRIBUTES:
            raise Unwoven(f"it reads .{node.attr}")
        if isinstance(node.value, ast.Name) and node.value.id == STATE:
            return node
        if isinstance(node.ctx, ast.Load):
            node.value = self.visit(node.value)
            return _hook(SEEN, node, node)
        node.value = _hook(INTO, self.visit(node.value), node)
        return node

    def visit_Subscript(self, node: ast.Subscript) -> Any:
        node.value, node.slice = self.visit(node.value), self.visit(node.slice)
        if isinstance(node.ctx, ast.Load):
            return _hook(SEEN, node, node)
        node.value = _hook(INTO, node.value, node)
        return node

    def visit_Compare(self, node: ast.Compare) -> Any:
        """`is` asks which object a bool is."""
        self.generic_visit(node)
        if any(isinstance(op, (ast.Is, ast.IsNot)) for op in node.ops):
            parts = [p if isinstance(p, ast.Constant) else _hook(SINGLE, p, p) for p in (node.left, *node.comparators)]
            if not any(isinstance(p, ast.Constant) and p.value is None for p in parts):
                node.left, node.comparators = parts[0], parts[1:]
        return node

    # Calls

    def visit_Call(self, node: ast.Call) -> Any:
        function = node.func
        if isinstance(function, ast.Name) and (function.id == "super" or function.id.endswith("·")):
            if function.id != "super":
                self.generic_visit(node)
            return _hook(SEEN, node, node) if function.id == AT else node
        if isinstance(function, ast.Name) and function.id in _SEES_FRAMES and function.id not in self.local:
            raise Unwoven(f"it calls {function.id}()")
        if _asks_for_errors(node):
            raise Unwoven("it asks NumPy for errors of floating-point arithmetic")
        if isinstance(function, ast.Attribute):
            if function.attr in _FRAME_ATTRIBUTES:
                raise Unwoven(f"it reads .{function.attr}")
            function.value = self.visit(function.value)
        elif not isinstance(function, ast.Name):
            node.func = self.visit(function)
        node.func = _hook(CALLEE, node.func, node.func)
        node.args = [self._starred(a) if isinstance(a, ast.Starred) else self.visit(a) for a in node.args]
        node.keywords = [ast.copy_location(ast.keyword(k.arg, self.visit(k.value)), k) for k in node.keywords]
        return _hook(SEEN, node, node)

    def _starred(self, node: ast.Starred) -> ast.Starred:
        node.value = _hook(EACH, self.visit(node.value), node)
        return node

    # Iteration and unpacking

    def visit_Try(self, node: ast.Try) -> Any:
        """Where an exception may be met, variables are looked at in the midst of a turn."""
        before, self.rolling = self.rolling, True
        self.generic_visit(node)
        self.rolling = before
        return node

    def visit_With(self, node: ast.With) -> Any:
        """As a `try`, if it may hold back an exception."""
        if all(any(name in ast.unparse(item.context_expr) for name in _BLIND) for item in node.items):
            return self.generic_visit(node)
        before, self.rolling = self.rolling, True
        self.generic_visit(node)
        self.rolling = before
        at, managers = node.body[0], []
        for item in node.items:
            managers.append(f"manager·{next(self.numbers)}")
            item.context_expr = ast.copy_location(ast.NamedExpr(ast.Name(managers[-1], ast.Store()), item.context_expr), item.context_expr)
        call = ast.Call(ast.copy_location(ast.Name(TRYING, ast.Load()), at), [ast.Name(name, ast.Load()) for name in managers], [])
        node.body = [ast.copy_location(ast.With([ast.withitem(ast.copy_location(call, at))], node.body), at)]
        return node

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> Any:
        kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
        if any(_last_name(kind) in ("Warning", "RuntimeWarning", "FloatingPointError") for kind in kinds):
            raise Unwoven("it catches errors of floating-point arithmetic")
        return self.generic_visit(node)

    def visit_For(self, node: ast.For) -> Any:
        return self._loop(node, lambda: self._woven_for(node))

    def visit_While(self, node: ast.While) -> Any:
        return self._loop(node, lambda: self.generic_visit(node))

    def _woven_for(self, node: ast.For) -> ast.For:
        self.generic_visit(node)
        node.iter = _hook(EACH, node.iter, node.iter)
        return node

    def _loop(self, node: Any, weave: Callable[[], Any]) -> Any:
        """A loop, woven; and beside it, if it can be tried as one op, the functions for that."""
        copy = None if self.rolling or not plain_loop(node, self.own, self.later, self.rebound) else copied(node)
        self.around += 1
        woven = weave()
        self.around -= 1
        if copy is None:
            return woven
        *before, chosen = beside(copy, self.local, self.read, woven, again=self.around > 0)  # `if it was rolled: take the variables; else: the loop`
        chosen.test = self.visit(chosen.test)  # type: ignore[attr-defined]
        chosen.body = _flat([self.visit(s) for s in chosen.body])  # type: ignore[attr-defined]
        return [*_flat([self.visit(s) for s in before]), chosen]

    def visit_comprehension(self, node: ast.comprehension) -> Any:
        self.generic_visit(node)
        node.iter = _hook(EACH, node.iter, node.iter)
        return node

    def visit_Assign(self, node: ast.Assign) -> Any:
        made = by_mask(node)
        if made is not None:
            return self.visit(made)
        self.generic_visit(node)
        if any(isinstance(t, (ast.Tuple, ast.List)) for t in node.targets) and not isinstance(node.value, (ast.Tuple, ast.List)):
            node.value = _hook(EACH, node.value, node.value)
        return node

    def visit_AugAssign(self, node: ast.AugAssign) -> Any:
        """`x += …` may change what x was."""
        made = by_mask(node)
        if made is not None:
            return self.visit(made)
        target, node = node.target, self.generic_visit(node)  # type: ignore[assignment]
        if not (isinstance(target, ast.Name) or (isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == STATE)):
            return node
        owner = copied(target)
        owner.ctx = ast.Load()
        return [ast.copy_location(ast.Expr(_hook(AUGMENTED, owner, node)), node), node]

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        annotation, node.annotation = node.annotation, ast.Constant(None)
        self.generic_visit(node)
        node.annotation = annotation
        return node


def _flat(statements: list[Any]) -> list[ast.stmt]:
    return [s for part in statements for s in (part if isinstance(part, list) else [part])]


def _parameters(arguments: ast.arguments) -> list[tuple[ast.arg, str]]:
    """The parameters, each with the hook that looks at it."""
    one = [(a, SEEN) for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    return one + [(a, EACH) for a in (arguments.vararg, arguments.kwarg) if a is not None]


def _asks_for_errors(call: ast.Call) -> bool:
    """Whether a call sets NumPy's handling of floating-point errors to what compiled code does not do: to raise, call, log or print;
    or has warnings raised or recorded."""
    name = _last_name(call.func)
    if name in ("simplefilter", "filterwarnings"):
        return any(isinstance(v, ast.Constant) and v.value == "error" for v in (*call.args[:1], *[k.value for k in call.keywords]))
    if name == "catch_warnings":
        return any(k.arg == "record" for k in call.keywords)
    if name not in ("errstate", "seterr"):
        return False
    values = [*call.args, *[k.value for k in call.keywords if k.arg is not None or name == "errstate"]]  # seterr(**before) sets them back
    return not all(isinstance(v, ast.Constant) and v.value in ("ignore", "warn", None) for v in values)


def _last_name(node: ast.AST | None) -> str:
    """What a name, or an attribute of anything, is called."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _hook(name: str, argument: ast.expr, at: ast.AST) -> Any:
    call = ast.Call(ast.copy_location(ast.Name(name, ast.Load()), at), [argument], [])
    return ast.copy_location(call, at)
