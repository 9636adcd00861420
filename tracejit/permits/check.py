"""The check of a trace's guards as steps of the gate, read from its text: Python that finds the places, and says what each still is.

A step is (kind, a, b, to). Operands are objects, or numbers of values that earlier steps have found; of `length` and `keys` the second is
what is to be found: a length, a list of a length and the addresses of as many keys.
"""

from __future__ import annotations

import ast
import sys
import weakref
from typing import Any, Callable, NamedTuple


class Object(NamedTuple):
    """An operand that is an object; one that is a number is what an earlier step has found."""

    value: Any


Step = tuple[str, Any, Any, int]


class Unread(Exception):
    """The text of a check has a form that is not known here."""


def read_check(check: Callable[[], Any], first: int) -> tuple[list[Step], int]:
    """The steps of a check that holds now; and the first number that they leave free. `first`: the one they begin with. Raises Unread.

    They speak of objects that the check keeps alive.
    """
    text = getattr(check, "__source__", None)
    if text is None:
        raise Unread
    function: Any = ast.parse(text).body[0]
    reader = _Reader(check.__globals__, first)
    reader.condition(function.body[0].body[0].test)
    return reader.steps, reader.free


class _Reader:
    """Walks the expressions as Python does, and keeps what Python finds: of two ways to say one thing, the one that holds is taken."""

    def __init__(self, scope: dict[str, Any], first: int) -> None:
        self.scope, self.free = scope, first
        self.steps: list[Step] = []
        self.named: dict[str, Any] = {}  # operands of the text's variables
        self.found: dict[int, Any] = {}  # values by number

    def condition(self, node: Any) -> None:
        """Steps that hold where the expression is true."""
        match node:
            case ast.BoolOp(op=ast.And(), values=values):
                for value in values:
                    self.condition(value)
            case ast.BoolOp(op=ast.Or(), values=[first, *_]):  # the others are asked by Python, if need be
                self.condition(first)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                value = self.value(operand)
                self.ask("is", value, Object(False)) if self.of(value) is False else self.ask("length", value, 0)
            case ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]):
                self.equal(left, right)
            case ast.Compare(left=ast.Call(func=ast.Name(id="type"), args=[left]), ops=[ast.Is()], comparators=[right]):
                self.ask("type_is", self.value(left), self.value(right))
            case ast.Compare(left=ast.Call() | ast.NamedExpr(value=ast.Call()) as called, ops=[ast.IsNot()]):
                self.value(called)  # what is referred to is found only while it is there
            case ast.Compare(left=left, ops=[op, *_], comparators=[right, *_]):
                self.compare(left, op, right)  # so it is in `is k() is not None`
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="test"), args=[argument]):
                self.ask("true_of", Object(self.scope[name].test), self.value(argument))
            case _:
                raise Unread

    def compare(self, left: Any, op: Any, right: Any) -> None:
        a = self.value(left)
        match op, right:
            case ast.Is(), ast.Call(func=ast.Name(id=name), args=[]):
                self.ask("refers", a, self.reference(name))
            case ast.Is(), _:
                self.ask("is", a, self.value(right))
            case ast.NotIn(), _:
                b = self.value(right)
                if type(self.of(b)) is not dict:
                    raise Unread
                self.ask("absent", a, b)
            case _:
                raise Unread

    def equal(self, left: Any, right: Any) -> None:
        """A length, or the keys of a dict in order."""
        match left:
            case ast.Call(func=ast.Name(id="len"), args=[argument]):
                self.ask("length", self.value(argument), self.of(self.value(right)))
            case ast.Call(func=ast.Name(id="list"), args=[ast.Call(func=ast.Name(id="map"), args=[_, ast.Call(args=[argument])])]):
                self.keys(self.value(argument), self.of(self.value(right)))
            case ast.Call(func=ast.Name(id="list"), args=[argument]):  # names, of which there is one of each
                self.keys(self.value(argument), [id(sys.intern(name)) for name in self.of(self.value(right))])
            case _:
                raise Unread

    def keys(self, operand: Any, addresses: list[int]) -> None:
        value = self.of(operand)
        if type(value) is not dict or list(map(id, value)) != addresses:
            raise Unread
        self.ask("keys", operand, [len(value), *addresses])

    def value(self, node: Any) -> Any:
        """The operand that holds an expression's value."""
        match node:
            case ast.NamedExpr(target=ast.Name(id=name), value=value):
                self.named[name] = self.value(value)
                return self.named[name]
            case ast.Name(id=name):
                return self.named[name] if name in self.named else Object(self.scope[name])
            case ast.Constant(value=value):
                return Object(sys.intern(value) if type(value) is str else value)
            case ast.Attribute(value=owner, attr=name):
                operand = self.value(owner)
                return self.find("attribute", operand, sys.intern(name), getattr(self.of(operand), name))
            case ast.Subscript(value=owner, slice=key):
                operand, at = self.value(owner), self.of(self.value(key))
                return self.find("item", operand, at, self.of(operand)[at])
            case ast.Call(func=ast.Name(id=name), args=[]):
                reference = self.reference(name)
                return self.find("referent", reference, None, reference.value())
        raise Unread

    def reference(self, name: str) -> Object:
        if type(self.scope[name]) is not weakref.ref:
            raise Unread
        return Object(self.scope[name])

    def of(self, operand: Any) -> Any:
        """The value that an operand has now."""
        return operand.value if type(operand) is Object else self.found[operand]

    def find(self, kind: str, a: Any, b: Any, value: Any) -> int:
        number, self.free = self.free, self.free + 1
        self.found[number] = value
        self.steps.append((kind, a, Object(b), number))
        return number

    def ask(self, kind: str, a: Any, b: Any) -> None:
        self.steps.append((kind, a, b, 0))
