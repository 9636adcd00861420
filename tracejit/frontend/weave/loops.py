"""Loops as functions of their variables: what a woven loop stands beside, so that it can be tried as one op (`roll.py`).

    while test: body        becomes        s· = variables·(x=lambda: x, …)
                                           def test·(s·): return test
                                           def body·(s·): body                # each variable x is s·.x in here
                                           if rolled·(s·, test·, body·, names, live): x = s·.x …
                                           else: while test: body             # the loop itself, woven

Only loops of assignments, expressions, branches and such loops are; `break` and `continue` become branches. A `return` or `raise` is a
`break` that tells which it was (`exit·`): the statement itself stands behind the loop, where the variables are as it found them.
"""

from __future__ import annotations

import ast
from collections import Counter
from itertools import chain, count
from typing import Any

from .masks import by_mask

STATE, VARIABLES, ROLLED, ROLLED_FOR, BRANCH, BOTH, EITHER, NEITHER, CHOICE, AUGMENT, UNROLLED = LOOP_HOOKS = (
    "s·", "variables·", "rolled·", "rolled_for·", "branch·", "both·", "either·", "neither·", "choice·", "augment·", "unrolled·",
)  # fmt: skip
STOP, SKIP = "stop·", "skip·"  # variables of a loop: whether a `break` was met, and whether a `continue`
_PLAIN = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr, ast.Pass)
_OTHER_SCOPES = (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_LATER = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.GeneratorExp)
_CONSUMERS = frozenset(("sum", "min", "max", "any", "all", "list", "tuple", "set", "frozenset", "dict", "sorted"))
_numbers = count()


class NotPlain(Exception):
    """A loop has statements that cannot be tried as one op."""


def plain_loop(node: ast.For | ast.While, own: frozenset[str], later: Counter[str], rebound: set[str]) -> bool:
    """Whether a loop can be written as a function of its variables. `own`: the names that are the function's own; `later`: those that
    functions inside it read, when they are called: not what a turn that is tried gives them; `rebound`: those that statements
    bind: a function that is made in a turn and kept reads what they are when it is called, be it after the loop."""
    inside = read_later(node)
    kept = inside - read_later(node, at_once=True)
    return all(name in own and later[name] == inside[name] for name in _bound_in(node)) and not kept.keys() & rebound and _plain_loop(node)


def _bound_in(node: ast.AST) -> set[str]:
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)} - _inner(node)


def rebound(function: ast.AST) -> set[str]:
    """The names that statements in a function bind, its arguments' left out that nothing else binds."""
    return {n.id for n in ast.walk(function) if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}


def read_later(node: ast.AST, at_once: bool = False) -> Counter[str]:
    """How often each name is known to functions, classes and generators in here, which may be run later. at_once: to those alone that a
    built-in function is called with, which has run them when it returns."""
    found: Counter[str] = Counter()
    for scope in chain(*map(_run_at_once, ast.walk(node))) if at_once else ast.walk(node):
        if isinstance(scope, _LATER) and scope is not node:
            found += reads(scope) + Counter(name for n in ast.walk(scope) if isinstance(n, ast.Nonlocal) for name in n.names)
    return found


