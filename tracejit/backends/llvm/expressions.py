"""Expressions of kernel text, and the functions they call, as values in LLVM's assembly language."""

from __future__ import annotations

import ast
from collections import Counter
from functools import lru_cache
from types import FunctionType
from typing import Any, Callable, Iterable, NamedTuple

from .access import each_lane, load
from .assembly import BITS, WEAK, Value, literal, type_of
from .calls import definition, is_called, may_be_called
from .pairs import Assembly, parts
from .words import FUNCTIONS, WORDS

OPERATORS = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%", ast.BitAnd: "&", ast.BitOr: "|",
    ast.BitXor: "^", ast.LShift: "<<", ast.RShift: ">>", ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">",
    ast.GtE: ">=",
}  # fmt: skip
NUMPY = {"int8": "i8", "int16": "i16", "int32": "i32", "int64": "i64", "uint8": "u8", "uint16": "u16", "uint32": "u32", "uint64": "u64",
         "float32": "f32", "float64": "f64"}  # fmt: skip

Env = dict[str, Any]


class Module(NamedTuple):
    """One function in LLVM's assembly, and those it calls that stand by themselves, each in a module of its own: they are
    compiled once for all that call them."""

    symbol: str
    text: str
    called: tuple[Module, ...]


class Expressions:
    """Values of expressions, function by function. Statements are another class's, made of this one.

    words: what is known by name. own: functions in Python's text that stand for those of the same name wherever they are called.
    """

    assembly: type[Assembly] = Assembly
    words: dict[str, Any] = WORDS
    own: dict[str, Any] = {}

    def __init__(self) -> None:
        self.out = self.assembly()
        self.world: dict[str, Any] = {}  # the globals of the function that is being inlined
        self.called: dict[str, Module] = {}  # by symbol
        self.calls: Counter[str] = Counter()  # how often the kernel calls each function

    def statements(self, body: Iterable[ast.stmt], env: Env) -> None:
        """Translate statements one after another."""
        raise NotImplementedError

    def _under(self, mask: Value, run: Callable[..., Any], *operands: Any) -> Any:
        """What is run for the lanes of a mask only."""
        if mask.lanes == 1:
            return run(*operands)
        self.out.masks.append(mask)
        result = run(*operands)
        self.out.masks.pop()
        return result

    def value(self, node: ast.expr, env: Env) -> Value:
        return getattr(self, f"_{type(node).__name__}")(node, env)

    def _Constant(self, node: ast.Constant, env: Env) -> Value:
        return literal(node.value)

    def _Name(self, node: ast.Name, env: Env) -> Value:
        if node.id in env:
            return env[node.id]
        return literal(self._constant(node))

    def _constant(self, node: ast.expr) -> Any:
        """A constant of the module that the function stands in."""
        if isinstance(node, ast.Name):
            return self.world[node.id] if node.id in self.world else self.words[node.id]
        return ast.literal_eval(node)

    def _Attribute(self, node: ast.Attribute, env: Env) -> Value:
        """z.real or z.imag"""
        return parts(self.value(node.value, env))[node.attr == "imag"]

    def _Tuple(self, node: ast.Tuple, env: Env) -> Any:
        return tuple(self.value(e, env) for e in node.elts)

    def _UnaryOp(self, node: ast.UnaryOp, env: Env) -> Value:
        out, operand = self.out, self.value(node.operand, env)
        if operand.literal is not None:
            return literal(-operand.literal if isinstance(node.op, ast.USub) else not operand.literal)
        if isinstance(node.op, ast.USub):
            return out.negative(operand)
        return out.inverted(out.truth(operand) if isinstance(node.op, ast.Not) else operand)

    def _BinOp(self, node: ast.BinOp, env: Env) -> Value:
        return self._operate(OPERATORS[type(node.op)], self.value(node.left, env), self.value(node.right, env))

    def _operate(self, symbol: str, a: Value, b: Value) -> Value:
        if a.literal is not None and b.literal is not None:
            return literal(eval(f"a {symbol} b", {"a": a.literal, "b": b.literal}))
        return self.out.binary(symbol, a, b)

    def _Compare(self, node: ast.Compare, env: Env) -> Value:
        a, b = self.value(node.left, env), self.value(node.comparators[0], env)
        return self.out.compare(OPERATORS[type(node.ops[0])], a, b)

    def _BoolOp(self, node: ast.BoolOp, env: Env) -> Value:
        symbol = "&" if isinstance(node.op, ast.And) else "|"
        total, *rest = [self.out.truth(self.value(v, env)) for v in node.values]
        for value in rest:
            total = self.out.binary(symbol, total, value)
        return total

    def _IfExp(self, node: ast.IfExp, env: Env) -> Value:
        """A selection, both sides computed; but memory is read only where the condition holds."""
        condition = self.out.truth(self.value(node.test, env))
        yes, no = lambda: self.value(node.body, env), lambda: self.value(node.orelse, env)
        if any(isinstance(n, ast.Subscript) for n in ast.walk(node)):
            return self._one_of(condition, yes, no)
        return self.out.select(condition, yes(), no())

    def _Subscript(self, node: ast.Subscript, env: Env) -> Value:
        base = node.value
        if isinstance(base, ast.Name) and base.id not in env:
            return literal(self._constant(base)[self.value(node.slice, env).literal])
        pointer, index = self.value(base, env), self.value(node.slice, env)
        return load(self.out, pointer, index) if isinstance(pointer, Value) else pointer[index.literal]

    def _Call(self, node: ast.Call, env: Env) -> Value:
        function = node.func
        if isinstance(function, ast.Attribute):
            if function.attr == "view":  # x.view(np.int32)
                (kind,) = node.args
                return self.out.reinterpret(self.value(function.value, env), NUMPY[kind.attr])  # type: ignore[attr-defined]
            return self.out.cast(self.value(node.args[0], env), NUMPY[function.attr])  # np.int32(x)
        assert isinstance(function, ast.Name)
        operands = [self.value(a, env) for a in node.args]
        name = function.id
        if name in BITS:
            return self.out.cast(operands[0], name)
        if name in self.words:
            return self.words[name](self.out, *operands)
        return self._inline(name, operands)

    # Functions

    def _inline(self, name: str, operands: list[Value]) -> Value:
        """The value of a function written in Python, of its text for the kind of its first operand if there is one."""
        kind = next((v.kind for v in operands if v.kind not in WEAK), "f64")
        found = self.own.get(name) or self.world.get(name) or FUNCTIONS[name]
        function = getattr(found, "texts", {}).get(kind, found)
        if hasattr(function, "apart"):
            return self._apart(function, *operands)
        in_vectors = all(v.lanes == self.out.width > 1 and not v.imag for v in operands)
        if not self.world and is_called(name, self.calls) and in_vectors and may_be_called(function):
            return self._by_vectors(function, operands)
        return self._body(function, operands)

    def _body(self, function: FunctionType, operands: Iterable[Value]) -> Any:
        text, world = definition(function), self.world
        self.world = function.__globals__
        env: Env = {a.arg: v for a, v in zip(text.args.args, operands)}
        result = self._result(text.body, env)
        self.world = world
        return result

    def _apart(self, function: FunctionType, *operands: Value) -> Value:
        """A call, for each lane, of a function that stands by itself."""
        operands = self.out.alike(*operands)
        symbol, kind = self._called(function, operands, 1)
        return each_lane(self.out, symbol, kind, *operands)

    def _by_vectors(self, function: FunctionType, operands: Iterable[Value]) -> Value:
        """A call of a function of vectors that stands by itself: many calls are compiled as one."""
        operands, width = self.out.alike(*operands), self.out.width
        symbol, kind = self._called(function, operands, width)
        parameters = ", ".join(f"{type_of(v.kind, width)} {v.text}" for v in operands)
        return Value(self.out.emit(f"call {type_of(kind, width)} @{symbol}({parameters})"), kind, width)

    def _called(self, function: FunctionType, operands: Iterable[Value], lanes: int) -> tuple[str, str]:
        """The symbol, and the kind of the value, of a function that is called with values like these."""
        kinds = tuple(v.kind for v in operands)
        module, kind = _by_itself(type(self), function, kinds, lanes)  # type: ignore[arg-type]
        self.called[module.symbol] = module
        self.out.declare(module.symbol, type_of(kind, lanes), [type_of(k, lanes) for k in kinds])
        return module.symbol, kind

    def module_of(self, symbol: str, result: Value, operands: Iterable[Value]) -> Module:
        """The module of a function whose instructions are all here."""
        lines = [self.head(symbol, result, operands), "entry:", *self.out.first, *self.out.lines, "}", *self.out.declarations.values(), ""]
        return Module(symbol, "\n".join(lines), tuple(self.called.values()))

    def head(self, symbol: str, result: Value, operands: Iterable[Value]) -> str:
        """How the definition of a function begins."""
        parameters = ", ".join(f"{type_of(v.kind, v.lanes)} {v.text}" for v in operands)
        return f"define {type_of(result.kind, result.lanes)} @{symbol}({parameters}) nounwind {{"

    def _result(self, body: list[ast.stmt], env: Env) -> Value:
        """What a function's statements return."""
        for k, node in enumerate(body):
            if isinstance(node, ast.Return):
                assert node.value is not None
                return self.value(node.value, env)
            if isinstance(node, ast.If) and any(isinstance(n, ast.Return) for n in ast.walk(node)):
                rest = body[k + 1 :]
                return self._either(node, [*node.body, *rest], [*node.orelse, *rest], env)
            self.statements([node], env)
        raise TypeError("a function that returns nothing")

    def _either(self, node: ast.If, yes: list[ast.stmt], no: list[ast.stmt], env: Env) -> Value:
        condition = self.out.truth(self.value(node.test, env))
        return self._one_of(condition, lambda: self._result(yes, dict(env)), lambda: self._result(no, dict(env)))

    def _one_of(self, condition: Value, yes: Callable[[], Value], no: Callable[[], Value]) -> Value:
        """One of two values: by a branch, or under masks where lanes differ."""
        out = self.out
        if condition.lanes > 1:
            first = self._under(condition, yes)
            return out.select(condition, first, self._under(out.inverted(condition), no))
        blocks, after = (out.label("then"), out.label("else")), out.label("after")
        out.branch(condition, *blocks)
        edges = []
        for block, compute in zip(blocks, (yes, no)):
            out.begin(block)
            value = compute()
            edges.append((value if value.kind in WEAK else out.spread(value), out.block))
            out.jump(after)
        out.begin(after)
        kind = next((v.kind for v, _ in edges if v.kind not in WEAK), None)
        edges = [(out.spread(out.typed(v, kind)), block) for v, block in edges]  # a literal needs no instruction
        return out.phi(edges[0][0], edges)


@lru_cache(maxsize=None)
def _by_itself(translator: type[Expressions], function: FunctionType, kinds: tuple[str, ...], lanes: int) -> tuple[Module, str]:
    """The module of a function of values of these kinds, and the kind of its own."""
    inner, operands = translator(), [Value(f"%a{k}", kind, lanes) for k, kind in enumerate(kinds)]
    inner.out.width = lanes
    result = inner.out.typed(inner._body(function, operands))
    inner.out.do(f"ret {type_of(result.kind, result.lanes)} {result.text}")
    symbol = ".".join([function.__module__.rpartition(".")[2], function.__name__, *kinds, str(lanes)])
    return inner.module_of(symbol, result, operands), result.kind
