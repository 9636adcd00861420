"""Kernel text to LLVM's assembly language, in explicit vectors.

The text is Python of few forms: names, numbers, calls of words, `for` over `range` or `lanes`, `if`, `while`. Iterations of a loop over
`lanes` are independent: as many as fit the processor's registers run side by side, and what is left of them under a mask. Those over
`few` are too, but not worth machine code for whole vectors and for the rest.
Functions are written for one element; they are inlined, and compute all lanes: a condition selects, `if rarely(…)` is
jumped over unless it holds for a lane. A value that is the same for all lanes is computed once, and a condition on it branches.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Callable, Iterable

from ...ops import philox
from ..text import bits, complex_numbers, elementary, memory, scalar
from . import abreast, access, assembly, calls, expressions, lanes, machine, pairs, words
from .access import store
from .assembly import WEAK, Value, literal
from .calls import called_in
from .expressions import OPERATORS, Env, Expressions, Module
from .lanes import assigned, is_few, lanes_of


def translate(text: str) -> Module:
    """The module of a kernel: `define i64 @kernel(ptr)`."""
    (function,) = ast.parse(text).body
    assert isinstance(function, ast.FunctionDef)
    return Translator().module(function)


def sources() -> list[str]:
    """The texts of the modules that translated kernels depend on."""
    modules = (abreast, access, assembly, bits, calls, complex_numbers, expressions, lanes, machine, memory, pairs, philox, scalar, words, *elementary.MODULES)
    return [Path(__file__).read_text(), *(Path(str(module.__file__)).read_text() for module in modules)]


class Translator(Expressions):
    side_by_side: tuple[str, ...] = ("lanes", "few")

    def module(self, function: ast.FunctionDef) -> Module:
        args = Value("%args", "pointer i64")
        self.calls = called_in(function)
        self.statements(function.body, {function.args.args[0].arg: args})
        if not isinstance(function.body[-1], ast.Return):
            self.out.leave("0")
        return self.module_of(function.name, Value("", "i64"), [args])

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
            env[target.id] = abreast.abreast(self.out, self.value(node.value, env))  # type: ignore[attr-defined]

    def _AugAssign(self, node: ast.AugAssign, env: Env) -> None:
        assert isinstance(node.target, ast.Name)
        env[node.target.id] = self._operate(OPERATORS[type(node.op)], env[node.target.id], self.value(node.value, env))

    def _Expr(self, node: ast.Expr, env: Env) -> None:
        if isinstance(node.value, ast.Call):
            self.value(node.value, env)

    def _Return(self, node: ast.Return, env: Env) -> None:
        assert node.value is not None
        self.out.leave(self.out.typed(self.value(node.value, env), "i64").text)

    def _If(self, node: ast.If, env: Env) -> None:
        """On a condition that is the same for all lanes, a branch; else both sides, and a selection."""
        out, test = self.out, node.test
        rare = isinstance(test, ast.Call) and isinstance(test.func, ast.Name) and test.func.id == "rarely"
        condition = out.truth(self.value(test, env))
        if condition.lanes > 1 and not rare:
            sides = dict(env), dict(env)
            self._under(condition, self.statements, node.body, sides[0])
            self._under(out.inverted(condition), self.statements, node.orelse, sides[1])
            self._select_names(assigned(node), condition, *sides, env)
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
                self._select_names(assigned(node), condition, dict(side), env, side)
            edges.append((side, out.block))
            out.jump(after)
        out.begin(after)
        self._join(assigned(node), edges, env)

    def _select_names(self, names: frozenset[str], condition: Value, yes: Env, no: Env, env: Env) -> None:
        """What holds after two sides that were both computed, of the names that they may assign."""
        for name in sorted(names):
            a, b = yes.get(name), no.get(name)
            if a is b or a is None or b is None:
                env[name] = b if a is None else a
            else:
                env[name] = self.out.select(condition, a, b)

    def _join(self, names: frozenset[str], edges: list[tuple[Env, str]], env: Env) -> None:
        """What holds where branches meet, of the names that they may assign. A name that not all of them know is forgotten."""
        for name in sorted(names):
            values = [side[name] for side, _ in edges if name in side]
            if not values or len(values) < len(edges):
                continue
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
        first = len(out.lines)
        slots = {name: out.phi(env[name], [(env[name], before)]) for name in names}
        places = iter(range(first, len(out.lines)))
        now = {**env, **slots}
        out.branch(condition(now), inside, after)
        out.begin(inside)
        body(now)
        self._again(head)
        for name in names:
            end = out.typed(now[name], slots[name].kind)
            if end.lanes != slots[name].lanes:
                raise TypeError(f"`{name}` has lanes at the end of a loop and none before it")
            for register in end.registers:
                out.lines[next(places)] += f", [ {register}, %{out.block} ]"
        out.begin(after)
        env.update(slots)

    def _again(self, head: str) -> None:
        """Go back to where a loop begins."""
        self.out.jump(head)

    def _following(self, counter: Value, step: Value) -> Value:
        return self.out.binary("+", counter, step)

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
                self._select_names(assigned(node), seen[0], dict(now), before, now)

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
        if node.iter.func.id in self.side_by_side:
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
            now[counter] = self._following(now[counter], step)

        env.pop(name, None)
        names = [*self._carried(node, env), counter]
        env[counter] = start
        self._loop(names, env, lambda now: out.compare("<", now[counter], stop), body)

    def _lanes(self, node: ast.For, env: Env, start: Value, stop: Value) -> None:
        """Iterations side by side: a loop over whole vectors, then the rest under a mask. Those of a known number are one vector."""
        out, name = self.out, node.target.id  # type: ignore[attr-defined]
        if start.literal is not None and stop.literal is not None:
            out.width = stop.literal - start.literal
            inner = {**env, name: Value(str(start.literal), "i64", step="1")}
            self.statements(node.body, inner)
            out.width = 1
            return
        start, stop = out.typed(start, "i64"), out.typed(stop, "i64")
        within = {**env, "lane 0": start}
        widths, few = lanes_of(node, env, self.calls), is_few(node)
        again = None if few else self._may_run_again(node, env)
        for width in widths if not few else ():
            self._vectors(node, within, start, stop, width, again if width == widths[-1] else None)
        self._vectors(node, within, start, stop, widths[-1], masked=True)

    def _may_run_again(self, node: ast.For, env: Env) -> Value | None:
        """Whether an iteration gives the same when it runs twice: it reads no memory that it writes. None: no."""
        out, found = self.out, Value("true", "boolean")
        touched = {(n.value.id, type(n.ctx)) for n in ast.walk(node) if isinstance(n, ast.Subscript) and isinstance(n.value, ast.Name)}
        read, written = ([name for name, use in sorted(touched, key=str) if use is kind] for kind in (ast.Load, ast.Store))
        if set(read) & set(written):
            return None
        for a in written:
            for b in read:
                found = out.binary("&", found, Value(out.emit(f"icmp ne ptr {env[a].text}, {env[b].text}"), "boolean"))
        return found

    def _vectors(self, node: ast.For, within: Env, start: Value, stop: Value, width: int, again: Value | None = None, masked: bool = False) -> None:
        """From lane 0 on as many whole vectors as there are; or all that is left, the last vector under a mask.

        Where iterations may run `again`, what is left is done by the last whole vector before the end: a vector under a mask takes as
        long as several others, which counts where rows are short.
        """
        out, name = self.out, node.target.id  # type: ignore[attr-defined]
        numbers = Value("<" + ", ".join(f"i32 {lane}" for lane in range(width)) + ">", "i32", width)
        last = out.binary("-", stop, literal(width))

        def body(now: Env) -> None:
            inner = {**now, name: now["lane 0"]._replace(step="1")}
            out.width = width
            if masked:
                left = out.cast(out.binary("-", stop, now["lane 0"]), "i32")
                self._under(out.compare("<", numbers, left), self.statements, node.body, inner)
            else:
                self.statements(node.body, inner)
            out.width = 1
            now["lane 0"] = out.binary("+", now["lane 0"], literal(width))

        def goes_on(now: Env) -> Value:
            return out.compare("<", now["lane 0"], stop) if masked else out.compare("<=", now["lane 0"], last)

        if again is None:
            self._loop(["lane 0"], within, goes_on, body)
            return
        repeats = out.binary("&", again, out.compare("<=", start, last))

        def and_what_is_left(now: Env) -> None:
            self._loop(["lane 0"], now, goes_on, body)
            left = out.binary("&", repeats, out.compare("<", now["lane 0"], stop))
            now["lane 0"] = out.select(left, last, now["lane 0"])

        self._loop(["lane 0"], within, goes_on, and_what_is_left)