def _run_at_once(node: ast.AST) -> list[ast.expr]:
    """The arguments of a call of a built-in function that keeps none."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _CONSUMERS):
        return []
    return [*node.args, *[k.value for k in node.keywords]]


def _plain_loop(node: ast.For | ast.While) -> bool:
    if node.orelse or (isinstance(node, ast.For) and not all(isinstance(n, (ast.Name, ast.Tuple, ast.expr_context)) for n in ast.walk(node.target))):
        return False
    return all(map(_plain, node.body)) and not any(isinstance(n, (ast.Yield, ast.YieldFrom, ast.Await, ast.NamedExpr)) for n in ast.walk(node))


def _plain(node: ast.stmt) -> bool:
    if isinstance(node, (ast.For, ast.While)):
        return _plain_loop(node)
    if isinstance(node, ast.If):
        return all(map(_plain, [*node.body, *node.orelse]))
    if isinstance(node, (ast.Assign, ast.AugAssign)):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return not any(isinstance(n, ast.Starred) for t in targets for n in ast.walk(t))
    return isinstance(node, (*_PLAIN, ast.Break, ast.Continue, ast.Return)) or (isinstance(node, ast.Raise) and node.exc is not None)


def beside(node: ast.For | ast.While, local: frozenset[str], read: Counter[str], loop: ast.stmt, again: bool) -> list[ast.stmt]:
    """The statements that stand in a loop's place. `node`: a copy of it that is not woven; `loop`: it, woven; `local`: the names local here;
    `read`: how often each name is read in the function; `again`: whether a loop around it may come to it again, which then reads what it left."""
    node = _Targets().visit(node)
    exits = _Exits()
    node.body = exits.block(node.body)
    read = read + Counter(dict.fromkeys(exits.found, 1)) + Counter({n: count for n, count in reads(node).items() if n in exits.found})
    names = sorted(n for n in _names(node) if n in local or n.endswith("·"))
    stored = _stored(node, frozenset(names))
    own = _Functional(frozenset(names), read)
    wanted = read if again else read - reads(node)
    after: list[ast.stmt] = [_taken(n) for n in stored if wanted[n] and n not in exits.found and n in _bound_in(node)]
    after += [ast.If(_variable(n), [left], []) for n, left in exits.found.items()]
    made = own.loop(node, stored, in_python=[loop], after=after)
    given = [ast.keyword(n, ast.Lambda(_arguments(), ast.Constant(False) if n in exits.found else ast.Name(n, ast.Load()))) for n in names]
    begin = _assign(ast.Name(STATE, ast.Store()), ast.Call(ast.Name(VARIABLES, ast.Load()), [], given))
    return [_placed(s, node) for s in (begin, *made)]


def _taken(name: str) -> ast.stmt:
    """`if "x" in s·: x = s·.x`."""
    bound = ast.Compare(ast.Constant(name), [ast.In()], [ast.Name(STATE, ast.Load())])
    return ast.If(bound, [_assign(ast.Name(name, ast.Store()), _variable(name))], [])


def _stored(node: ast.AST, names: frozenset[str]) -> list[str]:
    """The names that a loop sets, and those of what it stores items in."""
    found: set[str] = set()
    for part in ast.walk(node):
        owner = part
        if isinstance(part, ast.Subscript) and not isinstance(part.ctx, ast.Load):
            while isinstance(owner, (ast.Subscript, ast.Attribute)):
                owner = owner.value
        if isinstance(owner, ast.Name) and (owner is not part or not isinstance(owner.ctx, ast.Load)):
            found.add(owner.id)
    return sorted((found & names) - _inner(node))


def reads(node: ast.AST) -> Counter[str]:
    """How often each name is read in here."""
    return Counter(n.id for n in ast.walk(node) if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Store))


def _inner(node: ast.AST) -> set[str]:
    """The names that only comprehensions in here bind."""
    inside = {n.id for scope in ast.walk(node) if isinstance(scope, _OTHER_SCOPES) for n in ast.walk(scope) if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
    outside: set[str] = set()
    pending: list[ast.AST] = [node]
    while pending:
        part = pending.pop()
        if isinstance(part, ast.Name) and not isinstance(part.ctx, ast.Load):
            outside.add(part.id)
        if not isinstance(part, _OTHER_SCOPES):
            pending += ast.iter_child_nodes(part)
    return inside - outside


def _names(node: ast.AST) -> set[str]:
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)} - _inner(node)


class _Targets(ast.NodeTransformer):
    """Makes `for a, b in …` a loop over `item·`, unpacked by its first statement."""

    def visit_For(self, node: ast.For) -> Any:
        self.generic_visit(node)
        if not isinstance(node.target, ast.Name):
            name = f"item{next(_numbers)}·"
            first = _placed(_assign(node.target, ast.Name(name, ast.Load())), node)
            node.target, node.body = ast.copy_location(ast.Name(name, ast.Store()), node.target), [first, *node.body]
        return node


class _Exits(ast.NodeTransformer):
    """Makes each `return` and `raise` of a loop a `break`, out of the loops around it as well. found: the statements, by their variables."""

    def __init__(self) -> None:
        self.found: dict[str, ast.stmt] = {}

    def block(self, body: list[ast.stmt]) -> list[ast.stmt]:
        return [s for node in body for made in [self.visit(node)] for s in (made if isinstance(made, list) else [made])]

    def visit_Return(self, node: ast.Return | ast.Raise) -> Any:
        name = f"exit{next(_numbers)}·"
        self.found[name] = node
        return [_placed(s, node) for s in (_assign(ast.Name(name, ast.Store()), ast.Constant(True)), ast.Break())]

    visit_Raise = visit_Return

    def visit_For(self, node: ast.For | ast.While) -> Any:
        before = set(self.found)
        node.body = self.block(node.body)
        return [node, *[_placed(ast.If(ast.Name(n, ast.Load()), [ast.Break()], []), node) for n in self.found if n not in before]]

    visit_While = visit_For


class _Functional(ast.NodeTransformer):
    """Writes statements as functions of the variables: `names` are attributes of the state."""

    def __init__(self, names: frozenset[str], read: Counter[str]) -> None:
        self.names, self.read = names, read

    def visit_Name(self, node: ast.Name) -> Any:
        return ast.copy_location(_variable(node.id, node.ctx), node) if node.id in self.names else node

    def visit_Lambda(self, node: ast.Lambda) -> Any:
        """Its arguments are its own; their defaults are computed where it is made."""
        inner = _Functional(self.names - {a.arg for a in ast.walk(node.args) if isinstance(a, ast.arg)}, self.read)
        node.args, node.body = self.visit(node.args), inner.visit(node.body)
        return node

    def _comprehension(self, node: Any) -> Any:
        """The names that a comprehension binds are its own; its first iterable is computed outside it."""
        bound = {n.id for g in node.generators for n in ast.walk(g.target) if isinstance(n, ast.Name)}
        inner, first = _Functional(self.names - bound, self.read), node.generators[0]
        iterable = self.visit(first.iter)
        first.iter = ast.copy_location(ast.Constant(None), first.iter)
        inner.generic_visit(node)
        first.iter = iterable
        return node

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        """Annotations of local names are not computed."""
        made = ast.Pass() if node.value is None else ast.Assign([self.visit(node.target)], self.visit(node.value))
        return ast.copy_location(made, node)

    def visit_BoolOp(self, node: ast.BoolOp) -> Any:
        """`and` and `or` of what may be traced."""
        hook = BOTH if isinstance(node.op, ast.And) else EITHER
        parts: list[Any] = [self.visit(v) for v in node.values]
        result = parts[-1]
        for part in reversed(parts[:-1]):
            result = ast.Call(ast.Name(hook, ast.Load()), [part, ast.Lambda(_arguments(), result)], [])
        return ast.copy_location(result, node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> Any:
        self.generic_visit(node)
        return ast.copy_location(ast.Call(ast.Name(NEITHER, ast.Load()), [node.operand], []), node) if isinstance(node.op, ast.Not) else node

    def visit_IfExp(self, node: ast.IfExp) -> Any:
        self.generic_visit(node)
        arms = [ast.Lambda(_arguments(STATE), arm) for arm in (node.body, node.orelse)]
        return ast.copy_location(_call(CHOICE, STATE, node.test, *arms), node)

    def visit_AugAssign(self, node: ast.AugAssign) -> Any:
        """An item that is changed in place is read, computed and written."""
        self.generic_visit(node)
        made = by_mask(node)
        if made is not None:
            return made
        if not isinstance(node.target, ast.Subscript):
            return node
        arguments = [node.target.value, node.target.slice, ast.Constant(type(node.op).__name__), node.value]
        return ast.copy_location(ast.Expr(ast.Call(ast.Name(AUGMENT, ast.Load()), arguments, [])), node)

    # Statements

    def loop(self, node: Any, stored: list[str], in_python: list[ast.stmt] | None = None, after: list[ast.stmt] | None = None) -> list[ast.stmt]:
        """A loop tried as one op, else run turn by turn: as `in_python`, or written here."""
        number = next(_numbers)
        here = reads(node)
        live = [n for n in stored if self.read[n] > here[n]]
        body, names, later = f"body{number}·", _names_of(stored), _names_of(live)
        made = [_function(body, self.block(node.body, []))]
        if isinstance(node, ast.While):
            test = f"test{number}·"
            made.append(_function(test, [ast.Return(self.visit(node.test))]))
            tried = _call(ROLLED, STATE, test, body, names, later)
            turns = in_python or [ast.While(_call(test, STATE), [ast.Expr(_call(body, STATE))], [])]
        else:
            values = f"values{number}·"
            made.append(_assign(ast.Name(values, ast.Store()), self.visit(node.iter)))
            tried = _call(ROLLED_FOR, STATE, values, ast.Constant(node.target.id), body, names, later)
            if in_python is not None:
                in_python[0].iter = ast.Call(ast.Name("each·", ast.Load()), [ast.Name(values, ast.Load())], [])  # type: ignore[attr-defined]
            turns = in_python or [ast.For(_variable(node.target.id, ast.Store()), ast.Name(values, ast.Load()), [ast.Expr(_call(body, STATE))], [])]
        if in_python is None and any(isinstance(n, (ast.Break, ast.Continue)) for n in _own_statements(node.body)):
            turns = [ast.Expr(ast.Call(ast.Name(UNROLLED, ast.Load()), tried.args[:-1], []))]
        return [*made, ast.If(tried, after or [ast.Pass()], turns)]

    def block(self, body: list[ast.stmt], rest: list[ast.stmt]) -> list[ast.stmt]:
        """Statements, and what follows them; what stands after a branch that breaks or continues is for its other arm."""
        made: list[ast.stmt] = []
        pending = [*body, *rest]
        while pending:
            node = pending.pop(0)
            if isinstance(node, (ast.Break, ast.Continue)):
                made.append(_assign(_variable(STOP if isinstance(node, ast.Break) else SKIP, ast.Store()), ast.Constant(True)))
                break
            if isinstance(node, ast.If):
                leaves = any(isinstance(n, (ast.Break, ast.Continue)) for n in _own_statements([node]))
                made += self._branch(node, pending if leaves else [], leaves)
                if leaves:
                    break
            elif isinstance(node, (ast.For, ast.While)):
                made += self.loop(node, _stored(node, self.names))
            else:
                made.append(self.visit(node))
        return made or [ast.Pass()]

    def _branch(self, node: ast.If, rest: list[ast.stmt], leaves: bool) -> list[ast.stmt]:
        number = next(_numbers)
        arms = [f"then{number}·", f"else{number}·"]
        copies = [[copied(s) for s in rest] for _ in arms]
        blocks = [self.block(node.body, copies[0]), self.block(node.orelse, copies[1])]
        return [*map(_function, arms, blocks), ast.Expr(_call(BRANCH, STATE, self.visit(node.test), *arms, ast.Constant(leaves)))]


def _own_statements(body: list[ast.stmt]) -> list[ast.stmt]:
    """The statements of a block and its branches, those of inner loops left out."""
    found: list[ast.stmt] = []
    for node in body:
        found.append(node)
        if isinstance(node, ast.If):
            found += _own_statements([*node.body, *node.orelse])
    return found


def copied(node: Any) -> Any:
    """A deep copy of a syntax tree."""
    if isinstance(node, list):
        return [copied(n) for n in node]
    if not isinstance(node, ast.AST):
        return node
    return ast.copy_location(type(node)(**{field: copied(value) for field, value in ast.iter_fields(node)}), node)


def _arguments(*names: str) -> ast.arguments:
    return ast.arguments([], [ast.arg(n) for n in names], None, [], [], None, [])


def _variable(name: str, context: ast.expr_context | None = None) -> ast.Attribute:
    return ast.Attribute(ast.Name(STATE, ast.Load()), name, context or ast.Load())


def _assign(target: ast.expr, value: ast.expr) -> ast.Assign:
    return ast.Assign([target], value)


def _names_of(names: list[str]) -> ast.expr:
    return ast.Tuple([ast.Constant(n) for n in names], ast.Load())


def _call(hook: str, *arguments: str | ast.expr) -> ast.Call:
    return ast.Call(ast.Name(hook, ast.Load()), [ast.Name(a, ast.Load()) if isinstance(a, str) else a for a in arguments], [])


def _function(name: str, body: list[ast.stmt]) -> ast.stmt:
    template: Any = ast.parse(f"def f({STATE}): ...").body[0]
    template.name, template.body = name, []
    for part in ast.walk(template):
        for attribute in part._attributes:
            if hasattr(part, attribute):
                delattr(part, attribute)
    template.body = body
    return template


def _placed(node: Any, at: ast.AST) -> Any:
    """A made statement, where the loop stands, as far as its parts have no line of their own."""
    for part in ast.walk(node):
        if "lineno" in part._attributes and not hasattr(part, "lineno"):
            ast.copy_location(part, at)
    return node
