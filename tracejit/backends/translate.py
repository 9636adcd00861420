"""Kernel text to LLVM's assembly language, in explicit vectors.

The text is Python of few forms: names, numbers, calls of words, `for` over `range` or `lanes`, `if`, `while`. Iterations of a loop over
`lanes` are independent: as many as fit the processor's registers run side by side, and what is left of them under a mask.
Functions are written for one element; they are inlined, and compute all lanes: a condition selects, `if rarely(…)` is
jumped over unless it holds for a lane. A value that is the same for all lanes is computed once, and a condition on it branches.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from functools import lru_cache
from types import FunctionType
from typing import Any, Callable, Iterable

from .access import each_lane, load, store
from .assembly import BITS, WEAK, Assembly, Value, literal, type_of
from .lanes import assigned, lanes_of
from .words import FUNCTIONS, WORDS

OPERATORS = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%", ast.BitAnd: "&", ast.BitOr: "|",
    ast.BitXor: "^", ast.LShift: "<<", ast.RShift: ">>", ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">",
    ast.GtE: ">=",
}  # fmt: skip
NUMPY = {"int8": "i8", "int16": "i16", "int32": "i32", "int64": "i64", "uint8": "u8", "uint16": "u16", "uint32": "u32", "uint64": "u64",
         "float32": "f32", "float64": "f64"}  # fmt: skip

Env = dict[str, Any]


def translate(text: str) -> str:
    """The module of a kernel: `define i64 @kernel(ptr)`."""
    (function,) = ast.parse(text).body
    assert isinstance(function, ast.FunctionDef)
    return _Translator().module(function)


@lru_cache(maxsize=None)
def _definition(function: FunctionType) -> ast.FunctionDef:
    (found,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    assert isinstance(found, ast.FunctionDef)
    return found


class _Translator:
    def __init__(self) -> None:
        self.out = Assembly()
        self.world: dict[str, Any] = {}  # the globals of the function that is being inlined
        self.functions: dict[str, str] = {}  # those that stand apart in the module, and the kinds of their values

    def module(self, function: ast.FunctionDef) -> str:
        out = self.out
        env: Env = {function.args.args[0].arg: Value("%args", "pointer i64")}
        self.statements(function.body, env)
        if not isinstance(function.body[-1], ast.Return):
            out.do("ret i64 0")
        body = [f"define i64 @{function.name}(ptr %args) nounwind {{", "entry:", *out.first, *out.lines, "}"]
        return "\n".join([*body, *out.declarations.values(), ""])

    # Statements

    def statements(self, body: Iterable[ast.stmt], env: Env) -> None:
        for node in body:
            try:
                getattr(self, f"_{type(node).__name__}")(node, env)
            except TypeError as error:
                raise TypeError(f"{error}, in: {ast.unparse(node).splitlines()[0]}") from None

    def _Assign(self, node: ast.Assign, env: Env) -> None:
        (target,) = node.targets
        if isinstance(target, ast.Tuple):
            for name, value in zip(target.elts, self.value(node.value, env)):
                env[name.id] = value  # type: ignore[attr-defined]
        elif isinstance(target, ast.Subscript):
            store(self.out, self.value(target.value, env), self.value(target.slice, env), self.value(node.value, env))
        else:
            env[target.id] = self.value(node.value, env)  # type: ignore[attr-defined]

    def _AugAssign(self, node: ast.AugAssign, env: Env) -> None:
        assert isinstance(node.target, ast.Name)
        env[node.target.id] = self._operate(OPERATORS[type(node.op)], env[node.target.id], self.value(node.value, env))

    def _Expr(self, node: ast.Expr, env: Env) -> None:
        if isinstance(node.value, ast.Call):
            self.value(node.value, env)

    def _Return(self, node: ast.Return, env: Env) -> None:
        assert node.value is not None
        self.out.do(f"ret i64 {self.out.typed(self.value(node.value, env), 'i64').text}")

    def _If(self, node: ast.If, env: Env) -> None:
        """On a condition that is the same for all lanes, a branch; else both sides, and a selection."""
        out, test = self.out, node.test
        rare = isinstance(test, ast.Call) and isinstance(test.func, ast.Name) and test.func.id == "rarely"
        condition = out.truth(self.value(test, env))
        if condition.lanes > 1 and not rare:
            sides = dict(env), dict(env)
            self._under(condition, self.statements, node.body, sides[0])
            self._under(out.inverted(condition), self.statements, node.orelse, sides[1])
            self._select_names(condition, *sides, env)
            return
        before, yes, no, after = out.block, out.label("then"), out.label("else"), out.label("after")
        out.branch(out.any_lane(condition), yes, no if node.orelse else after)
        edges = []
        for block, body in ((yes, node.body), (no, node.orelse)):
            if not body:
                edges.append((dict(env), before))
                continue
            out.begin(block)
            side = dict(env)
            self._under(condition, self.statements, body, side)
            if isinstance(body[-1], ast.Return):
                continue
            if condition.lanes > 1:
                self._select_names(condition, dict(side), env, side)
            edges.append((side, out.block))
            out.jump(after)
        out.begin(after)
        self._join(edges, env)

    def _under(self, mask: Value, run: Callable[..., Any], *operands: Any) -> Any:
        """What is run for the lanes of a mask only."""
        if mask.lanes == 1:
            return run(*operands)
        self.out.masks.append(mask)
        result = run(*operands)
        self.out.masks.pop()
        return result

    def _select_names(self, condition: Value, yes: Env, no: Env, env: Env) -> None:
        """What holds after two sides that were both computed."""
        for name in {**yes, **no}:
            a, b = yes.get(name), no.get(name)
            if a is b or a is None or b is None:
                env[name] = b if a is None else a
            else:
                env[name] = self.out.select(condition, a, b)

    def _join(self, edges: list[tuple[Env, str]], env: Env) -> None:
        """What holds where branches meet. A name that not all of them know is forgotten."""
        names = set.intersection(*(set(side) for side, _ in edges)) if edges else set()
        for name in sorted(names):
            values = [side[name] for side, _ in edges]
            if all(v is values[0] for v in values):
                env[name] = values[0]
                continue
            kind = next((v.kind for v in values if v.kind not in WEAK), None)
            values = [self.out.typed(v, kind) for v in values]
            lanes = max(v.lanes for v in values)
            assert all(v.lanes == lanes or v.text[0] != "%" for v in values), name
            values = [self.out.spread(v) if lanes > 1 else v for v in values]
            env[name] = self.out.phi(values[0], [(v, block) for v, (_, block) in zip(values, edges)])

    # Loops

    def _carried(self, node: ast.stmt, env: Env) -> list[str]:
        """The names that a loop changes and that exist before it, as numbers of a fixed kind."""
        names = sorted(n for n in assigned(node) if n in env)
        for name in names:
            value = self.out.typed(env[name])
            env[name] = self.out.spread(value) if self.out.width > 1 else value
        return names

    def _loop(self, names: list[str], env: Env, condition: Callable[[Env], Value], body: Callable[[Env], None]) -> None:
        """A loop whose carried names are `names`; afterwards `env` has what they are at its end."""
        out = self.out
        before, head, inside, after = out.block, out.label("loop"), out.label("body"), out.label("end")
        out.jump(head)
        out.begin(head)
        slots = {name: out.phi(env[name], [(env[name], before)]) for name in names}
        places = {name: len(out.lines) - len(names) + k for k, name in enumerate(names)}
        now = {**env, **slots}
        out.branch(condition(now), inside, after)
        out.begin(inside)
        body(now)
        out.jump(head)
        for name in names:
            end = out.typed(now[name], slots[name].kind)
            if end.lanes != slots[name].lanes:
                raise TypeError(f"`{name}` has lanes at the end of a loop and none before it")
            out.lines[places[name]] += f", [ {end.text}, %{out.block} ]"
        out.begin(after)
        env.update(slots)

    def _While(self, node: ast.While, env: Env) -> None:
        """Until it holds for no lane; lanes for which it does not hold keep their values."""
        out, seen = self.out, []

        def condition(now: Env) -> Value:
            seen.append(out.truth(self.value(node.test, now)))
            return out.any_lane(seen[0])

        def body(now: Env) -> None:
            before = dict(now)
            self._under(seen[0], self.statements, node.body, now)
            if seen[0].lanes > 1:
                self._select_names(seen[0], dict(now), before, now)

        self._loop(self._carried(node, env), env, condition, body)

    def _For(self, node: ast.For, env: Env) -> None:
        assert isinstance(node.target, ast.Name)
        if not isinstance(node.iter, ast.Call):
            for item in self._constant(node.iter):
                env[node.target.id] = literal(item)
                self.statements(node.body, env)
            return
        assert isinstance(node.iter.func, ast.Name)
        bounds = [self.value(a, env) for a in node.iter.args]
        start, stop, step = [literal(0), *bounds, literal(1)] if len(bounds) == 1 else [*bounds, literal(1)][:3]
        if node.iter.func.id == "lanes":
            self._lanes(node, env, start, stop)
        elif self.world and all(v.literal is not None for v in (start, stop, step)):  # a few rounds inside a function
            for item in range(start.literal, stop.literal, step.literal):
                env[node.target.id] = literal(item)
                self.statements(node.body, env)
        else:
            self._range(node, env, *(self.out.typed(v, "i64") for v in (start, stop, step)))

    def _range(self, node: ast.For, env: Env, start: Value, stop: Value, step: Value) -> None:
        out, name = self.out, node.target.id  # type: ignore[attr-defined]
        counter = "range " + name

        def body(now: Env) -> None:
            now[name] = now[counter]
            self.statements(node.body, now)
            now[counter] = out.binary("+", now[counter], step)

        env.pop(name, None)
        names = [*self._carried(node, env), counter]
        env[counter] = start
        self._loop(names, env, lambda now: out.compare("<", now[counter], stop), body)

    def _lanes(self, node: ast.For, env: Env, start: Value, stop: Value) -> None:
        """Iterations side by side: a loop over whole vectors, then the rest under a mask. Few and known ones are one vector."""
        out, name = self.out, node.target.id  # type: ignore[attr-defined]
        if start.literal is not None and stop.literal is not None:
            out.width = stop.literal - start.literal
            inner = {**env, name: Value(str(start.literal), "i64", step="1")}
            self.statements(node.body, inner)
            out.width = 1
            return
        start, stop = out.typed(start, "i64"), out.typed(stop, "i64")
        within = {**env, "lane 0": start}
        for width in lanes_of(node, env):
            self._vectors(node, within, stop, width)
        rest, after, first = out.label("rest"), out.label("after"), within["lane 0"]
        out.branch(out.compare("<", first, stop), rest, after)
        out.begin(rest)
        left = out.cast(out.binary("-", stop, first), "i32")
        out.width = width
        numbers = Value("<" + ", ".join(f"i32 {lane}" for lane in range(width)) + ">", "i32", width)
        self._under(out.compare("<", numbers, left), self.statements, node.body, {**env, name: first._replace(step="1")})
        out.width = 1
        out.jump(after)
        out.begin(after)

    def _vectors(self, node: ast.For, within: Env, stop: Value, width: int) -> None:
        """As many whole vectors as there are from lane 0 on."""
        out, name = self.out, node.target.id  # type: ignore[attr-defined]

        def body(now: Env) -> None:
            out.width = width
            self.statements(node.body, {**now, name: now["lane 0"]._replace(step="1")})
            out.width = 1
            now["lane 0"] = out.binary("+", now["lane 0"], literal(width))

        whole = out.binary("-", stop, literal(width))
        self._loop(["lane 0"], within, lambda now: out.compare("<=", now["lane 0"], whole), body)

    # Expressions

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
            return self.world[node.id] if node.id in self.world else WORDS[node.id]
        return ast.literal_eval(node)

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
        return load(self.out, self.value(base, env), self.value(node.slice, env))

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
        if name in WORDS:
            return WORDS[name](self.out, *operands)
        return self._inline(name, operands)

    # Functions

    def _inline(self, name: str, operands: list[Value]) -> Value:
        """The value of a function written in Python, of its text for the kind of its first operand if there is one."""
        kind = next((v.kind for v in operands if v.kind not in WEAK), "f64")
        found = self.world.get(name) or FUNCTIONS[name]
        function = getattr(found, "texts", {}).get(kind, found)
        return self._apart(function, *operands) if hasattr(function, "apart") else self._body(function, operands)

    def _body(self, function: FunctionType, operands: Iterable[Value]) -> Any:
        definition, world = _definition(function), self.world
        self.world = function.__globals__
        env: Env = {a.arg: v for a, v in zip(definition.args.args, operands)}
        result = self._result(definition.body, env)
        self.world = world
        return result

    def _apart(self, function: FunctionType, *operands: Value) -> Value:
        """A call, for each lane, of a function that stands by itself in the module."""
        operands, inner = self.out.alike(*operands), _Translator()
        symbol = ".".join([function.__name__, *(v.kind for v in operands)])
        if symbol not in self.functions:
            result = inner.out.typed(inner._body(function, [Value(f"%a{k}", v.kind) for k, v in enumerate(operands)]))
            kind, parameters = type_of(result.kind), ", ".join(f"{type_of(v.kind)} %a{k}" for k, v in enumerate(operands))
            lines = [f"define internal {kind} @{symbol}({parameters}) nounwind noinline {{", "entry:", *inner.out.first, *inner.out.lines]
            self.out.declarations |= {symbol: "\n".join([*lines, f"  ret {kind} {result.text}", "}"]), **inner.out.declarations}
            self.functions[symbol] = result.kind
        return each_lane(self.out, symbol, self.functions[symbol], *operands)

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
