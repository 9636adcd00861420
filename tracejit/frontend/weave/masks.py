"""Elements that a mask chooses, computed and written back by one statement: as whole arrays, so that nobody has to count them.

    z[m] = z[m] ** 2 + c[m]      becomes      chosen·(z, m, (z, c), (), (), lambda at·: at·(z) ** 2 + at·(c))

`at·` takes an array as it is, or its elements where `m` holds (`chosen.py`). Only what is computed element by element is so written.
"""

from __future__ import annotations

import ast

CHOSEN, AT = "chosen·", "at·"
_NUMBERS = (bool, int, float, complex)
_COMPARISONS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)


class _NotByElement(Exception):
    """What is assigned is not computed element by element."""


def by_mask(node: ast.Assign | ast.AugAssign) -> ast.Expr | None:
    """The statement as a call of `chosen·`; None for other statements."""
    target = node.targets[0] if isinstance(node, ast.Assign) else node.target
    if isinstance(node, ast.Assign) and len(node.targets) != 1 or not isinstance(target, ast.Subscript) or not _is_variable(target.value):
        return None
    key, name = target.slice, "" if isinstance(node, ast.Assign) else type(node.op).__name__
    if not _is_variable(key) and (not name or not isinstance(key, ast.Compare)) or name in ("MatMult", "Pow"):
        return None
    parts = _Parts(key)
    try:
        value = parts.visit(node.value)
    except _NotByElement:
        return None
    if not (parts.operands or name):
        return None
    groups = [ast.Tuple(group, ast.Load()) for group in (parts.operands, parts.others, parts.functions)]
    at = ast.arguments([], [ast.arg(AT)], None, [], [], None, [])
    call = ast.Call(ast.Name(CHOSEN, ast.Load()), [target.value, key, *groups, ast.Lambda(at, value), ast.Constant(name)], [])
    made = ast.copy_location(ast.Expr(call), node)
    for part in ast.walk(made):
        if "lineno" in part._attributes and not hasattr(part, "lineno"):
            ast.copy_location(part, node)
    return made


def _is_variable(node: ast.AST) -> bool:
    """Whether it is a variable, or a loop's (`s·.x`)."""
    return isinstance(node, ast.Name) or (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id.endswith("·"))


def _loaded(node: ast.expr) -> ast.expr:
    """Another node of a variable, or of an attribute of one, as it is read."""
    return ast.parse(ast.unparse(node), mode="eval").body


class _Parts(ast.NodeVisitor):
    """Writes an expression with `at·(x)` for `x[key]`. operands: such x; others: further variables; functions: what is called."""

    def __init__(self, key: ast.expr) -> None:
        self.key = ast.dump(key) if _is_variable(key) else ""
        self.operands: list[ast.expr] = []
        self.others: list[ast.expr] = []
        self.functions: list[ast.expr] = []

    def generic_visit(self, node: ast.AST) -> ast.expr:
        if not _is_variable(node):
            raise _NotByElement
        self.others.append(_loaded(node))  # type: ignore[arg-type]
        return node  # type: ignore[return-value]

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        if type(node.value) not in _NUMBERS:
            raise _NotByElement
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        if not _is_variable(node.value) or ast.dump(node.slice) != self.key:
            raise _NotByElement
        self.operands.append(_loaded(node.value))
        return ast.Call(ast.Name(AT, ast.Load()), [node.value], [])

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        power = isinstance(node.op, ast.Pow)
        if isinstance(node.op, ast.MatMult) or (power and not (isinstance(node.right, ast.Constant) and type(node.right.value) in (int, float))):
            raise _NotByElement
        return ast.BinOp(self.visit(node.left), node.op, self.visit(node.right))

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        if isinstance(node.op, ast.Not):
            raise _NotByElement
        return ast.UnaryOp(node.op, self.visit(node.operand))

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        if len(node.ops) != 1 or not isinstance(node.ops[0], _COMPARISONS):
            raise _NotByElement
        return ast.Compare(self.visit(node.left), node.ops, [self.visit(node.comparators[0])])

    def visit_Call(self, node: ast.Call) -> ast.expr:
        function = node.func
        if node.keywords or not (isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name)):
            raise _NotByElement
        self.functions.append(_loaded(function))
        return ast.Call(function, [self.visit(a) for a in node.args], [])
